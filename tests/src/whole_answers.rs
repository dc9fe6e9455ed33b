//! One thread asks as fast as it can while another one publishes as fast as it can: every answer is one of the publications,
//! whole, and none that was overtaken before the question was asked.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use tgdns::{image::Image, maps::Maps, xdp::Program};

use crate::{
    pins::Pins,
    vectors::{action::TX, frame::Frame, tables::TableSet},
};

/// Publications from one line of progress to the next.
const TOLD_EVERY: u64 = 50_000;
/// Different ones, taken in turn.
const IMAGES: u64 = 128;
/// The client changes its view once in so many publications.
const PUBLICATIONS_OF_A_VIEW: u64 = 32;
const SERVERS: u8 = 24;
/// Fewer answers while a publication was written show nothing.
const LEAST_ANSWERS: u64 = 1000;

/// Where an IPv4 frame without tags has its message.
const MESSAGE: usize = 42;

/// What was seen.
#[derive(Debug)]
pub struct Figures {
    publications: u64,
    /// Of the maps, that were written.
    entries: usize,
    asked: Asked,
    took: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { publications, entries, asked: Asked { all, meanwhile }, took } = self;
        write!(
            formatter,
            "{publications} publications ({entries} entries) and {all} answers, each of them whole, in {took:.1?}, \
             {meanwhile} of them while one was written"
        )
    }
}

/// For so long, and so many publications at least. `progress` hears how far it is.
///
/// # Errors
/// An answer that is not one publication's, or too little that happened.
pub fn run(least: u64, duration: Duration, progress: &(dyn Fn(&str) + Sync)) -> Result<Figures> {
    let images: Vec<Image> = (0..IMAGES).map(image).collect::<Result<_>>()?;
    let pins = Pins::new("whole");
    let mut program = Program::load(Some(pins.path()))?;
    program.beat(Duration::from_secs(86_400))?;
    let mut maps = Maps::from_pins(pins.path())?;
    maps.publish(&images[0])?;

    let query = Frame { source: Some([198, 51, 100, 7].into()), ..Frame::default() }.build()?;
    let shared = Progress::default();
    let start = Instant::now();
    let (asked, written) = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let is_enough = |number| {
                if number % TOLD_EVERY == 0 {
                    progress(&format!("{:6.0} s  {number} publications", start.elapsed().as_secs_f32()));
                }
                number > least && start.elapsed() > duration
            };
            shared.until_over(|| publish(&mut maps, &images, &shared, is_enough))
        });
        let asked = shared.until_over(|| ask(&mut program, &query, &shared));
        (asked, publisher.join())
    });
    let (asked, entries) = (asked?, written.map_err(|_| anyhow!("the publisher has panicked"))??);
    let figures = Figures { publications: shared.done.into_inner(), entries, asked, took: start.elapsed() };
    ensure!(
        figures.publications >= least && figures.asked.meanwhile > LEAST_ANSWERS,
        "too little happened: {figures}"
    );
    Ok(figures)
}

/// What both threads know of each other.
#[derive(Default)]
struct Progress {
    /// The last publication that has begun.
    begun: AtomicU64,
    /// The last one that is done.
    done: AtomicU64,
    is_over: AtomicBool,
}

impl Progress {
    /// When one thread ends, however it does, the other one is to end.
    fn until_over<T>(&self, thread: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = thread();
        self.is_over.store(true, Ordering::SeqCst);
        result
    }
}

#[derive(Debug, Default)]
struct Asked {
    all: u64,
    /// While something was being published.
    meanwhile: u64,
}

/// Publishes the images in turn; gives how many entries that wrote.
fn publish(
    maps: &mut Maps,
    images: &[Image],
    progress: &Progress,
    is_enough: impl Fn(u64) -> bool,
) -> Result<usize> {
    let mut written = 0;
    for number in 1.. {
        if is_enough(number) || progress.is_over.load(Ordering::SeqCst) {
            break;
        }
        progress.begun.store(number, Ordering::SeqCst);
        written += maps.publish(&images[(number % IMAGES) as usize])?;
        progress.done.store(number, Ordering::SeqCst);
    }
    Ok(written)
}

fn ask(program: &mut Program, query: &[u8], progress: &Progress) -> Result<Asked> {
    let mut asked = Asked::default();
    while !progress.is_over.load(Ordering::SeqCst) {
        let first = progress.done.load(Ordering::SeqCst);
        let (action, reply) = program.test_run(query, 1)?;
        let last = progress.begun.load(Ordering::SeqCst);
        let told = told(action, &reply, query.len())
            .with_context(|| format!("question {}, between publications {first} and {last}", asked.all))?;
        ensure!(
            (first..=last).any(|number| number % IMAGES == told),
            "question {} is answered as by publication {told}, between {first} and {last}",
            asked.all
        );
        asked.all += 1;
        asked.meanwhile += u64::from(first != last);
    }
    Ok(asked)
}

/// Which publication an answer is of; it must be all of it, for the view that the client is in there.
fn told(action: u32, reply: &[u8], records_at: usize) -> Result<u64> {
    ensure!(action == TX, "not answered: action {action}");
    let count = u16::from_be_bytes([reply[MESSAGE + 6], reply[MESSAGE + 7]]);
    ensure!(count == u16::from(SERVERS), "{count} addresses");
    let records = reply.get(records_at..).context("no records")?;
    ensure!(records.len() == 16 * usize::from(count), "{} bytes of records", records.len());
    let mut servers = Vec::new();
    let (ttl, publication) = (records[9], records[13]);
    for record in records.chunks_exact(16) {
        ensure!(record[6..9] == [0; 3] && record[9] == ttl, "TTLs differ: {records:?}");
        ensure!(record[12] == 10 && record[13] == publication, "publications are mixed: {records:?}");
        ensure!(record[14] == view_in(publication.into()), "the view is another publication's: {records:?}");
        servers.push(record[15]);
    }
    ensure!(ttl == publication + 1, "the TTL is another publication's: {records:?}");
    servers.sort_unstable();
    ensure!(servers.iter().copied().eq(1..=SERVERS), "servers {servers:?}");
    Ok(publication.into())
}

/// The client's view, 1 or 2.
fn view_in(image: u64) -> u8 {
    1 + (image / PUBLICATIONS_OF_A_VIEW % 2) as u8
}

/// The addresses are 10, the image's number, the view and the server's number; the TTL is one more than the image's number.
fn image(number: u64) -> Result<Image> {
    let clients = match view_in(number) {
        1 => ["198.51.100.0/24", "198.51.0.0/16"],
        _ => ["198.51.0.0/16", "198.51.100.0/25"],
    };
    let text = format!(
        "services = [{{ address = \"192.0.2.53\", mac = \"02:00:00:00:00:53\" }}]\n\
         [[views]]\nname = \"one\"\nclients = [\"{}\"]\n[[views]]\nname = \"two\"\nclients = [\"{}\"]\n\
         [[cluster]]\nname = \"internet.intern.netz\"\nttl = {}\nservers = [{{ address = \"10.{number}.0.1\", \
         count = {SERVERS}, view_aliases = {{ one = [\"10.{number}.1.1\"], two = [\"10.{number}.2.1\"] }} }}]\n",
        clients[0],
        clients[1],
        number + 1
    );
    Ok(TableSet::new("whole", toml::from_str(&text)?)?.image())
}

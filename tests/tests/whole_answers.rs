//! One thread asks as fast as it can while another one publishes as fast as it can: every answer is one of the publications,
//! whole, and none that was overtaken before the question was asked.

use std::{
    env,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    pins::Pins,
    vectors::{action::TX, frame::Frame, tables::TableSet},
};
use tgdns::{image::Image, maps::Maps, xdp::Program};

/// For as long, and this often at least.
const DURATION: Duration = Duration::from_secs(8);
const PUBLICATIONS: u64 = 2000;
/// In place of that: how many publications. `cargo xtask whole` sets it.
const LONG: &str = "TGDNS_PUBLICATIONS";
/// Publications from one line of progress to the next.
const TOLD_EVERY: u64 = 50_000;

/// Different ones, taken in turn.
const IMAGES: u64 = 128;
/// The client changes its view once in so many publications.
const PUBLICATIONS_OF_A_VIEW: u64 = 32;
const SERVERS: u8 = 24;

/// Where an IPv4 frame without tags has its message.
const MESSAGE: usize = 42;

#[test]
fn every_answer_is_one_publication_s() -> Result<()> {
    let least = env::var(LONG).map_or(Ok(PUBLICATIONS), |number| number.parse()).context(LONG)?;
    let duration = if env::var_os(LONG).is_some() { Duration::ZERO } else { DURATION };
    let images: Vec<Image> = (0..IMAGES).map(image).collect::<Result<_>>()?;
    let pins = Pins::new("whole");
    let mut program = Program::load(Some(pins.path()))?;
    program.beat(Duration::from_secs(86_400))?;
    let mut maps = Maps::from_pins(pins.path())?;
    maps.publish(&images[0])?;

    let query = Frame { source: Some([198, 51, 100, 7].into()), ..Frame::default() }.build()?;
    let progress = Progress::default();
    let start = Instant::now();
    let (asked, written) = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let is_enough = |number| number > least && start.elapsed() > duration;
            progress.until_over(|| publish(&mut maps, &images, &progress, is_enough))
        });
        let asked = progress.until_over(|| ask(&mut program, &query, &progress));
        (asked, publisher.join())
    });
    let (asked, written) = (asked?, written.expect("the publisher does not panic")?);
    let publications = progress.done.into_inner();
    println!(
        "{publications} publications ({written} entries) and {} answers in {:?}, {} of them while one was written",
        asked.all,
        start.elapsed(),
        asked.meanwhile
    );
    ensure!(publications >= least && asked.meanwhile > 1000, "too little happened");
    Ok(())
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

#[derive(Default)]
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
    let (mut written, start) = (0, Instant::now());
    for number in 1.. {
        if is_enough(number) || progress.is_over.load(Ordering::SeqCst) {
            break;
        }
        progress.begun.store(number, Ordering::SeqCst);
        written += maps.publish(&images[(number % IMAGES) as usize])?;
        progress.done.store(number, Ordering::SeqCst);
        if number % TOLD_EVERY == 0 {
            println!("{number} publications after {:.0} s", start.elapsed().as_secs_f32());
        }
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

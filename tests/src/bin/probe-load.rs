//! What probing costs: a controller with many servers on the loopback interface, all of which take connections.
//!
//! `probe-load TGDNS [SERVERS [SECONDS]]` runs that program in a network namespace of its own, and prints the processor's
//! time that it takes, its memory and descriptors from the beginning to the end, and how late its probes start. Fails where
//! servers go down, a quarter of a core is not enough, probes come in bursts, or memory grows. Needs root.

use std::{
    env,
    fmt::{self, Write as _},
    fs,
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::lab::{namespace::Namespace, process::Process, program, run::Run};

const PORT: u16 = 443;
/// Of one cluster.
const MOST_SERVERS: usize = 64;
const SETTLING: Duration = Duration::from_secs(10);
/// Seconds, unless told.
const MEASURED: u32 = 30;
/// Of a core.
const MOST_BUSY: f64 = 0.25;
/// On average: a probe that starts later has waited for others.
const LATEST: u64 = 10_000;
/// In KiB: what an allocator may still take once the state is a steady one.
const GROWTH: u64 = 1024;
/// Descriptors that may be open for probes that are under way.
const UNDER_WAY: usize = 64;
/// How often memory and descriptors are looked at meanwhile.
const LOOKS: u32 = 10;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let tgdns = arguments.first().context("usage: probe-load TGDNS [SERVERS [SECONDS]]")?;
    let servers: usize = arguments.get(1).map_or(Ok(2_000), |number| number.parse())?;
    let measured: u32 = arguments.get(2).map_or(Ok(MEASURED), |number| number.parse())?;
    let measured = Duration::from_secs(measured.into());
    let run = Run::start()?;
    let namespace = Namespace::new(&run, "host")?;
    let listener = namespace.enter(|| TcpListener::bind(("0.0.0.0", PORT)))??;
    thread::spawn(move || listener.incoming().for_each(drop));

    let file = run.directory().join("tgdns.toml");
    fs::write(&file, configuration(&run.directory(), servers)?)?;
    let arguments = ["run".as_ref(), "--config".as_ref(), file.as_os_str()];
    let mut process = Process::start(&run, &namespace, "tgdns", Path::new(tgdns), arguments)?;
    thread::sleep(SETTLING);
    process.check()?;
    let (busy, before) = (processor_time(&process)?, status(tgdns, &file)?);
    println!("{:>9}  {:>14}  {:>9}  {:>11}", "seconds", "resident, KiB", "own, KiB", "descriptors");
    let at_first = Held::by(&process)?;
    println!("{:>9}  {at_first}", 0);
    for look in 1..=LOOKS {
        thread::sleep(measured / LOOKS);
        process.check()?;
        println!("{:>9.0}  {}", (measured / LOOKS * look).as_secs_f64(), Held::by(&process)?);
    }
    let busy = processor_time(&process)? - busy;
    let after = status(tgdns, &file)?;
    let started = |status: &Value| status["probes"]["started"].as_u64().context("no probes");
    let probes = started(&after)? - started(&before)?;
    let live = after["clusters"].as_array().into_iter().flatten();
    let live = live.flat_map(|cluster| cluster["servers"].as_array().into_iter().flatten());
    let live = live.filter(|server| server["live"] == true).count();
    ensure!(live == servers, "{live} of {servers} servers are live");
    println!("{servers} servers, {:.0} probes per second", probes as f64 / measured.as_secs_f64());
    println!("processor: {:.1} % of one core", 100.0 * busy.as_secs_f64() / measured.as_secs_f64());
    println!("per probe: {:.1} us", busy.as_secs_f64() * 1e6 / probes as f64);
    println!("pace: {}", after["probes"]);
    let at_last = Held::by(&process)?;
    ensure!(
        busy.as_secs_f64() < MOST_BUSY * measured.as_secs_f64(),
        "probing takes more of a core than {MOST_BUSY}"
    );
    let late = after["probes"]["mean_late_microseconds"].as_u64().context("no lateness")?;
    ensure!(late < LATEST, "probes start {late} us late on average");
    ensure!(
        at_last.own < at_first.own + GROWTH && at_last.descriptors < at_first.descriptors + UNDER_WAY,
        "it holds more than at first: {at_last}"
    );
    Ok(())
}

/// What a process holds at a moment.
struct Held {
    /// KiB of memory, the program's file included.
    resident: u64,
    /// KiB of memory that no file stands behind.
    own: u64,
    descriptors: usize,
}

impl Held {
    fn by(process: &Process) -> Result<Self> {
        let directory = format!("/proc/{}", process.identifier());
        let status = fs::read_to_string(format!("{directory}/status"))?;
        let kibibytes = |name: &str| -> Result<u64> {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            Ok(value.with_context(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse()?)
        };
        let descriptors = fs::read_dir(format!("{directory}/fd"))?.count();
        Ok(Self { resident: kibibytes("VmRSS:")?, own: kibibytes("RssAnon:")?, descriptors })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident, own, descriptors } = self;
        write!(formatter, "{resident:>14}  {own:>9}  {descriptors:>11}")
    }
}

/// User and system, of all threads.
fn processor_time(process: &Process) -> Result<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{}/task", process.identifier()))? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += schedule.split(' ').next().context("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

fn status(tgdns: &str, file: &Path) -> Result<Value> {
    let mut command = Command::new(tgdns);
    let text = program::run_command(command.args(["status", "--json", "--config"]).arg(file))?;
    Ok(serde_json::from_str(&text)?)
}

fn configuration(directory: &Path, servers: usize) -> Result<String> {
    let directory = directory.display();
    let mut text = format!(
        "xdp_mode = \"off\"\nstate_dir = \"{directory}/state\"\ncontrol = \"{directory}/control\"\n\
         [dns]\nlisten = [\"127.0.0.1:53\"]\n"
    );
    for (index, first) in (0..servers).step_by(MOST_SERVERS).enumerate() {
        let count = MOST_SERVERS.min(servers - first);
        let (third, fourth) = (index / 2, index % 2 * 128 + 1);
        write!(
            text,
            "[[cluster]]\nname = \"c{index}.intern.netz\"\nprobe.port = {PORT}\n\
             part = [{{ first = \"127.1.{third}.{fourth}\", count = {count} }}]\n"
        )?;
    }
    Ok(text)
}

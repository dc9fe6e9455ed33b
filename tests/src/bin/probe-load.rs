//! What probing costs: a controller with many servers on the loopback interface, all of which take connections.
//!
//! `probe-load TGDNS [SERVERS]` runs that program in a network namespace of its own, and prints the processor's time that
//! it takes, its memory, and how late its probes start. Needs root.

use std::{env, fmt::Write as _, fs, net::TcpListener, path::Path, process::Command, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::lab::{namespace::Namespace, process::Process, program, run::Run};

const PORT: u16 = 443;
/// Of one cluster.
const MOST_SERVERS: usize = 64;
const SETTLING: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let tgdns = arguments.first().context("usage: probe-load TGDNS [SERVERS]")?;
    let servers: usize = arguments.get(1).map_or(Ok(2_000), |number| number.parse())?;
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
    thread::sleep(MEASURED);
    let busy = processor_time(&process)? - busy;
    let after = status(tgdns, &file)?;
    let started = |status: &Value| status["probes"]["started"].as_u64().context("no probes");
    let probes = started(&after)? - started(&before)?;
    let live = after["clusters"].as_array().into_iter().flatten();
    let live = live.flat_map(|cluster| cluster["servers"].as_array().into_iter().flatten());
    let live = live.filter(|server| server["live"] == true).count();
    ensure!(live == servers, "{live} of {servers} servers are live");
    let resident = fs::read_to_string(format!("/proc/{}/status", process.identifier()))?;
    let resident = resident.lines().find(|line| line.starts_with("VmRSS")).context("no VmRSS")?;
    println!("{servers} servers, {:.0} probes per second", probes as f64 / MEASURED.as_secs_f64());
    println!("processor: {:.1} % of one core", 100.0 * busy.as_secs_f64() / MEASURED.as_secs_f64());
    println!("per probe: {:.1} us", busy.as_secs_f64() * 1e6 / probes as f64);
    println!("{}", resident.replace('\t', " "));
    println!("pace: {}", after["probes"]);
    Ok(())
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

//! A link that flaps a thousand times, as fast as can be.

use std::{fs, thread};

use super::*;

const FLAPS: usize = 1000;
/// Devices that are deleted and made again, each of which is attached.
const RETURNS: usize = 50;
/// The slowest `tgdns status` meanwhile, on a busy machine.
const SLOWEST: Duration = Duration::from_secs(2);
/// Own memory that may be kept for the next storm.
const GROWTH: u64 = 4096;

#[test]
fn a_thousand_flaps_hold_up_nobody_and_leave_nothing() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let batch = host.path("flaps");
    // The address follows, as with VRRP.
    let flap = format!(
        "link set dev {INTERFACE} down\naddress add 10.10.10.9/32 dev {INTERFACE}\nlink set dev {INTERFACE} up\n\
         address delete 10.10.10.9/32 dev {INTERFACE}\n"
    );
    fs::write(&batch, flap.repeat(FLAPS))?;
    let batch = batch.to_str().context("a path that is no text")?;
    let before = footprint(&mut host)?;

    let slowest = thread::scope(|scope| -> Result<Duration> {
        let storm = scope.spawn(|| -> Result<Duration> {
            let start = Instant::now();
            host.namespace.run("ip", &["-batch", batch])?;
            for _ in 0..RETURNS {
                host.namespace.run("ip", &["link", "delete", "dev", INTERFACE])?;
                link::connect(&host.namespace, INTERFACE, &host.far, CABLE)?;
            }
            Ok(start.elapsed())
        });
        let mut slowest = Duration::ZERO;
        let mut asked = 0;
        while !storm.is_finished() {
            let start = Instant::now();
            status(&host, 0)?;
            slowest = slowest.max(start.elapsed());
            asked += 1;
        }
        let took = storm.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        println!(
            "{FLAPS} flaps and {RETURNS} returns in {took:?}: {asked} times a status, the slowest after {slowest:?}"
        );
        Ok(slowest)
    })?;
    ensure!(slowest < SLOWEST, "a status took {slowest:?}");

    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, CABLE)?;
    host.namespace.run("ip", &["address", "add", "10.10.10.1/24", "dev", INTERFACE])?;
    for address in ["10.10.10.10/24", "10.10.10.20/24", "10.10.10.21/24"] {
        host.far.run("ip", &["address", "add", address, "dev", CABLE])?;
    }
    let client = host.client("10.10.10.10", IPV4)?;
    // The servers were away, too.
    wait::until("an answer", AT_MOST * 2, || answered(&host, &client))?;
    ensure!(is_attached(&host)?, "{}", host.log());
    let after = footprint(&mut host)?;
    println!("before: {before:?} KiB and descriptors, after: {after:?}");
    println!("{}", String::from_utf8_lossy(&host.tgdns(&["stats"])?.stdout));
    ensure!(after.0 <= before.0 + GROWTH, "{} KiB, {} before", after.0, before.0);
    ensure!(after.1 <= before.1 + 8, "{} descriptors, {} before", after.1, before.1);
    host.check()
}

/// Own memory in KiB, and open files.
fn footprint(host: &mut Host) -> Result<(u64, usize)> {
    let process = host.process()?.identifier();
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    let files = fs::read_dir(format!("/proc/{process}/fd"))?.count();
    Ok((line.trim().trim_end_matches(" kB").parse()?, files))
}

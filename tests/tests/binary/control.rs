//! The control socket: who may ask, what is promised in its documentation, and clients that misbehave.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    process::{Command, Output},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use nix::unistd::Group;
use serde_json::json;
use tests::lab::{program, wait};

use crate::{
    host::{Host, IPV4, LIVE, NAME, Setup},
    question::{Client, ips},
};

mod storm;

/// So much later at most, at the median, is a drain acknowledged than without the others.
const DISTURBANCE: Duration = Duration::from_millis(10);
const AT_MOST: Duration = Duration::from_secs(10);
/// A group that every Debian has and nobody is in.
const GROUP: &str = "games";
/// Neither an owner nor a member of anything.
const NOBODY: &str = "65534";
const PROTOCOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control-protocol.md");
const MISBEHAVING: usize = 100;
const MEBIBYTE: u64 = 1 << 20;

#[test]
fn owner_and_group_may_ask_and_others_not() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let group = Group::from_name(GROUP)?.context("no such group")?.gid.as_raw();
    let control = host.control();
    let access = || -> Result<(u32, u32)> {
        let socket = fs::metadata(&control)?;
        Ok((socket.permissions().mode() & 0o777, socket.gid()))
    };
    assert_eq!(access()?, (0o600, 0));
    ensure!(!as_nobody(&host, &format!("--groups={group}"))?.status.success());

    let path = host.path("tgdns.toml");
    let text = fs::read_to_string(&path)?;
    fs::write(&path, format!("control_group = \"{GROUP}\"\n{text}"))?;
    // Who is no member needs a capability for that, which a running controller has dropped.
    let output = host.tgdns(&["reload"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && error.contains("a restart as root may"), "{error}");
    host.process()?.terminate()?;
    // The maps answer before the controller does.
    host.start()?;
    wait::until("the socket", AT_MOST, || Ok(access()))?;
    assert_eq!(access()?, (0o660, group));
    // It stays let in, though the controller is no member and may let in no other.
    done(&host.tgdns(&["reload"])?)?;
    assert_eq!(access()?, (0o660, group));
    let member = done(&as_nobody(&host, &format!("--groups={group}"))?)?;
    ensure!(member.starts_with("{\"ok\":"), "{member}");
    let stranger = as_nobody(&host, "--clear-groups")?;
    let error = String::from_utf8_lossy(&stranger.stderr);
    ensure!(!stranger.status.success() && error.contains("Permission denied"), "{error}");

    // The next run finds it in its file; a group that does not exist is told before anything changes.
    fs::write(&path, format!("control_group = \"no-such-group\"\n{text}"))?;
    let output = host.tgdns(&["reload"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && error.contains("`groupadd no-such-group`"), "{error}");
    assert_eq!(access()?, (0o660, group));
    Ok(())
}

/// A client without rights, but for the groups that are given.
fn as_nobody(host: &Host, groups: &str) -> Result<Output> {
    let ask = format!("echo '{{\"command\":\"stats\"}}' | socat - UNIX-CONNECT:{}", host.control().display());
    let mut command = program::command("setpriv")?;
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), groups, "sh", "-ec", &ask]);
    command.output().context("running setpriv")
}

/// What the documentation shows works as it stands there, but for the socket's path.
#[test]
fn every_documented_example_works() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let text = fs::read_to_string(PROTOCOL).context("reading the documentation")?;
    let examples: Vec<&str> = text
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split_once("```"))
        .map(|(example, _)| example)
        .collect();
    ensure!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let command = example.replace("/run/tgdns/control.sock", &host.control().display().to_string());
        let shown =
            done(&Command::new("bash").args(["-ec", &format!("set -o pipefail; {command}")]).output()?)
                .with_context(|| example.to_owned())?;
        ensure!(!shown.is_empty() && !shown.contains("\"error\""), "{example}: {shown}");
    }
    // Its table of requests has them all.
    for command in ["status", "history", "stats", "admin", "reload"] {
        ensure!(text.contains(&format!("| `{{\"command\":\"{command}\"")), "{command} is not documented");
    }
    Ok(())
}

#[test]
fn a_hundred_misbehaving_clients_disturb_nobody() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client(LIVE[0], IPV4)?;
    let process = host.process()?.identifier();
    let before = resident(process)?;
    let stop = AtomicBool::new(false);
    let quiet = drains(&host, &client)?;
    let took = thread::scope(|scope| -> Result<Vec<Duration>> {
        for number in 0..MISBEHAVING {
            let (stop, path) = (&stop, host.control());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Whatever ends a connection, the next one misbehaves as well.
                    let _ = UnixStream::connect(&path).and_then(|stream| misbehave(stream, number, stop));
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
        thread::sleep(Duration::from_secs(1));
        let took = drains(&host, &client);
        stop.store(true, Ordering::Relaxed);
        took
    })
    .with_context(|| host.log())?;
    let grown = resident(process)?.saturating_sub(before);
    println!(
        "with {MISBEHAVING} others: acknowledged within {:?} (median), {:?} (worst), alone within {:?}; {} KiB more \
         resident",
        took[took.len() / 2],
        took[took.len() - 1],
        quiet[quiet.len() / 2],
        grown / 1024
    );
    // The disk's time is in both.
    ensure!(took[took.len() / 2] < 2 * quiet[quiet.len() / 2] + DISTURBANCE, "{took:?}, alone {quiet:?}");
    ensure!(grown < 24 * MEBIBYTE, "{grown} bytes");
    host.check()
}

/// Takes a server out and puts it back in, again and again; how long each took, sorted.
fn drains(host: &Host, client: &Client) -> Result<Vec<Duration>> {
    let rounds = (0..20).flat_map(|_| [("drain", &LIVE[..1]), ("ready", &LIVE[..])]);
    let took = rounds.map(|(state, expected)| {
        let start = Instant::now();
        let mut control = UnixStream::connect(host.control())?;
        writeln!(control, "{}", json!({ "command": "admin", "state": state, "servers": ["internet-2"] }))?;
        let mut reply = String::new();
        BufReader::new(control).read_line(&mut reply)?;
        let took = start.elapsed();
        ensure!(reply.starts_with("{\"ok\":"), "{reply}");
        ensure!(client.addresses(NAME, RecordType::A)? == ips(expected)?, "{state}");
        thread::sleep(Duration::from_millis(20));
        Ok(took)
    });
    let mut took = took.collect::<Result<Vec<Duration>>>()?;
    took.sort();
    Ok(took)
}

/// One of five bad manners, for as long as the other end takes it.
fn misbehave(mut stream: UnixStream, number: usize, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    stream.set_write_timeout(Some(Duration::from_millis(50)))?;
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        match number % 5 {
            // Says nothing.
            0 => thread::sleep(Duration::from_millis(50)),
            // Says one letter at a time.
            1 => {
                stream.write_all(b"{")?;
                thread::sleep(Duration::from_millis(50));
            }
            // Says what nobody understands.
            2 => stream.write_all(b"\x00\xff{\"command\":\n")?,
            // Never ends the line.
            3 => stream.write_all(&buffer)?,
            // Asks on and on, and reads nothing.
            _ => stream.write_all(b"{\"command\":\"stats\"}\n")?,
        }
        if number % 5 < 4 {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// In bytes.
fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(resident.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn done(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

//! A stop tells hooks what waits for them; until it is over answers are fresh and true, and clients of the control socket are
//! told.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::{op::ResponseCode, rr::RecordType};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tests::lab::wait;

use crate::{
    host::{CLUSTER, Host, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, ips},
};

const STALE_AFTER: Duration = Duration::from_secs(1);
/// What hooks have at a stop.
const RUN_OUT: Duration = Duration::from_secs(5);
/// What the unit leaves to a stop (`TimeoutStopSec=`).
const LONGEST: Duration = Duration::from_secs(10);
const AT_MOST: Duration = Duration::from_secs(10);

#[test]
fn hooks_are_told_and_answers_stay_fresh_meanwhile() -> Result<()> {
    let mut scene = Scene::new("told")?;
    let [client, other] = ["10.10.10.10", "10.10.10.11"].map(|from| scene.host.client(from, IPV4));
    let (client, other, stop) = (client?, other?, AtomicBool::new(false));
    let terminated = thread::scope(|scope| {
        let asking = scope.spawn(|| only_fresh_answers(&other, &stop));
        let terminated = scene.terminate().and_then(|at| scene.all_servers_end(&client).map(|()| at));
        // Without a beat they would be stale by then.
        thread::sleep(2 * STALE_AFTER);
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        terminated
    })
    .with_context(|| scene.host.log())?;
    scene.host.check().context("it waits for its hook")?;
    fs::write(&scene.go, "")?;
    scene.host.process()?.child().wait()?;
    let took = terminated.elapsed();
    println!("stopped after {took:?}");
    ensure!(took < RUN_OUT, "{took:?}\n{}", scene.host.log());
    let told = fs::read_to_string(&scene.told)?;
    let facts: Vec<Value> = told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let events: Vec<&str> = facts.iter().filter_map(|fact| fact["event"].as_str()).collect();
    // What came of it while it stopped is told as well.
    assert_eq!(events, ["drain", "answers"], "{}", scene.host.log());
    Ok(())
}

#[test]
fn a_hook_that_hangs_is_given_up() -> Result<()> {
    let mut scene = Scene::new("hangs")?;
    let terminated = scene.terminate()?;
    scene.host.process()?.child().wait()?;
    scene.lost_its_fact(terminated.elapsed(), RUN_OUT..LONGEST)
}

#[test]
fn a_second_signal_ends_it_at_once() -> Result<()> {
    let mut scene = Scene::new("second")?;
    let terminated = scene.terminate()?;
    scene.host.process()?.terminate()?;
    scene.lost_its_fact(terminated.elapsed(), Duration::ZERO..RUN_OUT)
}

/// A controller whose hook waits for a file to appear, and has been told of a drain.
struct Scene {
    host: Host,
    directory: PathBuf,
    go: PathBuf,
    told: PathBuf,
}

impl Scene {
    fn new(name: &str) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("tgdns-stop-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let [go, told] = ["go", "told"].map(|file| directory.join(file));
        let script = format!(
            "while [ ! -e {} ]; do sleep 0.05; done; cat >> {1}; echo >> {1}",
            go.display(),
            told.display()
        );
        let clusters = format!(
            "[[hook]]\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\non = [\"drain\", \"answers\"]\ntimeout = \"60s\"\n{}",
            CLUSTER.replace("[cluster.probe]", "[cluster.probe]\ninterval = \"200ms\"")
        );
        let settings = "stale_after = \"1s\"\nwhen_stale = \"servfail\"\n";
        let writable = std::slice::from_ref(&directory);
        let mut host = Host::new(&Setup { clusters: &clusters, settings, writable, ..Setup::default() })?;
        host.start()?;
        let output = host.tgdns(&["drain", "internet-1"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { host, directory, go, told })
    }

    /// Asks it to end, until it says that it does so. Gives when it was asked.
    fn terminate(&mut self) -> Result<Instant> {
        let terminated = Instant::now();
        kill(Pid::from_raw(self.host.process()?.identifier().cast_signed()), Signal::SIGTERM)?;
        wait::until("clients are told of the stop", AT_MOST, || {
            self.host.check()?;
            let output = self.host.tgdns(&["status"])?;
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_told = !output.status.success() && error.contains("tgdns run is stopping");
            Ok(if is_told { Ok(terminated) } else { Err(anyhow!("{output:?}")) })
        })
        .map(|(terminated, _)| terminated)
    }

    /// Both that listen; waits until no answer has the one that is not drained alone.
    fn all_servers_end(&mut self, client: &Client) -> Result<()> {
        let before = ips(&LIVE[1..])?;
        (0..LIVE.len()).for_each(|place| self.host.stop_server(place));
        wait::until("another answer", AT_MOST, || {
            let found = client.addresses(NAME, RecordType::A)?;
            Ok(if found == before { Err(anyhow!("{found:?}")) } else { Ok(()) })
        })
        .map(drop)
    }

    fn lost_its_fact(&self, took: Duration, expected: std::ops::Range<Duration>) -> Result<()> {
        let log = self.host.log();
        println!("stopped after {took:?}");
        ensure!(expected.contains(&took), "{took:?}\n{log}");
        ensure!(log.contains("a hook has ended before it was told everything"), "{log}");
        ensure!(!Path::new(&self.told).exists(), "the hook has gone on");
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn only_fresh_answers(client: &Client, stop: &AtomicBool) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let reply = client.message(NAME, RecordType::A, PATIENCE)?.context("no answer")?;
        ensure!(reply.metadata.response_code == ResponseCode::NoError, "{reply:?}");
    }
    Ok(())
}

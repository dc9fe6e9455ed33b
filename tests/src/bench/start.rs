//! From the start of a controller with many clusters to its first answer, and the memory that it takes.

use std::{
    fs,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    cable::{self, SERVER},
    many, process,
    spread::Spread,
};
use crate::lab::{
    dns, loadbalancer::LoadBalancer, lock::Lock, namespace::Namespace, plan::Answering, program, run::Run,
};

const CLUSTERS: usize = 1000;
/// While starts are timed, and while memory is looked at.
const SERVERS_EACH: usize = 3;
const MANY_SERVERS_EACH: usize = 32;
/// For one question, while the first answer is waited for.
const MOMENT: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// From the first answer until memory is looked at: all servers have been probed.
const SETTLING: Duration = Duration::from_secs(12);

pub struct Start {
    pub clusters: usize,
    /// Milliseconds from the start of the process to the first answer, without pins and without a state.
    pub first_answer: Spread,
    /// Why there is none where the controller did not get that far.
    pub memory: Result<Memory>,
}

/// Bytes: resident, without files, and of the maps.
pub struct Memory {
    pub resident: u64,
    pub own: u64,
    pub maps: u64,
}

/// Starts so often.
pub fn measure(times: usize) -> Result<Start> {
    let _turn = Lock::wait(&std::env::temp_dir().join("tgdns-lab.scene"), || {})?;
    let run = Run::start()?;
    let (host, client) = cable::lay(&run, "start")?;
    cable::serve(&client)?;
    let host = Arc::new(host);
    let clusters = CLUSTERS.min(many::SETS);
    let with = |servers_each| {
        let text = many::configuration(clusters, servers_each, 0);
        LoadBalancer::new(&run, Arc::clone(&host), SERVER, Answering::FastPath, &text)
    };
    let mut load_balancer = with(SERVERS_EACH)?;
    let mut first_answers = Vec::new();
    for _ in 0..times {
        first_answers.push(first_answer(&run, &mut load_balancer, &client, clusters)?.as_secs_f64() * 1e3);
        forget(&mut load_balancer)?;
    }
    let memory = memory(&run, &mut with(MANY_SERVERS_EACH)?, &client, clusters);
    Ok(Start { clusters, first_answer: Spread::of(first_answers)?, memory })
}

impl Start {
    /// As two paragraphs.
    pub fn text(&self) -> String {
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let memory = match &self.memory {
            Ok(Memory { resident, own, maps }) => format!(
                "after all of them were probed, it holds {:.1} MiB resident, {:.1} MiB of them its own, and {:.1} MiB of maps \
                 (goal: < 64 and the maps).",
                mebibytes(*resident),
                mebibytes(*own),
                mebibytes(*maps)
            ),
            Err(error) => {
                let error = format!("{error:#}");
                format!("memory was not measured: {}.", error.lines().last().unwrap_or_default())
            }
        };
        format!(
            "From the start of the process, without pins or a state, to the first answer with {} clusters of {SERVERS_EACH} \
             servers (as many of {CLUSTERS} as the maps hold): {} ms (min / median / max; goal: < 150).\n\n\
             With {MANY_SERVERS_EACH} servers each, {memory}",
            self.clusters, self.first_answer
        )
    }
}

fn memory(
    run: &Run,
    load_balancer: &mut LoadBalancer,
    client: &Namespace,
    clusters: usize,
) -> Result<Memory> {
    first_answer(run, load_balancer, client, clusters)?;
    std::thread::sleep(SETTLING);
    load_balancer.check()?;
    let (resident, own) = process::resident(load_balancer.identifier().context("tgdns does not run")?)?;
    let maps = map_memory(load_balancer)?;
    forget(load_balancer)?;
    Ok(Memory { resident, own, maps })
}

fn first_answer(
    run: &Run,
    load_balancer: &mut LoadBalancer,
    client: &Namespace,
    clusters: usize,
) -> Result<Duration> {
    let socket = client.udp_socket()?;
    let last = many::name(clusters - 1);
    let start = Instant::now();
    load_balancer.start(run)?;
    loop {
        let answer = dns::ask(&socket, SocketAddr::from((SERVER, 53)), &last, MOMENT);
        let took = start.elapsed();
        if matches!(&answer, Ok(Some(answer)) if !answer.addresses.is_empty()) {
            return Ok(took);
        }
        load_balancer.check()?;
        ensure!(
            took < PATIENCE,
            "no answer within {PATIENCE:?}; last: {answer:?}\n{}",
            load_balancer.log_tail()
        );
    }
}

/// Ends it, and removes its pins and its state.
fn forget(load_balancer: &mut LoadBalancer) -> Result<()> {
    load_balancer.terminate()?;
    load_balancer.json("detach")?;
    let state = load_balancer.state();
    fs::remove_dir_all(&state).with_context(|| format!("removing {}", state.display()))?;
    fs::create_dir(&state).with_context(|| format!("creating {}", state.display()))
}

/// Bytes of all maps that are pinned.
fn map_memory(load_balancer: &LoadBalancer) -> Result<u64> {
    let mut total = 0;
    for name in tgdns::maps::NAMES {
        let mut bpftool = program::command("bpftool")?;
        bpftool.args(["--json", "map", "show", "pinned"]).arg(load_balancer.pins.join(name));
        let map: Value = serde_json::from_str(&program::run_command(&mut bpftool)?)?;
        total += map["bytes_memlock"].as_u64().with_context(|| format!("no bytes_memlock: {map}"))?;
    }
    Ok(total)
}

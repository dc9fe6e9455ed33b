//! Watching closely how long the answers are wrong.

use std::{
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{loadbalancer::LoadBalancer, plan::ZONE, scene::Scene};

/// The cluster's probing, as `tgdns` has it by default.
const INTERVAL: Duration = Duration::from_secs(1);
const FAST_INTERVAL: Duration = Duration::from_millis(100);
const RISE: u32 = 2;
const FALL: u32 = 3;
/// For noticing, computing and publishing.
const MARGIN: Duration = Duration::from_millis(50);

const PAUSE: Duration = Duration::from_millis(1);
/// An answer that has been right for so long stays right.
const SETTLED: Duration = Duration::from_millis(500);

/// How long a server that ended may be handed out.
pub const GONE_WITHIN: Duration =
    INTERVAL.saturating_add(FAST_INTERVAL.saturating_mul(FALL - 1)).saturating_add(MARGIN);
/// How long a server that came back may be missing.
pub const BACK_WITHIN: Duration =
    INTERVAL.saturating_add(FAST_INTERVAL.saturating_mul(RISE - 1)).saturating_add(MARGIN);

/// From `since` to the last answer of any load balancer that has the alias.
pub fn gone(scene: &Scene, alias: Ipv4Addr, since: Instant) -> Result<Duration> {
    last_answer(scene, since, GONE_WITHIN, |addresses| addresses.contains(&alias))
}

/// From `since` to the last answer of any load balancer that lacks the alias.
pub fn back(scene: &Scene, alias: Ipv4Addr, since: Instant) -> Result<Duration> {
    last_answer(scene, since, BACK_WITHIN, |addresses| !addresses.contains(&alias))
}

/// Asks all load balancers all the time, until the answers are right.
fn last_answer(
    scene: &Scene,
    since: Instant,
    at_most: Duration,
    is_wrong: impl Fn(&[Ipv4Addr]) -> bool,
) -> Result<Duration> {
    let socket = scene.asker().udp_socket()?;
    let running = || scene.load_balancers.iter().filter(|load_balancer| load_balancer.runs());
    let mut last_wrong = since;
    while last_wrong.elapsed() < SETTLED {
        for load_balancer in running() {
            let (asked, addresses) = ask(load_balancer, &socket)?;
            if is_wrong(&addresses) {
                last_wrong = asked;
            }
        }
        ensure!(
            last_wrong - since <= at_most * 3,
            "the answers are still wrong after {:?}\n{}",
            last_wrong - since,
            running().map(LoadBalancer::log_tail).collect::<Vec<_>>().join("\n")
        );
        thread::sleep(PAUSE);
    }
    Ok(last_wrong - since)
}

/// The addresses, and when they were asked for: they are not older than that.
fn ask(load_balancer: &LoadBalancer, socket: &UdpSocket) -> Result<(Instant, Vec<Ipv4Addr>)> {
    let asked = Instant::now();
    Ok((asked, load_balancer.ask(socket, ZONE)?.addresses))
}

//! The faults, and the one who chooses them.

use std::{collections::BTreeMap, fs, ops::Range, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::{
    disk::Disk,
    fault::Fault,
    footprint,
    survivor::{Survived, Survivor},
    truth::Truth,
};
use crate::lab::{dns, plan::ZONE, scene::Scene, wait};

/// At so many dead servers at most the name has live ones, also for who sees one load balancer alone.
const MOST_DEAD: usize = 2;
const MOST_DRAINED: usize = 1;
/// Queries of one flood.
const FLOOD: u32 = 20_000;
pub(super) const STARTING: Duration = Duration::from_secs(20);
/// After a cable is plugged in: until neighbours have found it again, of which one asks each second.
const PLUGGED: Duration = Duration::from_secs(5);

pub(super) struct Chaos<'t> {
    pub(super) scene: Scene,
    pub(super) truth: &'t Truth,
    pub(super) disks: Vec<Disk>,
    /// Whose controller no fault ends now.
    pub(super) survivor: Option<Survivor>,
    /// KiB of the machine's kernel memory, before the first fault.
    kernel: i64,
    pub(super) counts: BTreeMap<Fault, u64>,
    /// The controllers that lived on, one after the other.
    pub(super) survived: Vec<Survived>,
    /// KiB of the machine's kernel memory, from the first fault to the end.
    pub(super) kernel_growth: Option<i64>,
    random: fastrand::Rng,
    reloads: u32,
}

impl<'t> Chaos<'t> {
    /// Puts each load balancer's state on a small disk of its own.
    pub(super) fn new(scene: Scene, random: fastrand::Rng, truth: &'t Truth) -> Result<Self> {
        let mut chaos = Self {
            scene,
            truth,
            disks: Vec::new(),
            survivor: None,
            kernel: 0,
            counts: BTreeMap::new(),
            survived: Vec::new(),
            kernel_growth: None,
            random,
            reloads: 0,
        };
        for balancer in 0..chaos.scene.load_balancers.len() {
            chaos.stop(balancer, false)?;
            let state = chaos.scene.load_balancers[balancer].state();
            chaos.disks.push(Disk::mount(&state)?);
            chaos.scene.load_balancers[balancer].give_clock()?;
            chaos.start(balancer)?;
        }
        chaos.kernel = footprint::kernel()?;
        Ok(chaos)
    }

    pub(super) fn random(&mut self, range: Range<u64>) -> u64 {
        self.random.u64(range)
    }

    /// Makes the next fault, and says which.
    pub(super) fn fault(&mut self) -> Result<String> {
        let dead: Vec<usize> = self.servers(|truth, server| truth.is_dead(server));
        let drained = self.servers(|truth, server| truth.is_drained(0, server));
        let possible: Vec<Fault> = Fault::ALL
            .into_iter()
            .filter(|fault| match fault {
                Fault::KillServer => dead.len() < MOST_DEAD,
                Fault::ReturnServer => !dead.is_empty(),
                Fault::Drain => drained.len() < MOST_DRAINED,
                Fault::Ready => !drained.is_empty(),
                Fault::KillController
                | Fault::RestartController
                | Fault::ChangeLayout
                | Fault::Hang
                | Fault::Reload
                | Fault::KillBalancer
                | Fault::PullCable
                | Fault::ReplaceDevice
                | Fault::Detach
                | Fault::FillDisk
                | Fault::LosePackets
                | Fault::Flood
                | Fault::JumpClock => true,
            })
            .collect();
        let fault = possible[self.random.usize(..possible.len())];
        let balancer = self.random.usize(..self.scene.load_balancers.len());
        // Of the two load balancers, the one whose controller may end.
        let controller = self.survivor.as_ref().map_or(balancer, |survivor| 1 - survivor.balancer);
        let pause = Duration::from_millis(self.random.u64(0..1500));
        let on = match fault {
            Fault::KillController | Fault::RestartController => {
                let kill = fault == Fault::KillController;
                self.stop(controller, !kill)?;
                if kill {
                    thread::sleep(pause);
                }
                self.start(controller)?;
                self.check_admin(controller)?;
                format!("lb{}", controller + 1)
            }
            Fault::ChangeLayout => self.change_layout(controller)?,
            Fault::Hang => self.hang(balancer, pause)?,
            Fault::Reload => self.reload(balancer)?,
            Fault::KillServer => {
                let alive = self.servers(|truth, server| !truth.is_dead(server));
                let server = alive[self.random.usize(..alive.len())];
                self.truth.set_dead(server, true);
                self.scene.servers[server].kill()?;
                format!("server {}", server + 1)
            }
            Fault::ReturnServer => {
                let server = dead[self.random.usize(..dead.len())];
                self.truth.set_dead(server, false);
                self.scene.start_server(server)?;
                format!("server {}", server + 1)
            }
            Fault::KillBalancer => {
                self.truth.set_reached(controller, false);
                self.stop(controller, false)?;
                self.scene.set_cable(controller, false)?;
                thread::sleep(pause);
                self.scene.set_cable(controller, true)?;
                self.start(controller)?;
                self.check_admin(controller)?;
                let found = self.wait_until_found(controller)?;
                self.truth.set_reached(controller, true);
                format!("lb{} for {pause:?}, answers {found:?} later", controller + 1)
            }
            Fault::PullCable => {
                self.truth.set_reached(balancer, false);
                self.scene.set_cable(balancer, false)?;
                thread::sleep(pause);
                self.scene.set_cable(balancer, true)?;
                let found = self.wait_until_found(balancer)?;
                self.truth.set_reached(balancer, true);
                format!("lb{} for {pause:?}, answers {found:?} later", balancer + 1)
            }
            Fault::ReplaceDevice => {
                self.truth.set_reached(balancer, false);
                self.scene.replace_device(balancer, || thread::sleep(pause))?;
                self.wait_until_attached(balancer)?;
                let found = self.wait_until_found(balancer)?;
                self.truth.set_reached(balancer, true);
                format!("lb{}, {pause:?} without one, answers {found:?} later", balancer + 1)
            }
            Fault::Detach => self.detach(balancer)?,
            Fault::JumpClock => self.jump_clock(balancer)?,
            Fault::Drain | Fault::Ready => {
                let is_drain = fault == Fault::Drain;
                let from = if is_drain {
                    self.servers(|truth, server| !truth.is_drained(0, server))
                } else {
                    drained
                };
                let server = from[self.random.usize(..from.len())];
                for balancer in 0..self.scene.load_balancers.len() {
                    self.say(balancer, server, is_drain)?;
                }
                format!("server {}", server + 1)
            }
            Fault::FillDisk => {
                self.disks[balancer].fill()?;
                self.check_refusal(balancer)?;
                thread::sleep(pause);
                self.check_admin(balancer)?;
                self.disks[balancer].free()?;
                format!("lb{} for {pause:?}", balancer + 1)
            }
            Fault::LosePackets => {
                self.truth.set_reached(balancer, false);
                self.lose_packets(balancer, pause)?;
                self.truth.set_reached(balancer, true);
                format!("lb{}, a third of what it and its clients get, for {pause:?}", balancer + 1)
            }
            Fault::Flood => {
                let socket = self.scene.viewer.namespace.udp_socket()?;
                dns::flood(&socket, self.scene.load_balancers[balancer].address, ZONE, FLOOD)?;
                format!("lb{}, {FLOOD} queries", balancer + 1)
            }
        };
        *self.counts.entry(fault).or_default() += 1;
        self.scene.check_programs()?;
        Ok(format!("{}: {on}", fault.as_str()))
    }

    /// All is well again, and nothing was lost.
    pub(super) fn end(&mut self) -> Result<()> {
        for server in self.servers(|truth, server| truth.is_dead(server)) {
            self.truth.set_dead(server, false);
            self.scene.start_server(server)?;
        }
        for server in self.servers(|truth, server| truth.is_drained(0, server)) {
            for balancer in 0..self.scene.load_balancers.len() {
                self.check_admin(balancer)?;
                self.say(balancer, server, false)?;
            }
        }
        let all = self.scene.aliases();
        self.scene.wait_for(&all, STARTING)?;
        self.kernel_growth = Some(footprint::kernel()? - self.kernel);
        self.let_live(None)?;
        let lived = self.survived.len();
        ensure!(
            lived == self.scene.load_balancers.len(),
            "what {lived} controllers take was compared: play for longer"
        );
        Ok(())
    }

    /// Waits until who asks gets through to a load balancer again.
    fn wait_until_found(&self, balancer: usize) -> Result<Duration> {
        let socket = self.scene.asker().udp_socket()?;
        let load_balancer = &self.scene.load_balancers[balancer];
        let (_, took) = wait::until("an answer of a machine that is back", PLUGGED, || {
            Ok(load_balancer.ask(&socket, ZONE).with_context(|| load_balancer.log_tail()))
        })?;
        Ok(took)
    }

    pub(super) fn stop(&mut self, balancer: usize, gently: bool) -> Result<()> {
        self.truth.set_watching(balancer, false);
        let load_balancer = &mut self.scene.load_balancers[balancer];
        if gently { load_balancer.terminate() } else { load_balancer.kill() }
    }

    pub(super) fn start(&mut self, balancer: usize) -> Result<()> {
        self.scene.start_load_balancer(balancer)?;
        wait::until("a controller's status", STARTING, || {
            let load_balancer = &mut self.scene.load_balancers[balancer];
            load_balancer.check()?;
            Ok(load_balancer.json("status"))
        })?;
        self.truth.set_watching(balancer, true);
        Ok(())
    }

    /// Another `negative_ttl`, so that there is something to publish.
    fn reload(&mut self, balancer: usize) -> Result<String> {
        self.reloads += 1;
        let load_balancer = &self.scene.load_balancers[balancer];
        let text = fs::read_to_string(&load_balancer.configuration)?;
        let kept = text.lines().filter(|line| !line.starts_with("negative_ttl"));
        let changed = kept.map(|line| {
            let added = line
                .starts_with("name = \"internet")
                .then(|| format!("\nnegative_ttl = {}", self.reloads % 60));
            format!("{line}{}\n", added.unwrap_or_default())
        });
        let changed: String = changed.collect();
        fs::write(&load_balancer.configuration, changed)?;
        load_balancer.json("reload").context("reloading")?;
        Ok(format!("lb{}", balancer + 1))
    }

    fn servers(&self, wanted: impl Fn(&Truth, usize) -> bool) -> Vec<usize> {
        (0..self.scene.servers.len()).filter(|server| wanted(self.truth, *server)).collect()
    }
}

//! What concerns one interface: how its NIC spreads queries over CPUs, and what it does to frames.

mod interrupts;
mod read;

use std::collections::BTreeSet;

use super::{Finding, Host, Verdict, counted};
use crate::{
    cluster::XdpMode,
    ethtool::{Offloads, Queues, Size},
};
pub use interrupts::Interrupts;
#[cfg(test)]
pub(super) use {
    interrupts::has_come,
    read::{lost, vlans_of},
};

/// A ring with fewer places loses frames when many come at once, for a CPU is busy for longer than they last.
const RING: u32 = 1024;

/// What a driver does not tell is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    /// Nothing for an interface that does not exist.
    pub driver: Option<String>,
    /// In which the fast path is to run there.
    pub mode: XdpMode,
    pub queues: Option<Queues>,
    pub ring: Option<Size>,
    pub offloads: Option<Offloads>,
    /// Whether the ports of UDP over IPv4 and over IPv6 have a say in the choice of a queue.
    pub hashes_ports: [Option<bool>; 2],
    /// The VLAN devices above it.
    pub vlans: Vec<String>,
    /// Received frames for which there was no room since it is there.
    pub lost: Option<u64>,
    pub interrupts: Option<Interrupts>,
}

impl Interface {
    pub(super) fn findings(&self, host: &Host) -> Vec<Finding> {
        let Some(driver) = &self.driver else {
            let verdict =
                Verdict::advice("there is no such interface: correct `interfaces`, or the command line");
            return vec![verdict.on(&self.name, "driver")];
        };
        let verdicts = [
            ("driver", self.mode(driver)),
            ("queues", self.queues(host, driver)),
            ("hash", self.hash()),
            ("interrupts", self.interrupts(host)),
            ("ring", self.ring()),
            ("offloads", self.offloads()),
            ("lost", self.lost()),
        ];
        verdicts.into_iter().map(|(check, verdict)| verdict.on(&self.name, check)).collect()
    }

    fn mode(&self, driver: &str) -> Verdict {
        match self.mode {
            XdpMode::Native => Verdict::ok(format!("the driver {driver} is to run the program itself")),
            XdpMode::Generic => Verdict::advice(format!(
                "the program runs behind the driver {driver}, on copies: set xdp_mode = \"native\" where the driver can"
            )),
            XdpMode::Off => Verdict::advice("the sockets answer, not the driver: set xdp_mode = \"native\""),
        }
    }

    /// Each CPU is to have its queue: one to receive from, and for the answers one that it shares with nobody.
    fn queues(&self, host: &Host, driver: &str) -> Verdict {
        let Some(Queues { receiving: Size { now, most }, are_combined }) = self.queues else {
            return Verdict::unknown("the driver does not tell its queues");
        };
        let has = format!("{} for {}", counted(now, "receive queue"), counted(host.cpus, "CPU"));
        let wanted = most.min(host.cpus);
        if now < wanted {
            let word = if are_combined { "combined" } else { "rx" };
            return Verdict::advice(format!("{has}: as many CPUs as there are queues answer"))
                .with(format!("ethtool -L {} {word} {wanted}", self.name));
        }
        // The driver takes pairs that nobody receives from for answers, or else a lock.
        if driver == "virtio_net" && self.mode == XdpMode::Native && most < now + host.cpus {
            return Verdict::advice(format!(
                "{has}, of {most} that the hypervisor gives: answers share queues, under a lock. Give the guest {}, two \
                 for each CPU (QEMU: `queues=` of the netdev, `mq=on` and `vectors=` of the device)",
                counted(2 * host.cpus, "queue")
            ));
        }
        Verdict::ok(has)
    }

    /// Queries come from few forwarders: by their addresses alone they would all be in a few queues.
    fn hash(&self) -> Verdict {
        let families = ["udp4", "udp6"].into_iter().zip(self.hashes_ports);
        let without: Vec<&str> =
            families.filter(|(_, hashes)| *hashes == Some(false)).map(|(family, _)| family).collect();
        let has_one_queue = self.queues.is_some_and(|queues| queues.receiving.now == 1);
        match (without.as_slice(), self.hashes_ports) {
            _ if has_one_queue => Verdict::ok("there is one queue"),
            ([], [None, None]) => Verdict::unknown("the driver does not tell by what it chooses a queue"),
            ([], _) => Verdict::ok("ports choose the queue, too: a forwarder's queries spread"),
            (without, _) => {
                let commands = without
                    .iter()
                    .map(|family| format!("ethtool -N {} rx-flow-hash {family} sdfn", self.name));
                Verdict::advice("addresses alone choose the queue: all queries of a forwarder are in one")
                    .with(commands.collect::<Vec<_>>().join(" && "))
            }
        }
    }

    fn interrupts(&self, host: &Host) -> Verdict {
        let (Some(interrupts), Some(queues)) = (&self.interrupts, self.queues) else {
            return Verdict::unknown("the interrupts of its queues are not known");
        };
        let cpus: BTreeSet<u32> = interrupts.cpus.iter().flatten().copied().collect();
        if cpus.is_empty() {
            return Verdict::unknown("none of its interrupts has come yet");
        }
        let files = || "/proc/irq/NUMBER/smp_affinity_list, or start irqbalance";
        let list = || cpus.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let wanted = queues.receiving.now.min(host.cpus) as usize;
        if cpus.len() < wanted {
            return Verdict::advice(format!(
                "{} interrupt {} alone: give each its own CPU in {}",
                counted(queues.receiving.now, "queue"),
                if cpus.len() == 1 { format!("CPU {}", list()) } else { format!("the CPUs {}", list()) },
                files()
            ));
        }
        match &interrupts.local {
            Some(local) if !cpus.iter().all(|cpu| local.contains(cpu)) => Verdict::advice(format!(
                "CPUs of another NUMA node than the NIC's are interrupted ({}): keep to the {} beside it in {}",
                list(),
                counted(local.len() as u64, "CPU"),
                files()
            )),
            _ => Verdict::ok(format!("{} of {} are interrupted", cpus.len(), counted(host.cpus, "CPU"))),
        }
    }

    fn ring(&self) -> Verdict {
        match self.ring {
            None => Verdict::unknown("the driver does not tell how many frames a queue holds"),
            Some(Size { now, most }) if now < most.min(RING) => {
                Verdict::advice(format!("a queue holds {}, of {most} that it could", counted(now, "frame")))
                    .with(format!("ethtool -G {} rx {}", self.name, most.min(RING)))
            }
            Some(Size { now, .. }) => Verdict::ok(format!("a queue holds {}", counted(now, "frame"))),
        }
    }

    fn offloads(&self) -> Verdict {
        let Some(Offloads { large_receive, takes_tags }) = self.offloads else {
            return Verdict::unknown("the driver does not tell its offloads");
        };
        if large_receive {
            return Verdict::advice(
                "frames are put together (large receive offload), which most drivers refuse with XDP",
            )
            .with(format!("ethtool -K {} lro off", self.name));
        }
        if takes_tags && !self.vlans.is_empty() {
            return Verdict::advice(format!(
                "the NIC takes VLAN tags out before the program sees them, so queries to {} go to the sockets",
                self.vlans.join(", ")
            ))
            .with(format!("ethtool -K {} rxvlan off", self.name));
        }
        Verdict::ok("frames arrive as they were sent")
    }

    fn lost(&self) -> Verdict {
        match self.lost {
            None => Verdict::unknown("the kernel does not tell how many frames were lost"),
            Some(0) => Verdict::ok("no frame was lost for want of room"),
            Some(lost) => Verdict::advice(format!(
                "{} lost on receipt since the interface is there: compare after a while, and enlarge the ring or add \
                 queues where it grows (`ethtool -S {}` names the causes)",
                counted(lost, "frame"),
                self.name
            )),
        }
    }
}

//! What concerns all interfaces: the compiler of BPF programs, and the speed of the CPUs.

use std::{collections::BTreeSet, fs, path::Path};

use super::{Finding, Verdict};

/// Of a kernel that does not tell something there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Those that are online.
    pub cpus: u32,
    /// `net.core.bpf_jit_enable`, `net.core.bpf_jit_harden` and `kernel.bpf_stats_enabled`.
    pub jit: Option<u32>,
    pub jit_hardening: Option<u32>,
    pub statistics: Option<u32>,
    /// Who governs the CPUs' frequencies; nobody does in most guests.
    pub governors: BTreeSet<String>,
}

impl Host {
    pub fn read() -> Self {
        let cpus = read("/sys/devices/system/cpu/online").and_then(|list| super::cpus(&list));
        let governor = |cpu: &u32| read(format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"));
        let cpus = cpus.unwrap_or_default();
        Self {
            cpus: u32::try_from(cpus.len()).unwrap_or(u32::MAX),
            jit: number("/proc/sys/net/core/bpf_jit_enable"),
            jit_hardening: number("/proc/sys/net/core/bpf_jit_harden"),
            statistics: number("/proc/sys/kernel/bpf_stats_enabled"),
            governors: cpus.iter().filter_map(governor).collect(),
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let verdicts = [
            ("jit", self.jit()),
            ("hardening", self.hardening()),
            ("statistics", self.statistics()),
            ("frequency", self.frequency()),
        ];
        verdicts.map(|(check, verdict)| verdict.on("host", check)).into()
    }

    fn jit(&self) -> Verdict {
        match self.jit {
            None => Verdict::unknown("net.core.bpf_jit_enable cannot be read: run this as root"),
            Some(0) => Verdict::advice("BPF programs are interpreted, which takes several times as long")
                .with("sysctl -w net.core.bpf_jit_enable=1"),
            Some(_) => Verdict::ok("BPF programs are compiled"),
        }
    }

    fn hardening(&self) -> Verdict {
        match self.jit_hardening {
            None => Verdict::unknown("net.core.bpf_jit_harden cannot be read: run this as root"),
            Some(2..) => Verdict::advice(
                "constants of root's programs are blinded, too, which makes them longer; 1 blinds those of other users",
            )
            .with("sysctl -w net.core.bpf_jit_harden=1"),
            Some(_) => Verdict::ok("constants of root's programs are not blinded"),
        }
    }

    fn statistics(&self) -> Verdict {
        match self.statistics {
            None => Verdict::unknown("kernel.bpf_stats_enabled cannot be read"),
            Some(0) => Verdict::ok("runs of BPF programs are not timed"),
            Some(_) => Verdict::advice(
                "each run of a BPF program is timed, which costs it two readings of the clock",
            )
            .with("sysctl -w kernel.bpf_stats_enabled=0"),
        }
    }

    fn frequency(&self) -> Verdict {
        let governors: Vec<&str> = self.governors.iter().map(String::as_str).collect();
        match *governors {
            [] => Verdict::ok("no CPU's frequency is governed by this kernel"),
            ["performance"] => Verdict::ok("CPUs keep their highest frequency"),
            _ => Verdict::advice(format!(
                "CPUs are slowed down between bursts: the governor is {}",
                governors.join(" and ")
            ))
            .with("cpupower frequency-set -g performance"),
        }
    }
}

/// Without the blanks around it; nothing where there is no text.
pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn number(path: &str) -> Option<u32> {
    read(path)?.parse().ok()
}

//! Which CPUs a NIC interrupts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::doctor::{cpus, host::read};

/// Those of a NIC's interrupts that have come at all; the others are no queues', or nobody sends to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interrupts {
    /// By interrupt.
    pub cpus: Vec<Vec<u32>>,
    /// The CPUs of the NIC's NUMA node, where there is more than one node.
    pub local: Option<Vec<u32>>,
}

impl Interrupts {
    /// Nothing for an interface without a device, or whose device is hidden.
    pub(super) fn read(interface: &str) -> Option<Self> {
        let device = device(interface)?;
        let numbers = fs::read_dir(device.join("msi_irqs")).ok()?;
        let mut numbers: Vec<u32> =
            numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        let came = fs::read_to_string("/proc/interrupts").ok()?;
        let of = |number: &u32| cpus(&read(format!("/proc/irq/{number}/effective_affinity_list"))?);
        Some(Self {
            cpus: numbers.iter().filter(|number| has_come(&came, **number)).filter_map(of).collect(),
            local: local(&device),
        })
    }
}

/// The PCI device, which a virtual one may stand on; the interface of that name in `/sys` must be the thread's.
fn device(interface: &str) -> Option<PathBuf> {
    let class = Path::new("/sys/class/net").join(interface);
    let index: u32 = read(class.join("ifindex"))?.parse().ok()?;
    if nix::net::if_::if_nametoindex(interface) != Ok(index) {
        return None;
    }
    let device = class.join("device").canonicalize().ok()?;
    device.ancestors().take(2).find(|directory| directory.join("msi_irqs").is_dir()).map(Path::to_path_buf)
}

fn local(device: &Path) -> Option<Vec<u32>> {
    // Negative without nodes.
    let node: u32 = read(device.join("numa_node"))?.parse().ok()?;
    let is_alone = !Path::new("/sys/devices/system/node/node1").exists() && node == 0;
    let list = read(format!("/sys/devices/system/node/node{node}/cpulist"))?;
    if is_alone { None } else { cpus(&list) }
}

/// Whether `/proc/interrupts` counts any of an interrupt, on whichever CPU.
pub(in crate::doctor) fn has_come(interrupts: &str, number: u32) -> bool {
    let label = format!("{number}:");
    let mut lines = interrupts.lines().map(str::split_whitespace);
    lines.any(|mut words| {
        words.next() == Some(&label)
            && words.map_while(|word| word.parse::<u64>().ok()).any(|count| count != 0)
    })
}

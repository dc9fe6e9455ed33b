//! The programs that the lab, the kernels and the benchmarks run.

use super::Group;
use crate::process;

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    group: Group,
}

const PROGRAMS: [Program; 32] = [
    program("named", "bind9", Group::Lab),
    program("dig", "bind9-dnsutils", Group::Lab),
    program("unbound", "unbound", Group::Lab),
    program("dnsmasq", "dnsmasq-base", Group::Lab),
    program("kresd", "knot-resolver", Group::Lab),
    program("pdns_recursor", "pdns-recursor", Group::Lab),
    program("nsd", "nsd", Group::Lab),
    program("knotd", "knot", Group::Lab),
    program("nginx", "nginx-light", Group::Lab),
    // An SSH daemon whose package starts none on this machine.
    program("dropbear", "dropbear-bin", Group::Lab),
    program("nft", "nftables", Group::Lab),
    program("ip", "iproute2", Group::Lab),
    program("ethtool", "ethtool", Group::Lab),
    program("bpftool", "bpftool", Group::Lab),
    program("nsenter", "util-linux", Group::Lab),
    // What the documentation of the control socket shows.
    program("socat", "socat", Group::Lab),
    program("jq", "jq", Group::Lab),
    // It ends a start at each of its steps.
    program("strace", "strace", Group::Lab),
    // It judges the service's unit.
    program("systemd-analyze", "systemd", Group::Lab),
    program("qemu-system-x86_64", "qemu-system-x86", Group::Kernels),
    program("busybox", "busybox-static", Group::Kernels),
    program("xz", "xz-utils", Group::Kernels),
    // The guests have these as well.
    program("bpftool", "bpftool", Group::Kernels),
    program("ethtool", "ethtool", Group::Kernels),
    program("ip", "iproute2", Group::Kernels),
    program("nsenter", "util-linux", Group::Kernels),
    program("nsd", "nsd", Group::Peers),
    program("knotd", "knot", Group::Peers),
    program("gdnsd", "gdnsd", Group::Peers),
    program("dnsdist", "dnsdist", Group::Peers),
    program("dnsperf", "dnsperf", Group::Peers),
    program("kxdpgun", "knot-dnsutils", Group::Peers),
];

pub(crate) fn missing(groups: &[Group]) -> Vec<&'static Program> {
    let mut missing: Vec<&'static Program> = Vec::new();
    for program in &PROGRAMS {
        let listed = missing.iter().any(|other| other.name == program.name);
        if groups.contains(&program.group) && !listed && process::find(program.name).is_none() {
            missing.push(program);
        }
    }
    missing
}

const fn program(name: &'static str, package: &'static str, group: Group) -> Program {
    Program { name, package, group }
}

//! Does the process hold the capabilities that the configuration asks for?

use std::fs;

use caps::{CapSet, CapsHashSet, errors::CapsError};

use crate::{
    cluster::{Model, ProbeKind, XdpMode},
    probe::icmp,
};

/// A capability by its kernel number (`include/uapi/linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    name: &'static str,
    number: u32,
    /// The kernel accepts CAP_SYS_ADMIN in its place.
    within_sys_admin: bool,
}

impl Capability {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn in_crate(self) -> Option<caps::Capability> {
        self.name.parse().ok()
    }
}

pub const NET_BIND_SERVICE: Capability =
    Capability { name: "CAP_NET_BIND_SERVICE", number: 10, within_sys_admin: false };
pub const NET_ADMIN: Capability = Capability { name: "CAP_NET_ADMIN", number: 12, within_sys_admin: false };
pub const NET_RAW: Capability = Capability { name: "CAP_NET_RAW", number: 13, within_sys_admin: false };
pub const PERFMON: Capability = Capability { name: "CAP_PERFMON", number: 38, within_sys_admin: true };
pub const BPF: Capability = Capability { name: "CAP_BPF", number: 39, within_sys_admin: true };

const SYS_ADMIN: Capability = Capability { name: "CAP_SYS_ADMIN", number: 21, within_sys_admin: false };

/// What this configuration needs on this host before its start.
pub fn needed_here(model: &Model) -> Vec<Capability> {
    needed_where(model, icmp::is_permitted())
}

fn needed_where(model: &Model, may_echo: bool) -> Vec<Capability> {
    let unprivileged = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first_unprivileged_port = unprivileged.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1024);
    needed(model, first_unprivileged_port, may_echo)
}

/// What this configuration needs on this host once it has started: CAP_PERFMON is the verifier's, and the program is loaded
/// once. The others are for maps (CAP_BPF), devices that return or are added (CAP_NET_ADMIN), sockets that a reload adds
/// (CAP_NET_BIND_SERVICE), and those of each echo request (CAP_NET_RAW).
pub fn still_needed(model: &Model) -> Vec<Capability> {
    let needed = needed_where(model, icmp::is_permitted_without_capability());
    needed.into_iter().filter(|capability| *capability != PERFMON).collect()
}

/// What is kept for good, where it is held: a reload may add sockets to a configuration without any.
pub fn to_keep(model: &Model) -> Vec<Capability> {
    let others = still_needed(model).into_iter().filter(|capability| *capability != NET_BIND_SERVICE);
    others.chain([NET_BIND_SERVICE]).collect()
}

/// Drops all others for good, also those that commands would inherit; gives those that are left. What the process did not hold
/// it does not get.
///
/// # Errors
/// The kernel's.
pub fn keep(needed: &[Capability]) -> Result<Vec<Capability>, CapsError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let holds = |capability: &Capability| capability.in_crate().is_some_and(|found| held.contains(&found));
    let mut kept: Vec<Capability> = needed.iter().copied().filter(holds).collect();
    if needed.iter().any(|wanted| wanted.within_sys_admin && !holds(wanted)) && holds(&SYS_ADMIN) {
        kept.push(SYS_ADMIN);
    }
    // What a program that root executes would get back. Whoever may not drop that is not root.
    if held.contains(&caps::Capability::CAP_SETPCAP) {
        caps::clear(None, CapSet::Bounding)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    let set: CapsHashSet = kept.iter().copied().filter_map(Capability::in_crate).collect();
    caps::set(None, CapSet::Effective, &set)?;
    caps::set(None, CapSet::Permitted, &set)?;
    Ok(kept)
}

/// What this configuration needs: three to load and attach the XDP program, one to listen on a low port, and one to send
/// echo requests unless everybody may (`net.ipv4.ping_group_range`).
pub fn needed(model: &Model, first_unprivileged_port: u16, may_echo: bool) -> Vec<Capability> {
    let mut needed = Vec::new();
    if model.xdp_mode != XdpMode::Off {
        needed.extend([BPF, NET_ADMIN, PERFMON]);
    }
    if model.listen.iter().any(|address| (1..first_unprivileged_port).contains(&address.port())) {
        needed.push(NET_BIND_SERVICE);
    }
    let mut probes =
        model.clusters.iter().flat_map(|cluster| &cluster.servers).flat_map(|server| &server.probes);
    if !may_echo && probes.any(|probe| probe.kind == ProbeKind::Icmp) {
        needed.push(NET_RAW);
    }
    needed
}

/// What is missing, by the text of `/proc/self/status`. The user's number says nothing: root may lack capabilities
/// in a container, and a service may hold them without being root.
pub fn problem(process_status: &str, needed: &[Capability]) -> Option<String> {
    let effective = effective(process_status).unwrap_or(0);
    let has = |number: u32| effective >> number & 1 == 1;
    let holds = |capability: &Capability| {
        has(capability.number) || capability.within_sys_admin && has(SYS_ADMIN.number)
    };
    let missing: Vec<&str> =
        needed.iter().filter(|capability| !holds(capability)).map(|capability| capability.name).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "missing {}: run as root, or give the service these capabilities (systemd: AmbientCapabilities={})",
            missing.join(", "),
            missing.join(" ")
        )
    })
}

fn effective(process_status: &str) -> Option<u64> {
    let line = process_status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::cluster::{ProbeLimits, TcpLimits, WhenStale};

    const ALL: [Capability; 4] = [BPF, NET_ADMIN, PERFMON, NET_BIND_SERVICE];

    #[test]
    fn missing_capabilities_are_named() {
        for (effective, missing) in [
            ("000001ffffffffff", None),
            ("000000c000001400", None),
            // CAP_SYS_ADMIN holds CAP_BPF and CAP_PERFMON, but not the network's.
            ("0000000000200000", Some("missing CAP_NET_ADMIN, CAP_NET_BIND_SERVICE: ")),
            ("0000008000001400", Some("missing CAP_PERFMON: ")),
            ("0000000000000000", Some("missing CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_NET_BIND_SERVICE: ")),
        ] {
            let status =
                format!("Name:\ttgdns\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\nCapBnd:\t0\n");
            match (problem(&status, &ALL), missing) {
                (None, None) => {}
                (Some(problem), Some(start)) => assert!(problem.starts_with(start), "{effective}: {problem}"),
                (problem, expected) => panic!("{effective}: {problem:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn an_unreadable_status_counts_as_no_capability() {
        assert!(problem("", &[BPF]).unwrap().contains("AmbientCapabilities=CAP_BPF"));
        assert_eq!(problem("", &[]), None);
    }

    #[test]
    fn what_is_needed_follows_the_configuration() {
        let model = |xdp_mode, port| Model {
            identity: String::new(),
            version: String::new(),
            cookie_secret: None,
            interfaces: vec![],
            xdp_mode,
            state_directory: "/".into(),
            control: "/".into(),
            control_group: None,
            writable: vec![],
            pin_directory: "/".into(),
            listen: vec![([0, 0, 0, 0], port).into()],
            tcp: TcpLimits::default(),
            rate_limit: None,
            probes: ProbeLimits::default(),
            stale_after: Duration::from_secs(10),
            when_stale: WhenStale::Hold,
            views: vec![],
            default_view: Default::default(),
            hooks: vec![],
            clusters: vec![],
        };
        assert_eq!(needed(&model(XdpMode::Native, 53), 1024, false), ALL);
        assert_eq!(needed(&model(XdpMode::Generic, 5353), 1024, false), [BPF, NET_ADMIN, PERFMON]);
        assert_eq!(needed(&model(XdpMode::Off, 53), 1024, false), [NET_BIND_SERVICE]);
        assert_eq!(needed(&model(XdpMode::Off, 53), 0, false), []);
        assert_eq!(needed(&model(XdpMode::Off, 0), 1024, false), []);
    }
}

use std::collections::BTreeSet;

use super::{
    interface::{has_come, lost, vlans_of},
    *,
};
use crate::{
    cluster::XdpMode,
    ethtool::{Offloads, Queues, Size},
    network_namespace::NetworkNamespace,
};

fn host() -> Host {
    let governors = BTreeSet::from(["performance".to_owned()]);
    Host { cpus: 8, jit: Some(1), jit_hardening: Some(0), statistics: Some(0), governors }
}

/// A NIC about which there is nothing to advise.
fn nic() -> Interface {
    Interface {
        name: "eth0".to_owned(),
        driver: Some("ice".to_owned()),
        mode: XdpMode::Native,
        queues: Some(Queues { receiving: Size { now: 8, most: 64 }, are_combined: true }),
        ring: Some(Size { now: 2048, most: 8160 }),
        offloads: Some(Offloads { large_receive: false, takes_tags: true }),
        hashes_ports: [Some(true), Some(true)],
        vlans: Vec::new(),
        lost: Some(0),
        interrupts: Some(Interrupts { cpus: (0..8).map(|cpu| vec![cpu]).collect(), local: None }),
    }
}

/// The only one that is not as it should be.
fn only(findings: Vec<Finding>) -> Finding {
    let mut others = findings.into_iter().filter(|finding| finding.state != State::Ok);
    let first = others.next().unwrap();
    assert_eq!(others.next(), None);
    first
}

#[test]
fn nothing_is_advised_where_all_is_well() {
    let text = render(&findings(&host(), &[nic()]));
    assert!(text.starts_with("host\n  ok       jit         BPF programs are compiled\n"), "{text}");
    assert!(text.contains("\neth0\n  ok       driver      the driver ice is to run"), "{text}");
    assert!(text.ends_with("\nnothing to advise\n"), "{text}");
}

#[test]
fn the_host_is_told_what_slows_it_down() {
    let governors = |names: [&str; 2]| names.map(str::to_owned).into();
    for (host, check, state, remedy) in [
        (Host { jit: Some(0), ..host() }, "jit", State::Advice, Some("sysctl -w net.core.bpf_jit_enable=1")),
        (Host { jit: None, ..host() }, "jit", State::Unknown, None),
        (
            Host { jit_hardening: Some(2), ..host() },
            "hardening",
            State::Advice,
            Some("sysctl -w net.core.bpf_jit_harden=1"),
        ),
        (
            Host { statistics: Some(1), ..host() },
            "statistics",
            State::Advice,
            Some("sysctl -w kernel.bpf_stats_enabled=0"),
        ),
        (
            Host { governors: governors(["performance", "powersave"]), ..host() },
            "frequency",
            State::Advice,
            Some("cpupower frequency-set -g performance"),
        ),
    ] {
        let found = only(findings(&host, &[nic()]));
        assert_eq!((found.subject.as_str(), found.check, found.state), ("host", check, state));
        assert_eq!(found.remedy.as_deref(), remedy);
    }
}

#[test]
fn an_interface_is_told_what_to_change() {
    let queues = |now, most, are_combined| Some(Queues { receiving: Size { now, most }, are_combined });
    let interrupts = |cpus: &[u32], local: Option<Vec<u32>>| {
        Some(Interrupts { cpus: cpus.iter().map(|cpu| vec![*cpu]).collect(), local })
    };
    let virtio =
        |most| Interface { driver: Some("virtio_net".to_owned()), queues: queues(8, most, true), ..nic() };
    let all: Vec<u32> = (0..8).collect();
    for (interface, check, text, remedy) in [
        (Interface { driver: None, ..nic() }, "driver", "there is no such interface", None),
        (Interface { mode: XdpMode::Generic, ..nic() }, "driver", "xdp_mode = \"native\"", None),
        (Interface { mode: XdpMode::Off, ..nic() }, "driver", "the sockets answer", None),
        (
            Interface { queues: queues(4, 64, true), ..nic() },
            "queues",
            "4 receive queues for 8 CPUs",
            Some("ethtool -L eth0 combined 8"),
        ),
        (
            Interface { queues: queues(2, 4, false), ..nic() },
            "queues",
            "2 receive queues",
            Some("ethtool -L eth0 rx 4"),
        ),
        (virtio(8), "queues", "Give the guest 16 queues", None),
        (
            Interface { hashes_ports: [Some(false), Some(false)], ..nic() },
            "hash",
            "addresses alone",
            Some("ethtool -N eth0 rx-flow-hash udp4 sdfn && ethtool -N eth0 rx-flow-hash udp6 sdfn"),
        ),
        (
            Interface { hashes_ports: [Some(true), Some(false)], ..nic() },
            "hash",
            "addresses alone",
            Some("ethtool -N eth0 rx-flow-hash udp6 sdfn"),
        ),
        (
            Interface { interrupts: interrupts(&[3, 3, 3], None), ..nic() },
            "interrupts",
            "8 queues interrupt CPU 3 alone",
            None,
        ),
        (
            Interface { interrupts: interrupts(&[0, 1], None), ..nic() },
            "interrupts",
            "the CPUs 0, 1 alone",
            None,
        ),
        (
            Interface { interrupts: interrupts(&all, Some(vec![0, 1, 2, 3])), ..nic() },
            "interrupts",
            "the 4 CPUs beside it",
            None,
        ),
        (
            Interface { ring: Some(Size { now: 256, most: 4096 }), ..nic() },
            "ring",
            "256 frames",
            Some("ethtool -G eth0 rx 1024"),
        ),
        (
            Interface { ring: Some(Size { now: 256, most: 512 }), ..nic() },
            "ring",
            "of 512",
            Some("ethtool -G eth0 rx 512"),
        ),
        (
            Interface { offloads: Some(Offloads { large_receive: true, takes_tags: false }), ..nic() },
            "offloads",
            "put together",
            Some("ethtool -K eth0 lro off"),
        ),
        (
            Interface { vlans: vec!["eth0.5".to_owned(), "voice".to_owned()], ..nic() },
            "offloads",
            "queries to eth0.5, voice go to the sockets",
            Some("ethtool -K eth0 rxvlan off"),
        ),
        (Interface { lost: Some(1), ..nic() }, "lost", "1 frame lost", None),
    ] {
        let found = only(findings(&host(), &[interface]));
        assert_eq!(
            (found.subject.as_str(), found.check, found.state),
            ("eth0", check, State::Advice),
            "{found:?}"
        );
        assert!(found.text.contains(text), "{found:?}");
        assert_eq!(found.remedy.as_deref(), remedy);
    }
    // Room for the answers as well, and a single queue, which no hash chooses.
    let fine =
        [virtio(16), Interface { queues: queues(1, 1, true), hashes_ports: [Some(false); 2], ..nic() }];
    assert!(findings(&host(), &fine).iter().all(|finding| finding.state == State::Ok));
}

/// One that knows nothing is not told that all is well.
#[test]
fn what_is_not_told_is_unknown() {
    let nothing = Interface {
        queues: None,
        ring: None,
        offloads: None,
        hashes_ports: [None; 2],
        lost: None,
        interrupts: None,
        ..nic()
    };
    let of_interface = findings(&host(), &[nothing]).into_iter().filter(|finding| finding.subject == "eth0");
    let states: Vec<(&str, State)> = of_interface.map(|finding| (finding.check, finding.state)).collect();
    assert_eq!(states[0], ("driver", State::Ok));
    assert!(states[1..].iter().all(|(_, state)| *state == State::Unknown), "{states:?}");
}

#[test]
fn remedies_stand_below_what_they_mend() {
    let small = Interface { ring: Some(Size { now: 256, most: 4096 }), ..nic() };
    let text = render(&findings(&host(), &[small]));
    let remedy = "  advice   ring        a queue holds 256 frames, of 4096 that it could\n                       ethtool -G eth0 rx 1024\n";
    assert!(text.contains(remedy), "{text}");
    assert!(text.ends_with("\n1 piece of advice\n"), "{text}");
}

#[test]
fn kernels_files_are_read() {
    assert_eq!(cpus("0-2,5\n"), Some(vec![0, 1, 2, 5]));
    assert_eq!((cpus(""), cpus("a-b")), (Some(Vec::new()), None));
    let config = "VLAN Dev name\t | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\neth0.5 | 5 | eth0\nvoice | 7 | eth0\neth1.5 | 5 | eth1\n";
    assert_eq!(vlans_of(config, "eth0"), ["eth0.5", "voice"]);
    let devices = "Inter-| Receive | Transmit\n face |bytes packets errs drop fifo frame\n  eth0: 100 9 1 3 4 0 0 0 50 2 7 7 7 0 0 0\n eth01:1 1 1 1 1 0 0 0 0 0 0 0 0 0 0 0\n";
    assert_eq!(
        (lost(devices, "eth0"), lost(devices, "eth01"), lost(devices, "eth")),
        (Some(7), Some(2), None)
    );
    let interrupts = "      CPU0   CPU1\n 37:   0      0   PCI-MSIX   0-edge   virtio2-config\n 38:   0   41049   PCI-MSIX   1-edge   virtio2-input.0\n";
    assert_eq!([37, 38, 3].map(|number| has_come(interrupts, number)), [false, true, false]);
}

#[test]
fn interfaces_of_the_threads_namespace_are_read() {
    let namespace = NetworkNamespace::new();
    namespace.ip("link add tgdns-a numrxqueues 2 numtxqueues 2 type veth peer name tgdns-b");
    namespace.block_on(|| async {
        let read = Interface::read("tgdns-a", XdpMode::Native);
        assert_eq!(read.driver.as_deref(), Some("veth"));
        assert_eq!(read.queues.map(|queues| queues.receiving.now), Some(2));
        assert_eq!((read.vlans, read.lost), (Vec::new(), Some(0)));
        assert_eq!(Interface::read("tgdns-none", XdpMode::Native).driver, None);
    });
    let host = Host::read();
    assert!(host.cpus > 0 && host.jit.is_some(), "{host:?}");
}

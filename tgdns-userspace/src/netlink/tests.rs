use std::net::IpAddr;

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::*;
use crate::network_namespace::NetworkNamespace;

/// A moved address must be answered at once: a few milliseconds, and a busy machine's share.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Long enough for a set that must not come.
const SILENCE: Duration = Duration::from_millis(100);

#[test]
fn addresses_come_and_go_with_the_kernels() {
    let namespace = veth();
    namespace.ip("address add 192.0.2.1/24 dev veth0");
    namespace.ip("address add 192.0.2.2/24 dev veth0"); // secondary
    namespace.ip("address add 198.51.100.1 peer 198.51.100.2/32 dev veth0");
    namespace.ip("address add 2001:db8::1/64 dev veth0 nodad");
    namespace.ip("address add 203.0.113.1/24 dev veth1"); // not configured
    let first = ["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1"];
    namespace.block_on(|| async {
        let mut watched = Watched::start(&["veth0"]);
        watched.expect("at the start", &first).await;

        namespace.ip("address add 192.0.2.3/32 dev veth0");
        watched.expect("a VIP moved in", &[&first[..], &["192.0.2.3"]].concat()).await;
        namespace.ip("address delete 192.0.2.3/32 dev veth0");
        watched.expect("the VIP moved out", &first).await;
        namespace.ip("address add 2001:db8::2/128 dev veth0 nodad");
        watched.expect("an IPv6 VIP moved in", &[&first[..], &["2001:db8::2"]].concat()).await;
        namespace.ip("address delete 2001:db8::2/128 dev veth0");
        watched.expect("the IPv6 VIP moved out", &first).await;

        namespace.ip("link set veth0 down");
        watched.expect("link down", &[]).await;
        namespace.ip("link set veth0 up");
        // IPv6 addresses do not survive a link that goes down.
        watched.expect("link up", &first[..3]).await;
        namespace.ip("link set veth1 mtu 1400");
        watched.expect_silence("another interface's changes").await;
        namespace.ip("link set veth1 down");
        let snapshot = watched.snapshot().await;
        assert_eq!(snapshot.devices["veth0"].carrier, Carrier::Lost);
        assert_eq!(texts(&snapshot.services), first[..3], "addresses outlive the carrier");

        namespace.ip("link delete veth0");
        watched.expect("the interface is gone", &[]).await;
        namespace.ip("link add veth0 type veth peer name veth1");
        namespace.ip("link set veth0 up");
        namespace.ip("address add 192.0.2.9/24 dev veth0");
        watched.expect("the interface is back, with another index", &["192.0.2.9"]).await;
    });
}

#[test]
fn each_address_tells_its_interface_and_mac() {
    let namespace = veth();
    namespace.ip("link set veth0 address 02:00:00:00:00:05");
    namespace.ip("address add 192.0.2.1/24 dev veth0");
    namespace.block_on(|| async {
        let mut watched = Watched::start(&["veth0"]);
        let found = watched.next().await;
        let index = std::fs::read_to_string("/proc/thread-self/net/dev_mcast").expect("the kernel's table");
        let index =
            index.lines().find(|line| line.contains("veth0")).and_then(|line| line.split_whitespace().next());
        let expected = ServiceAddress {
            interface: "veth0".into(),
            interface_index: index.and_then(|index| index.parse().ok()).expect("veth0's index"),
            mac: [2, 0, 0, 0, 0, 5],
            vlan_tags: Vec::new(),
            address: "192.0.2.1".parse().expect("an address"),
        };
        assert_eq!(found, BTreeSet::from([expected.clone()]));

        namespace.ip("link set veth0 address 02:00:00:00:00:06");
        let changed = ServiceAddress { mac: [2, 0, 0, 0, 0, 6], ..expected };
        assert_eq!(watched.next().await, BTreeSet::from([changed]));
    });
}

#[test]
fn devices_are_told_although_they_have_no_address() {
    let namespace = veth();
    namespace.block_on(|| async {
        let mut watched = Watched::start(&["veth0"]);
        let first = watched.snapshot().await.devices["veth0"].index;
        // Gone and back before anybody looks: another device all the same.
        namespace.ip("link delete veth0");
        namespace.ip("link add veth0 type veth peer name veth1");
        let second = watched.snapshot().await.devices["veth0"].index;
        assert_ne!(first, second);
        namespace.ip("link set veth0 name veth7");
        assert_eq!(watched.snapshot().await.missing, missing(Some("veth7")));
        namespace.ip("link delete veth7");
        assert_eq!(watched.snapshot().await, Snapshot { missing: missing(None), ..Snapshot::default() });
    });
}

fn missing(name: Option<&str>) -> BTreeMap<String, Option<String>> {
    BTreeMap::from([("veth0".to_owned(), name.map(str::to_owned))])
}

#[test]
fn ipv6_addresses_count_once_they_are_proven_unique() {
    let namespace = veth();
    namespace.ip("address add 2001:db8::5/64 dev veth1 nodad");
    namespace.block_on(|| async {
        let mut watched = Watched::start(&["veth0"]);
        watched.expect("at the start", &[]).await;
        namespace.ip("address add 2001:db8::4/64 dev veth0");
        namespace.ip("address add 2001:db8::5/64 dev veth0"); // a duplicate
        watched.expect_silence("detection runs").await;
        let sets = timeout(Duration::from_secs(5), watched.next()).await.expect("detection ends");
        assert_eq!(texts(&sets), ["2001:db8::4"]);
        watched.expect_silence("the duplicate stays out").await;
    });
}

#[test]
fn a_flood_of_changes_ends_in_the_right_set() {
    let namespace = veth();
    let path = std::env::temp_dir().join(format!("tgdns-unit-{}-addresses", std::process::id()));
    let commands: Vec<String> = (0..4000)
        .map(|number| {
            let verb = if number < 2000 { "add" } else { "delete" };
            let number = number % 2000;
            format!("address {verb} 10.0.{}.{}/32 dev veth0\n", number / 250, number % 250 + 1)
        })
        .chain(["address add 192.0.2.1/24 dev veth0\n".into()])
        .collect();
    std::fs::write(&path, commands.concat()).expect("a temporary file");
    namespace.block_on(|| async {
        let mut watched = Watched::start(&["veth0"]);
        watched.expect("at the start", &[]).await;
        // The runtime's only thread is busy with this, so nobody empties the subscription's socket.
        namespace.ip(&format!("-batch {}", path.display()));
        assert!(lost_messages() > 0, "the flood is no flood");
        let snapshot = watched.snapshot().await;
        assert_eq!((texts(&snapshot.services), snapshot.overruns), (vec!["192.0.2.1".to_owned()], 1));
    });
    std::fs::remove_file(&path).expect("the temporary file");
}

#[test]
fn a_missing_interface_is_an_error_that_lists_what_there_is() {
    veth().block_on(|| async {
        let (sender, _receiver) = mpsc::channel(1);
        let interfaces = ["eth0", "veth0", "eth1"].map(String::from).to_vec();
        let error =
            watch(tokio::sync::watch::channel(interfaces).1, sender).await.expect_err("eth0 does not exist");
        assert_eq!(error.to_string(), "interfaces: eth0, eth1 do not exist; this host has lo, veth0, veth1");
    });
}

#[test]
fn the_watch_ends_with_its_receiver() {
    veth().block_on(|| async {
        let Watched { receiver, watch } = Watched::start(&["veth0"]);
        drop(receiver);
        timeout(AT_ONCE, watch).await.expect("at once").expect("no panic").expect("no error");
    });
}

#[test]
#[ignore = "needs a kernel with VLAN devices (802.1Q): test-kernels runs it"]
fn vlan_devices_contribute_their_addresses_with_their_tags() {
    let namespace = veth();
    namespace.ip("link add link veth0 name service type vlan protocol 802.1ad id 100");
    namespace.ip("link add link service name customer type vlan id 7");
    namespace.ip("link set customer address 02:00:00:00:00:07");
    namespace.ip("link add link customer name third type vlan id 8");
    let devices = ["veth0", "service", "customer", "third"];
    // A device that goes up takes those above it along, so first all of these.
    for name in devices {
        namespace.ip(&format!("link set {name} addrgenmode none"));
    }
    for (number, name) in devices.iter().enumerate() {
        namespace.ip(&format!("link set {name} up"));
        namespace.ip(&format!("address add 192.0.2.{number}/32 dev {name}"));
    }
    namespace.block_on(|| async {
        let mut watched = Watched::start(&["veth0"]);
        let set = watched.next().await;
        let found: Vec<(String, &[u16])> =
            set.iter().map(|service| (service.address.to_string(), service.vlan_tags.as_slice())).collect();
        let expected: [(String, &[u16]); 3] =
            [("192.0.2.0".into(), &[]), ("192.0.2.1".into(), &[100]), ("192.0.2.2".into(), &[100, 7])];
        assert_eq!(BTreeSet::from_iter(found), BTreeSet::from(expected));
        assert!(set.iter().any(|service| service.mac == [2, 0, 0, 0, 0, 7] && service.vlan_tags == [100, 7]));

        namespace.ip("link set service down");
        watched.expect("a device in between is down", &["192.0.2.0"]).await;
    });
}

struct Watched {
    receiver: mpsc::Receiver<Snapshot>,
    watch: JoinHandle<anyhow::Result<()>>,
}

impl Watched {
    fn start(interfaces: &[&str]) -> Self {
        let (sender, receiver) = mpsc::channel(16);
        let interfaces = interfaces.iter().map(|name| (*name).into()).collect();
        Self { receiver, watch: tokio::spawn(watch(tokio::sync::watch::channel(interfaces).1, sender)) }
    }

    async fn next(&mut self) -> BTreeSet<ServiceAddress> {
        self.snapshot().await.services
    }

    async fn snapshot(&mut self) -> Snapshot {
        self.receiver.recv().await.expect("the watch goes on")
    }

    /// Waits for a set with exactly these addresses.
    async fn expect(&mut self, event: &str, expected: &[&str]) {
        let expected = sorted(expected.iter().map(|text| text.parse().expect("an address")));
        let start = Instant::now();
        let mut last = Vec::new();
        while let Ok(set) = timeout(AT_ONCE.saturating_sub(start.elapsed()), self.next()).await {
            last = texts(&set);
            if last == expected {
                return;
            }
        }
        panic!("{event}: {last:?} in place of {expected:?} after {:?}", start.elapsed());
    }

    async fn expect_silence(&mut self, event: &str) {
        if let Ok(set) = timeout(SILENCE, self.next()).await {
            panic!("{event}: {:?}", texts(&set));
        }
    }
}

/// A pair of Ethernet devices that are up, without link-local addresses.
fn veth() -> NetworkNamespace {
    let namespace = NetworkNamespace::new();
    namespace.ip("link add veth0 type veth peer name veth1");
    for name in ["veth0", "veth1"] {
        namespace.ip(&format!("link set {name} addrgenmode none"));
        namespace.ip(&format!("link set {name} up"));
    }
    namespace
}

fn texts(set: &BTreeSet<ServiceAddress>) -> Vec<String> {
    sorted(set.iter().map(|service| service.address))
}

fn sorted(addresses: impl Iterator<Item = IpAddr>) -> Vec<String> {
    BTreeSet::from_iter(addresses).iter().map(IpAddr::to_string).collect()
}

/// Messages that the kernel could not deliver to netlink sockets of this namespace.
fn lost_messages() -> u64 {
    let table = std::fs::read_to_string("/proc/thread-self/net/netlink").expect("the kernel's table");
    let drops = |line: &str| line.split_whitespace().nth(8).and_then(|drops| drops.parse::<u64>().ok());
    table.lines().filter_map(drops).sum()
}

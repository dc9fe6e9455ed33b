use tgdns_common::tables::{Address, DEFAULT_VIEW, Tables as _};

use super::*;
use crate::{
    cluster::{Answer, Cluster, Join, Policy, Probe, ProbeKind, Tcp, View, XdpMode},
    config,
    selection::Rule,
};

const CONFIG: &str = r#"
interfaces = ["eth0"]
[[view]]
name = "lan"
clients = ["192.168.0.0/16", "fd00::/8"]
[[view]]
name = "office"
clients = ["192.168.7.0/24"]
[[cluster]]
name = "Internet.intern.netz"
[cluster.probe]
type = "tcp"
port = 443
[[cluster.part]]
first = "10.10.10.100"
count = 3
alias = { lan = "192.168.1.100", office = ["172.16.0.1", "fd00::1"] }
"#;

fn model() -> Model {
    config::parse(CONFIG, "test").expect("a good configuration")
}

fn live<const COUNT: usize>(weights: [u32; COUNT]) -> Chosen {
    Chosen::new(Rule::Live, weights.to_vec())
}

fn addresses(image: &Image, view: u32) -> Vec<[u8; 4]> {
    let mut sets = image.answer_sets();
    let set = sets.find(|set| set.view == view.to_be_bytes()).expect("a set for each view");
    let count = usize::from(set.ipv4.count);
    assert_eq!(set.ipv4.addresses[..count], set.ipv4.addresses[count..2 * count], "twice in a row");
    set.ipv4.addresses[..count].to_vec()
}

#[test]
fn live_servers_are_handed_out_as_each_view_reaches_them() {
    let image = image(&model(), &prefixes(&model()), &[live([1, 0, 1])], &BTreeSet::new(), &[], &[]);
    assert_eq!(addresses(&image, DEFAULT_VIEW), [[10, 10, 10, 100], [10, 10, 10, 102]]);
    assert_eq!(addresses(&image, 1), [[192, 168, 1, 100], [192, 168, 1, 102]]);
    assert_eq!(addresses(&image, 2), [[172, 16, 0, 1], [172, 16, 0, 3]]);
    let ipv6 = image.answers[2].set.ipv6;
    assert_eq!((ipv6.count, ipv6.limit), (2, 2));
    assert_eq!(ipv6.addresses[1][15], 3);
}

#[test]
fn the_longest_prefix_chooses_the_view() {
    let image = image(&model(), &prefixes(&model()), &[live([1; 3])], &BTreeSet::new(), &[], &[]);
    for (client, view) in [([192, 168, 1, 1], 1), ([192, 168, 7, 1], 2), ([10, 0, 0, 1], DEFAULT_VIEW)] {
        assert_eq!(image.view(Address::from_ipv4(client), 0), view, "{client:?}");
    }
    assert_eq!(image.view(Address::from_ipv6([0xfd; 16]), 0), 1);
    assert_eq!(image.settings.has_views, 1);
}

#[test]
fn an_answer_carries_as_many_as_is_told() {
    let mut model = model();
    for (answer, limit) in
        [(Answer::All, 3), (Answer::One, 1), (Answer::Subset(2), 2), (Answer::Subset(9), 3)]
    {
        model.clusters[0].answer = answer;
        assert_eq!(
            image(&model, &prefixes(&model), &[live([1; 3])], &BTreeSet::new(), &[], &[]).answers[0]
                .set
                .ipv4
                .limit,
            limit
        );
    }
}

#[test]
fn a_model_that_fills_the_tables_is_placed_and_a_larger_one_is_told() {
    let mut model = model();
    model.views = Vec::<View>::new();
    let cluster = Cluster {
        name: String::new(),
        ttl: 1,
        ttl_min: None,
        negative_ttl: 5,
        answer: Answer::All,
        policy: Policy::default(),
        probes: vec![Probe::new(ProbeKind::Tcp(Tcp::default()), 1)],
        join: Join::All,
        servers: Vec::new(),
        name_servers: Vec::new(),
    };
    let named = |number| Cluster { name: format!("cluster-{number}.intern.netz"), ..cluster.clone() };
    let most = (capacity::ANSWERS - 1) / 2;
    model.clusters = (0..most).map(named).collect();
    assert_eq!(excess(&model), None);
    let chosen = vec![live([]); most];
    let image = image(&model, &prefixes(&model), &chosen, &BTreeSet::new(), &[], &[]);
    assert_eq!(image.index.iter().filter(|slot| **slot != 0).count(), most);
    model.clusters.push(named(most));
    assert!(excess(&model).is_some_and(|text| text.contains("answer sets")));
    assert_eq!(model.xdp_mode, XdpMode::Native);
}

#[test]
fn an_address_that_several_interfaces_have_is_one_service() {
    let on = |index: u32| ServiceAddress {
        interface: format!("eth0.{index}"),
        interface_index: index,
        mac: [2, 0, 0, 0, 0, 2],
        vlan_tags: Vec::new(),
        address: "fe80::2".parse().expect("an address"),
    };
    let image = image(&model(), &prefixes(&model()), &[live([1; 3])], &(1..=3).map(on).collect(), &[], &[]);
    assert_eq!(image.service_addresses().count(), 1);
}

/// Names that differ where the hash looks at nothing: two of them are served, three are refused.
#[test]
fn names_of_the_same_sum() {
    let mut model = model();
    let one = model.clusters[0].clone();
    let named = |name: &str| Cluster { name: name.to_owned(), ..one.clone() };
    model.clusters = vec![
        named("a.bbbbbbbbbbbbb.ccccccccccccccccc.ddddddddddddd.intern.netz"),
        named("a-bbbbbbbbbbbbb1ccccccccccccccccc.ddddddddddddd.intern.netz"),
    ];
    assert_eq!(excess(&model), None);
    let chosen = vec![live([1, 1, 1]); 2];
    let image = image(&model, &prefixes(&model), &chosen, &BTreeSet::new(), &[], &[]);
    let places = image.index.iter().filter(|place| **place != 0).count();
    assert_eq!(places, image.answer_sets().count());
    model.clusters.push(named("a.bbbbbbbbbbbbb1ccccccccccccccccc-ddddddddddddd.intern.netz"));
    let told = excess(&model).expect("one too many");
    assert!(told.contains("a-bbbbbbbbbbbbb1") && told.contains("rename one"), "{told}");
}

/// Of two servers of the same weight, one has two addresses: each server is told as often, and so is each address where a weight
/// makes up for that.
#[test]
fn equal_weights_are_of_servers() {
    let text = r#"
interfaces = ["eth0"]
[[cluster]]
name = "internet.intern.netz"
answer = "one"
probe.port = 443
server = [
  { name = "two", address = "10.0.0.1", alias = ["192.168.0.1", "192.168.0.2"] },
  { name = "one", address = "10.0.0.2", alias = "192.168.0.3" },
]
"#;
    let model = config::parse(text, "test").expect("a good configuration");
    let of = |weights| image(&model, &prefixes(&model), &[live(weights)], &BTreeSet::new(), &[], &[]);
    let shown = of([1, 1]);
    let begins = shown.answers[0].choice.as_ref().expect("they are no turns").ipv4;
    let mut shares = [0_u64; 3];
    for column in &begins.columns[..usize::from(begins.count)] {
        let below = u64::from(u32::from_be_bytes(column.threshold));
        shares[usize::from(column.below)] += below;
        shares[usize::from(column.above)] += (1 << 32) - below;
    }
    let (whole, all) = (u64::from(begins.count) << 32, shares[0] + shares[1]);
    assert!(all.abs_diff(whole / 2) < 8 && shares[0].abs_diff(whole / 4) < 8, "{shares:?} of {whole}");
    assert!(of([2, 1]).answers[0].choice.is_none());
}

/// Prefixes come to the same as others do, where they say the same of all clients.
#[test]
fn prefixes_that_change_nothing_make_no_difference() {
    let mut model = model();
    let clients = |of: &[&str]| of.iter().map(|prefix| prefix.parse().expect("a prefix")).collect();
    model.views[0].clients = clients(&["10.0.0.0/8", "10.1.0.0/16", "10.2.3.0/24"]);
    model.views[1].clients = clients(&["10.2.0.0/16", "10.2.4.0/24"]);
    let all = prefixes(&model);
    model.views[0].clients = clients(&["10.0.0.0/9", "10.128.0.0/9", "10.2.3.0/24"]);
    model.views[1].clients = clients(&["10.2.0.0/16"]);
    assert_eq!(prefixes(&model), all);
    model.views[1].clients = clients(&["10.2.0.0/17"]);
    assert_ne!(prefixes(&model), all);
}

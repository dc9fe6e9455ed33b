use std::collections::BTreeSet;

use super::*;
use crate::{
    cluster::Model,
    config,
    image::{Image, addresses},
    publish,
};

const CONFIG: &str = r#"
interfaces = ["eth0"]
[[cluster]]
name = "internet.intern.netz"
ttl = 30
probe = { type = "tcp", port = 443 }
server = [
    { name = "a", address = "10.10.10.100" }, { name = "b", address = "10.10.10.101" },
    { name = "c", address = "10.10.10.102", weight = 0 },
]
"#;

fn image(when_stale: WhenStale, chosen: Chosen) -> Image {
    let model = Model { when_stale, ..config::parse(CONFIG, "test").expect("a good configuration") };
    let prefixes = publish::prefixes(&model);
    let image = publish::image(&model, &prefixes, &[chosen], &BTreeSet::new(), &[], &[]);
    assert_eq!(image.answer_sets().count(), 1, "the fresh one alone is told of");
    assert_eq!(image.answers.len(), sets(when_stale));
    image
}

/// The addresses in the set that is told when the fresh one is stale, its TTL, its code and what it explains.
fn stale(when_stale: WhenStale, chosen: Chosen) -> (BTreeSet<String>, u32, u8, u16) {
    let image = image(when_stale, chosen);
    assert_eq!(u32::from(image.settings.when_stale) << 24, stale::VIEW);
    let set = &image.answers[1].set;
    assert_eq!(set.view, stale::VIEW.to_be_bytes());
    assert_eq!(set.policy & policy::STALE, policy::STALE);
    let ttl = u32::from_be_bytes(set.ipv4.record.ttl);
    let told = addresses(set).map(|address| address.to_string()).collect();
    (told, ttl, set.rcode, u16::from_be_bytes(set.extended_error))
}

fn live() -> Chosen {
    Chosen { everyone: vec![100, 100, 0], ..Chosen::new(Rule::Live, vec![100, 0, 0]) }
}

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses.iter().map(|address| (*address).to_owned()).collect()
}

#[test]
fn other_answers_have_sets_of_their_own() {
    let ready = set(&["10.10.10.100", "10.10.10.101"]);
    assert_eq!(stale(WhenStale::All, live()), (ready, 1, 0, 3), "who was taken out stays out");
    assert_eq!(stale(WhenStale::Servfail, live()), (set(&[]), 1, 2, 14));
}

#[test]
fn what_is_held_is_the_fresh_set() {
    for (when_stale, view) in [(WhenStale::Hold, 0), (WhenStale::Pass, stale::NO_VIEW)] {
        let image = image(when_stale, live());
        assert_eq!(u32::from(image.settings.when_stale) << 24, view);
        let fresh = &image.answers[0].set;
        assert_eq!(
            (fresh.policy, fresh.ipv4.record.ttl, fresh.ipv4.stale_ttl),
            (0, 30_u32.to_be_bytes(), [0, 1])
        );
    }
}

#[test]
fn without_word_of_who_may_be_handed_out_it_is_all() {
    let (told, ..) = stale(WhenStale::All, Chosen::new(Rule::Live, vec![100, 0, 0]));
    assert_eq!(told.len(), 3);
}

#[test]
fn sets_of_their_own_take_their_room() {
    let config = config::parse(CONFIG, "test").expect("a good configuration");
    let named = |number| Cluster { name: format!("cluster-{number}.netz"), ..config.clusters[0].clone() };
    let excess_of = |when_stale, count: usize| {
        let clusters = (0..count).map(named).collect();
        publish::excess(&Model { when_stale, clusters, ..config.clone() })
    };
    assert_eq!(excess_of(WhenStale::Hold, 511), None);
    assert_eq!(excess_of(WhenStale::All, 255), None);
    let told = excess_of(WhenStale::All, 256).expect("one too many");
    assert!(told.contains("when_stale"), "{told}");
}

//! Views that are not shown all servers of a cluster.

use std::collections::BTreeMap;

use super::{Candidate, Chosen, Rule, choose};
use crate::cluster::{Cluster, Model, Policy};

/// What the clients of such views are told, by view, where that is something else: of those who are shown no server there is no
/// address, whatever the rule; who is shown none of those that are handed out is told what comes of choosing among the others.
pub fn choices(
    model: &Model,
    cluster: &Cluster,
    servers: &[Candidate],
    last: Option<&[bool]>,
    chosen: &Chosen,
) -> BTreeMap<u32, Chosen> {
    if !cluster.hides_servers() {
        return BTreeMap::new();
    }
    let choice = |view: u32| {
        let shown: Vec<usize> = (0..cluster.servers.len())
            .filter(|index| cluster.servers.get(*index).is_some_and(|of| !of.handed_out(view).is_empty()))
            .collect();
        if shown.is_empty() {
            return Some(Chosen::new(Rule::Live, vec![0; servers.len()]));
        }
        let is_told = match chosen.rule {
            Rule::Live | Rule::All | Rule::Last => shown.iter().any(|server| chosen.includes(*server)),
            // That is for everybody.
            Rule::Servfail | Rule::Refused | Rule::NoData | Rule::Addresses => true,
        };
        (!is_told).then(|| among(cluster, servers, last, &shown))
    };
    model.view_identifiers().filter_map(|view| Some((view, choice(view)?))).collect()
}

/// One live server of theirs is enough: how many there have to be is said of the whole cluster.
fn among(cluster: &Cluster, servers: &[Candidate], last: Option<&[bool]>, shown: &[usize]) -> Chosen {
    let candidates: Vec<Candidate> =
        shown.iter().filter_map(|server| servers.get(*server)).copied().collect();
    let last: Option<Vec<bool>> =
        last.map(|last| shown.iter().map(|server| last.get(*server).is_some_and(|was| *was)).collect());
    let policy = Policy { min_up: 1, ..cluster.policy.clone() };
    let among_shown = choose(&policy, &candidates, last.as_deref());
    let mut weights = vec![0; servers.len()];
    for (server, weight) in shown.iter().zip(among_shown.weights) {
        if let Some(place) = weights.get_mut(*server) {
            *place = weight;
        }
    }
    Chosen::new(among_shown.rule, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{admin::AdminState, config, selection::FULL};

    #[test]
    fn who_is_shown_no_live_server_is_told_what_the_policy_says() {
        let text = r#"
            interfaces = ["eth0"]
            [[view]]
            name = "lan"
            clients = ["192.168.0.0/16"]
            [[cluster]]
            name = "c.netz"
            probe.port = 443
            server = [
                { name = "a", address = "10.0.0.1" },
                { name = "b", address = "10.0.0.2", alias = { lan = "none" } },
                { name = "c", address = "10.0.0.3", alias = { lan = "none" } },
            ]
        "#;
        let model = config::parse(text, "F").expect("a good configuration");
        let cluster = &model.clusters[0];
        for (ups, tiers, expected) in [
            ([true, true, true], [1, 1, 1], None),
            ([true, false, false], [1, 1, 1], None),
            // All clients are told by one rule already.
            ([false, false, false], [1, 1, 1], None),
            ([false, true, false], [1, 1, 1], Some((Rule::All, vec![FULL, 0, 0]))),
            // Who is live is told though others are preferred, which these clients are not shown.
            ([true, true, false], [2, 1, 1], Some((Rule::Live, vec![FULL, 0, 0]))),
        ] {
            let candidates: Vec<Candidate> = ups.into_iter().zip(tiers).map(candidate).collect();
            let chosen = choose(&cluster.policy, &candidates, None);
            let choices = choices(&model, cluster, &candidates, None, &chosen);
            assert_eq!(choices.get(&0), None, "{ups:?}");
            let told = choices.get(&1).map(|chosen| (chosen.rule, chosen.weights.clone()));
            assert_eq!(told, expected, "{ups:?}");
        }
    }

    /// The clients of `lan`, whose number is 1, are shown one server of two.
    fn hides_the_second(all_down: &str) -> Model {
        let text = r#"
            interfaces = ["eth0"]
            [[view]]
            name = "lan"
            clients = ["192.168.0.0/16"]
            [[cluster]]
            name = "c.netz"
            all_down = "RULE"
            probe.port = 443
            server = [
                { name = "a", address = "10.0.0.1" },
                { name = "b", address = "10.0.0.2", alias = { lan = "none" } },
            ]
        "#;
        config::parse(&text.replace("RULE", all_down), "F").expect("a good configuration")
    }

    /// What the clients of `lan` see of those who may be handed out is one that is drained; the other one is hidden from them.
    #[test]
    fn who_is_shown_none_of_them_is_told_whoever_they_are_shown() {
        let model = hides_the_second("all");
        let chosen = Chosen { everyone: vec![0, 100], ..Chosen::new(Rule::Live, vec![0, 100]) };
        for (view, told) in [(0, [false, true]), (1, [true, true])] {
            let everyone = chosen.everyone(&model.clusters[0], view);
            assert_eq!([everyone.includes(0), everyone.includes(1)], told, "view {view}");
        }
    }

    /// The one server that they are shown is none of those that everybody is told for want of live ones.
    #[test]
    fn who_is_shown_none_of_the_fallback_is_told_a_server_of_theirs() {
        let (ready, drain) = (AdminState::Ready, AdminState::Drain);
        for (all_down, admin, last, expected) in [
            // The second died last.
            ("last", ready, [false, true], Some((Rule::All, vec![FULL, 0]))),
            ("last", ready, [true, false], None),
            ("last", ready, [true, true], None),
            // The first is drained, and the second down.
            ("all", drain, [false, true], Some((Rule::All, vec![FULL, 0]))),
            ("last", drain, [false, true], Some((Rule::All, vec![FULL, 0]))),
            ("all", ready, [false, true], None),
            // An error is told to everybody.
            ("servfail", drain, [false, true], None),
            ("nodata", drain, [false, true], None),
        ] {
            let model = hides_the_second(all_down);
            let cluster = &model.clusters[0];
            let candidates = [Candidate { admin, ..candidate((false, 1)) }, candidate((false, 1))];
            let chosen = choose(&cluster.policy, &candidates, Some(&last));
            let choices = choices(&model, cluster, &candidates, Some(&last), &chosen);
            let told = choices.get(&1).map(|chosen| (chosen.rule, chosen.weights.clone()));
            assert_eq!(told, expected, "{all_down} {admin} {last:?}");
            assert_eq!(choices.get(&0), None, "{all_down} {admin} {last:?}");
        }
    }

    #[test]
    fn who_is_shown_no_server_is_told_of_none_whatever_the_policy() {
        let text = r#"
            interfaces = ["eth0"]
            default_view = "nodata"
            [[view]]
            name = "lan"
            clients = ["192.168.0.0/16"]
            [[cluster]]
            name = "c.netz"
            all_down = "servfail"
            probe.port = 443
            server = [{ name = "a", address = "10.0.0.1" }]
        "#;
        let model = config::parse(text, "F").expect("a good configuration");
        let cluster = &model.clusters[0];
        for is_up in [true, false] {
            let candidates = [candidate((is_up, 1))];
            let chosen = choose(&cluster.policy, &candidates, None);
            let choices = choices(&model, cluster, &candidates, None, &chosen);
            assert_eq!(choices, BTreeMap::from([(0, Chosen::new(Rule::Live, vec![0]))]), "{is_up}");
        }
    }

    fn candidate((is_up, tier): (bool, u8)) -> Candidate {
        let admin = AdminState::Ready;
        Candidate { is_up, admin, reported: admin, weight: FULL, tier, recovered: None }
    }
}

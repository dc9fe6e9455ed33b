use std::net::IpAddr;

use super::*;
use crate::admin::Said;
use crate::cluster::{
    Alias, Answer, Join, Policy, Probe, ProbeKind, ProbeLimits, Server, Tcp, TcpLimits, View, XdpMode,
};
use crate::health::{Report, ReportedWeight};

mod last_run;
mod succession;

/// A controller's life in one line per turn: what happens -> what is due afterwards, as the letters of the servers
/// handed out per cluster, or `-` where nothing is. All outcomes of a line belong to one turn.
fn check(clusters: &[usize], turns: &[(&str, &str)]) {
    let start = Instant::now();
    let mut now = start;
    let mut roster = Roster::new(model(clusters), Admins::default(), Some(BTreeSet::new()), start);
    for (number, (events, expected)) in turns.iter().enumerate() {
        for event in events.split_whitespace() {
            match event.split_at(1) {
                ("+", server) => observe(&mut roster, server, true, now),
                ("-", server) => observe(&mut roster, server, false, now),
                ("@", milliseconds) => now = start + Duration::from_millis(milliseconds.parse().unwrap()),
                _ => panic!("turn {number}: {event} is no event"),
            }
        }
        let due = roster.due(now, 0);
        let shown = due.as_ref().map_or("-".to_owned(), |selection| show(&roster, selection));
        assert_eq!(shown, *expected, "turn {number}: {events}");
        if let Some(selection) = due {
            roster.set_published(selection);
            assert_eq!(roster.due(now, 0), None, "turn {number}: published twice");
        }
    }
}

/// `a` is the first server of the first cluster, `b` the next one, and so on through all clusters.
fn observe(roster: &mut Roster, letter: &str, success: bool, now: Instant) {
    let mut index = usize::from(letter.as_bytes()[0] - b'a');
    for cluster in 0..roster.model().clusters.len() {
        let count = roster.health(cluster).len();
        if index < count {
            let outcome = match success {
                true => Outcome::success(Duration::ZERO),
                false => Outcome::failure("connection refused"),
            };
            roster.observe(cluster, index, 0, &outcome, now);
            return;
        }
        index -= count;
    }
    panic!("no server {letter}");
}

fn show(roster: &Roster, selection: &Selection) -> String {
    let mut letters = 'a'..='z';
    let of_cluster = |(cluster, servers): (usize, &Vec<ServerHealth>)| {
        (0..servers.len())
            .filter_map(|server| letters.next().filter(|_| selection.includes(cluster, server)))
            .collect::<String>()
    };
    roster.health.iter().enumerate().map(of_cluster).collect::<Vec<_>>().join(" ")
}

/// Clusters of so many servers each; rise 1, fall 2, and a first round of 1,000 ms.
fn model(clusters: &[usize]) -> Model {
    let probes = || vec![Probe { rise: 1, fall: 2, ..Probe::new(ProbeKind::Tcp(Tcp::default()), 443) }];
    let server = |index| Server {
        name: format!("server-{index}"),
        part: None,
        address: IpAddr::from([10, 0, 0, index]),
        weight: 1,
        tier: 1,
        alias: Alias::Own,
        view_aliases: vec![],
        probes: probes(),
    };
    let cluster = |(index, count): (usize, &usize)| Cluster {
        name_servers: Vec::new(),
        name: format!("cluster-{index}.test"),
        ttl: 1,
        ttl_min: None,
        negative_ttl: 5,
        answer: Answer::All,
        policy: Policy::default(),
        probes: probes(),
        join: Join::All,
        servers: (0..u8::try_from(*count).unwrap()).map(server).collect(),
    };
    Model {
        identity: String::new(),
        version: String::new(),
        cookie_secret: None,
        interfaces: vec![],
        xdp_mode: XdpMode::Off,
        state_directory: "/".into(),
        control: "/".into(),
        control_group: None,
        pin_directory: "/".into(),
        listen: vec![],
        tcp: TcpLimits::default(),
        probes: ProbeLimits::default(),
        views: vec![],
        default_view: Default::default(),
        hooks: vec![],
        clusters: clusters.iter().enumerate().map(cluster).collect(),
    }
}

#[test]
fn a_burst_of_outcomes_is_one_publication() {
    check(&[4], &[("+a +b +c", "-"), ("-d -d", "abc"), ("-a -a -b -b +d", "cd"), ("+a +b +c +d", "abcd")]);
}

#[test]
fn outcomes_without_a_new_verdict_publish_nothing() {
    check(&[2], &[("+a", "-"), ("-b -b", "a"), ("+a +a -b", "-"), ("-a", "-"), ("+a -b", "-"), ("", "-")]);
}

#[test]
fn a_server_that_comes_back_within_the_turn_publishes_nothing() {
    check(&[2], &[("+a +b", "ab"), ("-a -a +a", "-")]);
}

#[test]
fn servers_without_a_verdict_are_not_handed_out() {
    check(&[3], &[("", "-"), ("-a", "-"), ("+b", "-"), ("-a", "-"), ("@1000", "b"), ("+c", "bc")]);
}

#[test]
fn all_down_hands_out_all() {
    check(&[2], &[("+a +b", "ab"), ("-a -a", "b"), ("-b -b", "ab"), ("+b", "b"), ("+a", "ab")]);
}

#[test]
fn all_found_down_at_the_start_hands_out_all_without_waiting() {
    check(&[2], &[("-a -a", "-"), ("-b", "-"), ("-b", "ab")]);
}

#[test]
fn the_first_round_ends_by_time() {
    check(&[2], &[("@0", "-"), ("@999 -a", "-"), ("@1000", "ab"), ("@1100 -a -b", "-"), ("@1200 +b", "b")]);
}

#[test]
fn each_name_is_published_when_it_is_decided() {
    check(&[1, 2], &[("+a", "a "), ("+c", "-"), ("-b -b", "a c"), ("-c -c", "a bc")]);
    check(&[1, 1], &[("+a", "a "), ("@1000", "a b")]);
}

/// A predecessor's answer is not taken away for a while.
#[test]
fn names_that_are_answered_already_are_never_missing() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1, 2, 1]), Admins::default(), Some(BTreeSet::new()), now);
    roster.served[1] = true;
    observe(&mut roster, "a", true, now);
    observe(&mut roster, "b", true, now);
    assert_eq!(roster.due(now, 0), None);
    observe(&mut roster, "c", true, now);
    let due = roster.due(now, 0).unwrap();
    assert_eq!((show(&roster, &due).as_str(), due.is_complete()), ("a bc ", false));
}

#[test]
fn a_cluster_does_not_become_undecided_again() {
    // At the time of the last turn the first round has not ended.
    check(&[2], &[("+a", "-"), ("-b -b", "a"), ("@100 -a -a", "ab")]);
}

/// Servers by their letters: `=` ready, `~` drained, `!` maintained. All probes succeed but for those after `-`.
fn check_admin(turns: &[(&str, &str)]) {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[3]), Admins::default(), Some(BTreeSet::new()), now);
    for letter in ["a", "b", "c"] {
        observe(&mut roster, letter, true, now);
    }
    for (number, (events, expected)) in turns.iter().enumerate() {
        for event in events.split_whitespace() {
            let (kind, letter) = event.split_at(1);
            let name = format!("server-{}", letter.as_bytes()[0] - b'a');
            let state = match kind {
                "=" => AdminState::Ready,
                "~" => AdminState::Drain,
                "!" => AdminState::Maint,
                "+" | "-" => {
                    observe(&mut roster, letter, kind == "+", now);
                    continue;
                }
                _ => panic!("turn {number}: {event} is no event"),
            };
            let mut admins = roster.admins().clone();
            admins.set(&name, Said { state, reason: None, since: 0, until: None });
            roster.set_admins(admins);
        }
        roster.tell_time(now, 0);
        let due = roster.due(now, 0);
        let shown = due.as_ref().map_or("-".to_owned(), |selection| show(&roster, selection));
        assert_eq!(shown, *expected, "turn {number}: {events}");
        roster.published = due.or(roster.published);
    }
}

#[test]
fn a_person_s_word_takes_out_and_puts_back() {
    check_admin(&[("", "abc"), ("~b", "ac"), ("!b", "-"), ("!c", "a"), ("~c =c", "-")]);
    check_admin(&[("~a", "bc"), ("=a", "abc")]);
}

/// It was worked on: it proves itself before it is handed out.
#[test]
fn after_its_maintenance_a_server_is_unknown() {
    check_admin(&[("!a", "bc"), ("=a", "-"), ("+a", "abc")]);
    check_admin(&[("!a", "bc"), ("~a", "-"), ("+a", "-"), ("=a", "abc")]);
}

#[test]
fn where_none_is_live_those_who_are_ready_come_first() {
    check_admin(&[
        ("~a", "bc"),
        ("-b -b -c -c", "bc"),
        ("~b", "c"),
        ("~c", "abc"),
        ("!c", "ab"),
        ("!a !b", "abc"),
    ]);
}

/// It leaves the answers without a person's word, and where none is live it comes after those who say nothing.
#[test]
fn a_server_s_own_word_takes_it_out() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[2]), Admins::default(), Some(BTreeSet::new()), now);
    let says = |roster: &mut Roster, server, weight, state| {
        let report = Report { weight, state, warning: None };
        roster.observe(0, server, 0, &Outcome::Success { took: Duration::ZERO, report }, now);
        let due = roster.due(now, 0);
        let shown = due.as_ref().map_or("-".to_owned(), |selection| show(roster, selection));
        roster.published = due.or(roster.published.take());
        shown
    };
    assert_eq!(says(&mut roster, 0, Some(ReportedWeight::Percent(50)), None), "-");
    assert_eq!(says(&mut roster, 1, None, Some(AdminState::Drain)), "a");
    assert_eq!((roster.weight(0, 0), roster.weight(0, 1), roster.weight(0, 2)), (50, 100, 0));
    assert_eq!(roster.state(0, 1), AdminState::Ready, "nobody said so but the server");
    assert_eq!(says(&mut roster, 0, None, Some(AdminState::Maint)), "b");
    assert_eq!(says(&mut roster, 1, None, Some(AdminState::Ready)), "b", "the same, but as it is live");
    assert_eq!(says(&mut roster, 0, None, Some(AdminState::Ready)), "ab");
}

#[test]
fn a_server_that_is_worked_on_is_waited_for_by_nobody() {
    let now = Instant::now();
    let mut admins = Admins::default();
    admins.set("server-1", Said { state: AdminState::Maint, reason: None, since: 0, until: Some(50) });
    let mut roster = Roster::new(model(&[2]), admins, Some(BTreeSet::new()), now);
    assert_eq!(roster.tell_time(now, 49), []);
    observe(&mut roster, "a", true, now);
    assert_eq!(roster.due(now, 0).map(|selection| show(&roster, &selection)), Some("a".to_owned()));
    // Its time is up.
    assert_eq!(roster.tell_time(now, 50), [Target(1)]);
    assert_eq!(roster.tell_time(now, 51), []);
}

#[test]
fn nothing_is_published_before_the_interfaces_have_told() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), None, now);
    observe(&mut roster, "a", true, now);
    assert_eq!(roster.due(now + Duration::from_secs(60), 0), None);
    assert_eq!(roster.deadline(now), None);
    let services = BTreeSet::from([service([10, 0, 0, 1])]);
    roster.set_services(services.clone());
    assert_eq!(roster.due(now, 0).map(|selection| selection.services), Some(services));
}

#[test]
fn a_service_address_that_moves_is_published() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    observe(&mut roster, "a", true, now);
    for (addresses, publishes) in [
        (vec![[10, 0, 0, 1]], true),
        (vec![[10, 0, 0, 1]], false),
        (vec![[10, 0, 0, 1], [10, 0, 0, 2]], true),
        (vec![], true),
    ] {
        roster.set_services(addresses.iter().map(|address| service(*address)).collect());
        let due = roster.due(now, 0);
        assert_eq!(due.is_some(), publishes, "{addresses:?}");
        roster.published = due.or(roster.published);
    }
}

#[test]
fn the_deadline_is_the_next_undecided_cluster_s() {
    let now = Instant::now();
    let mut model = model(&[1, 1]);
    model.clusters[1].servers[0].probes[0].fall = 5;
    let mut roster = Roster::new(model, Admins::default(), Some(BTreeSet::new()), now);
    assert_eq!(roster.deadline(now), Some(now + Duration::from_millis(1000)));
    observe(&mut roster, "b", true, now);
    assert_eq!(roster.deadline(now), Some(now + Duration::from_millis(1000)));
    // What is past is no deadline.
    assert_eq!(roster.deadline(now + Duration::from_millis(1000)), None);
    observe(&mut roster, "a", true, now);
    assert_eq!(roster.deadline(now), None);
}

#[test]
fn a_failed_publication_stays_due() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    observe(&mut roster, "a", true, now);
    assert!(roster.due(now, 0).is_some());
    assert!(roster.due(now, 0).is_some());
}

#[test]
fn targets_are_found_and_unknown_ones_are_not() {
    let roster = Roster::new(model(&[1, 2]), Admins::default(), Some(BTreeSet::new()), Instant::now());
    let places: Vec<_> = roster.targets().map(|(target, ..)| roster.place(target)).collect();
    assert_eq!(places, [Some((0, 0)), Some((1, 0)), Some((1, 1))]);
    assert_eq!(roster.place(Target(3)), None);
}

fn service(address: [u8; 4]) -> ServiceAddress {
    ServiceAddress {
        interface: "eth0".to_owned(),
        interface_index: 2,
        mac: [2, 0, 0, 0, 0, 1],
        vlan_tags: vec![],
        address: address.into(),
    }
}

/// However often outcomes come, and without another serial: secondaries have nothing to fetch.
#[test]
fn a_ttl_that_follows_health_is_published_once_a_second() {
    let start = Instant::now();
    let mut model = model(&[2]);
    let cluster = &mut model.clusters[0];
    (cluster.ttl, cluster.ttl_min) = (30, Some(1));
    for probe in cluster.servers.iter_mut().flat_map(|server| &mut server.probes) {
        (probe.interval, probe.jitter) = (Duration::from_secs(10), 0);
    }
    let mut roster = Roster::new(model, Admins::default(), Some(BTreeSet::new()), start);
    let mut published = Vec::new();
    let mut serials = BTreeSet::new();
    for tenth in 0..200 {
        let now = start + Duration::from_millis(100 * tenth);
        let seconds = tenth / 10;
        if tenth % 100 == 1 {
            observe(&mut roster, "a", true, now);
            observe(&mut roster, "b", true, now);
        }
        roster.tell_ttls(now, 1000 + seconds);
        if let Some(selection) = roster.due(now, 1000 + seconds as u32) {
            published.push((tenth, selection.ttls[0]));
            serials.extend(selection.serials.clone());
            roster.set_published(selection);
        }
    }
    // A probe that was told of at 0.1 s began 0.5 s earlier at most, and two are needed.
    let expected = [(1, 1), (10, 8), (20, 7), (30, 6), (40, 5), (50, 4), (60, 3), (70, 2), (80, 1)];
    assert_eq!(published[..9], expected);
    assert_eq!(published[9..], expected[1..].iter().map(|(at, ttl)| (at + 100, *ttl)).collect::<Vec<_>>());
    assert_eq!(serials.len(), 1);
    assert_eq!(roster.next_ttls_at(), Some(start + Duration::from_secs(20)));
}

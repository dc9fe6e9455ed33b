use std::{net::IpAddr, time::Duration};

use super::*;
use crate::cluster::{
    Alias, Answer, Join, Policy, Probe, ProbeKind, ProbeLimits, Server, Tcp, TcpLimits, View, WhenStale,
    XdpMode,
};

mod admins;
mod choice;
mod incremental;
mod last_run;
mod news;
mod publication;
mod readiness;
mod succession;
mod targets;
mod ttls;

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
        writable: vec![],
        pin_directory: "/".into(),
        listen: vec![],
        tcp: TcpLimits::default(),
        rate_limit: None,
        probes: ProbeLimits::default(),
        stale_after: Duration::from_secs(10),
        when_stale: WhenStale::Hold,
        views: vec![],
        default_view: Default::default(),
        hooks: vec![],
        clusters: clusters.iter().enumerate().map(cluster).collect(),
    }
}

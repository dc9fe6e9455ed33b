use std::{net::Ipv4Addr, time::Duration};

use super::*;
use crate::cluster::{Alias, Probe, ProbeKind, Tcp};

#[test]
fn outcomes_to_health() {
    // Successes are `+`, failures `-`; then the health after each: `u`p, `d`own, or `?` for as it was before.
    for (rise, fall, outcomes, expected) in [
        (1, 1, "+-+-", "udud"),
        (2, 3, "++---++", "?uuud?u"),
        (2, 3, "+-+-+-++", "???????u"),
        (2, 3, "--+---", "?????d"),
        (2, 3, "++--+--+---", "?uuuuuuuuud"),
        (3, 1, "-+++-", "dddud"),
        (0, 0, "+-", "ud"),
    ] {
        let mut server = single(&probe(rise, fall));
        let mut before = Health::Unknown;
        for (position, (outcome, letter)) in outcomes.chars().zip(expected.chars()).enumerate() {
            server.observe(0, &parse(outcome), Instant::now());
            let wanted = match letter {
                'u' => Health::Up,
                'd' => Health::Down,
                _ => before,
            };
            assert_eq!(server.health(), wanted, "{outcomes} with {rise}/{fall}, at {position}");
            before = wanted;
        }
    }
}

/// After each outcome an `i` where the verdict is still another's; for as long the fast interval holds.
#[test]
fn an_inherited_verdict_holds_until_there_is_an_own_one() {
    for (from, outcomes, expected) in [
        (Health::Up, "+-++-", "ui ui ui u u"),
        (Health::Up, "---", "ui ui d"),
        (Health::Down, "-+--+++", "di di di di di u u"),
        (Health::Unknown, "+-++", "? ? ? u"),
    ] {
        let probe = probe(2, 3);
        let mut server = single(&probe);
        server.inherit(Origin::LastRun, from, []);
        let shown = outcomes.chars().map(|outcome| {
            server.observe(0, &parse(outcome), Instant::now());
            let is_fast = server.probes()[0].next_interval(&probe) == probe.fast_interval;
            assert!(is_fast || server.inherited().is_none(), "{from:?} {outcomes}");
            let inherited = if server.inherited().is_some() { "i" } else { "" };
            let health = match server.health() {
                Health::Unknown => "?",
                health @ (Health::Up | Health::Down) => &health.as_str()[..1],
            };
            format!("{health}{inherited}")
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{from:?} {outcomes}");
    }
}

#[test]
fn changing_means_unknown_or_contradicted() {
    // `f` where the fast interval follows the outcome.
    for (outcomes, expected) in [("++-+---+++", "f.f.ff.f.."), ("--+---", "fffff.")] {
        let probe = probe(2, 3);
        let mut server = single(&probe);
        assert!(server.probes()[0].is_changing(), "unknown is changing");
        for (position, (outcome, letter)) in outcomes.chars().zip(expected.chars()).enumerate() {
            server.observe(0, &parse(outcome), Instant::now());
            let wanted = if letter == 'f' { probe.fast_interval } else { probe.interval };
            assert_eq!(server.probes()[0].next_interval(&probe), wanted, "{outcomes} at {position}");
        }
    }
}

#[test]
fn a_change_tells_its_cause() {
    let mut server = single(&probe(2, 3));
    let now = Instant::now();
    let changes: Vec<Change> =
        "++---".chars().filter_map(|outcome| server.observe(0, &parse(outcome), now)).collect();
    let told: Vec<(Health, Health, &str)> =
        changes.iter().map(|change| (change.from, change.to, change.cause.as_str())).collect();
    assert_eq!(
        told,
        [
            (Health::Unknown, Health::Up, "2 successes in a row"),
            (Health::Up, Health::Down, "connection refused (3 failures in a row)"),
        ]
    );
    assert_eq!(server.last_change(), changes.last());
    assert_eq!(server.probes()[0].last_outcome(), Some(&(parse('-'), now)));
}

#[test]
fn changes_are_remembered_but_not_all() {
    let mut server = single(&probe(1, 1));
    let start = Instant::now();
    for second in 0..100 {
        let outcome = parse(if second % 2 == 0 { '+' } else { '-' });
        server.observe(0, &outcome, start + Duration::from_secs(second));
    }
    let told: Vec<u64> = server.changes().map(|change| (change.at - start).as_secs()).collect();
    assert_eq!(told, (68..100).collect::<Vec<_>>());
    server.doubt("maintenance", start + Duration::from_secs(100));
    assert_eq!((server.health(), server.probes()[0].is_changing()), (Health::Unknown, true));
    let last = server.last_change().map(|change| (change.from, change.to, change.cause.as_str()));
    assert_eq!(last, Some((Health::Down, Health::Unknown, "maintenance")));
    // Nothing was known, so nothing changes.
    server.doubt("maintenance", start + Duration::from_secs(101));
    assert_eq!(server.changes().count(), REMEMBERED);
}

/// Every sequence of 12 outcomes under every rise and fall up to 4: no verdict without its outcomes in a row,
/// none withheld, and a change is told exactly when health differs.
#[test]
fn never_flips_without_rise_or_fall_in_a_row() {
    const LENGTH: u32 = 12;
    for (rise, fall) in (1..=4).flat_map(|rise| (1..=4).map(move |fall| (rise, fall))) {
        for bits in 0..1_u32 << LENGTH {
            let outcomes: Vec<bool> = (0..LENGTH).map(|bit| bits >> bit & 1 == 1).collect();
            let mut server = single(&probe(rise, fall));
            for end in 1..=outcomes.len() {
                let before = server.health();
                let (last, seen) = (outcomes[end - 1], &outcomes[..end]);
                let change = server.observe(0, &parse(if last { '+' } else { '-' }), Instant::now());
                let in_a_row = seen.iter().rev().take_while(|outcome| **outcome == last).count() as u32;
                let wanted = match last {
                    true if in_a_row >= rise => Health::Up,
                    false if in_a_row >= fall => Health::Down,
                    _ => before,
                };
                assert_eq!(server.health(), wanted, "{seen:?} with {rise}/{fall}");
                assert_eq!(change.map(|change| change.to), (wanted != before).then_some(wanted));
            }
        }
    }
}

#[test]
fn down_and_not_changing_is_probed_slowly() {
    let probe = Probe { slow_interval: Duration::from_secs(30), ..probe(2, 3) };
    let mut server = single(&probe);
    let after = |server: &ServerHealth| server.probes()[0].next_interval(&probe);
    for (outcome, expected) in "--- - + - + +".split_whitespace().zip([
        probe.slow_interval,
        probe.slow_interval,
        probe.fast_interval,
        probe.slow_interval,
        probe.fast_interval,
        probe.interval,
    ]) {
        for letter in outcome.chars() {
            server.observe(0, &parse(letter), Instant::now());
        }
        assert_eq!(after(&server), expected, "{outcome}");
    }
}

/// Outcomes of two probes, `a` and `b`, with rise 2 and fall 2; in capitals successes. Then the server's health after
/// each, as letters, and the causes of its changes.
#[test]
fn several_probes_come_to_one_verdict() {
    for (join, outcomes, healths, causes) in [
        (Join::All, "AABB", "???u", &["b: 2 successes in a row"][..]),
        (Join::All, "aaBB", "?ddd", &["a: refused (2 failures in a row)"]),
        // Never up by one of them alone, and down until both are up again.
        (
            Join::All,
            "AABBaabbAABB",
            "???uuddddddu",
            &["b: 2 successes in a row", "a: refused (2 failures in a row)", "b: 2 successes in a row"],
        ),
        // One failure of each is no two of the server.
        (Join::All, "AABBabABab", "???uuuuuuu", &["b: 2 successes in a row"]),
        (Join::Any, "AAbb", "?uuu", &["a: 2 successes in a row"]),
        (Join::Any, "aabb", "???d", &["b: refused (2 failures in a row)"]),
        (Join::Any, "AABBaabb", "?uuuuuud", &["a: 2 successes in a row", "b: refused (2 failures in a row)"]),
    ] {
        let named = |name: &str| Probe { name: name.to_owned(), ..probe(2, 2) };
        let mut server = ServerHealth::new(join, &with(vec![named("a"), named("b")]));
        let (mut seen, mut told) = (String::new(), Vec::new());
        for letter in outcomes.chars() {
            let outcome = match letter.is_uppercase() {
                true => Outcome::success(Duration::ZERO),
                false => Outcome::failure("refused"),
            };
            let index = usize::from(letter.eq_ignore_ascii_case(&'b'));
            told.extend(server.observe(index, &outcome, Instant::now()).map(|change| change.cause));
            seen.push(match server.health() {
                Health::Unknown => '?',
                Health::Up => 'u',
                Health::Down => 'd',
            });
        }
        assert_eq!(
            (seen.as_str(), told),
            (healths, causes.iter().map(|cause| (*cause).to_owned()).collect()),
            "{join:?} {outcomes}"
        );
    }
}

#[test]
fn what_a_server_says_of_itself_holds_until_it_says_otherwise() {
    let mut server = ServerHealth::new(Join::All, &with(vec![probe(1, 1), probe(1, 1)]));
    assert_eq!((server.reported_state(), server.weight(3)), (AdminState::Ready, 300));
    for (index, weight, state, expected) in [
        (0, Some(ReportedWeight::Percent(50)), None, (AdminState::Ready, 150)),
        (0, None, Some(AdminState::Drain), (AdminState::Drain, 150)),
        // The most careful probe counts, and the least weight.
        (1, Some(ReportedWeight::Absolute(1)), Some(AdminState::Ready), (AdminState::Drain, 100)),
        (0, Some(ReportedWeight::Percent(0)), Some(AdminState::Ready), (AdminState::Ready, 0)),
        (0, Some(ReportedWeight::Percent(100)), Some(AdminState::Maint), (AdminState::Maint, 100)),
        (1, Some(ReportedWeight::Percent(200)), None, (AdminState::Maint, 300)),
    ] {
        let report = Report { weight, state, ..Report::default() };
        server.observe(index, &Outcome::Success { took: Duration::ZERO, report }, Instant::now());
        assert_eq!((server.reported_state(), server.weight(3)), expected);
    }
    // A failure alone says nothing of that; a doubt takes it all back.
    server.observe(0, &Outcome::failure("refused"), Instant::now());
    assert_eq!(server.reported_state(), AdminState::Maint);
    server.doubt("maintenance has ended", Instant::now());
    assert_eq!((server.reported_state(), server.weight(65_535)), (AdminState::Ready, 6_553_500));
}

#[test]
fn a_probe_that_cannot_run_changes_no_verdict_and_loses_no_evidence() {
    let mut server = ServerHealth::new(Join::All, &with(vec![probe(1, 2)]));
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    server.observe(0, &parse('+'), at(0));
    server.observe(0, &parse('-'), at(1));
    assert!(server.impede(0, "no such command", at(2)) && !server.impede(0, "no memory", at(3)));
    assert_eq!(server.probes()[0].impediment(), Some(&("no memory".to_owned(), at(2))));
    assert_eq!(server.health(), Health::Up);
    server.observe(0, &parse('-'), at(4));
    assert_eq!((server.health(), server.probes()[0].impediment()), (Health::Down, None));
    assert!(!server.impede(7, "there is no such probe", at(5)));
}

fn parse(letter: char) -> Outcome {
    match letter {
        '+' => Outcome::success(Duration::from_millis(1)),
        _ => Outcome::failure("connection refused"),
    }
}

fn probe(rise: u32, fall: u32) -> Probe {
    Probe { rise, fall, ..Probe::new(ProbeKind::Tcp(Tcp::default()), 443) }
}

fn single(probe: &Probe) -> ServerHealth {
    ServerHealth::new(Join::All, &with(vec![probe.clone()]))
}

fn with(probes: Vec<Probe>) -> Server {
    let address = Ipv4Addr::LOCALHOST.into();
    Server {
        name: "a".to_owned(),
        part: None,
        address,
        weight: 1,
        tier: 1,
        alias: Alias::Own,
        view_aliases: vec![],
        probes,
    }
}

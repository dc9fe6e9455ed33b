use proptest::prelude::*;

use super::*;
use crate::cluster::Select;

/// Servers as words: `+` up, `-` down, then `d` for drain and `m` for maint, `r` for a drain that it reports itself, a weight after `*` and a tier after `/`; and
/// the weights of those who are handed out.
fn check(policy: &Policy, servers: &str, last: Option<&[bool]>, rule: Rule, expected: &[u32]) {
    let candidates: Vec<Candidate> = servers.split_whitespace().map(candidate).collect();
    let chosen = choose(policy, &candidates, last);
    let weights: Vec<u32> = expected.iter().map(|weight| weight * FULL).collect();
    assert_eq!(chosen, Chosen::new(rule, weights), "{servers}");
}

fn candidate(word: &str) -> Candidate {
    let number = |sign: char| {
        let (_, number) = word.split_once(sign)?;
        number.split(['*', '/']).next().and_then(|number| number.parse().ok())
    };
    Candidate {
        is_up: word.starts_with('+'),
        admin: match word.get(1..2) {
            Some("d") => AdminState::Drain,
            Some("m") => AdminState::Maint,
            _ => AdminState::Ready,
        },
        reported: if word.contains('r') { AdminState::Drain } else { AdminState::Ready },
        weight: number('*').unwrap_or(1) * FULL,
        tier: number('/').unwrap_or(1) as u8,
        recovered: None,
    }
}

#[test]
fn live_servers_by_weight() {
    let policy = Policy::default();
    check(&policy, "+ - + +d +m", None, Rule::Live, &[1, 0, 1, 0, 0]);
    check(&policy, "+*5 +*0 +*2", None, Rule::Live, &[5, 0, 2]);
}

#[test]
fn a_tier_serves_where_those_before_it_are_too_few() {
    for (spill_below, servers, expected) in [
        (1, "+ + +/2 +/3", &[1, 1, 0, 0][..]),
        (1, "- - +/2 +/3", &[0, 0, 1, 0]),
        (1, "- - -/2 +/3", &[0, 0, 0, 1]),
        (2, "+ - +/2 +/3", &[1, 0, 1, 0]),
        (3, "+ + +/2 +/2 +/3", &[1, 1, 1, 1, 0]),
        (9, "+ + +/2 +/3", &[1, 1, 1, 1]),
        // Those who are to be handed out no more are not among them.
        (1, "+*0 +d +/2", &[0, 0, 1]),
    ] {
        check(&Policy { spill_below, ..Policy::default() }, servers, None, Rule::Live, expected);
    }
}

#[test]
fn a_persons_word_counts_more_than_a_probes() {
    let policy = Policy::default();
    check(&policy, "- - -d -m", None, Rule::All, &[1, 1, 0, 0]);
    check(&policy, "-*0 -*3", None, Rule::All, &[0, 3]);
    check(&policy, "+d +m -m", None, Rule::All, &[1, 0, 0]);
    check(&policy, "+m +m*4", None, Rule::All, &[1, 4]);
    check(&policy, "+r + -", None, Rule::Live, &[0, 1, 0]);
    check(&policy, "+r -d -r", None, Rule::All, &[1, 0, 1]);
    check(&policy, "+r -", None, Rule::All, &[0, 1]);
    // Where all are to be handed out no more, they are what there is.
    check(&policy, "+*0 -*0", None, Rule::All, &[1, 1]);
}

#[test]
fn without_enough_live_servers_the_policy_decides() {
    let with = |all_down| Policy { min_up: 2, all_down, ..Policy::default() };
    let last = [true, false, true];
    for (policy, servers, last, rule, expected) in [
        (with(AllDown::All), "+ + -", None, Rule::Live, [1, 1, 0]),
        (with(AllDown::All), "+ - -", None, Rule::All, [1, 1, 1]),
        (with(AllDown::Servfail), "+ - -", None, Rule::Servfail, [0; 3]),
        (with(AllDown::Refused), "- - -", None, Rule::Refused, [0; 3]),
        (with(AllDown::NoData), "- - -", None, Rule::NoData, [0; 3]),
        (with(AllDown::Addresses(vec![])), "- - -", None, Rule::Addresses, [0; 3]),
        (with(AllDown::Last), "- + -", Some(&last[..]), Rule::Last, [1, 0, 1]),
        (with(AllDown::Last), "- + -m", Some(&last[..]), Rule::Last, [1, 0, 0]),
        (with(AllDown::Last), "-d - -m", Some(&last[..]), Rule::All, [0, 1, 0]),
        (with(AllDown::Last), "- - -", None, Rule::All, [1, 1, 1]),
    ] {
        check(&policy, servers, last, rule, &expected);
    }
}

#[test]
fn weights_rise_in_steps() {
    for (slow_start, seconds, expected) in [
        (None, 0, 1000),
        (Some(30), 0, 100),
        (Some(30), 2, 100),
        (Some(30), 3, 100),
        (Some(30), 6, 200),
        (Some(30), 29, 900),
        (Some(30), 30, 1000),
        // At most one step a second.
        (Some(4), 1, 250),
        (Some(4), 3, 750),
        (Some(1), 0, 100),
    ] {
        let server =
            Candidate { weight: 10 * FULL, recovered: Some(Duration::from_secs(seconds)), ..candidate("+") };
        let policy = Policy { slow_start: slow_start.map(Duration::from_secs), ..Policy::default() };
        assert_eq!(choose(&policy, &[server], None).weights, [expected], "{slow_start:?} after {seconds} s");
    }
}

proptest! {
    /// Nobody who is to be handed out no more is, and a name with servers has an address but where the policy says otherwise.
    #[test]
    fn whoever_is_handed_out_may_be(
        servers in prop::collection::vec(
            (any::<bool>(), 0..9_usize, prop_oneof![Just(0), 1..=10_000_000_u32], 1..4_u8, prop::option::of(0..60_u64)),
            1..=64,
        ),
        (spill_below, min_up) in (1..5_u16, 1..5_u16),
        slow_start in prop::option::of(1..60_u64),
    ) {
        let states = [AdminState::Ready, AdminState::Drain, AdminState::Maint];
        let candidates: Vec<Candidate> = servers.iter().map(|(is_up, admin, weight, tier, recovered)| Candidate {
            is_up: *is_up,
            admin: states[admin / 3],
            reported: states[admin % 3],
            weight: *weight,
            tier: *tier,
            recovered: recovered.map(Duration::from_secs),
        }).collect();
        let policy = Policy {
            select: Select::Weighted,
            spill_below,
            min_up,
            slow_start: slow_start.map(Duration::from_secs),
            all_down: AllDown::All,
        };
        let chosen = choose(&policy, &candidates, None);
        prop_assert!(chosen.weights.iter().any(|weight| *weight != 0));
        let live = candidates.iter().filter(|server| server.is_live()).count();
        prop_assert_eq!(chosen.rule == Rule::Live, live >= usize::from(min_up));
        let best = candidates.iter().map(Candidate::rank).min();
        for (server, weight) in candidates.iter().zip(&chosen.weights).filter(|(_, weight)| **weight != 0) {
            let full = unrisen(server);
            prop_assert!(*weight >= full / 10 && *weight <= full);
            let may_be = if chosen.rule == Rule::Live { server.is_live() } else { Some(server.rank()) == best };
            prop_assert!(may_be);
        }
        if chosen.rule == Rule::Live {
            // Tiers are whole, and as few of them serve as are enough.
            let served = |server: &(&Candidate, &u32)| *server.1 != 0;
            let pairs = || candidates.iter().zip(&chosen.weights);
            let last = pairs().filter(served).map(|(server, _)| server.tier).max().unwrap_or(0);
            let before = candidates.iter().filter(|server| server.is_live() && server.tier < last).count();
            prop_assert!(before < usize::from(spill_below));
            prop_assert!(pairs().all(|pair| !pair.0.is_live() || served(&pair) == (pair.0.tier <= last)));
        }
    }

    /// The steps that are announced are those that are taken.
    #[test]
    fn rises_are_announced(slow_start in 1..100_u64, age in 0..100_000_u64) {
        let slow_start = Some(Duration::from_secs(slow_start));
        let age = Duration::from_millis(age);
        let weight = |age| {
            let server = Candidate { weight: 1000 * FULL, recovered: Some(age), ..candidate("+") };
            choose(&Policy { slow_start, ..Policy::default() }, &[server], None).weights[0]
        };
        let mut steps = 0;
        let mut now = age;
        while let Some(next) = next_rise(slow_start, Some(now)) {
            prop_assert!(next > Duration::ZERO);
            prop_assert_eq!(weight(now + next - Duration::from_millis(1).min(next)), weight(now));
            now += next;
            steps += 1;
            prop_assert!(steps <= 11);
        }
        prop_assert_eq!(weight(now), 1000 * FULL);
    }
}

use super::*;
use crate::{
    admin::Said,
    cluster::{Agent, AllDown},
    health::{Report, ReportedWeight},
    image::Image,
    last_run::file::Memory,
    publish::{self, Renderer},
    remark::Remark,
    rules::Rules,
    selection::{Chosen, FULL, Rule},
};

/// A cluster of three servers, of which the maps hand out those with `+`: what is due at once, and after `a` has been
/// found down.
fn start(maps: &str) -> (Roster, Instant) {
    let now = Instant::now();
    let weights = maps.bytes().map(|told| u32::from(told == b'+') * FULL).collect();
    let chosen = Chosen { weights, ..Chosen::default() };
    let image = match maps {
        "" => Image::default(),
        _ => publish::image(
            &model(&[3]),
            &publish::prefixes(&model(&[3])),
            &[chosen],
            &BTreeSet::new(),
            &[Some(77)],
            &[],
        ),
    };
    let mut roster = Roster::new(model(&[3]), Admins::default(), Some(BTreeSet::new()), now);
    roster.remember(&image, &Memory::default(), now, 0);
    (roster, now)
}

#[test]
fn who_was_handed_out_is_until_found_down() {
    for (maps, at_once, later) in
        [("++-", "ab", "b"), ("+--", "a", "-"), ("+++", "abc", "bc"), ("", "-", "-")]
    {
        let (mut roster, now) = start(maps);
        let due = roster.due(now, 100);
        assert_eq!(due.as_ref().map_or("-".to_owned(), |due| show(&roster, due)), at_once, "{maps}");
        if let Some(due) = due {
            assert_eq!(due.serials, [Some(77)], "the zone says what it said");
            roster.set_published(due);
        }
        for _ in 0..2 {
            observe(&mut roster, "a", false, now);
        }
        let due = roster.due(now, 100).filter(|due| show(&roster, due) != "abc");
        assert_eq!(due.as_ref().map_or("-".to_owned(), |due| show(&roster, due)), later, "{maps}");
        if let Some(due) = due {
            assert_eq!(due.serials, [Some(100)]);
        }
    }
}

#[test]
fn a_verdict_of_the_last_run_is_told_as_such() {
    let (mut roster, now) = start("++-");
    let from =
        |roster: &Roster, server: usize| roster.health(0)[server].inherited().map(|from| from.as_str());
    assert_eq!([0, 1, 2].map(|server| from(&roster, server)), [Some("last run"), Some("last run"), None]);
    observe(&mut roster, "a", true, now);
    observe(&mut roster, "b", false, now);
    assert_eq!([0, 1, 2].map(|server| from(&roster, server)), [None, Some("last run"), None]);
}

/// What is written for the next run is what it finds, history included.
#[test]
fn a_snapshot_is_read_back() {
    let (mut roster, now) = start("");
    observe(&mut roster, "a", true, now);
    for _ in 0..2 {
        observe(&mut roster, "b", false, now);
    }
    let memory = Memory::of(&roster, &Rules::default(), now, 1_000_000);
    let text = serde_json::to_string(&memory).unwrap();
    let read: Memory = serde_json::from_str(&text).unwrap();
    let later = now + Duration::from_secs(5);
    let mut next = Roster::new(model(&[3]), Admins::default(), Some(BTreeSet::new()), later);
    next.remember(&Image::default(), &read, later, 1_005_000);
    let told = |roster: &Roster| {
        let changes = roster.health(0).iter().map(|health| health.changes().cloned().collect::<Vec<_>>());
        changes.collect::<Vec<_>>()
    };
    assert_eq!(told(&roster), told(&next));
    let health = |roster: &Roster| roster.health(0).iter().map(ServerHealth::health).collect::<Vec<_>>();
    assert_eq!(health(&roster), health(&next));
}

/// A cluster of three servers with agents.
fn with_agents(send: &str) -> Model {
    let mut model = model(&[3]);
    for server in &mut model.clusters[0].servers {
        let kind = ProbeKind::Agent(Agent { send: send.as_bytes().to_vec() });
        server.probes = vec![Probe { rise: 1, fall: 2, ..Probe::new(kind, 5555) }];
    }
    model
}

fn says(roster: &mut Roster, server: usize, weight: Option<u16>, state: Option<AdminState>, now: Instant) {
    let report = Report { weight: weight.map(ReportedWeight::Percent), state, ..Report::default() };
    roster.observe(0, server, 0, &Outcome::Success { took: Duration::ZERO, report }, now);
}

/// The next run, so many milliseconds later, with the file and maybe the maps of this one.
fn restart(roster: &mut Roster, model: Model, now: Instant, maps: bool, age: u64) -> Roster {
    let due = roster.due(now, 0).unwrap();
    let image = Renderer::default().image(roster.model(), roster.basis(), &due);
    roster.set_published(due);
    let text = serde_json::to_string(&Memory::of(roster, &Rules::default(), now, 1_000_000)).unwrap();
    let mut next = Roster::new(model, Admins::default(), Some(BTreeSet::new()), now);
    let image = if maps { image } else { Image::default() };
    next.remember(&image, &serde_json::from_str(&text).unwrap(), now, 1_000_000 + age);
    next
}

/// With maps and without them: who drains itself drains still, and weights are as they were.
#[test]
fn what_servers_said_of_themselves_holds_over_a_restart() {
    for maps in [false, true] {
        let now = Instant::now();
        let mut roster = Roster::new(with_agents("x"), Admins::default(), Some(BTreeSet::new()), now);
        says(&mut roster, 0, Some(50), None, now);
        says(&mut roster, 1, None, Some(AdminState::Drain), now);
        says(&mut roster, 2, Some(0), None, now);
        let mut next = restart(&mut roster, with_agents("x"), now, maps, 0);
        let chosen = next.due(now, 0).unwrap().chosen.remove(0).as_ref().clone();
        assert_eq!((chosen.rule, chosen.weights), (Rule::Live, vec![50, 0, 0]), "maps: {maps}");
        assert_eq!(
            [0, 1, 2].map(|server| next.reported_state(0, server)),
            [AdminState::Ready, AdminState::Drain, AdminState::Ready]
        );
        // What is not said stays as it was, as it does without a restart.
        says(&mut next, 1, None, None, now);
        says(&mut next, 0, None, Some(AdminState::Maint), now);
        says(&mut next, 2, Some(20), None, now);
        assert_eq!(next.choose(0, now).weights, [0, 0, 20], "maps: {maps}");
    }
}

/// Nobody could take back what was said to a probe that is no more; who was out by it proves itself first.
#[test]
fn what_another_agent_said_has_to_be_said_anew() {
    for maps in [false, true] {
        let now = Instant::now();
        let mut roster = Roster::new(with_agents("x"), Admins::default(), Some(BTreeSet::new()), now);
        says(&mut roster, 0, Some(50), None, now);
        says(&mut roster, 1, None, Some(AdminState::Drain), now);
        says(&mut roster, 2, None, None, now);
        let mut next = restart(&mut roster, with_agents("y"), now, maps, 0);
        assert_eq!(next.choose(0, now).weights, [FULL, 0, FULL], "maps: {maps}");
        says(&mut next, 1, None, None, now);
        assert_eq!(next.choose(0, now).weights, [FULL; 3], "maps: {maps}");
    }
}

/// Whoever was told that a server had taken itself out is told when that counts no more, and why.
#[test]
fn what_a_start_drops_of_what_servers_said_is_told() {
    let told = |roster: &mut Roster| {
        let news = roster.take_news().into_iter().filter_map(|news| match news.what {
            What::Remark(remark) => {
                let Remark { from, to, cause, .. } = remark;
                Some(format!("{} {}: {from} -> {to} ({cause})", news.server, remark.subject.as_str()))
            }
            What::Verdict(_) => None,
        });
        news.collect::<Vec<_>>()
    };
    let start =
        |send: &str, now| Roster::new(with_agents(send), Admins::default(), Some(BTreeSet::new()), now);
    let cause = "(it is probed otherwise, and had taken itself out)";
    let dropped =
        [format!("server-1 reported: drain -> ready {cause}"), format!("server-2 weight: 0 -> 1 {cause}")];
    for (maps, send, expected) in
        [(false, "x", &[][..]), (true, "x", &[]), (false, "y", &dropped), (true, "y", &dropped)]
    {
        let now = Instant::now();
        let mut roster = start("x", now);
        says(&mut roster, 0, Some(50), None, now);
        says(&mut roster, 1, None, Some(AdminState::Drain), now);
        says(&mut roster, 2, Some(0), None, now);
        let mut next = restart(&mut roster, with_agents(send), now, maps, 0);
        assert_eq!(told(&mut next), expected, "{send}, maps: {maps}");
        // Once.
        let mut next = restart(&mut next, with_agents(send), now, maps, 0);
        assert_eq!(told(&mut next), Vec::<String>::new(), "{send}, maps: {maps}");
    }
    // The maps have it back in the answers, as the file had no time to be saved; or it was worked on since.
    let now = Instant::now();
    let mut roster = start("x", now);
    (0..3).for_each(|server| says(&mut roster, server, None, Some(AdminState::Ready), now));
    let due = roster.due(now, 0).unwrap();
    let maps = Renderer::default().image(roster.model(), roster.basis(), &due);
    says(&mut roster, 1, None, Some(AdminState::Drain), now);
    let memory = Memory::of(&roster, &Rules::default(), now, 1_000_000);
    let mut worked_on = Admins::default();
    let maint = Said { state: AdminState::Maint, reason: None, since: 1000, until: Some(1001) };
    worked_on.set("server-1", maint);
    for (maps, admins, cause) in [
        (maps, Admins::default(), "the last run handed it out again"),
        (Image::default(), worked_on, "maintenance has ended"),
    ] {
        let mut next = Roster::new(with_agents("x"), admins, Some(BTreeSet::new()), now);
        next.remember(&maps, &memory, now, 1_002_000);
        assert_eq!(told(&mut next), [format!("server-1 reported: drain -> ready ({cause})")]);
    }
}

/// However old the file is; who was up has to prove itself where there are no maps.
#[test]
fn an_old_file_tells_what_servers_said_of_themselves() {
    let now = Instant::now();
    let mut roster = Roster::new(with_agents("x"), Admins::default(), Some(BTreeSet::new()), now);
    (0..3).for_each(|server| says(&mut roster, server, None, None, now));
    says(&mut roster, 1, None, Some(AdminState::Drain), now);
    let mut next = restart(&mut roster, with_agents("x"), now, false, 600_000);
    assert_eq!((next.live(0), next.reported_state(0, 1)), (0, AdminState::Drain));
    (0..3).for_each(|server| says(&mut next, server, None, None, now));
    assert_eq!(next.choose(0, now).weights, [FULL, 0, FULL]);
}

/// Two were live, then none; the next run still tells of those two.
#[test]
fn who_was_live_last_is_known_over_restarts() {
    let stale = || {
        let mut model = model(&[3]);
        model.clusters[0].policy.all_down = AllDown::Last;
        model
    };
    for maps in [false, true] {
        let now = Instant::now();
        let mut roster = Roster::new(stale(), Admins::default(), Some(BTreeSet::new()), now);
        for event in ["a+", "b+", "c-", "c-"] {
            observe(&mut roster, &event[..1], event.ends_with('+'), now);
        }
        let due = roster.due(now, 0).unwrap();
        roster.set_published(due);
        ["a", "a", "b", "b"].iter().for_each(|server| observe(&mut roster, server, false, now));
        for _ in 0..2 {
            let mut next = restart(&mut roster, stale(), now, maps, 0);
            let chosen = next.due(now, 0).unwrap().chosen.remove(0).as_ref().clone();
            assert_eq!((chosen.rule, chosen.weights), (Rule::Last, vec![FULL, FULL, 0]), "maps: {maps}");
            roster = next;
        }
    }
}

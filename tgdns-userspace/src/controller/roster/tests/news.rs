use super::*;
use crate::{
    admin::Said,
    health::{Health, Report, ReportedWeight},
    image::Image,
    last_run::file::Memory,
    remark::Subject,
    rules::Rules,
};

/// What is told, and on which occasion: `server-0 drain: ready -> drain (a fan)`.
fn told(roster: &mut Roster) -> Vec<String> {
    let line = |news: News| {
        let (from, to, cause) = match &news.what {
            What::Verdict(change) => (change.from.as_str(), change.to.as_str(), &change.cause),
            What::Remark(remark) => (remark.from.as_str(), remark.to.as_str(), &remark.cause),
        };
        format!("{} {}: {from} -> {to} ({cause})", news.server, news.occasion().as_str())
    };
    roster.take_news().into_iter().map(line).collect()
}

/// The remarks that the history shows of a server.
fn remembered(roster: &Roster, server: usize) -> Vec<(String, String)> {
    let remarks = roster.remarks(0, server).unwrap();
    remarks.iter().map(|remark| (remark.to.clone(), remark.cause.clone())).collect()
}

fn say(roster: &mut Roster, state: Option<AdminState>, weight: Option<u16>, why: Option<&str>, now: Instant) {
    let weight = weight.map(ReportedWeight::Percent);
    let report = Report { state, weight, description: why.map(str::to_owned), ..Report::default() };
    roster.observe(0, 0, 0, &Outcome::Success { took: Duration::ZERO, report }, now);
}

fn maint_until(end: u64) -> Admins {
    let mut admins = Admins::default();
    let reason = Some("a fan".to_owned());
    admins.set("server-0", Said { state: AdminState::Maint, reason, since: 10, until: Some(end) });
    admins
}

#[test]
fn what_a_server_says_of_itself_is_told_once() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[2]), Admins::default(), Some(BTreeSet::new()), now);
    say(&mut roster, None, Some(50), None, now);
    assert_eq!(told(&mut roster), ["server-0 up: unknown -> up (1 success)"]);
    for _ in 0..2 {
        say(&mut roster, Some(AdminState::Drain), None, Some("for the night"), now);
    }
    assert_eq!(told(&mut roster), ["server-0 reported: ready -> drain (it says drain (for the night))"]);
    say(&mut roster, Some(AdminState::Ready), Some(0), None, now);
    assert_eq!(
        told(&mut roster),
        ["server-0 reported: drain -> ready (it says ready)", "server-0 weight: 0.5 -> 0 (it says ready)"]
    );
    // A load that changes takes nobody out.
    say(&mut roster, None, Some(10), None, now);
    say(&mut roster, None, Some(20), None, now);
    assert_eq!(told(&mut roster), ["server-0 weight: 0 -> 0.1 (it says another weight)"]);
    assert_eq!(remembered(&roster, 0).len(), 4);
    assert_eq!(remembered(&roster, 1), []);
}

#[test]
fn the_end_of_a_maintenance_is_told_with_all_that_it_takes_back() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    roster.tell_time(now, 0);
    say(&mut roster, Some(AdminState::Drain), None, None, now);
    roster.take_news();
    for (admins, end) in [(None, "the time of maint is up"), (Some(Admins::default()), "by hand")] {
        roster.set_admins(maint_until(50));
        roster.tell_time(now, 20);
        assert_eq!(told(&mut roster), ["server-0 maint: ready -> maint (a fan)"]);
        if let Some(admins) = admins {
            roster.set_admins(admins);
            roster.tell_time(now, 49);
        } else {
            roster.tell_time(now, 49);
            assert_eq!(told(&mut roster), Vec::<String>::new());
            roster.tell_time(now, 50);
        }
        let ready = format!("server-0 ready: maint -> ready ({end})");
        assert_eq!(
            told(&mut roster),
            [
                ready.as_str(),
                "server-0 unknown: up -> unknown (maintenance has ended)",
                "server-0 reported: drain -> ready (maintenance has ended)"
            ]
        );
        say(&mut roster, Some(AdminState::Drain), None, None, now);
        roster.take_news();
    }
}

/// Who is ready is not listed, but why is told, by the next run as well where this one ended too early for it.
#[test]
fn the_reason_of_ready_is_told() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    for (reason, expected) in [(Some("the fan is in"), "the fan is in"), (None, "by hand")] {
        roster.set_admins(maint_until(50));
        roster.tell_time(now, 20);
        roster.take_news();
        let before = restarted(&roster, model(&[1]), now);
        let mut admins = maint_until(50);
        let reason = reason.map(str::to_owned);
        admins.set("server-0", Said { state: AdminState::Ready, reason, since: 30, until: None });
        roster.set_admins(serde_json::from_str(&serde_json::to_string(&admins).unwrap()).unwrap());
        roster.tell_time(now, 30);
        let told_by_both = format!("server-0 ready: maint -> ready ({expected})");
        assert_eq!(told(&mut roster), [told_by_both.as_str()]);
        let mut next = Roster::new(model(&[1]), admins, Some(BTreeSet::new()), now);
        let memory = serde_json::to_string(&Memory::of(&before, &Rules::default(), now, 20_000)).unwrap();
        next.remember(&Image::default(), &serde_json::from_str(&memory).unwrap(), now, 31_000);
        assert_eq!(told(&mut next), [told_by_both.as_str()]);
    }
}

/// Another reason is told as well, though the state is the same.
#[test]
fn another_reason_is_told() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), maint_until(50), Some(BTreeSet::new()), now);
    roster.tell_time(now, 20);
    roster.set_admins(maint_until(60));
    roster.tell_time(now, 20);
    let maint = ["ready", "maint"].map(|from| format!("server-0 maint: {from} -> maint (a fan)"));
    assert_eq!(told(&mut roster), maint);
    roster.set_admins(maint_until(60));
    roster.tell_time(now, 21);
    assert_eq!(told(&mut roster), Vec::<String>::new());
}

/// What ended while no controller ran is told by the next one, which does not repeat what was told.
#[test]
fn what_was_said_outlives_a_restart() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), maint_until(50), Some(BTreeSet::new()), now);
    observe(&mut roster, "a", true, now);
    roster.tell_time(now, 20);
    let text = serde_json::to_string(&Memory::of(&roster, &Rules::default(), now, 20_000)).unwrap();
    for (seconds, expected) in [(40, &[][..]), (50, &["maint -> ready (the time of maint is up)"])] {
        let mut next = Roster::new(model(&[1]), maint_until(50), Some(BTreeSet::new()), now);
        let memory = serde_json::from_str(&text).unwrap();
        next.remember(&Image::default(), &memory, now, seconds * 1000);
        let told = told(&mut next);
        let ends: Vec<&str> = told.iter().filter_map(|told| told.strip_prefix("server-0 ready: ")).collect();
        assert_eq!(ends, expected, "{seconds}: {told:?}");
        assert_eq!(remembered(&next, 0)[0], ("maint".to_owned(), "a fan".to_owned()));
        let health = if expected.is_empty() { Health::Up } else { Health::Unknown };
        assert_eq!(next.health(0)[0].health(), health, "it proves itself after the work on it");
    }
}

/// One that took itself out by a probe that it no longer has must prove itself.
#[test]
fn another_probe_takes_back_what_the_one_before_reported() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    say(&mut roster, Some(AdminState::Drain), Some(0), None, now);
    let mut other = model(&[1]);
    other.clusters[0].servers[0].probes[0].port = 444;
    let mut next = roster.successor(other, now);
    let cause = "(it is probed otherwise, and had taken itself out)";
    assert_eq!(
        told(&mut next),
        [
            format!("server-0 unknown: up -> unknown {cause}"),
            format!("server-0 reported: drain -> ready {cause}"),
            format!("server-0 weight: 0 -> 1 {cause}"),
        ]
    );
    assert_eq!(remembered(&next, 0).len(), 4);
    assert_eq!(told(&mut roster.successor(model(&[1]), now)), Vec::<String>::new());
}

/// The next run, which finds what this one has saved.
fn restarted(roster: &Roster, model: Model, now: Instant) -> Roster {
    let text = serde_json::to_string(&Memory::of(roster, &Rules::default(), now, 20_000)).unwrap();
    let mut next = Roster::new(model, roster.admins().clone(), Some(BTreeSet::new()), now);
    next.remember(&Image::default(), &serde_json::from_str(&text).unwrap(), now, 20_000);
    next
}

/// Once for as long as it lasts, and its verdict stays.
#[test]
fn a_probe_that_cannot_run_is_told_once() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    observe(&mut roster, "a", true, now);
    roster.take_news();
    for _ in 0..3 {
        roster.impede(0, 0, 0, "cannot run /x", now);
    }
    assert_eq!(told(&mut roster), ["server-0 probing: probed -> not probed (cannot run /x)"]);
    assert!(roster.is_live(0, 0));
    observe(&mut roster, "a", true, now);
    assert_eq!(told(&mut roster), ["server-0 probing: not probed -> probed (this host can probe it again)"]);
}

/// Whoever was told that a server is not probed is told when it is again, whatever lies in between.
#[test]
fn the_end_of_an_impediment_is_told_over_restarts_and_reloads() {
    let start = Instant::now();
    let repaired = |edit: fn(&mut Server)| {
        let mut model = model(&[1]);
        edit(&mut model.clusters[0].servers[0]);
        model
    };
    let edits: [fn(&mut Server); 3] = [
        |_| (),
        |server| server.probes[0].port = 444,
        // The same name at another address: what is said is said of the name.
        |server| server.address = [10, 0, 0, 9].into(),
    ];
    for (case, edit) in edits.into_iter().enumerate() {
        for restarts in [false, true] {
            let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), start);
            roster.impede(0, 0, 0, "cannot run /x", start);
            let later = start + Duration::from_secs(7);
            roster.take_news();
            let mut next = match restarts {
                true => restarted(&roster, repaired(edit), later),
                false => roster.successor(repaired(edit), later),
            };
            next.take_news();
            // Not repaired yet: that has been told.
            next.impede(0, 0, 0, "cannot run /x", later);
            assert_eq!(told(&mut next), Vec::<String>::new(), "case {case}, restarts {restarts}");
            // Another cause of the same is told as such.
            next.impede(0, 0, 0, "no memory", later);
            observe(&mut next, "a", true, later);
            let news = next.take_news();
            let probing = news.iter().filter_map(|news| match &news.what {
                What::Remark(remark) if remark.subject == Subject::Probing => Some((remark, news.after)),
                What::Remark(_) | What::Verdict(_) => None,
            });
            let probing: Vec<_> =
                probing.map(|(remark, after)| (remark.from.as_str(), remark.to.as_str(), after)).collect();
            let seven = Some(Duration::from_secs(7));
            assert_eq!(probing, [("not probed", "probed", seven)], "case {case}, restarts {restarts}");
        }
    }
}

/// It is not probed for as long as one of its probes cannot run, and a fresh one has to be seen to run.
#[test]
fn all_probes_of_a_server_have_to_run() {
    let now = Instant::now();
    let two = || {
        let mut model = model(&[1]);
        let probes = &mut model.clusters[0].servers[0].probes;
        probes.push(Probe { name: "other".to_owned(), ..probes[0].clone() });
        model
    };
    let mut roster = Roster::new(two(), Admins::default(), Some(BTreeSet::new()), now);
    let ok = Outcome::success(Duration::ZERO);
    roster.impede(0, 0, 0, "cannot run /x", now);
    roster.impede(0, 0, 1, "cannot run /y", now);
    let one = "server-0 probing: probed -> not probed (tcp: cannot run /x)";
    assert_eq!(told(&mut roster), [one, "server-0 probing: not probed -> not probed (other: cannot run /y)"]);
    roster.observe(0, 0, 0, &ok, now);
    assert_eq!(told(&mut roster), Vec::<String>::new());
    let mut next = restarted(&roster, two(), now);
    next.observe(0, 0, 0, &ok, now);
    next.impede(0, 0, 1, "cannot run /y", now);
    assert_eq!(told(&mut next), Vec::<String>::new(), "the other one cannot run still");
    next.observe(0, 0, 1, &ok, now);
    let end = "server-0 probing: not probed -> probed (this host can probe it again)";
    assert_eq!(told(&mut next), ["server-0 up: unknown -> up (other: 1 success)", end]);
}

/// Between a reload's reading and its taking place both configurations probe. What the one that goes was told is known to the
/// one that comes.
#[test]
fn what_was_told_while_a_reload_was_prepared_is_ended() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut other = model(&[2]);
    other.clusters[0].servers[0].probes[0].port = 444;
    for repaired in [false, true] {
        let mut roster = Roster::new(model(&[2]), Admins::default(), Some(BTreeSet::new()), start);
        let mut next = roster.successor(other.clone(), at(1));
        say(&mut roster, Some(AdminState::Drain), Some(0), None, at(2));
        roster.impede(0, 0, 0, "cannot run /x", at(2));
        if repaired {
            observe(&mut next, "a", true, at(2));
        }
        roster.take_news();
        next.take_news();
        next.take_place_of(&roster, at(3));
        let cause = "(it is probed otherwise, and had taken itself out)";
        let dropped = [
            format!("server-0 reported: drain -> ready {cause}"),
            format!("server-0 weight: 0 -> 1 {cause}"),
        ];
        assert_eq!(told(&mut next), dropped);
        assert_eq!(told(&mut roster), Vec::<String>::new());
        observe(&mut next, "a", true, at(4));
        let last = told(&mut next);
        assert!(
            last.iter().any(|told| told.starts_with("server-0 probing: not probed -> probed")),
            "{last:?}"
        );
        // The one that is probed as before has nothing to be told of.
        assert_eq!(remembered(&next, 1), []);
    }
}

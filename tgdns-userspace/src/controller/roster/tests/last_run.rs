use super::*;
use crate::{
    image::Image,
    last_run::file::Memory,
    publish,
    selection::{Chosen, FULL},
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
    let memory = Memory::of(&roster, now, 1_000_000);
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

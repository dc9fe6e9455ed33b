use super::*;
use crate::admin::Said;

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

/// What was said once more, with another reason or end, is no change.
#[test]
fn how_long_a_state_held_counts_from_its_change() {
    let start = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), start);
    let mut say = |second, state, reason: &str| {
        let mut admins = roster.admins().clone();
        admins.set("server-0", Said { state, reason: Some(reason.to_owned()), since: second, until: None });
        roster.set_admins(admins);
        roster.tell_time(start + Duration::from_secs(second), second);
        let told = roster.take_news();
        let of_people = told.into_iter().filter(News::is_of_people);
        of_people.map(|news| news.after.map(|after| after.as_secs())).collect::<Vec<_>>()
    };
    let (ready, drain, maint) = (AdminState::Ready, AdminState::Drain, AdminState::Maint);
    for (second, state, reason, after) in [
        (10, drain, "a fan", None),
        (20, drain, "two fans", Some(10)),
        (40, maint, "a disk", Some(30)),
        (50, maint, "two disks", Some(10)),
        (100, ready, "done", Some(60)),
        (107, drain, "a fan", Some(7)),
    ] {
        assert_eq!(say(second, state, reason), [after], "at {second}");
    }
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

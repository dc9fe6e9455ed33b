use super::*;
use crate::health::{Report, ReportedWeight};

#[test]
fn all_down_hands_out_all() {
    check(&[2], &[("+a +b", "ab"), ("-a -a", "b"), ("-b -b", "ab"), ("+b", "b"), ("+a", "ab")]);
}

/// It leaves the answers without a person's word, and where none is live it comes after those who say nothing.
#[test]
fn a_server_s_own_word_takes_it_out() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[2]), Admins::default(), Some(BTreeSet::new()), now);
    let says = |roster: &mut Roster, server, weight, state| {
        let report = Report { weight, state, ..Report::default() };
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

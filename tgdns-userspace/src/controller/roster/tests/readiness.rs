use super::*;

#[test]
fn servers_without_a_verdict_are_not_handed_out() {
    check(&[3], &[("", "-"), ("-a", "-"), ("+b", "-"), ("-a", "-"), ("@1000", "b"), ("+c", "bc")]);
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

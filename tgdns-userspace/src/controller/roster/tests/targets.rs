use super::*;

#[test]
fn targets_are_found_and_unknown_ones_are_not() {
    let roster = Roster::new(model(&[1, 2]), Admins::default(), Some(BTreeSet::new()), Instant::now());
    let places: Vec<_> = roster.targets().map(|(target, ..)| roster.place(target)).collect();
    assert_eq!(places, [Some((0, 0)), Some((1, 0)), Some((1, 1))]);
    assert_eq!(roster.place(Target(3)), None);
}

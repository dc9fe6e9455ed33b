use super::*;

#[test]
fn a_burst_of_outcomes_is_one_publication() {
    check(&[4], &[("+a +b +c", "-"), ("-d -d", "abc"), ("-a -a -b -b +d", "cd"), ("+a +b +c +d", "abcd")]);
}

#[test]
fn outcomes_without_a_new_verdict_publish_nothing() {
    check(&[2], &[("+a", "-"), ("-b -b", "a"), ("+a +a -b", "-"), ("-a", "-"), ("+a -b", "-"), ("", "-")]);
}

#[test]
fn a_server_that_comes_back_within_the_turn_publishes_nothing() {
    check(&[2], &[("+a +b", "ab"), ("-a -a +a", "-")]);
}

#[test]
fn nothing_is_published_before_the_interfaces_have_told() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), None, now);
    observe(&mut roster, "a", true, now);
    assert_eq!(roster.due(now + Duration::from_secs(60), 0), None);
    assert_eq!(roster.deadline(now), None);
    let services = BTreeSet::from([service([10, 0, 0, 1])]);
    roster.set_services(services.clone());
    assert_eq!(roster.due(now, 0).map(|selection| selection.services), Some(services));
}

#[test]
fn a_service_address_that_moves_is_published() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    observe(&mut roster, "a", true, now);
    for (addresses, publishes) in [
        (vec![[10, 0, 0, 1]], true),
        (vec![[10, 0, 0, 1]], false),
        (vec![[10, 0, 0, 1], [10, 0, 0, 2]], true),
        (vec![], true),
    ] {
        roster.set_services(addresses.iter().map(|address| service(*address)).collect());
        let due = roster.due(now, 0);
        assert_eq!(due.is_some(), publishes, "{addresses:?}");
        roster.published = due.or(roster.published);
    }
}

#[test]
fn a_failed_publication_stays_due() {
    let now = Instant::now();
    let mut roster = Roster::new(model(&[1]), Admins::default(), Some(BTreeSet::new()), now);
    observe(&mut roster, "a", true, now);
    assert!(roster.due(now, 0).is_some());
    assert!(roster.due(now, 0).is_some());
}

fn service(address: [u8; 4]) -> ServiceAddress {
    ServiceAddress {
        interface: "eth0".to_owned(),
        interface_index: 2,
        mac: [2, 0, 0, 0, 0, 1],
        vlan_tags: vec![],
        address: address.into(),
    }
}

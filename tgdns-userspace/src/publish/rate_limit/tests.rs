use super::*;

#[test]
fn what_is_configured_is_what_the_tables_say() {
    let exempt = ["10.1.0.0/16", "2001:db8::/32"].map(|network| network.parse().expect("a network"));
    let limit = RateLimit { responses_per_second: 100, exempt: exempt.to_vec(), ..RateLimit::default() };
    let said = rate_limit(&limit, true);
    let (interval, tolerance) = (u32::from_be_bytes(said.interval), u32::from_be_bytes(said.tolerance));
    assert_eq!(tolerance / interval, 100);
    assert_eq!(said.ipv4_mask, [255, 255, 255, 0]);
    assert_eq!(said.ipv6_mask, mask(56));
    assert_eq!((said.slip, said.exempt_count), (2, 2));
    let exempt = said.exempt.map(|exempt| (exempt.address, exempt.mask));
    assert_eq!(exempt[0], (mapped([10, 1, 0, 0].into()), mask(112)));
    assert_eq!(exempt[1].1, mask(32));
    assert_eq!(exempt[1].0[..4], [0x20, 1, 0xd, 0xb8]);
}

/// Only where nobody else can be asked: neither may the queries to another server be dropped, nor clients be sent to it.
#[test]
fn what_is_passed_up_is_limited_where_it_comes_to_the_sockets() {
    let services = |addresses: &[&str]| {
        let service = |address: &&str| ServiceAddress {
            interface: "eth0".to_owned(),
            interface_index: 2,
            mac: [2, 0, 0, 0, 0, 1],
            vlan_tags: vec![],
            address: address.parse().expect("an address"),
        };
        addresses.iter().map(service).collect::<BTreeSet<_>>()
    };
    let both = ["192.0.2.1", "2001:db8::1"];
    for (listen, services, expected) in [
        (&["0.0.0.0:53", "[::]:53"][..], services(&both), true),
        (&["0.0.0.0:53"], services(&both), false),
        (&["0.0.0.0:53"], services(&["192.0.2.1"]), true),
        (&["192.0.2.1:53", "[2001:db8::1]:53"], services(&both), true),
        (&["192.0.2.1:53"], services(&["192.0.2.1", "192.0.2.2"]), false),
        (&["192.0.2.1:5353"], services(&["192.0.2.1"]), false),
        // Without a fast path nothing is passed.
        (&["192.0.2.1:5353"], services(&[]), true),
        (&[], services(&both), false),
    ] {
        let listen: Vec<SocketAddr> = listen.iter().map(|socket| socket.parse().expect("a socket")).collect();
        let covered = covered(&listen, &services);
        assert_eq!(covered, expected, "{listen:?} {services:?}");
        let limit = RateLimit::default();
        assert_eq!(rate_limit(&limit, covered).slip, if expected { 2 } else { 0 });
        assert_eq!(bits(&limit, covered) & limited::PASSED != 0, expected);
        assert_eq!(bits(&limit, covered) & (limited::ANSWERS | limited::PRIVATE), limited::ANSWERS);
    }
    let all = RateLimit { exempt_private: false, ..RateLimit::default() };
    assert_eq!(bits(&all, false), limited::ANSWERS | limited::PRIVATE);
}

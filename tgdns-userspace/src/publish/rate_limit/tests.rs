use super::*;

#[test]
fn what_is_configured_is_what_the_tables_say() {
    let exempt = ["10.1.0.0/16", "2001:db8::/32"].map(|network| network.parse().expect("a network"));
    let limit = RateLimit { responses_per_second: 100, exempt: exempt.to_vec(), ..RateLimit::default() };
    let said = rate_limit(&limit);
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

extern crate std;

use core::cell::{Cell, RefCell};
use std::{vec, vec::Vec};

use bytemuck::Zeroable as _;

use super::*;

/// A hundred ticks in a second.
const SECOND: u64 = 100;
/// Answers in a second.
const RATE: u32 = 50;

struct Table {
    buckets: RefCell<Vec<u64>>,
    ticks: Cell<u64>,
    random: Cell<u32>,
}

impl Table {
    fn new() -> Self {
        Self { buckets: RefCell::new(vec![0; BUCKETS]), ticks: Cell::new(12_345), random: Cell::new(0) }
    }
}

impl Buckets for Table {
    fn bucket(&self, position: u32) -> u64 {
        self.buckets.borrow()[position as usize]
    }

    fn set_bucket(&self, position: u32, bucket: u64) {
        self.buckets.borrow_mut()[position as usize] = bucket;
    }

    fn ticks(&self) -> u64 {
        self.ticks.get()
    }

    fn random(&self) -> u32 {
        // Steps of the golden ratio: each stretch is even.
        self.random.set(self.random.get().wrapping_add(0x9e37_79b9));
        self.random.get()
    }
}

fn limit() -> RateLimit {
    let second = (SECOND as u32) << FRACTION_BITS;
    let mut ipv6_mask = [0; 16];
    ipv6_mask[..7].fill(255);
    RateLimit {
        interval: (second / RATE).to_be_bytes(),
        tolerance: second.to_be_bytes(),
        ipv4_mask: [255, 255, 255, 0],
        ipv6_mask,
        seed: [7; 8],
        slip: 2,
        ..RateLimit::zeroed()
    }
}

fn client(address: [u8; 4]) -> Address {
    Address::from_ipv4(address)
}

/// How many of so many queries at once are answered, slipped and dropped.
fn ask(limit: &RateLimit, table: &Table, client: Address, queries: u32) -> (u32, u32, u32) {
    let mut counts = (0, 0, 0);
    for _ in 0..queries {
        match limit.judge(client, table) {
            Verdict::Answer => counts.0 += 1,
            Verdict::Slip => counts.1 += 1,
            Verdict::Drop => counts.2 += 1,
        }
    }
    counts
}

#[test]
fn a_burst_and_then_so_many_in_a_second() {
    let (limit, table) = (limit(), Table::new());
    let one = client([198, 51, 100, 7]);
    assert_eq!(ask(&limit, &table, one, 1000), (RATE, 475, 475));
    for _ in 0..10 {
        table.ticks.set(table.ticks.get() + SECOND / 10);
        assert_eq!(ask(&limit, &table, one, 100).0, RATE / 10);
    }
    table.ticks.set(table.ticks.get() + 100 * SECOND);
    assert_eq!(ask(&limit, &table, one, 1000).0, RATE, "no more than one burst is saved up");
}

#[test]
fn a_network_has_one_allowance() {
    let (limit, table) = (limit(), Table::new());
    ask(&limit, &table, client([198, 51, 100, 7]), RATE);
    assert_eq!(ask(&limit, &table, client([198, 51, 100, 255]), 10).0, 0);
    assert_eq!(ask(&limit, &table, client([198, 51, 101, 7]), 10).0, 10);
    let of6 = |seventh, last| {
        let mut address = [0x20; 16];
        (address[6], address[15]) = (seventh, last);
        Address::from_ipv6(address)
    };
    ask(&limit, &table, of6(1, 1), RATE);
    assert_eq!(ask(&limit, &table, of6(1, 2), 10).0, 0);
    assert_eq!(ask(&limit, &table, of6(2, 1), 10).0, 10);
}

#[test]
fn slip_tells_how_many_are_sent_to_tcp() {
    for (slip, expected) in [(0, 0), (1, 1000), (2, 500), (4, 250)] {
        let (limit, table) = (RateLimit { slip, ..limit() }, Table::new());
        ask(&limit, &table, client([198, 51, 100, 7]), RATE);
        let (_, slipped, dropped) = ask(&limit, &table, client([198, 51, 100, 7]), 1000);
        assert!(slipped.abs_diff(expected) < 5 && slipped + dropped == 1000, "{slip}: {slipped}");
    }
}

#[test]
fn exempt_networks_are_not_limited() {
    let mut limit = limit();
    limit.exempt[1] =
        Exempt { address: client([10, 1, 0, 0]).to_bytes(), mask: (u128::MAX << 16).to_be_bytes() };
    limit.exempt_count = 2;
    limit.exempt[0] = Exempt { address: client([192, 0, 2, 1]).to_bytes(), mask: [255; 16] };
    let table = Table::new();
    for (address, is_exempt) in
        [([192, 0, 2, 1], true), ([10, 1, 255, 1], true), ([10, 2, 0, 1], false), ([192, 0, 2, 2], false)]
    {
        let (answered, ..) = ask(&limit, &table, client(address), 1000);
        assert_eq!(answered == 1000, is_exempt, "{address:?}: {answered}");
    }
}

/// The first and the last address of each network, and those beside it.
#[test]
fn private_networks() {
    for (network, first, last) in [
        ("10/8", [10, 0, 0, 0], [10, 255, 255, 255]),
        ("100.64/10", [100, 64, 0, 0], [100, 127, 255, 255]),
        ("127/8", [127, 0, 0, 0], [127, 255, 255, 255]),
        ("169.254/16", [169, 254, 0, 0], [169, 254, 255, 255]),
        ("172.16/12", [172, 16, 0, 0], [172, 31, 255, 255]),
        ("192.168/16", [192, 168, 0, 0], [192, 168, 255, 255]),
    ] {
        let beside = |address: [u8; 4], step: i32| {
            client(u32::from_be_bytes(address).wrapping_add_signed(step).to_be_bytes())
        };
        assert!(is_private(client(first)) && is_private(client(last)), "{network}");
        assert!(!is_private(beside(first, -1)) && !is_private(beside(last, 1)), "{network}");
    }
    let of6 = |address: u128| Address::from_ipv6(address.to_be_bytes());
    for (network, first, last) in [
        ("fc00::/7", 0xfc00 << 112, (0xfe00 << 112) - 1),
        ("fe80::/10", 0xfe80 << 112, (0xfec0 << 112) - 1),
        ("::1", 1, 1),
    ] {
        assert!(is_private(of6(first)) && is_private(of6(last)), "{network}");
        assert!(!is_private(of6(first - 1)) && !is_private(of6(last + 1)), "{network}");
    }
}

#[test]
fn whom_it_concerns() {
    let (inside, outside) = (client([10, 1, 2, 3]), client([198, 51, 100, 7]));
    for (bits, expected) in [
        (0, (false, false)),
        (limited::ANSWERS, (false, true)),
        (limited::ANSWERS | limited::PASSED, (false, true)),
        (limited::ANSWERS | limited::PRIVATE, (true, true)),
        (limited::PRIVATE, (false, false)),
    ] {
        assert_eq!((concerns(bits, inside), concerns(bits, outside)), expected, "{bits}");
    }
}

/// A flood from many networks neither limits others nor frees who floods.
#[test]
fn floods_from_everywhere_change_nothing_for_others() {
    let (limit, table) = (limit(), Table::new());
    let victim = client([203, 0, 113, 1]);
    ask(&limit, &table, victim, RATE);
    for number in 0..1_000_000_u32 / if cfg!(miri) { 1000 } else { 1 } {
        let [a, b, c, _] = (number << 8).to_be_bytes();
        assert_eq!(limit.judge(client([a, b, c, 1]), &table), Verdict::Answer, "{number}");
    }
    assert_eq!(ask(&limit, &table, victim, 100).0, 0);
}

/// A bucket's time goes round after 2^32 ticks: what was long ago is not taken for what is to come.
#[test]
fn nothing_is_owed_for_long_ago() {
    let (limit, table) = (limit(), Table::new());
    let one = client([198, 51, 100, 7]);
    for later in [SECOND, 1 << 20, 1 << 31, (1 << 32) - 2 * SECOND, (1 << 32) + 2 * SECOND] {
        ask(&limit, &table, one, 1000);
        table.ticks.set(table.ticks.get() + later);
        assert_eq!(ask(&limit, &table, one, 1000).0, RATE, "{later} ticks later");
    }
}

//! The layout of the maps' types: it is what the XDP program and the controller agree on, and what `bpftool` prints.

use std::{mem::offset_of, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{lab::program, pins::Pins, vectors};
use tgdns::xdp::Program;
use tgdns_common::{
    counter::Counters,
    rate::{Exempt, RateLimit},
    reason::Reason,
    tables::{
        AnswerSet, Beat, Begins, Choice, Column, Copies, Ipv4Addresses, Ipv6Addresses, Negative, Service,
        Settings,
    },
    wire::dns::RecordHead,
};

/// Name, offset and size of each field: they follow each other without a gap, at alignment 1.
macro_rules! check {
    ($type:ty, $($field:ident: $size:expr),+ $(,)?) => {{
        assert_eq!(align_of::<$type>(), 1, stringify!($type));
        let mut end = 0;
        $(
            assert_eq!(offset_of!($type, $field), end, "{}.{}", stringify!($type), stringify!($field));
            end += $size;
        )+
        assert_eq!(size_of::<$type>(), end, stringify!($type));
    }};
}

#[test]
fn values_are_bytes_without_padding() {
    check!(Copies, current: 1, bits: 1, reserved: 2, seeds: 8);
    check!(Settings, stale_at: 8, names: 12, services: 12, has_views: 1, layout: 1, options: 1, when_stale: 1, limited: 1, reserved: 3);
    check!(Exempt, address: 16, mask: 16);
    check!(
        RateLimit,
        interval: 4, tolerance: 4, ipv4_mask: 4, ipv6_mask: 16, seed: 8, slip: 1, exempt_count: 1, reserved: 2, exempt: 1024,
    );
    check!(Beat, ticks: 4, stale_at: 8, reserved: 4);
    check!(Service, address: 16, mac: 6, vlans: 4, family: 1, reserved: 1);
    check!(RecordHead, owner: 2, r#type: 2, class: 2, ttl: 4, length: 2);
    check!(Ipv4Addresses, record: 12, count: 1, limit: 1, stale_ttl: 2, addresses: 4 * 192);
    check!(Ipv6Addresses, record: 12, count: 1, limit: 1, stale_ttl: 2, addresses: 16 * 192);
    check!(Negative, length: 1, is_apex: 1, sum: 2, record: 112);
    check!(
        AnswerSet,
        name: 64, significant: 64, view: 4, policy: 1, rcode: 1, extended_error: 2, ipv4: 784, ipv6: 3088, negative: 116,
    );
    check!(Column, threshold: 4, below: 1, above: 1, reserved: 2);
    check!(Begins, count: 1, reserved: 3, columns: 64 * 8, buckets: 1024);
    check!(Choice, ipv4: 1540, ipv6: 1540, ipv4_mask: 4, ipv6_mask: 16, seed: 4);
}

#[test]
fn counters_are_one_number_for_each_name() {
    assert_eq!(size_of::<Counters>(), 8 * Counters::NAMES.len());
    assert_eq!(Counters::NAMES.len(), 4 + 3 + Reason::ALL.len());
    assert_eq!((offset_of!(Counters, answered_a), offset_of!(Counters, truncated)), (0, 56));
    assert_eq!(offset_of!(Counters, write), 8 * (Counters::NAMES.len() - 1));
}

/// The maps carry their types: `bpftool map dump` names the fields, and addresses read as addresses.
#[test]
fn maps_are_readable() -> Result<()> {
    let pins = Pins::new("layout");
    let mut program = Program::load(Some(pins.path()))?;
    let vectors = vectors::all()?;
    for (set, map, expected) in [
        (
            "cluster",
            "ANSWERS",
            vec![
                ("/ipv4/addresses/2", json!([192, 168, 1, 102])),
                ("/ipv4/addresses/5", json!([192, 168, 1, 102])),
                ("/ipv4/count", json!(3)),
                ("/ipv4/record/ttl", json!([0, 0, 0, 1])),
                ("/ipv6/addresses/0", json!([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
                ("/negative/record/0", json!(0xc0)),
            ],
        ),
        (
            "cluster",
            "SERVICES",
            vec![
                ("/address", json!([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 53])),
                ("/mac", json!([2, 0, 0, 0, 0, 0x53])),
                ("/vlans", json!([[0x0f, 0xa0], [0, 7]])),
                ("/family", json!(6)),
            ],
        ),
        (
            "cluster",
            "SETTINGS",
            vec![("/has_views", json!(0)), ("/layout", json!(tgdns_common::tables::LAYOUT))],
        ),
        ("views", "SETTINGS", vec![("/has_views", json!(1))]),
    ] {
        let vector = vectors.iter().find(|vector| vector.tables.name == set).context("no such tables")?;
        vector.tables.publish_to(&mut program)?;
        let values = dump(&pins, map)?;
        for (pointer, expected) in expected {
            ensure!(
                values.iter().any(|value| value.pointer(pointer) == Some(&expected)),
                "no entry of {map} has {pointer} = {expected}"
            );
        }
    }
    Ok(())
}

/// The values of a map, as its types tell.
fn dump(pins: &Pins, map: &str) -> Result<Vec<Value>> {
    let mut command = Command::new(program::path("bpftool")?);
    command.args(["-j", "map", "dump", "pinned"]).arg(pins.path().join(map));
    let entries: Vec<Value> = serde_json::from_str(&program::run_command(&mut command)?)?;
    let value = |entry: &Value| entry.pointer("/formatted/value").cloned();
    entries.iter().map(value).collect::<Option<_>>().context("an entry without types")
}

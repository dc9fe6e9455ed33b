//! The vectors over a wire: the program attached to a device.
//!
//! What is answered comes back, what is passed reaches the device's kernel, and what is dropped does neither.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use tests::{
    lab::{raw::Wire, run::Run},
    vectors::{
        self, Expected, Vector,
        check::{Outcome, report},
    },
};
use tgdns::{
    cluster::XdpMode,
    xdp::{self, Program},
};

const DEVICE: [u8; 6] = [2, 0, 0, 0, 0, 0x53];
/// What native XDP on a veth gives at the head: 256 bytes without the kernel's own 40.
const HEAD_ROOM: usize = 216;
/// Longer than a busy machine takes.
const AT_MOST: Duration = Duration::from_secs(2);
/// What has not come when the program is done with a frame does not come: there is nobody else on the wire.
const QUIET: Duration = Duration::from_millis(2);

#[test]
fn every_vector_in_native_mode() -> Result<()> {
    every_vector(&Wire::new(Run::start_bare()?, DEVICE)?, XdpMode::Native)
}

#[test]
fn every_vector_in_generic_mode() -> Result<()> {
    every_vector(&Wire::new(Run::start_bare()?, DEVICE)?, XdpMode::Generic)
}

/// The guests of `cargo xtask test-kernels` have two NICs on one wire.
#[test]
#[ignore = "needs two NICs"]
fn every_vector_on_virtio_net() -> Result<()> {
    let wire = Wire::of_nics(Run::start_bare()?, DEVICE, ["eth0", "eth1"])?;
    for mode in [XdpMode::Native, XdpMode::Generic] {
        println!("in {mode:?} mode");
        every_vector(&wire, mode)?;
        wire.device.enter(|| xdp::detach(&wire.run.pins().join("tgdns")))??;
    }
    Ok(())
}

/// In native mode: in generic mode a bond's program gets frames without their outer tag.
#[test]
#[ignore = "needs a kernel with bonds"]
fn every_vector_on_a_bond() -> Result<()> {
    every_vector(&Wire::to_bond(Run::start_bare()?, DEVICE)?, XdpMode::Native)
}

fn every_vector(wire: &Wire, mode: XdpMode) -> Result<()> {
    let pins = wire.run.pins().join("tgdns");
    let mut program = Program::load(Some(&pins))?;
    wire.device.enter(|| program.attach(&wire.interface, mode, &pins))??;

    let vectors = vectors::all()?;
    let mut failures = Vec::new();
    let mut published = "";
    for vector in &vectors {
        if published != vector.tables.name {
            vector.tables.publish_to(&mut program)?;
            published = &vector.tables.name;
        }
        let checked = send(wire, &program, &vector.frame)
            .and_then(|(outcome, counters)| check(vector, outcome, &counters));
        if let Err(error) = checked {
            failures.push((vector.name.clone(), error));
        }
    }
    let late = (wire.receive(QUIET * 50)?, wire.receive_at_device(QUIET * 50)?);
    assert_eq!(late, (None, None), "a frame came late");
    report(vectors.len(), &failures);
    Ok(())
}

/// As the vector expects, but for what the wire itself does.
fn check(vector: &Vector, outcome: Outcome, counters: &Counters) -> Result<()> {
    match (&vector.expected, &outcome) {
        // How much a veth gives at the tail is chance. Where it does not suffice, the kernel gets the query.
        (Expected::Reply { frames, .. }, Outcome::Passed(frame))
            if frames[0].len() > vector.frame.len() + HEAD_ROOM =>
        {
            ensure!(*frame == vector.frame, "a frame without room was changed: {frame:02x?}");
            ensure!(*counters == [("no_room", 1)], "without room {counters:?} were counted");
            Ok(())
        }
        // The kernel drops it before any socket sees it: there is no room for the tag's two halves.
        (Expected::Pass(_), Outcome::Dropped) if is_cut_within_tag(&vector.frame) => {
            vector.check(&Outcome::Passed(vector.frame.clone()), counters)
        }
        _ => vector.check(&outcome, counters),
    }
}

fn is_cut_within_tag(frame: &[u8]) -> bool {
    frame.len() < 18 && frame.get(12..14) == Some(&[0x81, 0x00])
}

type Counters = Vec<(&'static str, u64)>;

/// Sends a frame, waits until the program has counted it, and looks where it went.
fn send(wire: &Wire, program: &Program, frame: &[u8]) -> Result<(Outcome, Counters)> {
    let before = program.counters()?;
    wire.send(frame)?;
    let until = Instant::now() + AT_MOST;
    let counters = loop {
        let counters = rises(&before, &program.counters()?);
        if !counters.is_empty() {
            break counters;
        }
        if Instant::now() > until {
            bail!("the program did not see the frame");
        }
        thread::yield_now();
    };
    // One of them comes at once where it is awaited, so only the other one's silence takes its time.
    let answered = counters.iter().all(|(name, _)| name.starts_with("answered"));
    let reply = wire.receive(if answered { AT_MOST } else { QUIET })?;
    let passed = wire.receive_at_device(QUIET)?;
    let outcome = match (reply, passed) {
        (None, None) => Outcome::Dropped,
        (None, Some(frame)) => Outcome::Passed(frame),
        (Some(frame), None) => Outcome::Sent(frame),
        (Some(reply), Some(passed)) => bail!("answered {reply:02x?}, and passed {passed:02x?}"),
    };
    Ok((outcome, counters))
}

/// The counters that went up, and by how much.
fn rises(before: &[(&'static str, u64)], after: &[(&'static str, u64)]) -> Counters {
    let pairs = before.iter().zip(after).filter(|(before, after)| before != after);
    pairs.map(|(before, after)| (after.0, after.1 - before.1)).collect()
}

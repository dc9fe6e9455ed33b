//! The vectors against the responder on the host.

use anyhow::Result;
use tests::vectors::{self, check::report, host::HostFrame};

/// As much room as the kernel leaves before a frame.
const HEAD: usize = 256;
/// As much as the longest reply takes.
const TAIL: usize = 2048;

#[test]
fn every_vector() -> Result<()> {
    let vectors = vectors::all()?;
    let mut failures = Vec::new();
    for vector in &vectors {
        let image = vector.tables.image();
        // Room at the head as the kernel has it, plenty of it, and none but at the tail.
        for (head, tail) in [(HEAD, TAIL), (TAIL, 0), (0, TAIL)] {
            let mut frame = HostFrame::new(&vector.frame, head, tail);
            let (outcome, counter) = frame.respond(&image);
            if let Err(error) = vector.check(&outcome, &[(counter, 1)]) {
                failures.push((format!("{} (room {head}, {tail})", vector.name), error));
            }
        }
    }
    report(vectors.len(), &failures);
    Ok(())
}

#[test]
fn where_there_is_no_room_the_frame_is_passed_as_it_came() -> Result<()> {
    for vector in vectors::all()?.iter().filter(|vector| vector.expected.counter().starts_with("answered")) {
        let vectors::Expected::Reply { frames, .. } = &vector.expected else { continue };
        let mut frame = HostFrame::new(&vector.frame, 0, 0);
        let (outcome, counter) = frame.respond(&vector.tables.image());
        if frames[0].len() > vector.frame.len() {
            assert_eq!(counter, "no_room", "{}", vector.name);
            assert_eq!(outcome, vectors::check::Outcome::Passed(vector.frame.clone()), "{}", vector.name);
        } else {
            vector.check(&outcome, &[(counter, 1)])?;
        }
    }
    Ok(())
}

/// Every reason that a frame can bring about is brought about by a vector.
#[test]
fn every_reason_has_a_vector() -> Result<()> {
    let vectors = vectors::all()?;
    // None of them depends on the frame alone.
    let others = ["slipped", "rate_limited", "no_room", "write"];
    for name in tgdns_common::counter::Counters::NAMES {
        let covered = vectors.iter().any(|vector| vector.expected.counter() == *name);
        assert_ne!(covered, others.contains(name), "{name}");
    }
    Ok(())
}

/// What comes back is every rotation, and each about as often.
#[test]
fn addresses_rotate() -> Result<()> {
    let vectors = vectors::all()?;
    for name in ["a query over ipv4", "aaaa", "64 servers with edns", "two addresses only"] {
        let vector = vectors.iter().find(|vector| vector.name == name).expect("the vector exists");
        let vectors::Expected::Reply { frames, .. } = &vector.expected else { panic!("{name} is answered") };
        let image = vector.tables.image();
        let mut seen = vec![0_usize; frames.len()];
        for _ in 0..frames.len() * 100 {
            let mut frame = HostFrame::new(&vector.frame, HEAD, TAIL);
            frame.respond(&image);
            seen[frames.iter().position(|expected| expected == frame.bytes()).expect("a rotation")] += 1;
        }
        assert!(seen.iter().all(|count| (90..=110).contains(count)), "{name}: {seen:?}");
    }
    Ok(())
}

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const COPIES: usize = 16;

/// Publications one after the other: the time since the one before, in milliseconds, whether each has a new seed, and whether
/// the kernel waits for programs (else only the time tells that they have ended).
fn publications() -> impl Strategy<Value = (bool, Vec<(u64, bool)>)> {
    // Many in a short time, and then none for a while.
    let pause = prop_oneof![30 => 0..5_u64, 1 => 50..150_u64];
    (any::<bool>(), prop::collection::vec((pause, prop::bool::weighted(0.2)), 1..400))
}

const GRACE: Duration = Duration::from_millis(100);

proptest! {
    /// Who began while some copy was in use, however long before, finds it and its seed until it is outlasted.
    #[test]
    fn nothing_changes_under_a_reader((waits, publications) in publications()) {
        let mut now = Instant::now() + Duration::from_secs(1000);
        let mut left = Left::new(COPIES, None);
        // The copy in use; by copy, when it was left last; and the time before which all programs that began have ended.
        let (mut current, mut readers, mut ended) = (0_u8, [None::<Instant>; COPIES], None);
        for (pause, is_new_seed) in publications {
            now += Duration::from_millis(pause);
            let number = left.next(current);
            if let Some(time) = left.last_reader(number, is_new_seed) {
                // As `outlast` does.
                let outlasted = match now.duration_since(time) {
                    elapsed if elapsed >= GRACE => time,
                    _ if waits => now,
                    elapsed => { now += GRACE - elapsed; time }
                };
                ended = ended.max(Some(outlasted));
                left.outlasted(outlasted);
            }
            ended = ended.max(now.checked_sub(GRACE));
            let is_over = |copy: usize| readers[copy].is_none_or(|left_at| Some(left_at) <= ended);
            prop_assert!(is_over(number), "copy {number} is being read");
            for copy in (number & 1..COPIES).step_by(2).filter(|_| is_new_seed) {
                prop_assert!(is_over(copy), "copy {copy} is being read, and its seed changes with that of {number}");
            }
            left.leave(current, now);
            readers[usize::from(current)] = Some(now);
            current = number as u8;
        }
    }
}

/// A change of names waits for who still reads the copy before the last one; others wait for a copy's own readers alone.
#[test]
fn a_seed_is_all_copies_of_its_kind() {
    let begun = Instant::now();
    let at = |milliseconds| begun + Duration::from_millis(milliseconds);
    let mut left = Left::new(COPIES, None);
    left.leave(0, at(1));
    left.leave(1, at(2));
    assert_eq!(left.last_reader(2, false), None);
    assert_eq!(left.last_reader(2, true), Some(at(1)));
    assert_eq!(left.last_reader(3, true), Some(at(2)));
    left.leave(2, at(3));
    assert_eq!(left.last_reader(0, false), Some(at(1)));
    assert_eq!(left.last_reader(0, true), Some(at(3)));
    left.outlasted(at(2));
    assert_eq!([0, 1, 2].map(|copy| left.last_reader(copy, false)), [None, None, Some(at(3))]);
}

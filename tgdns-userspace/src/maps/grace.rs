//! What no program is to be running any more for: nothing is written where one may still be reading.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than any program takes.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// Waits until every program has ended that was running at that time. Gives a time, that one or a later one, of which this is
/// true as well.
pub(super) fn outlast(time: Instant) -> Instant {
    if time.elapsed() >= GRACE {
        return time;
    }
    let now = Instant::now();
    if await_programs() {
        return now;
    }
    thread::sleep(GRACE.saturating_sub(time.elapsed()));
    time
}

/// Waits until all programs have ended that are running now, which takes some milliseconds; false where the kernel won't.
/// They run as readers of RCU, and that command waits for those (kernel/sched/membarrier.c: `synchronize_rcu`).
fn await_programs() -> bool {
    // SAFETY: the call takes three numbers and no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_is_not_waited_for() {
        let begun = Instant::now();
        let long_ago = begun.checked_sub(GRACE).expect("a clock that has run for a while");
        for _ in 0..1000 {
            assert_eq!(outlast(long_ago), long_ago);
        }
        assert!(begun.elapsed() < GRACE);
    }

    #[test]
    fn all_that_was_left_before_it_waited_is_outlasted() {
        let left_at = Instant::now();
        let later = Instant::now();
        let outlasted = outlast(left_at);
        assert!(outlasted >= later || left_at.elapsed() >= GRACE, "{outlasted:?}");
    }
}

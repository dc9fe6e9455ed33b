//! What no program is to be running any more for: nothing is written where one may still be reading.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than any program takes.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// Waits until every program has ended that was running at that time.
pub(super) fn outlast(time: Instant) {
    let left = GRACE.saturating_sub(time.elapsed());
    if !left.is_zero() && !await_programs() {
        thread::sleep(left);
    }
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
        (0..1000).for_each(|_| outlast(long_ago));
        assert!(begun.elapsed() < GRACE);
    }
}

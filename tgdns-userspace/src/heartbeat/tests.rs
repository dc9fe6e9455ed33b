use super::*;

#[test]
fn there_are_at_least_four_beats_before_answers_are_stale() {
    for (stale_after, expected) in
        [(1000, 250), (2000, 500), (4000, 1000), (10_000, 1000), (86_400_000, 1000)]
    {
        let period = period(Duration::from_millis(stale_after));
        assert_eq!(period, Duration::from_millis(expected), "{stale_after} ms");
    }
}

#[test]
fn ticks_are_the_kernels() -> Result<()> {
    // CONFIG_HZ is one of these.
    assert!(
        [100, 250, 300, 1000].contains(&ticks(Duration::from_millis(999))?.next_multiple_of(10).min(1000))
    );
    assert_eq!(ticks(Duration::ZERO)?, 0);
    assert_eq!(ticks(Duration::from_nanos(1))?, 1);
    assert_eq!(ticks(Duration::MAX)?, u32::MAX);
    Ok(())
}

#[test]
fn freshness_ends_when_it_was_put_off_to() {
    let freshness = Freshness::default();
    let shared = freshness.clone();
    assert!(!shared.is_over());
    freshness.lasts_until(Instant::now());
    assert!(shared.is_over());
    freshness.lasts_until(Instant::now() + Duration::from_secs(60));
    assert!(!shared.is_over());
}

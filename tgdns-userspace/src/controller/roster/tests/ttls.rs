use super::*;

/// However often outcomes come, and without another serial: secondaries have nothing to fetch.
#[test]
fn a_ttl_that_follows_health_is_published_once_a_second() {
    let start = Instant::now();
    let mut model = model(&[2]);
    let cluster = &mut model.clusters[0];
    (cluster.ttl, cluster.ttl_min) = (30, Some(1));
    for probe in cluster.servers.iter_mut().flat_map(|server| &mut server.probes) {
        (probe.interval, probe.jitter) = (Duration::from_secs(10), 0);
    }
    let mut roster = Roster::new(model, Admins::default(), Some(BTreeSet::new()), start);
    let mut published = Vec::new();
    let mut serials = BTreeSet::new();
    for tenth in 0..200 {
        let now = start + Duration::from_millis(100 * tenth);
        let seconds = tenth / 10;
        if tenth % 100 == 1 {
            observe(&mut roster, "a", true, now);
            observe(&mut roster, "b", true, now);
        }
        roster.tell_ttls(now, 1000 + seconds);
        if let Some(selection) = roster.due(now, 1000 + seconds as u32) {
            published.push((tenth, selection.ttls[0]));
            serials.extend(selection.serials.clone());
            roster.set_published(selection);
        }
    }
    // A probe that was told of at 0.1 s began 0.5 s earlier at most, and two are needed.
    let expected = [(1, 1), (10, 8), (20, 7), (30, 6), (40, 5), (50, 4), (60, 3), (70, 2), (80, 1)];
    assert_eq!(published[..9], expected);
    assert_eq!(published[9..], expected[1..].iter().map(|(at, ttl)| (at + 100, *ttl)).collect::<Vec<_>>());
    assert_eq!(serials.len(), 1);
    assert_eq!(roster.next_ttls_at(), Some(start + Duration::from_secs(20)));
}

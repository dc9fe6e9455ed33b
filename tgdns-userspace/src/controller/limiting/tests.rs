use super::*;

fn withheld(slipped: u64, dropped: u64) -> Withheld {
    Withheld { slipped, dropped }
}

#[test]
fn people_are_told_of_the_beginning_and_of_the_end() {
    let mut limiting = Limiting::default();
    let (start, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(86_400));
    let net = |network: &str| BTreeSet::from([network.parse::<IpNet>().unwrap()]);
    let nobody = BTreeSet::new;
    let mut see = |counted, networks, seconds| {
        let passed = Duration::from_secs(seconds);
        let told = limiting.see(counted, networks, start + passed, wall + passed);
        (told, limiting.notes())
    };
    // What is there already is an earlier run's.
    assert_eq!(see(withheld(1, 1), nobody(), 0), (None, None));
    let told = "5 answers were withheld (2 sent to TCP, 3 dropped, lately from 198.51.100.0/24)";
    let (news, note) = see(withheld(3, 4), net("198.51.100.0/24"), 1);
    assert_eq!(news, Some(News::Began(told.to_owned())));
    assert_eq!(note, Some(format!("rate limit: since 1970-01-02T00:00:01.000Z {told}")));
    // It goes on, for long, and from elsewhere.
    for second in 2..200 {
        assert_eq!(see(withheld(3, 1 + 3 * second), net("203.0.113.0/24"), second).0, None);
    }
    assert_eq!(see(withheld(3, 598), nobody(), 200).0, None);
    assert_eq!(see(withheld(3, 598), nobody(), 258).0, None);
    let told = "599 answers were withheld (2 sent to TCP, 597 dropped, lately from 203.0.113.0/24)";
    let (news, note) = see(withheld(3, 598), nobody(), 259);
    assert_eq!((news, note), (Some(News::Ended(told.to_owned())), None));
    assert_eq!(see(withheld(3, 598), nobody(), 400), (None, None));
    // Another version's maps count from zero, which is no news; one more is.
    assert_eq!(see(withheld(0, 0), nobody(), 401), (None, None));
    let told = "1 answers were withheld (0 sent to TCP, 1 dropped)";
    assert_eq!(see(withheld(0, 1), nobody(), 402).0, Some(News::Began(told.to_owned())));
}

#[test]
fn networks_are_told_as_they_are_limited() {
    let clients =
        ["198.51.100.7", "198.51.100.9", "2001:db8:0:1ff::1"].map(|address| address.parse().unwrap());
    let told: Vec<String> =
        networks(&RateLimit::default(), clients).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["198.51.100.0/24", "2001:db8:0:100::/56"]);
}

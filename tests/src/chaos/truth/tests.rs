use super::*;

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 100);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 101);
const ALIEN: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 102);

fn long_ago() -> Instant {
    Instant::now().checked_sub(3 * DETECTION).expect("a machine that has run for longer")
}

/// All has been well for long.
fn truth() -> Truth {
    let balancers = [FIRST, SECOND].map(|address| SocketAddr::from((address, 53)));
    Truth::of(vec![FIRST, SECOND], balancers.to_vec(), long_ago())
}

fn answer(rcode: u16, addresses: &[Ipv4Addr]) -> Answer {
    Answer {
        rcode,
        authoritative: true,
        truncated: false,
        name: crate::lab::plan::ZONE.to_owned(),
        addresses: addresses.to_vec(),
        ttls: vec![1; addresses.len()],
        edns_size: None,
    }
}

/// Judges the first load balancer's answer to a query sent so long from now, and returns what it breaks.
fn judge(truth: &Truth, later: Duration, answer: &Answer) -> Option<String> {
    let broken = truth.broken().len();
    let is_right = truth.judge(0, Instant::now() + later, answer);
    let told = truth.broken().get(broken).cloned();
    assert_eq!(is_right, told.is_none(), "what is wrong breaks a promise");
    told
}

fn assert_breaks(broken: Option<&str>, what: &str) {
    assert!(broken.is_some_and(|told| told.contains(what)), "{broken:?}, not {what}");
}

#[test]
fn servers_alone_are_handed_out_whoever_watches() {
    let truth = truth();
    for watches in [true, false] {
        truth.set_watching(0, watches);
        let told = |rcode, addresses| judge(&truth, Duration::ZERO, &answer(rcode, addresses));
        assert_eq!(told(0, &[SECOND, FIRST]), None);
        assert_breaks(told(2, &[]).as_deref(), "rcode 2");
        assert_breaks(told(3, &[FIRST]).as_deref(), "rcode 3");
        assert_breaks(told(0, &[]).as_deref(), "without addresses");
        assert_breaks(told(0, &[FIRST, ALIEN]).as_deref(), "no server's");
    }
}

#[test]
fn drained_is_drained_whoever_watches() {
    let truth = truth();
    truth.set_drained(0, 1, true);
    for watches in [true, false] {
        truth.set_watching(0, watches);
        assert_eq!(judge(&truth, Duration::ZERO, &answer(0, &[SECOND])), None, "acknowledged just now");
        let told = judge(&truth, 2 * DRAINING, &answer(0, &[FIRST, SECOND]));
        assert_breaks(told.as_deref(), "10.10.10.101, which is drained");
    }
    truth.set_drained(0, 1, false);
    assert_eq!(judge(&truth, 2 * DRAINING, &answer(0, &[SECOND])), None);
}

#[test]
fn who_watches_for_long_enough_knows_of_the_dead() {
    let truth = truth();
    let dead = answer(0, &[SECOND]);
    truth.set_dead(1, true);
    assert_eq!(judge(&truth, DETECTION / 2, &dead), None);
    assert_eq!(truth.judged_dead(), 0);
    assert_breaks(judge(&truth, 2 * DETECTION, &dead).as_deref(), "10.10.10.101, which is dead");
    assert_eq!(judge(&truth, 2 * DETECTION, &answer(0, &[FIRST])), None);
    assert_eq!(truth.judged_dead(), 2);

    truth.set_reached(0, false);
    assert_eq!(judge(&truth, 2 * DETECTION, &dead), None, "it sees nobody");
    assert_eq!(truth.judged_dead(), 2);
    truth.set_reached(0, true);
    truth.set_reached(1, false);
    truth.set_watching(1, false);
    let told = judge(&truth, 2 * DETECTION, &dead);
    assert_breaks(told.as_deref(), "dead");
}

#[test]
fn what_was_known_before_the_controller_went_is_known_after_it() {
    let truth = truth();
    let dead = answer(0, &[SECOND]);
    truth.set_dead(1, true);
    truth.set_watching(0, false);
    assert_eq!(judge(&truth, 2 * DETECTION, &dead), None, "it could not know");
    truth.set_watching(0, true);
    truth.state().servers[1].dead_since = Some(long_ago());
    truth.state().balancers[0].watches_since = Some(long_ago());
    for watches in [false, true, false] {
        truth.set_watching(0, watches);
        assert_breaks(judge(&truth, Duration::ZERO, &dead).as_deref(), "dead");
    }
    truth.set_dead(1, false);
    assert_eq!(judge(&truth, Duration::ZERO, &dead), None, "it has returned");
    truth.state().balancers[0].known_dead[1] = true;
    truth.set_reached(0, false);
    assert_eq!(judge(&truth, Duration::ZERO, &dead), None, "all seem dead");
}

#[test]
fn a_look_up_may_fail_where_a_network_is_disturbed() {
    let truth = truth();
    let began = Instant::now();
    truth.set_watching(0, false);
    assert!(!truth.may_fail(began), "the program goes on without its controller");
    truth.set_reached(1, false);
    assert!(truth.may_fail(began));
    truth.set_reached(1, true);
    assert!(truth.may_fail(began), "it was disturbed meanwhile");
    assert!(!truth.may_fail(Instant::now() + FAILED));
}

#[test]
fn a_viewer_may_find_dead_who_was_just_handed_out() {
    let truth = truth();
    let now = Instant::now();
    assert!(!truth.may_be_dead(SECOND, now), "it lives");
    assert!(!truth.may_be_dead(ALIEN, now));
    truth.judge(0, now, &answer(0, &[SECOND]));
    assert!(!truth.may_be_dead(SECOND, now), "it lives, and was handed out");

    truth.state().servers[1].dead_since = Some(long_ago());
    assert!(truth.may_be_dead(SECOND, now));
    assert!(!truth.may_be_dead(SECOND, now + CACHED), "nobody hands it out any more");
    truth.set_reached(0, false);
    assert!(truth.may_be_dead(SECOND, now + CACHED), "one that sees nobody hands out all");
    truth.state().servers[1].dead_since = None;
    assert!(!truth.may_be_dead(SECOND, now + CACHED), "it lives, and its own machine is reached");
    truth.set_reached(1, false);
    assert!(truth.may_be_dead(SECOND, now + CACHED));
}

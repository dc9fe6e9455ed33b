use super::*;
use crate::admin::Said;

/// Two clusters of two servers, `a` to `d`, of which all but `b` are up, and published.
fn before(now: Instant) -> Roster {
    let mut roster = Roster::new(model(&[2, 2]), Admins::default(), Some(BTreeSet::new()), now);
    for letter in ["a", "c", "d"] {
        observe(&mut roster, letter, true, now);
    }
    for _ in 0..2 {
        observe(&mut roster, "b", false, now);
    }
    let due = roster.due(now, 100).unwrap();
    roster.set_published(due);
    roster
}

/// An edit of the model -> for each server whether it has its target still, and its health; then the serials.
fn check(edit: impl Fn(&mut Model), expected: &str, serials: &[u32]) {
    let now = Instant::now();
    let before = before(now);
    let mut after = model(&[2, 2]);
    edit(&mut after);
    let mut next = before.successor(after, now);
    let mut shown = Vec::new();
    for (target, _, server) in next.targets() {
        let (cluster, place) = next.place(target).unwrap();
        let health = next.health(cluster)[place].health().as_str();
        let kept = if before.place(target).is_some() { "=" } else { "*" };
        shown.push(format!("{}{kept}{health}", server.name.trim_start_matches("server-")));
    }
    assert_eq!(shown.join(" "), expected);
    let due = next.due(now + Duration::from_secs(60), 0).unwrap();
    assert_eq!(due.serials, serials.iter().map(|serial| Some(*serial)).collect::<Vec<_>>(), "{expected}");
    next.set_published(due);
    assert_eq!(next.due(now, 0), None, "published twice");
}

fn set_fall(cluster: &mut Cluster, fall: u32) {
    cluster.servers.iter_mut().flat_map(|server| &mut server.probes).for_each(|probe| probe.fall = fall);
}

#[test]
fn what_is_known_stays_with_the_server() {
    check(|_| (), "0=up 1=down 0=up 1=up", &[100, 100]);
    // Another order of clusters and of servers.
    check(|model| model.clusters.reverse(), "0=up 1=up 0=up 1=down", &[100, 100]);
    check(|model| model.clusters[0].servers.reverse(), "1=down 0=up 0=up 1=up", &[101, 100]);
    check(|model| drop(model.clusters.remove(0)), "0=up 1=up", &[100]);
    check(|model| drop(model.clusters[1].servers.remove(0)), "0=up 1=down 1=up", &[100, 101]);
    // Under another probe the verdict is kept, but not the target.
    check(|model| set_fall(&mut model.clusters[0], 7), "0*up 1*down 0=up 1=up", &[100, 100]);
    // What is handed out of a server says nothing about it.
    check(|model| model.clusters[1].servers[0].weight = 9, "0=up 1=down 0=up 1=up", &[100, 101]);
    check(|model| model.clusters[1].ttl = 9, "0=up 1=down 0=up 1=up", &[100, 101]);
    // Views are every zone's.
    let view = || View { name: "lan".to_owned(), clients: vec!["10.0.0.0/8".parse().unwrap()] };
    check(|model| model.views.push(view()), "0=up 1=down 0=up 1=up", &[101, 101]);
}

#[test]
fn who_has_another_address_or_cluster_is_another_server() {
    let moved = |model: &mut Model| model.clusters[0].servers[0].address = [10, 0, 0, 9].into();
    check(moved, "0*unknown 1=down 0=up 1=up", &[101, 100]);
    // A name that is new has a serial of its own; a minute later it is published whatever its servers are.
    check(|model| model.clusters[0].name = "new.test".into(), "0*unknown 1*unknown 0=up 1=up", &[0, 100]);
}

/// A name that clients are answered for never goes, nor is it told with servers that nobody has seen.
#[test]
fn a_name_whose_servers_are_all_new_is_waited_for() {
    let now = Instant::now();
    for (edited, is_ready) in [(&[][..], true), (&[1], true), (&[0], false), (&[0, 1], false)] {
        let mut after = model(&[2, 2]);
        for server in edited {
            after.clusters[0].servers[*server].address = [10, 0, 1, *server as u8].into();
        }
        let mut next = before(now).successor(after, now);
        assert_eq!(next.is_ready(now), is_ready, "{edited:?}");
        assert!(next.is_ready(now + Duration::from_secs(1)), "not for longer than the first round");
        for letter in ["a", "b"] {
            observe(&mut next, letter, true, now);
        }
        assert!(next.is_ready(now), "{edited:?}");
    }
}

/// Whatever configurations follow each other, a number is one server's at one address under one probe.
#[test]
fn a_target_is_never_anybody_else_s() {
    let now = Instant::now();
    let mut random = fastrand::Rng::with_seed(1);
    let mut roster = before(now);
    let mut known: HashMap<Target, (String, IpAddr, Vec<Probe>)> = HashMap::new();
    for round in 0..500 {
        for (target, cluster, server) in roster.targets() {
            let name = format!("{} {}", cluster.name, server.name);
            let is = (name, server.address, server.probes.clone());
            let was = known.entry(target).or_insert_with(|| is.clone());
            assert_eq!(*was, is, "round {round}");
        }
        let mut after = model(&[random.usize(1..4), random.usize(1..4), random.usize(1..4)]);
        random.shuffle(&mut after.clusters);
        for cluster in &mut after.clusters {
            set_fall(cluster, random.u32(2..4));
            cluster.servers.iter_mut().for_each(|server| server.address = [10, 0, 0, random.u8(0..4)].into());
        }
        roster = roster.successor(after, now);
    }
}

#[test]
fn people_s_word_stays() {
    let now = Instant::now();
    let mut roster = before(now);
    let mut admins = Admins::default();
    // Both clusters have servers of these names.
    admins.set("server-0", Said { state: AdminState::Maint, reason: None, since: 0, until: None });
    roster.set_admins(admins);
    assert_eq!(roster.tell_time(now, 0), []);
    let mut next = roster.successor(model(&[2, 2]), now);
    assert_eq!(next.state(0, 0), AdminState::Maint);
    next.set_admins(Admins::default());
    assert_eq!(next.tell_time(now, 0).len(), 2, "the work on both has ended");
}

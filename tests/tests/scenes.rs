//! The seed scenes, each played by real programs, and each with a viewer who reaches the right server.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::lab::{
    loadbalancer::LoadBalancer,
    namespace::Namespace,
    plan::{Plan, ZONE},
    run::Run,
    scene::Scene,
    server::{PORT, Server},
    watch::{self, BACK_WITHIN, GONE_WITHIN},
};

/// Each DNS server on the way keeps an answer for a second; there are two of them at most.
const CACHED: Duration = Duration::from_millis(2200);
/// How long a program waits for a name.
const PATIENCE: Duration = Duration::from_secs(5);
/// From the return of a load balancer to the return of its server.
const RETURN: Duration = Duration::from_secs(10);

#[test]
fn s1_single_server() -> Result<()> {
    let mut scene = build(&Plan::single())?;
    visit_all(&scene, &["tgpro-1"])?;

    // With no server left, the name and its address are still there: it is for the viewer to try.
    server(&mut scene, 0)?.kill()?;
    thread::sleep(GONE_WITHIN + CACHED);
    let aliases = scene.aliases();
    assert_eq!(scene.viewer.look_up(ZONE)?, aliases);
    assert!(scene.viewer.visit(ZONE).is_err(), "nobody listens");

    scene.start_server(0)?;
    visit_all(&scene, &["tgpro-1"])
}

#[test]
fn s2_cluster() -> Result<()> {
    let mut scene = build(&Plan::cluster())?;
    let elsewhere = sent_elsewhere(&scene)?;
    check_fast_path(&scene)?;
    visit_all(&scene, &["tgpro-1", "tgpro-2", "tgpro-3"])?;

    let killed = 2;
    let since = server(&mut scene, killed)?.kill()?;
    check_gone(&scene, killed, since)?;
    thread::sleep(CACHED);
    visit_all(&scene, &["tgpro-1", "tgpro-2"])?;

    let since = scene.start_server(killed)?;
    check_back(&scene, killed, since)?;
    thread::sleep(CACHED);
    visit_all(&scene, &["tgpro-1", "tgpro-2", "tgpro-3"])?;
    assert_eq!(sent_elsewhere(&scene)?, elsewhere, "nobody asks anybody else for the name");
    Ok(())
}

#[test]
fn s3_cluster_behind_nat() -> Result<()> {
    let mut scene = build(&Plan::nat())?;
    let elsewhere = sent_elsewhere(&scene)?;
    check_fast_path(&scene)?;
    visit_all(&scene, &["tgpro-1", "tgpro-2", "tgpro-3"])?;

    // A load balancer's own server drains: its port closes, its viewers stay.
    let drained = 1;
    let alias = server(&mut scene, drained)?.alias;
    let mut staying = scene.viewer.connect(alias)?;
    assert_eq!(staying.server, "tgpro-2");
    let since = server(&mut scene, drained)?.close_port()?;
    check_gone(&scene, drained, since)?;
    thread::sleep(CACHED);
    visit_all(&scene, &["tgpro-1", "tgpro-3"])?;
    staying.talk()?;

    let since = server(&mut scene, drained)?.open_port()?;
    check_back(&scene, drained, since)?;
    thread::sleep(CACHED);
    visit_all(&scene, &["tgpro-1", "tgpro-2", "tgpro-3"])?;
    assert_eq!(sent_elsewhere(&scene)?, elsewhere, "nobody asks anybody else for the name");
    Ok(())
}

#[test]
fn s4_alias_counting() -> Result<()> {
    let scene = build(&Plan::counting())?;
    check_fast_path(&scene)?;

    let counted =
        [("tgpro-1", 100), ("tgpro-2", 101), ("tgpro-3", 102), ("second-1", 150), ("second-2", 151)]
            .map(|(name, host)| (name, Ipv4Addr::new(192, 168, 1, host)));
    let found: BTreeSet<_> = scene.viewer.look_up(ZONE)?.into_iter().collect();
    assert_eq!(found, counted.iter().map(|(_, alias)| *alias).collect());
    for (name, alias) in counted {
        assert_eq!(scene.viewer.connect(alias)?.server, name, "{alias}");
    }
    visit(&scene).map(drop)
}

#[test]
fn s5_load_balancer_dies() -> Result<()> {
    lose_load_balancer(&Plan::cluster())
}

#[test]
fn s5_load_balancer_dies_behind_nat() -> Result<()> {
    lose_load_balancer(&Plan::nat())
}

fn lose_load_balancer(plan: &Plan) -> Result<()> {
    let mut scene = build(plan)?;
    let dead = last_asked(&scene)?;
    let socket = scene.asker().udp_socket()?;
    let dying = scene.load_balancers.get_mut(dead).context("no such load balancer")?;
    dying.kill()?;
    let answer = dying.ask(&socket, ZONE).context("the fast path needs no controller")?;
    assert_eq!(answer.addresses.len(), scene.servers.len());

    scene.set_cable(dead, false)?;
    thread::sleep(CACHED);
    let start = Instant::now();
    let found = scene.viewer.look_up(ZONE)?;
    let took = start.elapsed();
    println!("load balancer {} died: the next look-up was answered in {took:?}: {found:?}", dead + 1);
    assert!(took < PATIENCE, "{took:?}");

    // The dead machine was a server, too.
    let all = scene.aliases();
    let left: Vec<_> = scene.servers.iter().enumerate().filter(|(index, _)| *index != dead).collect();
    let names: Vec<_> = left.iter().map(|(_, server)| server.name.clone()).collect();
    let aliases: Vec<_> = left.iter().map(|(_, server)| server.alias).collect();
    let took = scene.wait_for(&aliases, RETURN)?;
    println!("load balancer {} died: it was handed out for {took:?} more", dead + 1);
    visit_all(&scene, &names.iter().map(String::as_str).collect::<Vec<_>>())?;

    scene.set_cable(dead, true)?;
    scene.start_load_balancer(dead)?;
    scene.wait_for(&all, RETURN)?;
    visit_all(&scene, &["tgpro-1", "tgpro-2", "tgpro-3"])
}

/// The index of the load balancer that the latest look-up came to.
fn last_asked(scene: &Scene) -> Result<usize> {
    let answers = || scene.load_balancers.iter().map(LoadBalancer::answers).collect::<Result<Vec<_>>>();
    thread::sleep(CACHED);
    let before = answers()?;
    scene.viewer.look_up(ZONE)?;
    let after = answers()?;
    let asked = before.iter().zip(&after).position(|(before, after)| after > before);
    asked.with_context(|| format!("no load balancer was asked: {before:?}, then {after:?}"))
}

/// In XDP alone, for there is no socket: aliases only, rotating, in the case of the question.
fn check_fast_path(scene: &Scene) -> Result<()> {
    const QUESTIONS: u64 = 60;
    const NAME: &str = "InTeRnet.intern.netz";
    let socket = scene.asker().udp_socket()?;
    let aliases: BTreeSet<_> = scene.aliases().into_iter().collect();
    for load_balancer in &scene.load_balancers {
        let sockets = load_balancer.namespace.run("cat", &["/proc/self/net/udp", "/proc/self/net/udp6"])?;
        assert!(!sockets.contains(":0035 "), "a socket is bound to port 53:\n{sockets}");
        let before = load_balancer.answers()?;
        let mut firsts = BTreeSet::new();
        for _ in 0..QUESTIONS {
            let answer = load_balancer.ask(&socket, NAME)?;
            assert_eq!(answer.name, NAME);
            assert!(answer.authoritative);
            assert_eq!(answer.edns_size, Some(1232));
            assert_eq!(answer.ttls, vec![1; aliases.len()]);
            assert_eq!(answer.addresses.iter().copied().collect::<BTreeSet<_>>(), aliases);
            firsts.extend(answer.addresses.first().copied());
        }
        assert_eq!(firsts, aliases, "each alias comes first at times");
        let answered = load_balancer.answers()? - before;
        assert!(answered >= QUESTIONS, "{answered} of {QUESTIONS} answers came from the fast path");
    }
    Ok(())
}

fn check_gone(scene: &Scene, index: usize, since: Instant) -> Result<()> {
    let server = scene.servers.get(index).context("no such server")?;
    let took = watch::gone(scene, server.alias, since)?;
    println!("{} was handed out for {took:?} after its port closed (at most {GONE_WITHIN:?})", server.name);
    assert!(took <= GONE_WITHIN, "{took:?}");
    Ok(())
}

fn check_back(scene: &Scene, index: usize, since: Instant) -> Result<()> {
    let server = scene.servers.get(index).context("no such server")?;
    let took = watch::back(scene, server.alias, since)?;
    println!("{} was missing for {took:?} after its port opened (at most {BACK_WITHIN:?})", server.name);
    assert!(took <= BACK_WITHIN, "{took:?}");
    Ok(())
}

/// How often each machine has tried to send something to where the lab has no way to. BIND does while it starts, for it
/// wants to know the root's keys.
fn sent_elsewhere(scene: &Scene) -> Result<Vec<(String, u64)>> {
    let machines = [&scene.viewer.namespace, &scene.dns.namespace, scene.asker()];
    let count = |namespace: &Namespace| {
        let text = namespace.run("cat", &["/proc/self/net/snmp"])?;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("Ip: "));
        let (names, counts) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let column =
            names.split(' ').position(|name| name == "OutNoRoutes").context("a counter is missing")?;
        let count = counts.split(' ').nth(column).context("a count is missing")?;
        Ok((namespace.machine().to_owned(), count.parse()?))
    };
    machines.into_iter().map(count).collect()
}

/// Looks up and connects until each of these servers was reached, and no other one.
fn visit_all(scene: &Scene, names: &[&str]) -> Result<()> {
    let expected: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut reached = BTreeSet::new();
    // The chance to miss one of three in sixty random draws is one in ten billion.
    for _ in 0..60 {
        reached.insert(visit(scene)?);
        if !reached.is_subset(&expected) || reached == expected {
            break;
        }
    }
    assert_eq!(reached, expected);
    Ok(())
}

/// Returns the server's name, after checking that its address is the right one, and that the NAT box saw it.
fn visit(scene: &Scene) -> Result<String> {
    let visit = scene.viewer.visit(ZONE)?;
    let server = scene.server_of(visit.address)?;
    let (address, name) = (visit.address, &server.name);
    ensure!(visit.server == *name, "{address}:{PORT} led to {}, not to {name}", visit.server);
    if let Some(nat) = &scene.nat {
        ensure!(nat.connections(name)? > 0, "the NAT box did not translate to {name}");
    }
    Ok(visit.server)
}

fn server(scene: &mut Scene, index: usize) -> Result<&mut Server> {
    scene.servers.get_mut(index).context("no such server")
}

fn build(plan: &Plan) -> Result<Scene> {
    let start = Instant::now();
    let scene = Scene::build(Run::start()?, plan, &|step| println!("{:8.3?} {step}", start.elapsed()))?;
    println!("{:8.3?} the scene is ready", start.elapsed());
    Ok(scene)
}

//! Plays scene S3 for a person: a cluster behind NAT, of which a server dies, and a load balancer.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use tests::lab::{
    plan::{Plan, ZONE},
    run::{self, Run},
    scene::Scene,
    wait,
    watch::{self, BACK_WITHIN, GONE_WITHIN},
};

mod narration;
use narration::Narrator;

/// What the two DNS servers between load balancer and viewer may still hold.
const CACHED: Duration = Duration::from_millis(2200);
/// Until a machine whose cable was pulled is known to be gone, or back.
const LONG: Duration = Duration::from_secs(10);
/// The server that dies.
const DYING_SERVER: usize = 2;
/// The load balancer that dies.
const DYING_BALANCER: usize = 0;

/// Plays a cluster behind NAT: what is asked, what comes back, and what happens when machines die.
///
/// Needs root. Takes under a minute and touches nothing outside of its own network namespaces.
#[derive(Parser)]
#[command(
    name = "demo",
    after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo --keep\n  cargo xtask demo --clean"
)]
struct Arguments {
    /// Leave everything standing, and tell how to look around.
    #[arg(long, conflicts_with = "clean")]
    keep: bool,
    /// Remove what `--keep` left standing.
    #[arg(long)]
    clean: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = if arguments.clean { clean() } else { play(arguments.keep) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn clean() -> Result<()> {
    match run::clear_kept()? {
        0 => println!("nothing was standing"),
        count => println!("removed {count} kept or broken-off run(s) of the lab"),
    }
    Ok(())
}

fn play(keep: bool) -> Result<()> {
    let narrator = Narrator::new();
    narrator.picture();
    narrator.chapter("Building it");
    let run = if keep { Run::start_to_stay()? } else { Run::start()? };
    let mut scene = Scene::build(run, &Plan::nat(), &|step| narrator.step(step))?;

    question(&narrator, &scene)?;
    fast_path(&narrator, &scene)?;
    maps(&narrator, &scene)?;
    server_dies(&narrator, &mut scene)?;
    load_balancer_dies(&narrator, &mut scene)?;

    if keep {
        narrator.chapter("It stays");
        look_around(&narrator, &scene)?;
        scene.keep()
    } else {
        narrator.chapter("The end");
        narrator
            .say("Everything is being removed. `cargo xtask demo --keep` leaves it standing to look around.");
        Ok(())
    }
}

fn question(narrator: &Narrator, scene: &Scene) -> Result<()> {
    narrator.chapter("The viewer asks its DNS server, and connects");
    narrator.say("BIND forwards to the NAT box, Unbound there to the load balancers, and tgdns answers:");
    dig(narrator, scene)?;
    let visit = scene.viewer.visit(ZONE)?;
    let server = scene.server_of(visit.address)?;
    narrator.say(&format!("It connects to {}:443 and is greeted by {}.", visit.address, visit.server));
    narrator.say(&format!(
        "The NAT box translated to {}; it has counted {} connection(s) to {}.",
        server.address,
        scene.nat.as_ref().map_or(Ok(0), |nat| nat.connections(&server.name))?,
        server.name
    ));
    Ok(())
}

fn fast_path(narrator: &Narrator, scene: &Scene) -> Result<()> {
    narrator.chapter("Who answered: the network driver");
    let load_balancer = scene.load_balancers.first().context("there is no load balancer")?;
    let socket = scene.asker().udp_socket()?;
    let before = load_balancer.answers()?;
    narrator.say("The NAT box asks lb1 four times for InTeRnet.intern.netz; no socket listens there:");
    for _ in 0..4 {
        let answer = load_balancer.ask(&socket, "InTeRnet.intern.netz")?;
        let addresses: Vec<_> = answer.addresses.iter().map(ToString::to_string).collect();
        narrator.output(&format!("{} -> {}", answer.name, addresses.join(" ")));
    }
    let answered = load_balancer.answers()? - before;
    narrator.say(&format!(
        "`tgdns stats`: the XDP program sent {answered} answers in that time. They rotate, and carry the \
         clients' addresses already."
    ));
    Ok(())
}

fn maps(narrator: &Narrator, scene: &Scene) -> Result<()> {
    narrator.chapter("Where the answers are: BPF maps");
    let load_balancer = scene.load_balancers.first().context("there is no load balancer")?;
    narrator.command(&format!("bpftool map dump pinned {}/ANSWERS", load_balancer.pins.display()));
    for entry in load_balancer.answers_in_maps()? {
        narrator.output(&entry);
    }
    narrator.say(
        "Shortened here. The driver copies from there; only the controller, which probes, writes there.",
    );
    Ok(())
}

fn server_dies(narrator: &Narrator, scene: &mut Scene) -> Result<()> {
    let (name, alias) = scene
        .servers
        .get(DYING_SERVER)
        .map(|server| (server.name.clone(), server.alias))
        .context("there is no such server")?;
    narrator.chapter(&format!("{name} dies"));
    narrator.command(&format!("kill -9 {name}"));
    let since = scene.servers.get_mut(DYING_SERVER).context("there is no such server")?.kill()?;
    let took = watch::gone(scene, alias, since)?;
    narrator
        .say(&format!("After {took:.2?} no load balancer handed {alias} out (promised: {GONE_WITHIN:.2?})."));
    narrator.step("waiting for the caches of BIND and Unbound, which keep an answer for a second each");
    wait::until("the viewer's answers without the dead server", CACHED * 2, || {
        let found = scene.viewer.look_up(ZONE)?;
        Ok(if found.contains(&alias) { Err(anyhow!("{alias} still is among {found:?}")) } else { Ok(()) })
    })?;
    narrator.say(&format!("After {:.1?} the viewer is not told of it any more:", since.elapsed()));
    dig(narrator, scene)?;

    narrator.say(&format!("{name} is started again."));
    let since = scene.start_server(DYING_SERVER)?;
    let took = watch::back(scene, alias, since)?;
    narrator.say(&format!("After {took:.2?} all load balancers hand it out (promised: {BACK_WITHIN:.2?})."));
    Ok(())
}

fn load_balancer_dies(narrator: &Narrator, scene: &mut Scene) -> Result<()> {
    narrator.chapter("A load balancer dies");
    narrator.command("kill -9 tgdns    # on lb1, and its cable is pulled");
    scene.load_balancers.get_mut(DYING_BALANCER).context("there is no such load balancer")?.kill()?;
    scene.set_cable(DYING_BALANCER, false)?;
    thread::sleep(CACHED);
    let start = Instant::now();
    scene.viewer.look_up(ZONE)?;
    narrator.say(&format!("The viewer's next question was answered after {:.2?}, by lb2.", start.elapsed()));
    let all = scene.aliases();
    let left: Vec<_> =
        all.iter().copied().enumerate().filter(|(index, _)| *index != DYING_BALANCER).collect();
    let left: Vec<_> = left.into_iter().map(|(_, alias)| alias).collect();
    narrator.step("lb1 was a server, too: waiting until lb2 has found that out");
    scene.wait_for(&left, LONG)?;
    dig(narrator, scene)?;
    let visit = scene.viewer.visit(ZONE)?;
    narrator.say(&format!("It connects to {}:443 and is greeted by {}.", visit.address, visit.server));

    narrator.step("lb1 comes back");
    scene.set_cable(DYING_BALANCER, true)?;
    scene.start_load_balancer(DYING_BALANCER)?;
    scene.wait_for(&all, LONG)?;
    narrator.say("All three servers are handed out again.");
    Ok(())
}

fn dig(narrator: &Narrator, scene: &Scene) -> Result<()> {
    narrator.command(&format!("dig {ZONE}    # on the viewer"));
    let text = scene.viewer.dig(&["+noall", "+answer", "+stats", ZONE])?;
    let lines = text.lines().filter(|line| !line.starts_with(";;") || line.contains("Query time"));
    narrator.output(&lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn look_around(narrator: &Narrator, scene: &Scene) -> Result<()> {
    let load_balancer = scene.load_balancers.first().context("there is no load balancer")?;
    let on = |namespace: &tests::lab::namespace::Namespace| {
        format!("nsenter --net={}", namespace.path().display())
    };
    let tgdns = format!("{} {}", on(&load_balancer.namespace), load_balancer.program().display());
    let configuration = load_balancer.configuration.display();
    narrator.say("The viewer asks; the NAT box's rules and counters; the first load balancer:");
    narrator.output(&format!("{} dig @{} {ZONE}", on(&scene.viewer.namespace), scene.dns.address.ip()));
    if let Some(nat) = &scene.nat {
        narrator.output(&format!("{} nft list ruleset", on(&nat.namespace)));
    }
    for command in ["status", "stats"] {
        narrator.output(&format!("{tgdns} {command} --config {configuration}"));
    }
    narrator.output(&format!("bpftool map dump pinned {}/ANSWERS", load_balancer.pins.display()));
    narrator.say(&format!("Configurations and logs are in {}.", scene.directory().display()));
    narrator.say("Remove it all:");
    narrator.output("cargo xtask demo --clean");
    Ok(())
}

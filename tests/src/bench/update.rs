//! From the decision that a server is not handed out any more to the first answer without it, with many servers and views.
//!
//! The decision is a drain: when it was made is known to the microsecond, and all that follows is what follows a verdict too,
//! but for one thing more: the state is on the disk before the request is acknowledged.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, UdpSocket},
    os::unix::net::UnixStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    cable::{self, SERVER},
    many,
    report::Table,
};
use crate::lab::{dns, loadbalancer::LoadBalancer, lock::Lock, plan::Answering, run::Run, wait};

/// As many as a veth has room for in an answer.
const SERVERS_EACH: usize = 10;
/// From one drain to the next at most: decisions come when they come.
const PAUSE: Duration = Duration::from_millis(60);
const STARTING: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_millis(200);

/// A configuration that fills the maps.
#[derive(Clone, Copy)]
pub struct Shape {
    pub clusters: usize,
    /// Beside that of clients in no view.
    pub views: usize,
    /// How each answer's first address is chosen.
    pub select: &'static str,
}

impl Shape {
    /// 2,000 servers, with as many views as there is room for beside them.
    pub const SERVERS: Self = Self { clusters: 200, views: many::SETS / 200 - 1, select: "rotate" };
    pub const STICKY: Self = Self { select: "sticky", ..Self::SERVERS };
    /// 100 views, with as many clusters as there is room for beside them.
    pub const VIEWS: Self = Self { clusters: many::SETS / 101, views: 100, select: "sticky" };
    pub const ALL: [Self; 3] = [Self::SERVERS, Self::STICKY, Self::VIEWS];
}

pub struct Updates {
    pub shape: Shape,
    /// Milliseconds, sorted, here and below.
    pub to_wire: Vec<f64>,
    /// From the request to its acknowledgement.
    pub acknowledged: Vec<f64>,
    /// What a publication came to on average, as `tgdns stats` counts it: clusters that were rendered.
    pub rendered: f64,
    /// The same: entries of the maps that were written.
    pub written: f64,
    /// The same: how long it took from the choice until the maps said so.
    pub took: f64,
}

/// Drains so many servers, one after the other, and makes each ready again.
pub fn measure(shape: Shape, times: usize) -> Result<Updates> {
    let _turn = Lock::wait(&std::env::temp_dir().join("tgdns-lab.scene"), || {})?;
    let run = Run::start()?;
    let (host, client) = cable::lay(&run, "update")?;
    cable::serve(&client)?;
    let Shape { clusters, views, select } = shape;
    let text = many::configuration(clusters, SERVERS_EACH, views);
    let text = text.replace("[[cluster.part]]", &format!("select = \"{select}\"\n[[cluster.part]]"));
    let mut load_balancer = LoadBalancer::new(&run, Arc::new(host), SERVER, Answering::FastPath, &text)?;
    load_balancer.start(&run)?;
    wait::until("all servers are live", STARTING, || {
        load_balancer.check()?;
        Ok(all_live(&load_balancer, clusters * SERVERS_EACH))
    })?;

    let socket = client.udp_socket()?;
    let mut control = Control::connect(&load_balancer)?;
    let mut random = Rng::with_seed(0x7467_6e73);
    let (mut to_wire, mut acknowledged) = (Vec::new(), Vec::new());
    let before = Counts::of(&load_balancer)?;
    for _ in 0..times {
        thread::sleep(PAUSE.mul_f64(random.f64()));
        let (cluster, server) = (random.usize(..clusters), random.usize(..SERVERS_EACH));
        let name = format!("c{cluster}-{}", server + 1);
        let start = Instant::now();
        control.send("drain", &name)?;
        until(&socket, cluster, server, false)?;
        to_wire.push(start.elapsed().as_secs_f64() * 1e3);
        control.receive()?;
        acknowledged.push(start.elapsed().as_secs_f64() * 1e3);
        control.send("ready", &name)?;
        until(&socket, cluster, server, true)?;
        control.receive()?;
    }
    let after = Counts::of(&load_balancer)?;
    load_balancer.check()?;
    let publications = (after.publications - before.publications) as f64;
    to_wire.sort_by(f64::total_cmp);
    acknowledged.sort_by(f64::total_cmp);
    Ok(Updates {
        shape,
        to_wire,
        acknowledged,
        rendered: (after.rendered - before.rendered) as f64 / publications,
        written: (after.written - before.written) as f64 / publications,
        took: (after.microseconds - before.microseconds) as f64 / 1e3 / publications,
    })
}

impl Updates {
    /// As a table in Markdown.
    pub fn table(&self) -> String {
        let mut table = Table::new(&["ms", "p50", "p90", "p99", "worst", "goal"]);
        for (what, times, goal) in [
            ("request to the first answer without the server", &self.to_wire, "p99 < 1"),
            ("request to its acknowledgement", &self.acknowledged, "–"),
        ] {
            let part = |part: f64| format!("{:.2}", times[(part * (times.len() - 1) as f64) as usize]);
            table.row(&[what.into(), part(0.5), part(0.9), part(0.99), part(1.0), goal.into()]);
        }
        let Shape { clusters, views, select } = self.shape;
        format!(
            "{} drains, {} servers in {clusters} clusters (`select = \"{select}\"`), {views} views beside the default one. A \
             publication renders {:.1} clusters, writes {:.1} entries of maps, and takes {:.2} ms on average.\n\n{table}",
            self.to_wire.len(),
            clusters * SERVERS_EACH,
            self.rendered,
            self.written,
            self.took,
        )
    }
}

/// A connection to the controller, for one request at a time.
struct Control(BufReader<UnixStream>);

impl Control {
    fn connect(load_balancer: &LoadBalancer) -> Result<Self> {
        let path = load_balancer.configuration.with_file_name("control.sock");
        let stream =
            UnixStream::connect(&path).with_context(|| format!("connecting to {}", path.display()))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn send(&mut self, state: &str, server: &str) -> Result<()> {
        let request = json!({ "command": "admin", "state": state, "servers": [server] });
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).context("sending a request")
    }

    fn receive(&mut self) -> Result<()> {
        let mut reply = String::new();
        self.0.read_line(&mut reply).context("waiting for a reply")?;
        ensure!(reply.starts_with("{\"ok\""), "{reply}");
        Ok(())
    }
}

/// Asks until the answer has the server, or has it no more.
fn until(socket: &UdpSocket, cluster: usize, server: usize, is_told: bool) -> Result<()> {
    let (name, address) = (many::name(cluster), many::address(SERVERS_EACH, cluster, server));
    let start = Instant::now();
    loop {
        let answer = dns::ask(socket, SocketAddr::from((SERVER, 53)), &name, PATIENCE)?;
        // On a busy machine one may come too late.
        if answer.is_some_and(|answer| answer.addresses.contains(&address) == is_told) {
            return Ok(());
        }
        ensure!(start.elapsed() < STARTING, "{name}: {address} is in the answer: {}", !is_told);
    }
}

/// What the controller has counted.
struct Counts {
    publications: u64,
    rendered: u64,
    written: u64,
    microseconds: u64,
}

impl Counts {
    fn of(load_balancer: &LoadBalancer) -> Result<Self> {
        let stats = load_balancer.json("stats")?;
        let count = |name: &str| {
            let count = stats["publications"][name].as_u64();
            count.with_context(|| format!("no counter publications.{name}: {stats}"))
        };
        Ok(Self {
            publications: count("succeeded")?,
            rendered: count("clusters_rendered")?,
            written: count("entries_written")?,
            microseconds: count("microseconds")?,
        })
    }
}

fn all_live(load_balancer: &LoadBalancer, wanted: usize) -> Result<()> {
    let status = load_balancer.json("status")?;
    let clusters = status["clusters"].as_array().into_iter().flatten();
    let servers = clusters.flat_map(|cluster| cluster["servers"].as_array().into_iter().flatten());
    let live = servers.filter(|server: &&Value| server["live"] == true).count();
    ensure!(live == wanted, "{live} servers are live");
    Ok(())
}

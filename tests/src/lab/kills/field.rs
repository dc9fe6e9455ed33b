//! A load balancer, and at the other end of its cable all servers of some clusters.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, anyhow};

use super::probing::Probing;
use crate::lab::{
    link,
    loadbalancer::{INTERFACE, LoadBalancer},
    lock::Lock,
    namespace::Namespace,
    plan::Answering,
    program,
    run::Run,
    server::Server,
    verdict::{Verdict, VerdictProgram},
    wait,
};

const CABLE: &str = "client0";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
/// Where the servers are; each cluster has a network of 256 addresses.
const SERVERS: &str = "10.10.128.0/17";
const FIRST_NETWORK: u8 = 128;
/// From the start of the programs until all servers are up.
const STARTING: Duration = Duration::from_secs(30);
/// What is sent to an address in the set is dropped.
const FIREWALL: &str = "add table ip kills
add set ip kills dead { type ipv4_addr; }
add chain ip kills input { type filter hook input priority 0; }
add rule ip kills input ip daddr @dead drop
";

/// Fields are dropped in order: programs end before the run removes the namespaces.
pub(super) struct Field {
    pub(super) load_balancer: LoadBalancer,
    pub(super) clusters: Vec<Cluster>,
    pub(super) far: Arc<Namespace>,
    pub(super) probing: Arc<Probing>,
    _run: Run,
    _turn: Lock,
}

/// With a client of its own, so that a question waits for no other cluster's.
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) servers: Vec<Server>,
    pub(super) socket: UdpSocket,
}

impl Field {
    /// Builds all of it, and waits until all servers are live.
    pub(super) fn build(clusters: u8, servers_each: u8) -> Result<Self> {
        for name in ["tgdns", "lab-server"] {
            program::of_workspace(name)?;
        }
        // Another scene on the same processors would stretch the times.
        let turn = Lock::wait(&std::env::temp_dir().join("tgdns-lab.scene"), || {})?;
        let run = Run::start()?;
        let near = Arc::new(Namespace::new(&run, "lb")?);
        let far = Arc::new(Namespace::new(&run, "far")?);
        link::connect(&near, INTERFACE, &far, CABLE)?;
        VerdictProgram::load(&run, Verdict::Pass)?.attach(&far, CABLE)?;
        near.run("ip", &["address", "add", &format!("{ADDRESS}/16"), "dev", INTERFACE])?;
        far.run("ip", &["address", "add", "10.10.0.2/16", "dev", CABLE])?;
        far.run("ip", &["route", "add", "local", SERVERS, "dev", "lo"])?;
        let firewall = run.directory().join("kills.nft");
        std::fs::write(&firewall, FIREWALL)?;
        program::run_command(far.command(program::path("nft")?).arg("-f").arg(firewall))?;

        let mut text = String::new();
        let clusters: Vec<Cluster> = (0..clusters)
            .map(|cluster| {
                let name = format!("c{cluster}.intern.netz");
                let address = |server| Ipv4Addr::new(10, 10, FIRST_NETWORK + cluster, 1 + server);
                write!(
                    text,
                    "[[cluster]]\nname = \"{name}\"\nprobe = {{ type = \"tcp\", port = 443 }}\n\
                     [[cluster.part]]\nname = \"c{cluster}\"\nfirst = \"{}\"\ncount = {servers_each}\n",
                    address(0)
                )?;
                let servers = (0..servers_each).map(|server| {
                    let name = format!("c{cluster}-{}", server + 1);
                    let mut started = Server::new(name, Arc::clone(&far), address(server), address(server));
                    started.start(&run).map(|_open| started)
                });
                Ok(Cluster { name, servers: servers.collect::<Result<_>>()?, socket: far.udp_socket()? })
            })
            .collect::<Result<_>>()?;
        let mut load_balancer = LoadBalancer::new(&run, near, ADDRESS, Answering::FastPath, &text)?;
        load_balancer.start(&run)?;
        wait::until("all servers are live", STARTING, || {
            load_balancer.check()?;
            Ok(all_live(&load_balancer))
        })?;
        let probing = Probing::watch(&far, CABLE)?;
        Ok(Self { load_balancer, clusters, far, probing, _run: run, _turn: turn })
    }
}

/// From now on nothing reaches this address.
pub(super) fn silence(far: &Namespace, address: Ipv4Addr) -> Result<()> {
    let element = format!("{{ {address} }}");
    far.run("nft", &["add", "element", "ip", "kills", "dead", &element]).map(drop)
}

fn all_live(load_balancer: &LoadBalancer) -> Result<()> {
    let status = load_balancer.json("status")?;
    let clusters = status["clusters"].as_array().into_iter().flatten();
    let servers = clusters.flat_map(|cluster| cluster["servers"].as_array().into_iter().flatten());
    let missing: Vec<_> =
        servers.filter(|server| server["live"] != true).map(|server| &server["name"]).collect();
    if missing.is_empty() { Ok(()) } else { Err(anyhow!("{missing:?} are not live")) }
}

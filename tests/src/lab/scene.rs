//! A scene: all machines of a plan, connected and running.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tgdns::forwarder::{self, DnsServer, Style};

use super::{
    loadbalancer::{INTERFACE, LoadBalancer},
    lock::Lock,
    namespace::Namespace,
    nat::{self, NatBox},
    plan::{Member, Plan, ZONE},
    program,
    resolver::{Printed, Resolver},
    run::Run,
    server::Server,
    switch::Switch,
    viewer::Viewer,
    wait,
};

const CLUSTER_NETWORK: &str = "dmz";
const CLIENT_NETWORK: &str = "lan";
/// From the start of the programs to the first right answer.
const STARTING: Duration = Duration::from_secs(20);

/// Fields are dropped in order: programs end before the run removes the namespaces.
pub struct Scene {
    pub viewer: Viewer,
    pub dns: Resolver,
    pub nat: Option<NatBox>,
    pub load_balancers: Vec<LoadBalancer>,
    pub servers: Vec<Server>,
    switch: Switch,
    run: Run,
    _turn: Lock,
}

impl Scene {
    /// Builds all of it, and waits until the viewer's DNS server hands out every server. `progress` hears
    /// about each step.
    pub fn build(run: Run, plan: &Plan, progress: &dyn Fn(&str)) -> Result<Self> {
        progress("programs of this workspace");
        for name in ["tgdns", "lab-server"] {
            program::of_workspace(name)?;
        }
        // Scenes measure times, which another one on the same processors would stretch.
        let turn = std::env::temp_dir().join("tgdns-lab.scene");
        let on_wait = || progress("waiting for another scene to end");
        let turn = if plan.alone { Lock::wait(&turn, on_wait) } else { Lock::wait_to_share(&turn, on_wait) }?;
        progress("network: namespaces, cables and a switch");
        let networks: &[&str] =
            if plan.nat { &[CLUSTER_NETWORK, CLIENT_NETWORK] } else { &[CLUSTER_NETWORK] };
        let switch = Switch::new(&run, networks)?;
        let mut servers: Vec<_> = plan
            .members()
            .into_iter()
            .enumerate()
            .map(|(index, member)| server(&run, &switch, index, member, index < plan.load_balancers))
            .collect::<Result<_>>()?;
        let (network, prefix) =
            if plan.nat { (CLIENT_NETWORK, [192, 168, 1]) } else { (CLUSTER_NETWORK, [10, 10, 10]) };
        let client = |machine: &str, host: u8| -> Result<(Namespace, Ipv4Addr)> {
            let namespace = Namespace::new(&run, machine)?;
            let [first, second, third] = prefix;
            let address = Ipv4Addr::new(first, second, third, host);
            switch.plug(network, &namespace, INTERFACE, &format!("{address}/24"))?;
            Ok((namespace, address))
        };
        let (viewer, _) = client("viewer", 10)?;
        let (dns, dns_address) = client("dns", 2)?;
        let viewer = Viewer::new(&run, Arc::new(viewer), dns_address)?;

        progress("servers, and the load balancers: tgdns");
        let mut load_balancers: Vec<_> = servers
            .iter()
            .take(plan.load_balancers)
            .map(|server| {
                let namespace = Arc::clone(&server.namespace);
                LoadBalancer::new(&run, namespace, server.address, plan.answering, &plan.configuration())
            })
            .collect::<Result<_>>()?;

        for server in &mut servers {
            server.start(&run)?;
        }
        for load_balancer in &mut load_balancers {
            load_balancer.start(&run)?;
        }

        progress("name servers: the organisation's, and Unbound on the NAT box");
        let told = load_balancers.first().context("there is no load balancer")?;
        let nat = plan.nat.then(|| nat_box(&run, &switch, &servers, told)).transpose()?;
        let printed = match &nat {
            None => printed_for(told, plan.dns),
            Some(nat) => asking(nat.forwarder.address.ip(), plan.dns),
        }?;
        let dns = Resolver::start(&run, Arc::new(dns), dns_address, plan.dns.0, printed)?;

        let mut scene = Self { viewer, dns, nat, load_balancers, servers, switch, run, _turn: turn };
        progress("waiting until every server is handed out");
        let all = scene.aliases();
        scene.wait_for(&all, STARTING)?;
        Ok(scene)
    }

    /// What clients reach the servers by, in the order of the servers.
    pub fn aliases(&self) -> Vec<Ipv4Addr> {
        self.servers.iter().map(|server| server.alias).collect()
    }

    /// The machine that asks the load balancers: the NAT box or the organisation's DNS server.
    pub fn asker(&self) -> &Namespace {
        self.nat.as_ref().map_or(&self.dns, |nat| &nat.forwarder).namespace.as_ref()
    }

    /// Waits until exactly these addresses come from each load balancer that runs and reach the viewer.
    pub fn wait_for(&mut self, aliases: &[Ipv4Addr], at_most: Duration) -> Result<Duration> {
        let (_, took) = wait::until("the right answers", at_most, || {
            self.check_programs()?;
            Ok(self.check_answers(aliases))
        })?;
        Ok(took)
    }

    /// Fails where a program has ended by itself.
    pub fn check_programs(&mut self) -> Result<()> {
        self.dns.check()?;
        self.nat.as_mut().map_or(Ok(()), |nat| nat.forwarder.check())?;
        self.load_balancers.iter_mut().try_for_each(LoadBalancer::check)
    }

    fn check_answers(&self, aliases: &[Ipv4Addr]) -> Result<()> {
        for load_balancer in self.load_balancers.iter().filter(|load_balancer| load_balancer.runs()) {
            let answer = load_balancer.ask_from(self.asker(), ZONE);
            let answer = answer.with_context(|| load_balancer.log_tail())?;
            ensure_same(load_balancer.namespace.machine(), &answer.addresses, aliases)?;
        }
        let found = self.viewer.look_up(ZONE).with_context(|| self.dns.log_tail())?;
        ensure_same("the viewer", &found, aliases)
    }

    /// The server that clients reach by an address.
    pub fn server_of(&self, alias: Ipv4Addr) -> Result<&Server> {
        let server = self.servers.iter().find(|server| server.alias == alias);
        server.with_context(|| format!("{alias} is no server's alias"))
    }

    pub fn start_server(&mut self, index: usize) -> Result<std::time::Instant> {
        self.servers.get_mut(index).context("no such server")?.start(&self.run)
    }

    pub fn start_load_balancer(&mut self, index: usize) -> Result<()> {
        self.load_balancers.get_mut(index).context("no such load balancer")?.start(&self.run)
    }

    /// Pulls a load balancer's cable, or plugs it in.
    pub fn set_cable(&self, index: usize, plugged: bool) -> Result<()> {
        let load_balancer = self.load_balancers.get(index).context("no such load balancer")?;
        self.switch.set_cable(CLUSTER_NETWORK, &load_balancer.namespace, plugged)
    }

    /// Removes a load balancer's device, and gives it another one when `meanwhile` has ended.
    pub fn replace_device(&self, index: usize, meanwhile: impl FnOnce()) -> Result<()> {
        let load_balancer = self.load_balancers.get(index).context("no such load balancer")?;
        let address = format!("{}/24", load_balancer.address.ip());
        self.switch.replace(CLUSTER_NETWORK, &load_balancer.namespace, INTERFACE, &address, meanwhile)
    }

    /// Where configurations and logs are.
    pub fn directory(&self) -> PathBuf {
        self.run.directory()
    }

    /// Leaves it standing when this process ends.
    pub fn keep(self) -> Result<()> {
        self.run.keep()
    }
}

/// The machine of the server with an index; it runs nothing yet.
fn server(run: &Run, switch: &Switch, index: usize, member: Member, balances: bool) -> Result<Server> {
    let kind = if balances { "lb" } else { "server" };
    let namespace = Namespace::new(run, &format!("{kind}{}", index + 1))?;
    switch.plug(CLUSTER_NETWORK, &namespace, INTERFACE, &format!("{}/24", member.address))?;
    Ok(Server::new(member.name, Arc::new(namespace), member.address, member.alias))
}

/// The NAT box, whose forwarder asks the load balancers.
fn nat_box(run: &Run, switch: &Switch, servers: &[Server], told: &LoadBalancer) -> Result<NatBox> {
    let namespace = Namespace::new(run, "nat")?;
    switch.plug(CLIENT_NETWORK, &namespace, nat::CLIENTS_DEVICE, "192.168.1.1/24")?;
    switch.plug(CLUSTER_NETWORK, &namespace, nat::CLUSTER_DEVICE, "10.10.10.1/24")?;
    NatBox::new(run, Arc::new(namespace), servers, |namespace| {
        let printed = printed_for(told, (DnsServer::Unbound, Style::Forward))?;
        Resolver::start(run, namespace, Ipv4Addr::new(192, 168, 1, 1), DnsServer::Unbound, printed)
    })
}

/// What `tgdns` prints on a load balancer.
fn printed_for(load_balancer: &LoadBalancer, (server, style): (DnsServer, Style)) -> Result<Vec<Printed>> {
    let command = ["forwarder-config", server.as_str(), "--style", style.as_str()];
    Printed::of_json(&load_balancer.json_of(&command)?)
}

/// The same, for a DNS server that asks another one.
fn asking(other: IpAddr, (server, style): (DnsServer, Style)) -> Result<Vec<Printed>> {
    let zone = forwarder::Zone { name: ZONE.to_owned(), ttl: 1, servers: vec![other] };
    let files = forwarder::render(server, style, &[zone])?;
    Printed::of_json(&forwarder::to_json(server, style, &files))
}

/// Compares without regard to the order, which rotates.
fn ensure_same(who: &str, found: &[Ipv4Addr], expected: &[Ipv4Addr]) -> Result<()> {
    let sorted = |addresses: &[Ipv4Addr]| {
        let mut addresses = addresses.to_vec();
        addresses.sort();
        addresses
    };
    ensure!(sorted(found) == sorted(expected), "{who} got {found:?}, not {expected:?}");
    Ok(())
}

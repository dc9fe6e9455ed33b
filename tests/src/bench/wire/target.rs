//! Who answers: each on a machine of its own, at the end of a cable of its own.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf,
    programs::{Xdp, XdpMode},
};

use super::{NAME, peer::Peer};
use crate::{
    bench::{
        cable::{self, SERVER},
        harness::Floor,
        process,
    },
    lab::{
        dns,
        loadbalancer::{INTERFACE, LoadBalancer},
        namespace::Namespace,
        plan::Answering,
        process::Process,
        run::Run,
        wait,
    },
};

const STARTING: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_millis(200);

/// One that answers, and a socket that asks it.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) socket: UdpSocket,
    answerer: Answerer,
    pub(super) client: Namespace,
}

enum Answerer {
    /// The program is on the device as long as this lives.
    Fixed {
        _program: Ebpf,
        _host: Namespace,
    },
    Tgdns(Box<LoadBalancer>),
    Peer {
        process: Process,
        _host: Namespace,
    },
}

impl Target {
    /// The floor's fixed answer.
    pub(super) fn fixed(run: &Run, floor: &Floor) -> Result<Self> {
        let (host, client) = cable::lay(run, "fixed")?;
        let mut ebpf = floor.loaded("fixed")?;
        let program: &mut Xdp =
            ebpf.program_mut("fixed").context("the floor has no fixed answer")?.try_into()?;
        host.enter(|| program.attach(INTERFACE, XdpMode::Driver))?.context("attaching the fixed answer")?;
        Self::new("the fixed program", client, Answerer::Fixed { _program: ebpf, _host: host })
    }

    /// The fast path, with its controller.
    pub(super) fn tgdns(run: &Run) -> Result<Self> {
        Self::controller(run, "tgdns", "fast", Answering::FastPath)
    }

    /// The controller's sockets alone.
    pub(super) fn sockets(run: &Run) -> Result<Self> {
        Self::controller(run, "tgdns, sockets alone", "slow", Answering::Sockets)
    }

    /// Somebody else's server.
    pub(super) fn peer(run: &Run, peer: Peer) -> Result<Self> {
        let (host, client) = cable::lay(run, peer.machine())?;
        let process = peer.start(run, &host)?;
        Self::new(peer.name(), client, Answerer::Peer { process, _host: host })
    }

    fn controller(run: &Run, name: &'static str, machine: &str, answering: Answering) -> Result<Self> {
        let (host, client) = cable::lay(run, machine)?;
        cable::serve(&client)?;
        let clusters = format!(
            "[[cluster]]\nname = \"{NAME}\"\nprobe = {{ type = \"tcp\", port = {} }}\n\
             [[cluster.part]]\nfirst = \"{}\"\ncount = 3\n",
            cable::PORT,
            cable::FIRST_SERVER
        );
        let mut load_balancer = LoadBalancer::new(run, Arc::new(host), SERVER, answering, &clusters)?;
        load_balancer.start(run)?;
        Self::new(name, client, Answerer::Tgdns(Box::new(load_balancer)))
    }

    /// Waits until it answers.
    fn new(name: &'static str, client: Namespace, mut answerer: Answerer) -> Result<Self> {
        let socket = client.udp_socket()?;
        let server = SocketAddr::from((SERVER, 53));
        wait::until(&format!("{name} answers"), STARTING, || {
            answerer.check()?;
            Ok(dns::ask(&socket, server, NAME, PATIENCE)
                .and_then(|answer| answer.filter(|answer| answer.addresses.len() >= 3).context("no answer")))
        })?;
        // A new one, so that late answers to the questions above are not taken for others.
        let socket = client.udp_socket()?;
        socket.connect(server).context("choosing whom to ask")?;
        Ok(Self { name, socket, answerer, client })
    }

    pub(super) fn check(&mut self) -> Result<()> {
        self.answerer.check()
    }

    /// Of the programs that answer, of all their threads.
    pub(super) fn processor_time(&self) -> Result<Duration> {
        match &self.answerer {
            Answerer::Fixed { .. } => Ok(Duration::ZERO),
            Answerer::Tgdns(load_balancer) => {
                process::processor_time(load_balancer.identifier().context("tgdns does not run")?)
            }
            Answerer::Peer { process, .. } => process::processor_time(process.identifier()),
        }
    }
}

impl Answerer {
    fn check(&mut self) -> Result<()> {
        match self {
            Self::Fixed { .. } => Ok(()),
            Self::Tgdns(load_balancer) => load_balancer.check(),
            Self::Peer { process, .. } => process.check(),
        }
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        if let Self::Peer { process, .. } = self {
            // NSD's other processes end with it, if it is asked.
            let _ = process.terminate();
        }
    }
}

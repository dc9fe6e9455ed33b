//! Other people's authoritative servers with the same zones, in a network namespace of their own.

use std::{
    cell::Cell,
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use tgdns_common::transport::Transport;

use super::{
    query,
    zone::{IDENTITY, VERSION, ZONES},
};
use crate::lab::{namespace::Namespace, process::Process, program, run::Run, wait};

/// Within which most replies come; poll counts in milliseconds.
const MOMENT: Duration = Duration::from_millis(1);
const SHORTEST_ANSWERED: usize = 12;
/// NSD hangs up over what is shorter than the shortest question.
const SHORTEST_OVER_TCP: usize = 17;
/// NSD's processes answer 400 erroneous queries a second each, whatever the configuration says. Which of them gets a
/// socket's queries is by chance.
const PROCESSES: usize = 16;
const SOCKETS: usize = 32;
/// Of a header's third byte.
const RESPONSE: u8 = 0x80;

/// Longer than any answer takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Peer<'n> {
    namespace: &'n Namespace,
    process: Process,
    address: SocketAddr,
    /// Each is answered in order, by one of the peer's processes.
    sockets: Vec<UdpSocket>,
    /// The socket that is asked next.
    turn: Cell<usize>,
    /// Whether it answers only so many erroneous queries in a second.
    is_limited: bool,
}

impl<'n> Peer<'n> {
    pub(super) fn nsd(run: &Run, namespace: &'n Namespace) -> Result<Self> {
        let address = Ipv4Addr::new(127, 0, 0, 1);
        let directory = directory(run, "nsd")?;
        Self::start(run, namespace, "nsd", address, &nsd_configuration(&directory, address), &["-d", "-c"])
    }

    pub(super) fn knot(run: &Run, namespace: &'n Namespace) -> Result<Self> {
        let address = Ipv4Addr::new(127, 0, 0, 2);
        let directory = directory(run, "knotd")?;
        Self::start(run, namespace, "knotd", address, &knot_configuration(&directory, address), &["-c"])
    }

    fn start(
        run: &Run,
        namespace: &'n Namespace,
        program: &str,
        address: Ipv4Addr,
        configuration: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let file = run.directory().join(program).with_extension("conf");
        fs::write(&file, configuration).with_context(|| format!("writing {}", file.display()))?;
        let file = file.display().to_string();
        let arguments = arguments.iter().copied().chain([file.as_str()]);
        let process = Process::start(run, namespace, program, &copy_of(run, program)?, arguments)?;
        let address = SocketAddr::from((address, 53));
        let mut peer = Self {
            namespace,
            process,
            address,
            sockets: vec![],
            turn: Cell::new(0),
            is_limited: program == "nsd",
        };
        peer.add_socket()?;
        let sentinel = query::sentinel();
        wait::until(&format!("{program} answers"), PATIENCE, || {
            peer.process.check()?;
            // Until there is a socket, what was sent comes back as an error.
            Ok(peer
                .socket()
                .send(&sentinel)
                .map_err(Into::into)
                .and_then(|_| peer.receive(&sentinel, Duration::from_millis(100))?.context("no answer")))
        })?;
        // Late answers to what was asked while waiting come to the first socket.
        peer.sockets.clear();
        (0..if peer.is_limited { SOCKETS } else { 1 }).try_for_each(|_| peer.add_socket())?;
        Ok(peer)
    }

    fn add_socket(&mut self) -> Result<()> {
        let socket = self.namespace.udp_socket()?;
        socket.connect(self.address).context("choosing a peer")?;
        self.sockets.push(socket);
        Ok(())
    }

    fn socket(&self) -> &UdpSocket {
        &self.sockets[self.turn.get() % self.sockets.len()]
    }

    /// The reply, or nothing where it stays silent, or hangs up.
    pub(super) fn ask(&self, transport: Transport, query: &[u8]) -> Result<Option<Vec<u8>>> {
        let shortest = if transport == Transport::Tcp { SHORTEST_OVER_TCP } else { SHORTEST_ANSWERED };
        let may_reply = query.len() >= shortest && query[2] & RESPONSE == 0;
        let tries = if self.is_limited && may_reply { self.sockets.len() + 1 } else { 1 };
        for left in (0..tries).rev() {
            self.turn.set(self.turn.get() + 1);
            let reply = match transport {
                Transport::Udp => self.ask_over_udp(query, may_reply)?,
                Transport::Tcp => self.ask_over_tcp(query)?,
            };
            if reply.is_some() {
                return Ok(reply);
            }
            if left == 1 {
                // Every process may have been asked too much in this second.
                thread::sleep(Duration::from_millis(1010));
            }
        }
        Ok(None)
    }

    /// The reply over UDP; nothing where it stays silent, which the answer to a query behind shows.
    ///
    /// That one is sent only when no reply came for a while, so that most queries cost one round trip.
    fn ask_over_udp(&self, query: &[u8], may_reply: bool) -> Result<Option<Vec<u8>>> {
        self.socket().send(query).context("sending a query")?;
        if let Some(reply) = self.receive(query, if may_reply { MOMENT } else { Duration::ZERO })? {
            return Ok(Some(reply));
        }
        let sentinel = query::sentinel();
        self.socket().send(&sentinel).context("sending a query")?;
        let mut reply = None;
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let received = self.receive(&[], left)?.context("a peer does not answer any more")?;
            if received.starts_with(&sentinel[..2]) {
                return Ok(reply);
            }
            if query.starts_with(&received[..2]) {
                reply = Some(received);
            }
        }
    }

    /// The next message that comes within some time, with the identifier of that one if it has one.
    fn receive(&self, query: &[u8], within: Duration) -> Result<Option<Vec<u8>>> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut waiting = [PollFd::new(self.socket().as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            if poll(&mut waiting, timeout).context("waiting for a reply")? == 0 {
                return Ok(None);
            }
            let mut buffer = [0; 4096];
            let length = self.socket().recv(&mut buffer).context("receiving a reply")?;
            if length >= 2 && (query.is_empty() || query.starts_with(&buffer[..2])) {
                return Ok(Some(buffer[..length].to_vec()));
            }
        }
    }

    /// The reply over a TCP connection of its own; nothing where it stays silent, or hangs up.
    fn ask_over_tcp(&self, query: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut stream = self.namespace.connect(self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE)).context("limiting patience")?;
        let sentinel = query::sentinel();
        let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes(), message].concat();
        // One that hangs up over the first of them may do so before both are sent.
        let sent = stream.write_all(&[framed(query), framed(&sentinel)].concat());
        let mut reply = None;
        while let Some(message) = next(&mut stream) {
            if message.starts_with(&query::SENTINEL.to_be_bytes()) {
                return Ok(reply);
            }
            reply = Some(message);
        }
        if reply.is_none() {
            sent.context("sending queries over TCP").or_else(|error| {
                let hung_up = error.downcast_ref::<std::io::Error>();
                if hung_up.is_some() { Ok(()) } else { Err(error) }
            })?;
        }
        Ok(reply)
    }
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        // NSD's other processes end with it, if it is asked.
        let _ = self.process.terminate();
    }
}

fn next(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// The path of a copy of a system's program. Distributions confine name servers to files of theirs by their path; a copy
/// may read the run's.
fn copy_of(run: &Run, program: &str) -> Result<PathBuf> {
    let original = program::path(program)?;
    let copy = run.directory().join(program);
    fs::copy(&original, &copy).with_context(|| format!("copying {}", original.display()))?;
    Ok(copy)
}

/// With the zones' files.
fn directory(run: &Run, program: &str) -> Result<String> {
    let directory = run.directory().join(program).with_extension("d");
    let write = |path: &Path| {
        fs::create_dir_all(path)?;
        ZONES.iter().try_for_each(|(name, text)| fs::write(path.join(name), text))
    };
    write(&directory).with_context(|| format!("filling {}", directory.display()))?;
    Ok(directory.display().to_string())
}

fn nsd_configuration(directory: &str, address: Ipv4Addr) -> String {
    let zones: String =
        ZONES.iter().map(|(name, _)| format!("zone:\n  name: {name}\n  zonefile: {name}\n")).collect();
    format!(
        r#"server:
  server-count: {PROCESSES}
  reuseport: yes
  ip-address: {address}
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  database: ""
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  pidfile: "{directory}/pid"
  logfile: "{directory}/log"
  ipv4-edns-size: 1232
  ipv6-edns-size: 1232
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: yes
  refuse-any: no
  round-robin: no
  hide-version: no
  version: "{VERSION}"
  identity: "{IDENTITY}"
  nsid: "ascii_{IDENTITY}"
  answer-cookie: no
remote-control:
  control-enable: no
{zones}"#
    )
}

fn knot_configuration(directory: &str, address: Ipv4Addr) -> String {
    let zones: String =
        ZONES.iter().map(|(name, _)| format!("  - domain: {name}\n    file: {name}\n")).collect();
    format!(
        r#"server:
  rundir: "{directory}"
  listen: {address}@53
  identity: "{IDENTITY}"
  version: "{VERSION}"
  nsid: "{IDENTITY}"
  udp-max-payload: 1232
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: "{directory}/log"
    any: info
database:
  storage: "{directory}/db"
template:
  - id: default
    storage: "{directory}"
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
{zones}"#
    )
}

//! A stub resolver, as the C library has one: it asks one DNS server, once more after some seconds, and over TCP where
//! the answer is cut.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    dns::{self, Answer},
    namespace::Namespace,
    plan::ZONE,
};

/// glibc's `timeout` and `attempts` in `resolv.conf(5)`.
const PATIENCE: [Duration; 2] = [Duration::from_secs(5); 2];

pub struct Stub {
    namespace: Arc<Namespace>,
    server: SocketAddr,
    socket: UdpSocket,
}

impl Stub {
    pub fn new(namespace: Arc<Namespace>, server: SocketAddr) -> Result<Self> {
        let socket = namespace.udp_socket()?;
        Ok(Self { namespace, server, socket })
    }

    /// What the cluster's name has of a type, and how long it took to know.
    pub fn ask(&self, kind: u16) -> Result<(Answer, Duration)> {
        let start = Instant::now();
        let answer = dns::ask_patiently(&self.socket, self.server, ZONE, kind, &PATIENCE)?;
        let mut answer = answer.with_context(|| format!("no answer of type {kind} within {PATIENCE:?}"))?;
        if answer.truncated {
            let connection = self.namespace.connect(self.server, PATIENCE[0])?;
            answer = dns::ask_over_tcp(connection, ZONE, kind, PATIENCE[0])?;
        }
        ensure!(answer.rcode == 0, "type {kind} is answered with code {}", answer.rcode);
        Ok((answer, start.elapsed()))
    }
}

//! When the servers were probed, as it is seen on the wire.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use socket2::Socket;

use crate::lab::{namespace::Namespace, raw, server::PORT};

/// When the thread looks whether it is to go on.
const TURN: Duration = Duration::from_millis(100);

/// By server, when the last connection was asked for.
#[derive(Default)]
pub(super) struct Probing(Mutex<HashMap<Ipv4Addr, Instant>>);

impl Probing {
    /// Watches an interface for as long as this is there.
    pub(super) fn watch(namespace: &Namespace, interface: &'static str) -> Result<Arc<Self>> {
        let socket = namespace.enter(|| raw::packet_socket(interface))?.context("opening a packet socket")?;
        let probing = Arc::<Self>::default();
        let watched = Arc::downgrade(&probing);
        thread::spawn(move || {
            while let Some(probing) = watched.upgrade() {
                if probing.note(&socket).is_err() {
                    return;
                }
            }
        });
        Ok(probing)
    }

    pub(super) fn last(&self, server: Ipv4Addr) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&server).copied()
    }

    fn note(&self, socket: &Socket) -> Result<()> {
        if let Some(server) = raw::receive(socket, TURN)?.as_deref().and_then(connecting_to) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(server, Instant::now());
        }
        Ok(())
    }
}

/// The server of a frame with the first segment of a connection over IPv4.
fn connecting_to(frame: &[u8]) -> Option<Ipv4Addr> {
    const TCP: u8 = 6;
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    let packet = frame.strip_prefix(frame.get(..12)?)?.strip_prefix(&[8, 0])?;
    let segment = packet.get(4 * usize::from(packet.first()? & 15)..)?;
    let is_first = packet.get(9) == Some(&TCP) && segment.get(13)? & (SYN | ACK) == SYN;
    let is_probe = is_first && segment.get(2..4)? == PORT.to_be_bytes();
    let address: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    is_probe.then(|| address.into())
}

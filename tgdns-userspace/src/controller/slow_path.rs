//! The slow path's sockets and the tables that they answer from.

use std::{net::IpAddr, sync::Arc};

use anyhow::Result;
use tgdns_common::transport::Transport;
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
};

use super::sources::Sources;
use crate::{
    cluster::{Model, TcpLimits},
    cookie::Secrets,
    image::Image,
    responder::{self, Responder},
    slow, stats,
};

/// The sockets are bound at the start, so that a port in use is told at once, and served from the first publication
/// on: what arrives in between waits in the kernel's buffer instead of being refused.
pub(super) struct SlowPath {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    tables: Option<watch::Sender<Arc<Image>>>,
    secrets: Option<Arc<Secrets>>,
    limits: TcpLimits,
    udp_counters: Arc<slow::Counters>,
    tcp_counters: Arc<slow::TcpCounters>,
    queries: Arc<responder::Counts>,
}

impl SlowPath {
    /// # Errors
    /// An address that cannot be listened on, or a secret that cannot be read, and what to do about it.
    pub(super) fn bind(model: &Model) -> Result<Self> {
        let listen = || model.listen.iter().copied();
        Ok(Self {
            udp: listen().map(slow::bind_udp).collect::<Result<_>>()?,
            tcp: listen().map(slow::bind_tcp).collect::<Result<_>>()?,
            tables: None,
            secrets: model.cookie_secret.as_deref().map(Secrets::read).transpose()?.map(Arc::new),
            limits: model.tcp,
            udp_counters: Arc::default(),
            tcp_counters: Arc::default(),
            queries: Arc::default(),
        })
    }

    pub(super) fn publish(&mut self, image: Arc<Image>, sources: &mut Sources) {
        match &self.tables {
            Some(tables) => drop(tables.send_replace(image)),
            None => self.tables = Some(self.serve(image, sources)),
        }
    }

    fn serve(&mut self, image: Arc<Image>, sources: &mut Sources) -> watch::Sender<Arc<Image>> {
        let (sender, tables) = watch::channel(image);
        let answer = |transport| {
            let (secrets, counts) = (self.secrets.clone(), Arc::clone(&self.queries));
            let responder = Responder::new(tables.clone(), secrets, counts, transport);
            move |buffer: &mut [u8], length: usize, client: IpAddr| responder.answer(buffer, length, client)
        };
        for socket in self.udp.drain(..) {
            let serve = slow::serve_udp(socket, answer(Transport::Udp), Arc::clone(&self.udp_counters));
            sources.watch_over(async {
                serve.await;
                Ok(())
            });
        }
        let connections = Arc::new(slow::Connections::new(self.limits, Arc::clone(&self.tcp_counters)));
        for listener in self.tcp.drain(..) {
            let serve = slow::serve_tcp(listener, answer(Transport::Tcp), Arc::clone(&connections));
            sources.watch_over(async {
                serve.await;
                Ok(())
            });
        }
        sender
    }

    pub(super) fn stats(&self) -> stats::SlowPath {
        let udp = self.udp_counters.snapshot().into_iter();
        let counters = udp.chain(self.tcp_counters.snapshot()).chain(self.queries.snapshot());
        stats::SlowPath { counters: counters.map(|(name, count)| (name.to_owned(), count)).collect() }
    }
}

//! The slow path's sockets and the tables that they answer from.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anyhow::Result;
use tgdns_common::{finding::Finding, transport::Transport};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
    task::AbortHandle,
};

use super::{limiting::Withheld, reloading::read_secrets, sources::Sources};
use crate::{
    cluster::Model,
    cookie::Secrets,
    image::Image,
    responder::{self, Responder},
    slow,
};

/// The sockets are bound at the start, so that a port in use is told at once, and served from the first publication of
/// all names on: what arrives in between waits in the kernel's buffer instead of being refused.
pub(super) struct SlowPath {
    sockets: BTreeMap<SocketAddr, Sockets>,
    tables: Option<watch::Sender<Arc<Image>>>,
    secrets: Option<Arc<Secrets>>,
    connections: Arc<slow::Connections>,
    udp_counters: Arc<slow::Counters>,
    tcp_counters: Arc<slow::TcpCounters>,
    queries: Arc<responder::Counts>,
    buckets: responder::Buckets,
}

/// Sockets that nobody serves yet.
pub(super) type Bound = BTreeMap<SocketAddr, Sockets>;

/// Those of one address; they end with it.
pub(super) struct Sockets {
    bound: Option<(UdpSocket, TcpListener)>,
    serving: Vec<AbortHandle>,
}

impl Sockets {
    fn bind(address: SocketAddr) -> Result<Self> {
        let bound = Some((slow::bind_udp(address)?, slow::bind_tcp(address)?));
        Ok(Self { bound, serving: Vec::new() })
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.serving.iter().for_each(AbortHandle::abort);
    }
}

impl SlowPath {
    /// # Errors
    /// An address that cannot be listened on, or a secret that cannot be read, and what to do about it.
    pub(super) fn bind(model: &Model) -> Result<Self> {
        let tcp_counters = Arc::default();
        let mut slow_path = Self {
            sockets: BTreeMap::new(),
            tables: None,
            secrets: read_secrets(model)?,
            connections: Arc::new(slow::Connections::new(model.tcp, Arc::clone(&tcp_counters))),
            udp_counters: Arc::default(),
            tcp_counters,
            queries: Arc::default(),
            buckets: responder::Buckets::default(),
        };
        slow_path.sockets = slow_path.bind_more(&model.listen)?;
        Ok(slow_path)
    }

    /// Binds the addresses that are not listened on yet.
    ///
    /// # Errors
    /// An address that cannot be listened on; then none of them is.
    pub(super) fn bind_more(&self, listen: &[SocketAddr]) -> Result<Bound> {
        let more = listen.iter().filter(|address| !self.sockets.contains_key(address));
        more.map(|address| Ok((*address, Sockets::bind(*address)?))).collect()
    }

    /// Takes another configuration: these sockets more, its secret and its limits. Addresses that it does not have are left
    /// at once, and connections to them end; all others go on.
    pub(super) fn adopt(&mut self, bound: Bound, secrets: Option<Arc<Secrets>>, model: &Model) {
        self.sockets.retain(|address, _| model.listen.contains(address));
        self.sockets.extend(bound);
        self.secrets = secrets;
        self.connections.set_limits(model.tcp);
    }

    /// Answers by this image from now on; the first one has to have all names.
    pub(super) fn publish(&mut self, image: Image, is_complete: bool, sources: &mut Sources) -> Arc<Image> {
        let image = Arc::new(image.with_secrets(self.secrets.clone()));
        match &self.tables {
            Some(tables) => drop(tables.send_replace(Arc::clone(&image))),
            None if is_complete => self.tables = Some(watch::channel(Arc::clone(&image)).0),
            None => {}
        }
        self.serve(sources);
        image
    }

    /// Serves the sockets that are only bound.
    fn serve(&mut self, sources: &mut Sources) {
        let Some(tables) = &self.tables else { return };
        let answer = |transport| {
            let (queries, buckets) = (Arc::clone(&self.queries), self.buckets.clone());
            let responder = Responder::new(tables.subscribe(), queries, buckets, transport);
            move |buffer: &mut [u8], length: usize, client: IpAddr| responder.answer(buffer, length, client)
        };
        for sockets in self.sockets.values_mut() {
            let Some((udp, tcp)) = sockets.bound.take() else { continue };
            let udp = slow::serve_udp(udp, answer(Transport::Udp), Arc::clone(&self.udp_counters));
            let tcp = slow::serve_tcp(tcp, answer(Transport::Tcp), Arc::clone(&self.connections));
            sockets.serving = vec![
                sources.watch_over(async {
                    udp.await;
                    Ok(())
                }),
                sources.watch_over(async {
                    tcp.await;
                    Ok(())
                }),
            ];
        }
    }

    /// What was left out for clients over the limit.
    pub(super) fn withheld(&self) -> Withheld {
        Withheld {
            slipped: self.queries.of(Finding::Slipped),
            dropped: self.queries.of(Finding::RateLimited),
        }
    }

    /// The last one of those clients, if there was one since the last time.
    pub(super) fn take_limited(&self) -> Option<IpAddr> {
        self.buckets.take_limited()
    }

    pub(super) fn stats(&self) -> Vec<(String, u64)> {
        let udp = self.udp_counters.snapshot().into_iter();
        let counters = udp.chain(self.tcp_counters.snapshot()).chain(self.queries.snapshot());
        counters.map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

//! The slow path's sockets and the tables that they answer from.

use std::sync::Arc;

use tgdns_common::transport::Transport;
use tokio::{net::UdpSocket, sync::watch};

use super::sources::Sources;
use crate::{
    cookie::Secrets,
    image::Image,
    responder::{self, Responder},
    slow, stats,
};

/// The sockets are bound at the start, so that a port in use is told at once, and served from the first publication
/// on: what arrives in between waits in the kernel's buffer instead of being refused.
pub(super) struct SlowPath {
    waiting: Vec<UdpSocket>,
    tables: Option<watch::Sender<Arc<Image>>>,
    secrets: Option<Arc<Secrets>>,
    messages: Arc<slow::Counters>,
    queries: Arc<responder::Counts>,
}

impl SlowPath {
    pub(super) fn new(sockets: Vec<UdpSocket>, secrets: Option<Secrets>) -> Self {
        let secrets = secrets.map(Arc::new);
        Self { waiting: sockets, tables: None, secrets, messages: Arc::default(), queries: Arc::default() }
    }

    pub(super) fn publish(&mut self, image: Arc<Image>, sources: &mut Sources) {
        let tables = self.tables.get_or_insert_with(|| watch::channel(Arc::clone(&image)).0);
        for socket in self.waiting.drain(..) {
            let responder = Responder::new(
                tables.subscribe(),
                self.secrets.clone(),
                Arc::clone(&self.queries),
                Transport::Udp,
            );
            let answer = move |buffer: &mut [u8], length, client| responder.answer(buffer, length, client);
            let serve = slow::serve_udp(socket, answer, Arc::clone(&self.messages));
            sources.watch_over(async {
                serve.await;
                Ok(())
            });
        }
        tables.send_replace(image);
    }

    pub(super) fn stats(&self) -> stats::SlowPath {
        let counters = self.messages.snapshot().into_iter().chain(self.queries.snapshot());
        stats::SlowPath { counters: counters.map(|(name, count)| (name.to_owned(), count)).collect() }
    }
}

//! A host that serves tables on its sockets.

use std::{net::IpAddr, sync::Arc};

use tgdns::{
    cookie::Secrets,
    image::Image,
    responder::{Buckets, Counts, Responder},
};
use tgdns_common::transport::Transport;
use tokio::sync::watch;

use super::tables::TableSet;

/// A client in the default view.
pub const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// The tables of a set, served.
pub struct Host {
    image: Arc<Image>,
    buckets: Buckets,
}

impl Host {
    pub fn new(set: &TableSet) -> Self {
        Self { image: Arc::new(set.image()), buckets: Buckets::default() }
    }

    /// The same, but it gives cookies.
    pub fn with_cookies(self, secrets: Secrets) -> Self {
        let image = Arc::into_inner(self.image).expect("nobody else has it");
        Self { image: Arc::new(image.with_secrets(Some(Arc::new(secrets)))), buckets: self.buckets }
    }

    /// The reply to a message; nothing where it stays silent.
    pub fn ask(&self, transport: Transport, client: IpAddr, message: &[u8]) -> Option<Vec<u8>> {
        self.with_buffer(transport, message, |responder, buffer| {
            responder.answer(buffer, message.len(), client)
        })
    }

    /// The same without the short way that plain queries take.
    pub fn ask_by_the_rules(&self, transport: Transport, client: IpAddr, message: &[u8]) -> Option<Vec<u8>> {
        self.with_buffer(transport, message, |responder, buffer| {
            responder.answer_by_the_rules(buffer, message.len(), client)
        })
    }

    fn with_buffer(
        &self,
        transport: Transport,
        message: &[u8],
        answer: impl FnOnce(&Responder, &mut [u8]) -> Option<usize>,
    ) -> Option<Vec<u8>> {
        let (_sender, tables) = watch::channel(Arc::clone(&self.image));
        let (counts, buckets) = (Arc::new(Counts::default()), self.buckets.clone());
        let responder = Responder::new(tables, counts, buckets, transport);
        let mut buffer = vec![0xa5; 65_535];
        buffer.get_mut(..message.len())?.copy_from_slice(message);
        let length = answer(&responder, &mut buffer)?;
        buffer.truncate(length);
        Some(buffer)
    }
}

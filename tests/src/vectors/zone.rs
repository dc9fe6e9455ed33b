//! A host that serves a zone with all that only its sockets answer.

use std::{net::IpAddr, sync::Arc};

use tgdns::{
    image::Image,
    responder::{Counts, Responder},
};
use tgdns_common::transport::Transport;
use tokio::sync::watch;

/// A client in the default view.
pub const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// The table set `zone`, served.
pub struct Host {
    image: Arc<Image>,
}

impl Host {
    /// # Panics
    /// Where the committed tables are not well-formed.
    #[expect(clippy::new_without_default, reason = "it reads a file")]
    #[expect(clippy::expect_used, reason = "the file is the project's own")]
    pub fn new() -> Self {
        let set = super::table_set("zone").expect("the tables are well-formed");
        Self { image: Arc::new(set.image()) }
    }

    /// The reply to a message; nothing where it stays silent.
    pub fn ask(&self, transport: Transport, client: IpAddr, message: &[u8]) -> Option<Vec<u8>> {
        let (_sender, tables) = watch::channel(Arc::clone(&self.image));
        let responder = Responder::new(tables, None, Arc::new(Counts::default()), transport);
        let mut buffer = vec![0xa5; 65_535];
        buffer.get_mut(..message.len())?.copy_from_slice(message);
        let length = responder.answer(&mut buffer, message.len(), client)?;
        buffer.truncate(length);
        Some(buffer)
    }
}

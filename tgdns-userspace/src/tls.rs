//! The client's side of TLS handshakes.
//!
//! Sessions are never resumed: a resumed one shows no certificate, so that a bad one would go unnoticed for as long as
//! the server keeps its sessions.

#[cfg(test)]
pub(crate) mod authority;
mod cause;
mod certificate;
mod trust;

use std::{
    io,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::ClientConfig};

use crate::{
    cluster::Tls,
    deadline::{Deadline, Failure},
};
pub(crate) use trust::Roots;

/// The client's side of handshakes with one server; made at the first one.
#[derive(Debug)]
pub(crate) struct Client {
    roots: Arc<Roots>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Client {
    pub(crate) fn new(roots: Arc<Roots>) -> Self {
        Self { roots, config: OnceLock::new() }
    }

    /// The encrypted stream, and what people should know of its certificate.
    pub(crate) async fn handshake(
        &self,
        tls: &Tls,
        stream: TcpStream,
        deadline: &Deadline,
    ) -> Result<(TlsStream<TcpStream>, Option<String>), Failure> {
        let connector = TlsConnector::from(self.config(tls).map_err(Failure::Own)?);
        let handshake = async {
            let stream = connector.connect(tls.server_name.clone(), stream).await;
            stream.map_err(cause::failure)
        };
        let stream = deadline.step("during the TLS handshake", handshake).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let warning = certificate.and_then(|certificate| {
            certificate::expiry_warning(certificate, tls.expiry_warning, SystemTime::now())
        });
        Ok((stream, warning))
    }

    fn config(&self, tls: &Tls) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let config = trust::client_config(&tls.trust, &self.roots)?;
        Ok(self.config.get_or_init(|| Arc::new(config)).clone())
    }
}

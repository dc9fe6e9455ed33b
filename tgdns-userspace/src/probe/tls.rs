//! Does the server complete a TLS handshake, and is its certificate good?
//!
//! Sessions are never resumed: a resumed one shows no certificate, so that a bad one would go unnoticed for as long as
//! the server keeps its sessions.

mod cause;
mod certificate;
mod trust;

#[cfg(test)]
mod tests;

use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::ClientConfig};

use super::{
    Destination,
    deadline::{Deadline, Failure},
};
use crate::{cluster::Tls, health::Outcome};
pub(super) use trust::Roots;

/// Tries one handshake.
pub(super) async fn probe(
    tls: &Tls,
    client: &Client,
    destination: &Destination,
    timeout: Duration,
) -> io::Result<Outcome> {
    let deadline = Deadline::starts_now(timeout);
    deadline.judge(prove(tls, client, destination, &deadline).await)
}

async fn prove(
    tls: &Tls,
    client: &Client,
    destination: &Destination,
    deadline: &Deadline,
) -> Result<Option<String>, Failure> {
    let stream = deadline.connect(destination).await?;
    let (mut stream, warning) = client.handshake(tls, stream, deadline).await?;
    // A server that misses the farewell may log an error; one that does not take it has proved enough.
    let _: Result<_, Failure> = deadline.step("", async { Ok(stream.shutdown().await) }).await;
    Ok(warning)
}

/// The client's side of one probe's handshakes; made at the first one.
#[derive(Debug)]
pub(super) struct Client {
    roots: Arc<Roots>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Client {
    pub(super) fn new(roots: Arc<Roots>) -> Self {
        Self { roots, config: OnceLock::new() }
    }

    /// The encrypted stream, and what people should know of its certificate.
    pub(super) async fn handshake(
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

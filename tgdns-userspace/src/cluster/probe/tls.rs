//! What a TLS handshake must prove.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

/// A TLS handshake that ends well is a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Asked for (SNI), and what the certificate must be for.
    pub server_name: ServerName<'static>,
    pub trust: Trust,
    /// A certificate that expires sooner is warned of.
    pub expiry_warning: Duration,
}

/// Who may have signed the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whom this host trusts.
    System,
    /// One of the certificates of a file, which were read with the configuration.
    Authorities { file: PathBuf, certificates: Arc<[CertificateDer<'static>]> },
    /// Nothing is verified: not who signed it, nor for whom, nor until when.
    Anybody,
}

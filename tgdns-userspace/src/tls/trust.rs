//! Whom a client believes.

mod anybody;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, client::Resumption, crypto::ring, pki_types::CertificateDer,
};

use self::anybody::Anybody;
use crate::cluster::Trust;

/// The certificates of those whom this host trusts: read when they are first wanted, as they take some memory.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<Option<Arc<RootCertStore>>>);

impl Roots {
    fn get(&self) -> io::Result<Arc<RootCertStore>> {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = read.as_ref() {
            return Ok(store.clone());
        }
        let store = Arc::new(store(rustls_native_certs::load_native_certs().certs));
        if store.is_empty() {
            return Err(io::Error::other(
                "this host has no certificates to verify a server's with: install ca-certificates, or give a `ca`",
            ));
        }
        Ok(read.insert(store).clone())
    }
}

/// # Errors
/// This host has none of the certificates.
pub(super) fn client_config(trust: &Trust, roots: &Roots) -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(roots.get()?),
        Trust::Authorities { certificates, .. } => {
            builder.with_root_certificates(store(certificates.iter().cloned()))
        }
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody::new(provider)))
        }
    };
    let mut config = builder.with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn store(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    store
}

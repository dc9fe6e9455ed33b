//! Certificates for tests, good and bad.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use crate::cluster::Trust;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
pub(crate) struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    pub(crate) fn acceptor(self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .expect("a key that fits");
        TlsAcceptor::from(Arc::new(config))
    }
}

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, key()).expect("a certificate"))
    }

    pub(crate) fn trusted(&self) -> Trust {
        Trust::Authorities { file: "ca.pem".into(), certificates: [self.0.der().clone()].into() }
    }

    pub(crate) fn signed(&self, names: &[&str], days: i64) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).expect("names");
        let distance = DAY * u32::try_from(days.unsigned_abs()).expect("few");
        let now = SystemTime::now();
        // Tests take a moment.
        let slack = Duration::from_secs(60);
        let end = if days < 0 { now - distance - slack } else { now + distance + slack };
        parameters.not_after = end.into();
        let key = key();
        let certificate = parameters.signed_by(&key, &self.0).expect("a certificate");
        Certificate { chain: vec![certificate.der().clone()], key: key.into() }
    }

    /// The authority as a server.
    pub(crate) fn own(&self) -> Certificate {
        let key = self.0.key().serialize_der().try_into().expect("a key");
        Certificate { chain: vec![self.0.der().clone()], key }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

//! Certificates of an authority, good and bad.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.0.pem()).with_context(|| format!("writing {}", path.display()))
    }

    /// Writes a certificate and its key into one file.
    pub(super) fn sign(&self, names: &[&str], days: i32, path: &Path) -> Result<()> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names)?;
        let distance = DAY * days.unsigned_abs();
        let now = SystemTime::now();
        // The test takes a while.
        let slack = DAY / 24;
        let end = if days < 0 { now - distance - slack } else { now + distance + slack };
        parameters.not_after = end.into();
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.0)?;
        let text = format!("{}{}", certificate.pem(), key.serialize_pem());
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}

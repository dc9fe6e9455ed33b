//! Whose certificates are believed.

use std::{fs, path::Path};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use toml::Spanned;

use crate::{
    cluster::Trust,
    config::{leaf::AbsolutePath, mistakes::Mistakes},
};

/// Those whom a file names.
pub(super) fn authorities(ca: &Spanned<AbsolutePath>, mistakes: &mut Mistakes<'_>) -> Trust {
    let file = &ca.get_ref().0;
    let certificates = certificates(file).unwrap_or_else(|cause| {
        mistakes.add(&ca.span(), format!("`ca`: {} {cause}", file.display()));
        Vec::new()
    });
    Trust::Authorities { file: file.clone(), certificates: certificates.into() }
}

/// All that are in it, or what is wrong with it.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(file).map_err(|error| format!("can't be read: {error}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| format!("is no PEM file: {error}"))?;
    if certificates.is_empty() {
        return Err("has no certificate in it: write it in PEM form (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    let mut store = RootCertStore::empty();
    for (number, certificate) in (1..).zip(&certificates) {
        let added = store.add(certificate.clone());
        added.map_err(|error| format!("has a certificate that can't be used, number {number}: {error}"))?;
    }
    Ok(certificates)
}

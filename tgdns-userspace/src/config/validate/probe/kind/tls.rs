//! What a TLS handshake must prove, as the file says it.

use std::{fs, path::Path, time::Duration};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use crate::{
    cluster::{Tls, Trust},
    config::{file, mistakes::Mistakes},
};

const DEFAULT_EXPIRY_WARNING: Duration = Duration::from_secs(14 * 86_400);

/// `host` is what the certificate must be for where the table says nothing else.
pub(super) fn tls(table: &file::Probe, host: &str, mistakes: &mut Mistakes<'_>) -> Tls {
    let given = table.server_name.as_ref().map(|name| name.get_ref().0.clone());
    let default = || ServerName::try_from(host.to_owned()).ok();
    // A cluster without a name is a mistake of its own.
    let nobody = ServerName::IpAddress(std::net::IpAddr::from([0, 0, 0, 0]).into());
    Tls {
        server_name: given.or_else(default).unwrap_or(nobody),
        trust: trust(table, mistakes),
        expiry_warning: table.expiry_warning.as_ref().map_or(DEFAULT_EXPIRY_WARNING, |time| time.get_ref().0),
    }
}

fn trust(table: &file::Probe, mistakes: &mut Mistakes<'_>) -> Trust {
    let verify = table.verify.as_ref().is_none_or(|verify| *verify.get_ref());
    let Some(ca) = &table.ca else {
        return if verify { Trust::System } else { Trust::Anybody };
    };
    if !verify {
        mistakes.add(&ca.span(), "`ca` is of no use as `verify` is false: take one of them away");
        return Trust::Anybody;
    }
    let file = &ca.get_ref().0;
    let certificates = authorities(file).unwrap_or_else(|cause| {
        mistakes.add(&ca.span(), format!("`ca`: {} {cause}", file.display()));
        Vec::new()
    });
    Trust::Authorities { file: file.clone(), certificates: certificates.into() }
}

/// The certificates of a file, or what is wrong with it.
fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
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

//! What a TLS handshake must prove, as the file says it.

use std::time::Duration;

use tokio_rustls::rustls::pki_types::ServerName;

use crate::{
    cluster::{Tls, Trust},
    config::{file, mistakes::Mistakes, validate::authorities::authorities},
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
    authorities(ca, mistakes)
}

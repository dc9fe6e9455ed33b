//! The values of probes over TLS.

use serde::{Deserialize, Deserializer};
use tokio_rustls::rustls::pki_types;

use super::text;

/// What a certificate is for.
#[derive(Clone, Debug)]
pub(in crate::config) struct ServerName(pub(in crate::config) pki_types::ServerName<'static>);

impl<'de> Deserialize<'de> for ServerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a name in quotes, such as \"www.example.com\", or an address", |text| {
            pki_types::ServerName::try_from(text.to_owned()).map(Self).map_err(|_| None)
        })
    }
}

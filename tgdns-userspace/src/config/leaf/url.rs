//! Where something is sent to.

use hyper::Uri;
use serde::{Deserialize, Deserializer};
use tokio_rustls::rustls::pki_types::ServerName;

use super::text;

/// A URL of http or https, with the host that it names.
#[derive(Clone, Debug)]
pub(in crate::config) struct Url {
    pub(in crate::config) url: Uri,
    pub(in crate::config) host: ServerName<'static>,
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a URL in quotes, such as \"https://192.0.2.1/tgdns\" or \"http://192.0.2.1:8080/\"";
        text(deserializer, expected, |text| {
            if text.contains('#') {
                return Err(Some(format!(
                    "{text:?} has a '#', whose rest no server gets: write %23, or end before"
                )));
            }
            let url: Uri = text.parse().map_err(|_| None)?;
            let authority = url.authority().ok_or(None)?;
            if authority.as_str().contains('@') {
                return Err(Some("a URL's user and password are not sent: take them away".to_owned()));
            }
            let is_known = matches!(url.scheme_str(), Some("http" | "https"));
            // `port_u16` has none where what is there is no port.
            let has_port = authority.as_str().len() > authority.host().len();
            if !is_known || has_port != url.port_u16().is_some_and(|port| port > 0) {
                return Err(None);
            }
            let host = authority.host();
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let host = ServerName::try_from(bare.to_owned()).map_err(|_| None)?;
            Ok(Self { url, host })
        })
    }
}

//! Why a handshake failed, in words.

use std::{
    io::{self, ErrorKind},
    time::{Duration, SystemTime},
};

use tokio_rustls::rustls::{CertificateError, Error, pki_types::UnixTime};

use super::certificate::date;
use crate::deadline::Failure;

pub(super) fn failure(error: io::Error) -> Failure {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return Failure::Server(cause(tls));
    }
    if error.kind() == ErrorKind::UnexpectedEof {
        return Failure::Server("connection closed during the TLS handshake".to_owned());
    }
    Failure::of_socket(error)
}

fn cause(error: &Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is rare, and the library's words will do")]
    match error {
        Error::InvalidCertificate(error) => certificate_cause(error),
        Error::AlertReceived(alert) => format!("server ended the TLS handshake: {alert:?}"),
        Error::InvalidMessage(_) => "server does not speak TLS".to_owned(),
        Error::PeerIncompatible(what) => format!("no common TLS version or cipher: {what:?}"),
        other => format!("TLS handshake failed: {other}"),
    }
}

fn certificate_cause(error: &CertificateError) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is rare, and the library's words will do")]
    match error {
        CertificateError::ExpiredContext { time, not_after } => {
            let since = time.as_secs().saturating_sub(not_after.as_secs());
            format!("certificate has expired {} ago", rounded(since))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate is not valid before {}", date(system_time(*not_before)))
        }
        CertificateError::UnknownIssuer => "certificate is of an unknown CA".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = match presented.as_slice() {
                [] => "no name".to_owned(),
                names => names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", "),
            };
            format!("certificate is for {presented}, not for {}", expected.to_str())
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "certificate is a CA's own, which no server may use: have one signed by it".to_owned()
        }
        other => format!("certificate is not good: {other}"),
    }
}

/// The library gives names as `DnsName("www.example.com")`.
fn plain(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn system_time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// The largest unit says enough.
fn rounded(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_one_unit() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "1 minute"),
            (7_300, "2 hours"),
            (86_399, "23 hours"),
            (200_000, "2 days"),
        ] {
            assert_eq!(rounded(seconds), expected);
        }
    }
}

//! Until when a certificate is good.

use std::time::{Duration, SystemTime};

use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// What to tell of a certificate that expires within a time. The text stays the same as time goes by, so that it is
/// told once.
pub(super) fn expiry_warning(certificate: &[u8], within: Duration, now: SystemTime) -> Option<String> {
    let end = end(certificate)?;
    let left = end.duration_since(now);
    if left.as_ref().is_ok_and(|left| *left >= within) {
        return None;
    }
    let tense = if left.is_ok() { "expires" } else { "has expired" };
    Some(format!("certificate {tense} on {}", date(end)))
}

/// As people read it: "2026-12-05 10:00:00 UTC".
pub(super) fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', " UTC")
}

fn end(certificate: &[u8]) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    // What humantime can write.
    let last = 253_402_300_799;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(last)))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn warnings_come_in_time() {
        const DAY: Duration = Duration::from_secs(86_400);
        let mut parameters = CertificateParams::new(["www.example.com".to_owned()]).expect("a name");
        parameters.not_after = date_time_ymd(2026, 12, 5);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let end = SystemTime::UNIX_EPOCH + 20_792 * DAY;
        for (now, expected) in [
            (end - 15 * DAY, None),
            (end - 14 * DAY, None),
            (end - 13 * DAY, Some("certificate expires on 2026-12-05 00:00:00 UTC")),
            (end, Some("certificate expires on 2026-12-05 00:00:00 UTC")),
            (end + DAY, Some("certificate has expired on 2026-12-05 00:00:00 UTC")),
        ] {
            assert_eq!(expiry_warning(certificate.der(), 14 * DAY, now).as_deref(), expected, "{now:?}");
        }
        assert_eq!(expiry_warning(b"no certificate", 14 * DAY, end), None);
    }
}

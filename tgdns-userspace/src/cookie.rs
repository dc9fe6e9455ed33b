//! DNS cookies that every load balancer with the same secret makes and knows (RFC 9018).

use std::{fmt, fs, hash::Hasher as _, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use siphasher::sip::SipHasher24;
use tgdns_common::tables::Address;

/// The version of RFC 9018 and three reserved bytes.
const VERSION: [u8; 4] = [1, 0, 0, 0];
/// Seconds that a cookie is good for, and that another server's clock may be ahead (RFC 9018 4.3).
const LIFETIME: u32 = 3600;
const AHEAD: u32 = 300;

/// The first one makes cookies; those that the others made are known too, so that a secret can be replaced on one server
/// after the other.
pub struct Secrets(Vec<[u8; 16]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} secret(s)", self.0.len())
    }
}

impl Secrets {
    /// Reads a file: 32 hexadecimal digits in a line, at most three lines, the current secret first.
    ///
    /// # Errors
    /// A file that is missing, can be read by strangers, or has anything else in it.
    pub fn read(path: &Path) -> Result<Self> {
        const ADVICE: &str = "make one with `openssl rand -hex 16`, the same on all load balancers";
        let shown = path.display();
        let text = fs::read_to_string(path)
            .with_context(|| format!("dns.cookie_secret: cannot read {shown}: {ADVICE}"))?;
        let mode = fs::metadata(path).with_context(|| format!("looking at {shown}"))?.permissions().mode();
        ensure!(mode & 0o007 == 0, "dns.cookie_secret: all users may read {shown}: chmod 600 {shown}");
        Self::parse(&text).with_context(|| format!("dns.cookie_secret: {shown}: {ADVICE}"))
    }

    fn parse(text: &str) -> Result<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !(1..=3).contains(&lines.len()) {
            bail!("it has {} secrets, not one to three, each in a line", lines.len());
        }
        let secret = |(index, line): (usize, &&str)| {
            let digits = line.len() == 32 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            let secret = digits.then(|| u128::from_str_radix(line, 16).ok()).flatten();
            secret
                .map(u128::to_be_bytes)
                .with_context(|| format!("line {} is no secret of 32 hexadecimal digits", index + 1))
        };
        Ok(Self(lines.iter().enumerate().map(secret).collect::<Result<_>>()?))
    }

    /// A server's cookie for a client's; `now` in seconds since 1970.
    pub fn cookie(&self, client_cookie: [u8; 8], client: Address, now: u32) -> [u8; 16] {
        let secret = self.0.first().copied().unwrap_or_default();
        make(&secret, client_cookie, client, now)
    }

    /// Whether a cookie was made by one of the secrets, not too long ago.
    pub fn gave(&self, client_cookie: [u8; 8], client: Address, now: u32, cookie: [u8; 16]) -> bool {
        let [_, _, _, _, a, b, c, d, ..] = cookie;
        let made = u32::from_be_bytes([a, b, c, d]);
        // Serial numbers: they go round (RFC 1982).
        let age = now.wrapping_sub(made).cast_signed();
        let is_fresh = (-AHEAD.cast_signed()..=LIFETIME.cast_signed()).contains(&age);
        is_fresh && self.0.iter().any(|secret| make(secret, client_cookie, client, made) == cookie)
    }
}

fn make(secret: &[u8; 16], client_cookie: [u8; 8], client: Address, time: u32) -> [u8; 16] {
    let head = [VERSION, time.to_be_bytes()].concat();
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(&client_cookie);
    hasher.write(&head);
    if client == Address::from_ipv4(client.to_ipv4()) {
        hasher.write(&client.to_ipv4());
    } else {
        hasher.write(&client.to_bytes());
    }
    let mut cookie = [0; 16];
    cookie[..8].copy_from_slice(&head);
    cookie[8..].copy_from_slice(&hasher.finish().to_le_bytes());
    cookie
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
    }

    /// RFC 9018 appendix A.1, and A.2's time for the same client.
    #[test]
    fn examples_of_the_rfc() {
        let secrets = Secrets::parse("e5e973e5a6b2a43f48e7dc849e37bfcf\n").unwrap();
        let client = Address::from_ipv4([198, 51, 100, 100]);
        let client_cookie = bytes("2464c4abcf10c957");
        let cookie = secrets.cookie(client_cookie, client, 1_559_731_985);
        assert_eq!(cookie, bytes("010000005cf79f111f8130c3eee29480"));
        for (now, good) in [
            (1_559_731_985, true),
            (1_559_731_985 + 3600, true),
            (1_559_731_985 + 3601, false),
            (1_559_731_985 - 300, true),
            (1_559_731_985 - 301, false),
        ] {
            assert_eq!(secrets.gave(client_cookie, client, now, cookie), good, "{now}");
        }
        assert!(!secrets.gave(client_cookie, Address::from_ipv4([198, 51, 100, 101]), 1_559_731_985, cookie));
        assert!(!secrets.gave([0; 8], client, 1_559_731_985, cookie));
    }

    /// RFC 9018 appendix A.4: an IPv6 client, whose earlier cookie was made with the secret before.
    #[test]
    fn secrets_are_replaced_one_after_the_other() {
        let client = Address::from_ipv6(
            "2001:db8:220:1:59de:d0f4:8769:82b8".parse::<std::net::Ipv6Addr>().unwrap().octets(),
        );
        let client_cookie = bytes("22681ab97d52c298");
        let old = Secrets::parse("dd3bdf9344b678b185a6f5cb60fca715").unwrap();
        let both =
            Secrets::parse("445536bcd2513298075a5d379663c962\n\ndd3bdf9344b678b185a6f5cb60fca715").unwrap();
        let cookie = old.cookie(client_cookie, client, 1_559_741_817);
        assert_eq!(cookie, bytes("010000005cf7c57926556bd0934c72f8"));
        assert!(both.gave(client_cookie, client, 1_559_741_961, cookie));
        let renewed = both.cookie(client_cookie, client, 1_559_741_961);
        assert_eq!(renewed, bytes("010000005cf7c609a6bb79d16625507a"));
        assert!(!old.gave(client_cookie, client, 1_559_741_961, renewed));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for (text, cause) in [
            ("", "it has 0 secrets"),
            ("e5e973e5a6b2a43f48e7dc849e37bfc", "line 1 is no secret"),
            ("e5e973e5a6b2a43f48e7dc849e37bfcf\n+5e973e5a6b2a43f48e7dc849e37bfcf", "line 2 is no secret"),
            ("00000000000000000000000000000000\n".repeat(4).as_str(), "it has 4 secrets"),
        ] {
            let error = Secrets::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(cause), "{text:?}: {error}");
        }
    }
}

//! What a server must say.

use super::pattern::{ByteRegex, has_part};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    Prefix(Vec<u8>),
    Contains(Vec<u8>),
    Regex(ByteRegex),
}

/// What the bytes that have come so far tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Yes,
    /// Whatever follows.
    No,
    NotYet,
}

impl Expect {
    pub fn judge(&self, said: &[u8]) -> Match {
        let matches = match self {
            Self::Prefix(prefix) => {
                let common = prefix.len().min(said.len());
                if said[..common] != prefix[..common] {
                    return Match::No;
                }
                common == prefix.len()
            }
            Self::Contains(part) => has_part(said, part),
            Self::Regex(pattern) => pattern.0.is_match(said),
        };
        if matches { Match::Yes } else { Match::NotYet }
    }
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;

    #[test]
    fn what_was_said_so_far() {
        let prefix = || Expect::Prefix(b"SSH-2.0-".to_vec());
        let contains = || Expect::Contains(b"ready".to_vec());
        let regex = |text| Expect::Regex(ByteRegex(Regex::new(text).expect("a regular expression")));
        for (expect, said, expected) in [
            (prefix(), "", Match::NotYet),
            (prefix(), "SSH", Match::NotYet),
            (prefix(), "SSH-2.0-OpenSSH_9.2", Match::Yes),
            (prefix(), "SSh", Match::No),
            (prefix(), "HTTP/1.1 400", Match::No),
            (contains(), "not read", Match::NotYet),
            (contains(), "not ready", Match::Yes),
            (regex("^RFB 00[38]\\.\\d{3}\n"), "RFB 003.008", Match::NotYet),
            (regex("^RFB 00[38]\\.\\d{3}\n"), "RFB 003.008\n", Match::Yes),
            (regex("(?-u)^\\xff\\x00"), "x", Match::NotYet),
        ] {
            assert_eq!(expect.judge(said.as_bytes()), expected, "{expect:?}: {said}");
        }
        assert_eq!(regex("(?-u)^\\xff\\x00").judge(&[0xff, 0, 1]), Match::Yes);
        assert_eq!(regex("a"), regex("a"));
        assert_ne!(regex("a"), regex("b"));
    }
}

//! The values of the file, each of which checks all that it can tell by itself.

mod address;
mod conversation;
mod dns;
mod http;
mod name;
mod one_or_many;
mod probe;
mod regex;
mod tls;
mod url;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, de};

use crate::cluster::{Occasion, WhenStale, XdpMode};
pub(super) use address::{Address, AddressOrNone, Base, Prefix, refuse};
pub(super) use conversation::{Bytes, Command, Expect};
pub(super) use dns::{AnswerAddress, QueryName, Rcode, RecordType, TransportWord};
pub(super) use http::{Body, Headers, Host, HttpPath, MethodWord, StatusRange};
pub(super) use name::{Label, Name};
pub(super) use one_or_many::OneOrMany;
pub(super) use probe::{JoinWord, ProbeWord, any_of};
pub(super) use tls::ServerName;
pub(super) use url::Url;

/// Why a text is not the value it should be: it is nothing of the kind, or it is, but for a cause.
type Refusal = Option<String>;

/// Reads a value that is written in quotes; `expected` completes "must be …".
fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: impl fmt::Display,
    read: impl FnOnce(&str) -> Result<T, Refusal>,
) -> Result<T, D::Error> {
    struct Visitor<E, R>(E, R);

    impl<E: fmt::Display, R: FnOnce(&str) -> Result<T, Refusal>, T> de::Visitor<'_> for Visitor<E, R> {
        type Value = T;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(formatter)
        }

        fn visit_str<F: de::Error>(self, text: &str) -> Result<T, F> {
            (self.1)(text).map_err(|refusal| match refusal {
                Some(cause) => F::custom(cause),
                None => F::custom(format_args!("must be {}, not {text:?}", self.0)),
            })
        }
    }

    deserializer.deserialize_any(Visitor(expected, read))
}

/// A whole number within bounds, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<const LEAST: u32, const MOST: u32>(pub(super) u32);

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Number<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const LEAST: u32, const MOST: u32>;

        impl<const LEAST: u32, const MOST: u32> de::Visitor<'_> for Visitor<LEAST, MOST> {
            type Value = Number<LEAST, MOST>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "a whole number from {LEAST} to {MOST}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                match u32::try_from(number) {
                    Ok(within) if (LEAST..=MOST).contains(&within) => Ok(Number(within)),
                    _ => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// From one counted address to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step(pub(super) i64);

/// As many addresses as IPv4 has.
const LONGEST_STEP: i64 = 1 << 32;

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Step;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    formatter,
                    "a whole number from -{LONGEST_STEP} to {LONGEST_STEP} and not 0, such as -1 to count backwards"
                )
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                if number != 0 && (-LONGEST_STEP..=LONGEST_STEP).contains(&number) {
                    return Ok(Step(number));
                }
                Err(E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A duration within bounds in milliseconds, both included, written as humantime does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time<const LEAST: u64, const MOST: u64>(pub(super) Duration);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Time<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bounds = Duration::from_millis(LEAST)..=Duration::from_millis(MOST);
        let [least, most] = [*bounds.start(), *bounds.end()].map(humantime::format_duration);
        let expected = format!("a duration in quotes from \"{least}\" to \"{most}\", such as \"500ms\"");
        text(deserializer, expected, |text| match humantime::parse_duration(text) {
            Ok(duration) if bounds.contains(&duration) => Ok(Self(duration)),
            _ => Err(None),
        })
    }
}

/// `hold`, `all`, `servfail` or `pass`.
#[derive(Clone, Copy, Debug)]
pub(super) struct WhenStaleWord(pub(super) WhenStale);

impl<'de> Deserialize<'de> for WhenStaleWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const ALL: [WhenStale; 4] = [WhenStale::Hold, WhenStale::All, WhenStale::Servfail, WhenStale::Pass];
        text(deserializer, "\"hold\", \"all\", \"servfail\" or \"pass\"", |text| {
            ALL.into_iter().find(|word| word.as_str() == text).map(Self).ok_or(None)
        })
    }
}

/// `native`, `generic` or `off`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode(pub(super) XdpMode);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "\"native\", \"generic\" or \"off\"", |text| match text {
            "native" => Ok(Self(XdpMode::Native)),
            "generic" => Ok(Self(XdpMode::Generic)),
            "off" => Ok(Self(XdpMode::Off)),
            _ => Err(None),
        })
    }
}

/// The answers that need no number.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnswerWord {
    All,
    One,
}

impl AnswerWord {
    pub(super) fn read(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "one" => Some(Self::One),
            _ => None,
        }
    }
}

/// What a server becomes, or what becomes of a cluster's answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct OccasionWord(pub(super) Occasion);

impl<'de> Deserialize<'de> for OccasionWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Occasion::ALL.map(|occasion| format!("{:?}", occasion.as_str()));
        text(deserializer, any_of(&words), |text| {
            Occasion::ALL.into_iter().find(|occasion| occasion.as_str() == text).map(Self).ok_or(None)
        })
    }
}

/// The name of a network interface.
#[derive(Clone, Debug)]
pub(super) struct Nic(pub(super) String);

impl<'de> Deserialize<'de> for Nic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What the kernel's dev_valid_name() takes.
        let expected =
            "an interface's name in quotes, such as \"eth0\" (1 to 15 bytes, no space, slash or colon)";
        text(deserializer, expected, |text| {
            let valid = (1..=15).contains(&text.len())
                && !matches!(text, "." | "..")
                && !text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
            if valid { Ok(Self(text.to_owned())) } else { Err(None) }
        })
    }
}

/// The name of a group of users.
#[derive(Clone, Debug)]
pub(super) struct GroupName(pub(super) String);

impl<'de> Deserialize<'de> for GroupName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected =
            "a group's name in quotes, such as \"netdev\" (1 to 32 letters, digits, \"_\", \"-\" or \".\")";
        text(deserializer, expected, |text| {
            let valid = (1..=32).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            if valid { Ok(Self(text.to_owned())) } else { Err(None) }
        })
    }
}

/// A path from the root.
#[derive(Clone, Debug)]
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl<'de> Deserialize<'de> for AbsolutePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "an absolute path in quotes, such as \"/var/lib/tgdns\"", |text| {
            if text.starts_with('/') && !text.contains('\0') { Ok(Self(text.into())) } else { Err(None) }
        })
    }
}

/// What a server tells of itself, in one string of DNS and in an option.
#[derive(Clone, Debug)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a text in quotes, such as \"lb1\" (1 to 63 printable ASCII characters)", |text| {
            let valid =
                (1..=63).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if valid { Ok(Self(text.to_owned())) } else { Err(None) }
        })
    }
}

/// An address and port to listen on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listen(pub(super) SocketAddr);

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "an address and a port in quotes, such as \"0.0.0.0:53\" or \"[::]:53\"";
        text(deserializer, expected, |text| match text.parse::<SocketAddr>() {
            Ok(address) if address.port() == 0 => {
                Err(Some(format!("{text:?} has port 0, which nobody can ask: write a port such as 53")))
            }
            Ok(address) if address.ip().is_multicast() => Err(Some(format!(
                "{} is a multicast address: listen on an address of this host",
                address.ip()
            ))),
            Ok(address) => Ok(Self(address)),
            Err(_) => Err(None),
        })
    }
}

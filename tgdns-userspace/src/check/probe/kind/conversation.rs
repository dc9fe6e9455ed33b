//! What is said to a server, and what it should say.

use serde_json::{Value, json};

use crate::cluster::{Expect, Tcp};

pub(super) fn tcp_in_words(tcp: &Tcp) -> Option<String> {
    let wanted = tcp.expect.as_ref().map(|expect| match expect {
        Expect::Prefix(prefix) => format!("wanting \"{}\" first", prefix.escape_ascii()),
        Expect::Contains(part) => format!("wanting \"{}\"", part.escape_ascii()),
        Expect::Regex(regex) => format!("wanting /{}/", regex.0.as_str()),
    });
    let words: Vec<String> = sending(&tcp.send).into_iter().chain(wanted).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

pub(super) fn sending(send: &[u8]) -> Option<String> {
    (!send.is_empty()).then(|| format!("sending \"{}\"", send.escape_ascii()))
}

/// Without what is not said and not expected.
pub(super) fn tcp_to_json(tcp: &Tcp) -> Value {
    let mut told = json!({});
    if let Some(send) = written(&tcp.send) {
        told["send"] = json!(send);
    }
    if let Some(expect) = &tcp.expect {
        told["expect"] = match expect {
            Expect::Prefix(prefix) => json!(prefix.escape_ascii().to_string()),
            Expect::Contains(part) => json!({ "contains": part.escape_ascii().to_string() }),
            Expect::Regex(regex) => json!({ "regex": regex.0.as_str() }),
        };
    }
    told
}

/// With escapes; none where nothing is said.
pub(super) fn written(send: &[u8]) -> Option<String> {
    (!send.is_empty()).then(|| send.escape_ascii().to_string())
}

//! Messages for people.

use std::fmt::Write as _;

use super::message::Message;
use crate::torture::table;

/// Of the registry.
pub(super) fn rcode_name(rcode: u16) -> String {
    match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        9 => "NOTAUTH",
        16 => "BADVERS",
        23 => "BADCOOKIE",
        other => return format!("RCODE {other}"),
    }
    .to_owned()
}

/// One line for people.
pub(super) fn show(message: Option<&Message>) -> String {
    let Some(message) = message else { return "silence".to_owned() };
    let mut text = format!("{} {:04x} {:?}", rcode_name(message.rcode()), message.flags, message.counts);
    for question in &message.questions {
        let name = name(&question.name);
        let _ = write!(text, "; {name} TYPE{} CLASS{}", question.r#type, question.class);
    }
    for record in &message.records {
        let section = ["", "an", "ns", "ar"][record.section];
        let (owner, data) = (name(&record.owner), table::hex(&record.data));
        let _ = write!(
            text,
            "; {section} {owner} TYPE{} CLASS{} {} {data}",
            record.r#type, record.class, record.ttl
        );
    }
    if let Some(fault) = message.fault {
        let _ = write!(text, "; {fault:?} can't be read");
    }
    if message.trailing > 0 {
        let _ = write!(text, "; {} bytes more", message.trailing);
    }
    text
}

fn name(wire: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = wire;
    while let Some((length, behind)) = rest.split_first()
        && *length > 0
    {
        let (label, next) = behind.split_at(usize::from(*length).min(behind.len()));
        text.push_str(&String::from_utf8_lossy(label).escape_default().to_string());
        text.push('.');
        rest = next;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

//! The question that is asked, and the reply in words. The protocol is hickory's.

use std::fmt;

use anyhow::{Context as _, Result};
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};
use serde::Serialize;

/// A reply as people read it.
#[derive(Clone, Debug, Serialize)]
pub struct Reply {
    /// Bytes of the message.
    pub size: usize,
    pub rcode: String,
    /// Records in presentation format, of each section.
    pub answers: Vec<String>,
    pub authorities: Vec<String>,
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  {}, {} bytes", self.rcode, self.size)?;
        for record in &self.answers {
            writeln!(formatter, "  {record}")?;
        }
        for record in &self.authorities {
            writeln!(formatter, "  {record} (authority)")?;
        }
        Ok(())
    }
}

/// A query with EDNS, as forwarders send it.
pub(crate) fn question(name: &str, record_type: &str) -> Result<Vec<u8>> {
    let name = Name::from_ascii(name).with_context(|| format!("{name} is no DNS name"))?;
    let wanted = record_type.to_uppercase();
    let record_type = match wanted.strip_prefix("TYPE").unwrap_or(&wanted).parse::<u16>() {
        Ok(number) => RecordType::from(number),
        Err(_) => wanted
            .parse()
            .with_context(|| format!("{record_type} is no type of record: try A, AAAA or a number"))?,
    };
    let mut message = Message::new(0x7467, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    message.edns = Some(edns);
    message.to_vec().context("the query can't be written")
}

pub(super) fn parse(bytes: &[u8]) -> Result<Reply> {
    let message = Message::from_vec(bytes).context("the program's answer is no DNS message")?;
    Ok(Reply {
        size: bytes.len(),
        rcode: message.metadata.response_code.to_string(),
        answers: message.answers.iter().map(ToString::to_string).collect(),
        authorities: message.authorities.iter().map(ToString::to_string).collect(),
    })
}

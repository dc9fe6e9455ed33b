//! A DNS message described field by field, and its bytes.

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use super::file::Hex;

#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Message {
    pub id: u16,
    pub flags: u16,
    /// Questions, answers, authorities, additionals.
    pub counts: Option<[u16; 4]>,
    pub qname: String,
    /// The question's name as bytes.
    pub qname_hex: Option<Hex>,
    /// A mnemonic, or `TYPE` and a number (RFC 3597).
    pub qtype: String,
    pub qclass: u16,
    /// Behind the question.
    pub records: Hex,
    pub edns: Option<Edns>,
    /// Behind the last record.
    pub trailer: Hex,
    /// The whole message.
    pub message_hex: Option<Hex>,
    /// The message's length: what is behind is cut off.
    pub message_cut: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edns {
    pub owner: Hex,
    pub r#type: u16,
    pub size: u16,
    pub extended_rcode: u8,
    pub version: u8,
    /// DO is 0x8000.
    pub flags: u16,
    pub options: Hex,
    /// Of the options.
    pub length: Option<u16>,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            id: 0xbeef,
            flags: 0x0100,
            counts: None,
            qname: "internet.intern.netz".into(),
            qname_hex: None,
            qtype: "A".into(),
            qclass: 1,
            records: Hex::default(),
            edns: None,
            trailer: Hex::default(),
            message_hex: None,
            message_cut: None,
        }
    }
}

impl Default for Edns {
    fn default() -> Self {
        Self {
            owner: Hex(vec![0]),
            r#type: 41,
            size: 1232,
            extended_rcode: 0,
            version: 0,
            flags: 0,
            options: Hex::default(),
            length: None,
        }
    }
}

impl Message {
    pub fn build(&self) -> Result<Vec<u8>> {
        if let Some(Hex(bytes)) = &self.message_hex {
            return Ok(bytes.clone());
        }
        let counts = self.counts.unwrap_or([1, 0, 0, u16::from(self.edns.is_some())]);
        let mut message = header(self.id, self.flags, counts);
        message.extend(self.question()?);
        message.extend(&self.records.0);
        if let Some(edns) = &self.edns {
            message.extend(edns.build()?);
        }
        message.extend(&self.trailer.0);
        message.truncate(self.message_cut.unwrap_or(message.len()));
        Ok(message)
    }

    /// Name, type and class.
    pub fn question(&self) -> Result<Vec<u8>> {
        let mut question = match &self.qname_hex {
            Some(Hex(bytes)) => bytes.clone(),
            None => name(&self.qname)?,
        };
        question.extend(type_number(&self.qtype)?.to_be_bytes());
        question.extend(self.qclass.to_be_bytes());
        Ok(question)
    }
}

impl Edns {
    pub fn build(&self) -> Result<Vec<u8>> {
        let mut record = self.owner.0.clone();
        record.extend(self.r#type.to_be_bytes());
        record.extend(self.size.to_be_bytes());
        record.extend([self.extended_rcode, self.version]);
        record.extend(self.flags.to_be_bytes());
        let length = self.length.unwrap_or(u16::try_from(self.options.0.len())?);
        record.extend(length.to_be_bytes());
        record.extend(&self.options.0);
        Ok(record)
    }
}

pub fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [&[id, flags][..], &counts].concat().into_iter().flat_map(u16::to_be_bytes).collect()
}

/// The wire form of a name, without compression and without a judgement on its length.
pub fn name(text: &str) -> Result<Vec<u8>> {
    let mut wire = Vec::new();
    for label in text.split('.').filter(|_| !text.is_empty()) {
        ensure!((1..=63).contains(&label.len()), "the label `{label}` has no length of a label");
        wire.push(u8::try_from(label.len())?);
        wire.extend(label.bytes());
    }
    wire.push(0);
    Ok(wire)
}

fn type_number(text: &str) -> Result<u16> {
    if let Some(number) = text.strip_prefix("TYPE") {
        return number.parse().with_context(|| format!("`{text}` is no type"));
    }
    Ok(match text {
        "A" => 1,
        "NS" => 2,
        "CNAME" => 5,
        "SOA" => 6,
        "PTR" => 12,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        "SRV" => 33,
        "OPT" => 41,
        "DS" => 43,
        "RRSIG" => 46,
        "DNSKEY" => 48,
        "SVCB" => 64,
        "HTTPS" => 65,
        "TKEY" => 249,
        "TSIG" => 250,
        "IXFR" => 251,
        "AXFR" => 252,
        "ANY" => 255,
        "CAA" => 257,
        _ => bail!("`{text}` is no type known here: write TYPE and its number"),
    })
}

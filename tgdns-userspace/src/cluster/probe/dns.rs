//! What a DNS server must answer.

use std::net::IpAddr;

use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RecordType},
};

/// A reply with one of the codes, and with an address in its answer where one is wanted, is a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    pub name: Name,
    pub record_type: RecordType,
    pub transport: Transport,
    /// Never empty.
    pub rcodes: Vec<ResponseCode>,
    pub address: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
}

impl Transport {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// The codes that a server may answer a question with (RFC 1035, RFC 2136), as the configuration writes them.
pub const RCODES: [(&str, ResponseCode); 7] = [
    ("NOERROR", ResponseCode::NoError),
    ("FORMERR", ResponseCode::FormErr),
    ("SERVFAIL", ResponseCode::ServFail),
    ("NXDOMAIN", ResponseCode::NXDomain),
    ("NOTIMP", ResponseCode::NotImp),
    ("REFUSED", ResponseCode::Refused),
    ("NOTAUTH", ResponseCode::NotAuth),
];

impl Dns {
    /// The wanted codes as words, with commas between them.
    pub fn rcodes_as_text(&self) -> String {
        self.rcodes.iter().map(|rcode| rcode_as_text(*rcode)).collect::<Vec<_>>().join(", ")
    }
}

/// A word of [`RCODES`], or the number of another one.
pub fn rcode_as_text(rcode: ResponseCode) -> String {
    let known = RCODES.iter().find(|(_, known)| *known == rcode);
    known.map_or_else(|| u16::from(rcode).to_string(), |(word, _)| (*word).to_owned())
}

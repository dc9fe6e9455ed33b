//! The seam to what only the slow path knows: the rest of the zones, and of this host.

use crate::tables::{Address, AnswerSet, Tables};

/// What the responder reads beyond the tables that both paths share.
pub trait Zones {
    type Tables: Tables;

    fn tables(&self) -> &Self::Tables;

    /// The answer set of a name below an apex, as a view sees it: of a name server, or of an empty non-terminal. The name
    /// is in wire form and lower case.
    fn below(&self, name: &[u8], view: u32) -> Option<&AnswerSet>;

    /// The name servers of the zone that has this set at its apex.
    fn name_servers(&self, apex: &AnswerSet) -> NameServers<'_>;

    /// What this host is called where it is asked for (RFC 5001, RFC 4892), at most 63 bytes; empty for nothing.
    fn identity(&self) -> &[u8];

    /// What this program is called where it is asked for, at most 63 bytes; empty for nothing.
    fn version(&self) -> &[u8];

    /// The cookie that this server gives to a client (RFC 9018), or nothing where it gives none.
    fn server_cookie(&self, client_cookie: [u8; 8], client: Address) -> Option<[u8; 16]>;

    /// Whether a cookie is one that this server, or another one with the same secret, gave to that client not long ago.
    fn is_server_cookie(&self, client_cookie: [u8; 8], client: Address, cookie: [u8; 16]) -> bool;
}

/// NS records, and the address records of the names in them, ready for a message that asks for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameServers<'z> {
    pub records: &'z [u8],
    pub record_count: u16,
    pub glue: &'z [u8],
    pub glue_count: u16,
}

//! Wire types: each is its bytes, of alignment 1.
//!
//! Their fields are machine words in the byte order of the wire, read by accessors: an array of bytes would be loaded,
//! kept and moved byte by byte on BPF.

pub mod dns;
pub mod eth;
pub mod ip;
pub mod udp;

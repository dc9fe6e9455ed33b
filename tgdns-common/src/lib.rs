//! The responder: it decides and writes an answer over a frame and the tables, without I/O.
//!
//! Compiled for BPF it is the fast path over the NIC's frame and BPF maps; compiled for the host it is the slow
//! path over a buffer and the controller's own tables, and what the tests run. `respond` is where to start reading.

#![no_std]
#![forbid(unsafe_code)]

pub mod answer;
pub mod authority;
pub mod checksum;
mod choice;
pub mod compose;
pub mod counter;
pub mod envelope;
pub mod finding;
pub mod name;
pub mod packet;
pub mod query;
pub mod rate;
pub mod reason;
pub mod reply;
pub mod request;
pub mod respond;
pub mod stale;
pub mod tables;
pub mod transport;
pub mod trie;
pub mod wire;
pub mod zones;

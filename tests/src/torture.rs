//! Torture: what nobody would send, in great numbers, and what is judged by comparing.
//!
//! Everything follows from a seed that is printed, so a finding can be had again. `frames` compares the responder on
//! the host with the program in the kernel; `oracle` compares the slow path with other people's servers; `targets` is what the fuzzers call, and what replays their corpus.

pub mod differential;
pub mod envelope;
pub mod frames;
pub mod message;
pub mod mutate;
pub mod oracle;
pub mod table;
pub mod targets;

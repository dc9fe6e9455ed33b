//! How fast tgdns is, held against a floor that is measured in the same run.
//!
//! `cargo xtask bench` runs [`crate::bench`]'s program: the figures go to the terminal and, where asked, into BENCHMARKS.md
//! and `docs/benchmarks`. Start at [`kinds`].

pub mod cable;
pub mod committed;
pub mod growth;
pub mod harness;
pub mod kinds;
pub mod machine;
pub mod many;
pub mod plot;
pub mod process;
pub mod report;
pub mod spread;
pub mod start;
pub mod update;
pub mod variation;
pub mod wire;

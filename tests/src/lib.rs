//! The lab, the vectors, places for pins, torture, chaos, and benchmarks.

pub mod bench;
pub mod chaos;
pub mod lab;
pub mod pins;
pub mod torture;
pub mod vectors;

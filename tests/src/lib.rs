//! The lab, the vectors, places for pins, torture, chaos, benchmarks, and pairs of devices.

pub mod bench;
pub mod chaos;
pub mod lab;
pub mod pins;
pub mod torture;
pub mod vectors;
pub mod veth;
pub mod whole_answers;

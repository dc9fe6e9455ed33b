//! The lab, the vectors, places for pins, torture, and chaos.

pub mod chaos;
pub mod lab;
pub mod pins;
pub mod torture;
pub mod vectors;

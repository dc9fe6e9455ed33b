//! The lab, the vectors, and torture.

pub mod lab;
pub mod torture;
pub mod vectors;

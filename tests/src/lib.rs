//! The lab, the vectors, torture, and chaos.

pub mod chaos;
pub mod lab;
pub mod torture;
pub mod vectors;

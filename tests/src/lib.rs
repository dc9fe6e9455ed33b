//! The lab and the vectors.

pub mod lab;
pub mod vectors;

//! What an XDP program says is to be done with a frame: enum xdp_action in linux/bpf.h.

pub const DROP: u32 = 1;
pub const PASS: u32 = 2;
pub const TX: u32 = 3;

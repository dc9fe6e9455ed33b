//! A pair of devices that are joined to each other and to nothing else.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use nix::net::if_::if_nametoindex;

use crate::lab::program;

static MADE: AtomicU32 = AtomicU32::new(0);

/// Both ends are up, and go when this is dropped.
pub struct Veth {
    /// Of one end.
    pub name: String,
}

impl Veth {
    /// # Errors
    /// `ip` fails.
    pub fn new() -> Result<Self> {
        let unique = format!("{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let (veth, peer) = (Self { name: format!("tgk{unique}") }, format!("tgp{unique}"));
        program::run("ip", &["link", "add", &veth.name, "type", "veth", "peer", "name", &peer])?;
        for end in [&veth.name, &peer] {
            program::run("ip", &["link", "set", "dev", end, "up"])?;
        }
        Ok(veth)
    }

    /// By which the kernel knows that end.
    ///
    /// # Errors
    /// It is gone.
    pub fn number(&self) -> Result<u32> {
        Ok(if_nametoindex(self.name.as_str())?)
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        let _ = program::run("ip", &["link", "delete", "dev", &self.name]);
    }
}

//! How the demo speaks.

use std::{
    io::{IsTerminal as _, stdout},
    time::Instant,
};

pub(crate) struct Narrator {
    start: Instant,
    colours: bool,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), colours: stdout().is_terminal() }
    }

    /// What is about to be played.
    pub(crate) fn picture(&self) {
        println!(
            "
             clients' network 192.168.1.0/24     │     cluster's network 10.10.10.0/24
                                                 │
   viewer ───> DNS server ────────────────> NAT box ──────────> lb1 .100   lb2 .101   (both: tgdns)
    .10         .2 (BIND, forwards          .1 │ .1                 = tgpro-1  = tgpro-2  tgpro-3 .102
                internet.intern.netz)     (nftables, Unbound)
                                                 │
             192.168.1.100, .101, .102   <──── NAT ────>   10.10.10.100, .101, .102"
        );
    }

    pub(crate) fn chapter(&self, title: &str) {
        println!("\n{}", self.styled("1", &format!("── {title}  ({:.1?})", self.start.elapsed())));
    }

    /// What happens, in a sentence.
    pub(crate) fn say(&self, text: &str) {
        println!("{text}");
    }

    /// Something that takes a moment.
    pub(crate) fn step(&self, text: &str) {
        println!("{}", self.styled("2", &format!("   … {text}")));
    }

    /// What a person would type.
    pub(crate) fn command(&self, text: &str) {
        println!("{}", self.styled("36", &format!("   # {text}")));
    }

    /// What comes back.
    pub(crate) fn output(&self, text: &str) {
        for line in text.lines() {
            println!("   {line}");
        }
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

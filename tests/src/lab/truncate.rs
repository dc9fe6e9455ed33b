//! A machine on which every DNS query over UDP is answered with nothing but TC, so that clients must come over TCP.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::{Context as _, Result, ensure};

use super::{namespace::Namespace, process::Process, program, run::Run};

/// Where queries for port 53 go.
const PORT: u16 = 5353;

pub struct Truncation {
    _process: Process,
}

impl Truncation {
    pub fn start(run: &Run, namespace: &Namespace, address: Ipv4Addr) -> Result<Self> {
        let program = program::of_workspace("lab-server")?;
        let name = format!("truncation-{}", namespace.machine());
        let listen = SocketAddr::from((address, PORT)).to_string();
        let mut process =
            Process::start_with_pipes(run, namespace, &name, &program, ["--truncate", listen.as_str()])?;
        let reports = process.child().stdout.take().context("the truncation has no output")?;
        let mut report = String::new();
        BufReader::new(reports).read_line(&mut report).context("reading a report")?;
        ensure!(report.trim_end() == "open", "not open, but {report:?}\n{}", process.log_tail());
        let rules = format!(
            "add table ip lab; \
             add chain ip lab inward {{ type nat hook prerouting priority dstnat; }}; \
             add rule ip lab inward udp dport 53 redirect to :{PORT}"
        );
        namespace.run("nft", &[&rules])?;
        Ok(Self { _process: process })
    }
}

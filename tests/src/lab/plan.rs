//! What a scene consists of, before it is built.

use std::{fmt::Write as _, net::Ipv4Addr};

use tgdns::forwarder::{DnsServer, Style};

/// The name that all scenes are about.
pub const ZONE: &str = "internet.intern.netz";

pub struct Plan {
    /// Whether the clients are in a network of their own, behind the NAT box.
    pub nat: bool,
    pub answering: Answering,
    /// What the organisation has, and how it is told whom to ask.
    pub dns: (DnsServer, Style),
    /// Whether other scenes would disturb it: one that measures closely how fast things are.
    pub alone: bool,
    /// So many of the first servers are load balancers.
    pub load_balancers: usize,
    pub parts: Vec<Part>,
}

/// How the load balancers answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// In XDP alone.
    FastPath,
    /// In XDP, and from sockets what that passes up.
    BothPaths,
    /// From sockets alone.
    Sockets,
    /// Over TCP alone; over UDP they say that the answer is too long.
    Tcp,
}

/// A sub-cluster, as an administrator configures it.
pub struct Part {
    pub name: &'static str,
    pub first: Ipv4Addr,
    pub count: u8,
    /// What clients reach the first server by.
    pub alias: Option<Ipv4Addr>,
}

/// A server that a plan asks for.
pub struct Member {
    pub name: String,
    pub address: Ipv4Addr,
    pub alias: Ipv4Addr,
}

impl Plan {
    /// S1: one server behind the name.
    pub fn single() -> Self {
        Self {
            answering: Answering::BothPaths,
            load_balancers: 1,
            parts: vec![tgpro(1, None)],
            ..Self::cluster()
        }
    }

    /// S2: three servers, the first two of which are the load balancers.
    pub fn cluster() -> Self {
        Self {
            nat: false,
            answering: Answering::FastPath,
            dns: (DnsServer::Bind, Style::Forward),
            alone: true,
            load_balancers: 2,
            parts: vec![tgpro(3, None)],
        }
    }

    /// S3: the same behind a NAT box.
    pub fn nat() -> Self {
        let parts = vec![tgpro(3, Some(Ipv4Addr::new(192, 168, 1, 100)))];
        Self { nat: true, parts, ..Self::cluster() }
    }

    /// S4: two parts, of each of which only the first alias is configured.
    pub fn counting() -> Self {
        let second = Part {
            name: "second",
            first: Ipv4Addr::new(10, 10, 10, 120),
            count: 2,
            alias: Some(Ipv4Addr::new(192, 168, 1, 150)),
        };
        let mut plan = Self::nat();
        plan.parts.push(second);
        plan
    }

    /// The cluster with five servers and sockets: enough that some of them may be dead.
    pub fn chaos() -> Self {
        Self { answering: Answering::BothPaths, parts: vec![tgpro(5, None)], ..Self::cluster() }
    }

    /// The servers, counted up here so that `tgdns` has to come to the same result.
    pub fn members(&self) -> Vec<Member> {
        self.parts.iter().flat_map(Part::members).collect()
    }

    /// The cluster as the load balancers' configuration has it.
    pub fn configuration(&self) -> String {
        let mut text =
            format!("[[cluster]]\nname = \"{ZONE}\"\n\n[cluster.probe]\ntype = \"tcp\"\nport = 443\n");
        for Part { name, first, count, alias } in &self.parts {
            let _ =
                write!(text, "\n[[cluster.part]]\nname = \"{name}\"\nfirst = \"{first}\"\ncount = {count}\n");
            if let Some(alias) = alias {
                let _ = writeln!(text, "alias = \"{alias}\"");
            }
        }
        text
    }
}

impl Part {
    fn members(&self) -> impl Iterator<Item = Member> {
        (0..self.count).map(|index| {
            let address = counted(self.first, index);
            let alias = self.alias.map_or(address, |alias| counted(alias, index));
            Member { name: format!("{}-{}", self.name, index + 1), address, alias }
        })
    }
}

fn tgpro(count: u8, alias: Option<Ipv4Addr>) -> Part {
    Part { name: "tgpro", first: Ipv4Addr::new(10, 10, 10, 100), count, alias }
}

fn counted(first: Ipv4Addr, index: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first) + u32::from(index))
}

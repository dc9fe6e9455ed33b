//! The validated model of a configuration: what the controller probes and what it hands out.
//!
//! Nothing here is a serde type and nothing does I/O; `config` parses and validates into it.

mod hook;
mod probe;
mod rate_limit;

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;

pub use hook::{Call, Hook, Occasion, Webhook};
pub use probe::{
    Agent, ByteRegex, Dns, Exec, Expect, File, Http, Join, Match, Pattern, Probe, ProbeKind, ProbeLimits,
    RCODES, StatusSet, Tcp, Tls, Transport, Trust, rcode_as_text,
};
pub use rate_limit::RateLimit;

/// Everything that one configuration file says, with defaults filled in and every cross-check passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub interfaces: Vec<String>,
    pub xdp_mode: XdpMode,
    pub state_directory: PathBuf,
    pub control: PathBuf,
    /// Its members may ask on the control socket, too.
    pub control_group: Option<String>,
    pub pin_directory: PathBuf,
    /// Where commands of probes and hooks may write, beside the directories above.
    pub writable: Vec<PathBuf>,
    /// Where the slow path listens; empty where another server owns the port.
    pub listen: Vec<SocketAddr>,
    /// What the slow path tells who asks for this host's identifier, at most 63 bytes; empty for nothing.
    pub identity: String,
    /// What the slow path tells who asks for this program's version, at most 63 bytes; empty for nothing.
    pub version: String,
    /// The file with the secret of the cookies that the slow path gives.
    pub cookie_secret: Option<PathBuf>,
    pub tcp: TcpLimits,
    /// Of responses over UDP; none where they are not limited.
    pub rate_limit: Option<RateLimit>,
    pub probes: ProbeLimits,
    /// So long after the controller's last beat answers are stale.
    pub stale_after: Duration,
    pub when_stale: WhenStale,
    /// The view of index `i` has the identifier `i + 1`; identifier 0 is the default view, of clients in no view.
    pub views: Vec<View>,
    pub default_view: DefaultView,
    pub hooks: Vec<Hook>,
    pub clusters: Vec<Cluster>,
}

/// What the slow path's clients over TCP may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections at a time, on all sockets together.
    pub connections: u32,
    /// Connections of one client at a time: of an IPv4 address, or of an IPv6 network of 64 bits.
    pub connections_per_client: u32,
    /// For a whole query to arrive, and for the replies to be taken.
    pub idle_timeout: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self { connections: 1000, connections_per_client: 100, idle_timeout: Duration::from_secs(10) }
    }
}

/// How the fast path is attached; there is no silent fallback from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    Native,
    Generic,
    Off,
}

impl XdpMode {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Off => "off",
        }
    }
}

/// What clients are told when the controller has not been heard of for `stale_after`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenStale {
    /// The last answers, for a second at a time.
    #[default]
    Hold,
    /// All servers that nobody has taken out, whatever their last health.
    All,
    Servfail,
    /// Nothing by the fast path: queries go to the kernel, and who listens there. The controller's sockets hold.
    Pass,
}

impl WhenStale {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::All => "all",
            Self::Servfail => "servfail",
            Self::Pass => "pass",
        }
    }
}

/// A class of clients, chosen by the longest matching source prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub name: String,
    pub clients: Vec<IpNet>,
}

/// What clients in no view are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultView {
    /// The servers' own addresses, unless aliases say otherwise.
    #[default]
    Own,
    /// The same as the clients of a view, by its identifier.
    View(u32),
    /// That there are no addresses.
    NoData,
    /// Nothing: the fast path passes their queries up, and the slow path refuses them.
    Refused,
}

/// A served DNS name and its servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// In presentation format, lower case, without the trailing dot.
    pub name: String,
    /// Seconds.
    pub ttl: u32,
    /// Where the TTL is the time to the next possible change, its lower bound; `ttl` is the upper one.
    pub ttl_min: Option<u32>,
    /// Seconds that it may be remembered that there is no such name or record.
    pub negative_ttl: u32,
    pub answer: Answer,
    pub policy: Policy,
    /// How servers are checked that say nothing else; never empty.
    pub probes: Vec<Probe>,
    /// What several probes of a server come to.
    pub join: Join,
    /// Counted servers in address order, part by part, then single servers in file order.
    pub servers: Vec<Server>,
    /// The load balancers, which are the zone's name servers: each one's name is a label below the cluster's.
    pub name_servers: Vec<Server>,
}

/// How many of the live addresses one answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    All,
    One,
    Subset(u16),
}

/// How a cluster's servers are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub select: Select,
    /// Where fewer servers than this are live in the tiers that serve, the next tier does, too; at least 1.
    pub spill_below: u16,
    /// How long the weight of a server that has recovered rises.
    pub slow_start: Option<Duration>,
    /// Where fewer servers than this are live, `all_down` says what is handed out; at least 1.
    pub min_up: u16,
    pub all_down: AllDown,
}

impl Default for Policy {
    fn default() -> Self {
        Self { select: Select::Weighted, spill_below: 1, slow_start: None, min_up: 1, all_down: AllDown::All }
    }
}

/// By what the first address of an answer is chosen, and in subsets the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// By turns, whatever the weights.
    Rotate,
    /// By weight; by turns where all have the same.
    Weighted,
    /// By so many bits of the client's address, and weight: a client is told the same as long as that server is there.
    Sticky { ipv4: u8, ipv6: u8 },
}

impl Select {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Weighted => "weighted",
            Self::Sticky { .. } => "sticky",
        }
    }
}

/// What is handed out while no server is live, or too few are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllDown {
    /// All servers.
    All,
    /// What was handed out before.
    Last,
    Servfail,
    Refused,
    NoData,
    /// These in their place, to clients of all views.
    Addresses(Vec<IpAddr>),
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub name: String,
    /// The name of the part that counts it.
    pub part: Option<String>,
    /// Its own address: probed where its probes say no other, and handed out where no alias is.
    pub address: IpAddr,
    /// 0 to 65,535; 1 unless told.
    pub weight: u16,
    /// The servers of a tier are handed out where those before it are too few; from 1.
    pub tier: u8,
    /// In views that `view_aliases` does not name.
    pub alias: Alias,
    /// By view identifier (1 and up).
    pub view_aliases: Vec<(u32, Alias)>,
    /// The cluster's in the same order, with what is different here; none for a name server that is no server.
    pub probes: Vec<Probe>,
}

/// What clients are told of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Alias {
    /// Its own address.
    #[default]
    Own,
    /// Nothing: to them it is not handed out.
    Hidden,
    Addresses(Vec<IpAddr>),
}

impl Alias {
    /// The addresses that it comes to.
    pub fn addresses<'a>(&'a self, own: &'a [IpAddr]) -> &'a [IpAddr] {
        match self {
            Self::Own => own,
            Self::Hidden => &[],
            Self::Addresses(addresses) => addresses,
        }
    }
}

impl Cluster {
    /// Whether some clients are not told of some server.
    pub fn hides_servers(&self) -> bool {
        let hides = |server: &Server| {
            let mut aliases = server.view_aliases.iter().map(|(_, alias)| alias).chain([&server.alias]);
            aliases.any(|alias| *alias == Alias::Hidden)
        };
        self.servers.iter().any(hides)
    }
}

impl Server {
    /// Where a probe of this server goes to; the port is 0 where its kind has none.
    pub fn probed(&self, probe: &Probe) -> SocketAddr {
        SocketAddr::new(probe.address.unwrap_or(self.address), probe.port)
    }

    /// The addresses that clients of a view reach this server by; none where it is not handed out to them.
    pub fn handed_out(&self, view: u32) -> &[IpAddr] {
        let specific = self.view_aliases.iter().find(|(of, _)| *of == view).map(|(_, alias)| alias);
        specific.unwrap_or(&self.alias).addresses(std::slice::from_ref(&self.address))
    }

    /// Hides it from clients in no view; for views up to an identifier nothing changes.
    pub fn hide_by_default(&mut self, last_view: u32) {
        for view in 1..=last_view {
            if !self.view_aliases.iter().any(|(of, _)| *of == view) {
                self.view_aliases.push((view, self.alias.clone()));
            }
        }
        self.alias = Alias::Hidden;
    }
}

impl Model {
    /// The identifiers of all views that have answers of their own, the default view first.
    pub fn view_identifiers(&self) -> RangeInclusive<u32> {
        let first = match self.default_view {
            DefaultView::Own | DefaultView::NoData => 0,
            DefaultView::View(_) | DefaultView::Refused => 1,
        };
        first..=u32::try_from(self.views.len()).unwrap_or(u32::MAX)
    }

    /// The name of a view by its identifier.
    pub fn view_name(&self, identifier: u32) -> &str {
        let index = usize::try_from(identifier).ok().and_then(|identifier| identifier.checked_sub(1));
        index.and_then(|index| self.views.get(index)).map_or("default", |view| view.name.as_str())
    }
}

//! From the format's types to the model: what several values tell together, and the defaults.

mod alias;
mod authorities;
mod cluster;
mod draft;
mod hook;
mod name_server;
mod overlap;
mod policy;
mod probe;
mod rate_limit;
mod row;
mod server;
mod view;

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use toml::Spanned;

use super::{
    file::{Dns, File, Given},
    leaf::{AbsolutePath, Listen, Nic},
    mistakes::{Mistakes, Span},
};
use crate::cluster::{DefaultView, Model, ProbeLimits, TcpLimits, WhenStale, XdpMode};

/// Longer than a restart takes.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// The longest path of a unix socket, in bytes (`sun_path` has 108, with a zero behind the path).
const LONGEST_SOCKET_PATH: usize = 107;

/// The model, as far as the file could be understood: of use only where no mistake was found.
pub(super) fn model(file: File, mistakes: &mut Mistakes<'_>) -> Model {
    // The file's own table, whose span is empty.
    let root = 0..0;
    let xdp_mode = file.xdp_mode.map_or(XdpMode::Native, |mode| mode.into_inner().0);
    let mode_is_known = !mistakes.was_wrong(&root, "xdp_mode");
    let control = path(file.control, "/run/tgdns/control.sock", |path, at| socket_path(path, at, mistakes));
    let dns_at = file.dns.as_ref().map_or(root.clone(), Spanned::span);
    let dns = file.dns.map(|dns| dns.into_inner().0).unwrap_or_default();
    let tcp = tcp_limits(&dns, &dns_at, mistakes);
    let listen = listen(dns.listen, xdp_mode, mistakes);
    let rate_limit = rate_limit::rate_limit(dns.rate_limit, &listen, mistakes);
    let (views, view_names) = view::views(file.view, mistakes);
    let default_view = view::default_view(file.default_view, &view_names, mistakes);

    let mut names = Names::default();
    let mut clusters = Vec::new();
    let tables = mistakes.required(
        file.cluster,
        &root,
        "cluster",
        "add a [[cluster]] with its name, its probe and its servers",
    );
    if let Some(tables) = tables {
        let at = tables.span();
        if tables.get_ref().is_empty() && !mistakes.lost_element(&at) {
            mistakes
                .add(&at, "`cluster` is empty: add a [[cluster]] with its name, its probe and its servers");
        }
        for table in tables.into_inner() {
            clusters.push(cluster::cluster(table, &view_names, &mut names, mistakes));
        }
    }
    name_server::check_names(&clusters, &names.clusters, mistakes);
    if default_view == DefaultView::NoData {
        let servers = clusters
            .iter_mut()
            .flat_map(|cluster| cluster.servers.iter_mut().chain(&mut cluster.name_servers));
        servers.for_each(|server| server.hide_by_default(view_names.last_identifier()));
    }

    let limits = ProbeLimits::default();
    Model {
        interfaces: interfaces(file.interfaces, mode_is_known && xdp_mode != XdpMode::Off, mistakes),
        xdp_mode,
        state_directory: path(file.state_dir, "/var/lib/tgdns", |_, _| ()),
        control,
        control_group: file.control_group.map(|group| group.into_inner().0),
        pin_directory: path(file.pin_dir, "/sys/fs/bpf/tgdns", |_, _| ()),
        writable: file.writable.map_or_else(Vec::new, |paths| {
            paths.into_inner().into_iter().map(|path| path.into_inner().0).collect()
        }),
        listen,
        identity: dns.identity.map_or_else(String::new, |text| text.into_inner().0),
        version: dns.version.map_or_else(String::new, |text| text.into_inner().0),
        cookie_secret: dns.cookie_secret.map(|path| path.into_inner().0),
        tcp,
        rate_limit,
        probes: ProbeLimits {
            at_once: file.probes_at_once.map_or(limits.at_once, |number| number.into_inner().0),
            commands_at_once: file
                .commands_at_once
                .map_or(limits.commands_at_once, |number| number.into_inner().0),
        },
        stale_after: file.stale_after.map_or(STALE_AFTER, |time| time.into_inner().0),
        when_stale: file.when_stale.map_or(WhenStale::default(), |word| word.into_inner().0),
        views,
        default_view,
        hooks: hook::hooks(file.hook, mistakes),
        clusters,
    }
}

fn interfaces(given: Given<Vec<Spanned<Nic>>>, needed: bool, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    const ADVICE: &str = "name the interfaces on which queries arrive, or set xdp_mode = \"off\"";
    let root = 0..0;
    let Some(given) = given else {
        if needed && !mistakes.was_wrong(&root, "interfaces") {
            mistakes.add(&root, format!("`interfaces` is missing: {ADVICE}"));
        }
        return Vec::new();
    };
    let at = given.span();
    if needed && given.get_ref().is_empty() && !mistakes.lost_element(&at) {
        mistakes.add(&at, format!("`interfaces` is empty: {ADVICE}"));
    }
    let mut seen = HashSet::new();
    for nic in given.get_ref() {
        let name = &nic.get_ref().0;
        if !seen.insert(name) {
            mistakes.add(&nic.span(), format!("interface {name:?} is listed twice: take one away"));
        }
    }
    given.into_inner().into_iter().map(|nic| nic.into_inner().0).collect()
}

fn listen(given: Given<Vec<Spanned<Listen>>>, mode: XdpMode, mistakes: &mut Mistakes<'_>) -> Vec<SocketAddr> {
    const PORT: u16 = 53;
    let Some(given) = given else {
        return vec![(Ipv4Addr::UNSPECIFIED, PORT).into(), (Ipv6Addr::UNSPECIFIED, PORT).into()];
    };
    let at = given.span();
    if mode == XdpMode::Off && given.get_ref().is_empty() && !mistakes.lost_element(&at) {
        let advice = "listen on an address, such as \"0.0.0.0:53\", or set another xdp_mode";
        mistakes.add(
            &at,
            format!("`listen` is empty and xdp_mode is \"off\", so nothing would answer: {advice}"),
        );
    }
    let mut seen = HashSet::new();
    for address in given.get_ref() {
        let Listen(socket) = address.get_ref();
        if !seen.insert(*socket) {
            mistakes.add(&address.span(), format!("{socket} is listed twice: take one away"));
        }
    }
    given.into_inner().into_iter().map(|address| address.into_inner().0).collect()
}

fn tcp_limits(dns: &Dns, table: &Span, mistakes: &mut Mistakes<'_>) -> TcpLimits {
    let default = TcpLimits::default();
    let connections = dns.tcp_connections.as_ref().map_or(default.connections, |number| number.get_ref().0);
    let total_is_known = !mistakes.was_wrong(table, "tcp_connections");
    // A default that would be more than the total gives way to it; what was written does not.
    let connections_per_client = match &dns.tcp_connections_per_client {
        None => default.connections_per_client.min(connections),
        Some(given) => {
            let count = given.get_ref().0;
            if total_is_known && count > connections {
                mistakes.add(
                    &given.span(),
                    format!(
                        "`tcp_connections_per_client` ({count}) is more than `tcp_connections` ({connections}): \
                         lower it, or raise `tcp_connections`"
                    ),
                );
            }
            count
        }
    };
    let idle_timeout = dns.tcp_idle_timeout.as_ref().map_or(default.idle_timeout, |time| time.get_ref().0);
    TcpLimits { connections, connections_per_client, idle_timeout }
}

fn path(given: Given<AbsolutePath>, default: &str, check: impl FnOnce(&Path, &Span)) -> PathBuf {
    match given {
        None => default.into(),
        Some(given) => {
            check(&given.get_ref().0, &given.span());
            given.into_inner().0
        }
    }
}

fn socket_path(path: &Path, at: &Span, mistakes: &mut Mistakes<'_>) {
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET_PATH {
        let most = LONGEST_SOCKET_PATH;
        mistakes.add(at, format!("`control` has {length} bytes, a socket's path at most {most}: shorten it"));
    }
}

/// Names that must be unique, with the place that each was taken at.
#[derive(Default)]
struct Names {
    clusters: HashMap<String, Span>,
    parts: HashMap<String, Span>,
    servers: HashMap<String, Span>,
}

/// Takes a name, or gives the place that has it.
fn take_name(taken: &mut HashMap<String, Span>, name: &str, at: &Span) -> Result<(), Span> {
    match taken.entry(name.to_owned()) {
        Entry::Occupied(by) => Err(by.get().clone()),
        Entry::Vacant(free) => {
            free.insert(at.clone());
            Ok(())
        }
    }
}

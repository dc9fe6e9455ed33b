//! One cluster: its name, how it answers and how it is probed.

use std::time::Duration;

use toml::Spanned;

use super::{Names, name_server, overlap, server::Collector, take_name, view::ViewNames};
use crate::{
    cluster::{Answer, Cluster, Probe, ProbeKind},
    config::{
        file::{self, Given, Table},
        leaf::{AnswerWord, Number, ProbeWord},
        mistakes::{Mistakes, Span},
    },
};

/// Seconds: an answer is cheap, a stale one is not.
const DEFAULT_TTL: u32 = 1;

pub(super) fn cluster(
    table: Spanned<Table<file::Cluster>>,
    views: &ViewNames,
    names: &mut Names,
    mistakes: &mut Mistakes<'_>,
) -> Cluster {
    let at = table.span();
    let table = table.into_inner().0;
    let name = mistakes.required(table.name, &at, "name", "give the DNS name that the cluster serves");
    let mut stem = name.as_ref().and_then(|name| name.get_ref().0.split('.').next());
    if let Some(name) = &name
        && let Err(other) = take_name(&mut names.clusters, &name.get_ref().0, &name.span())
    {
        let (line, name_at, name) = (mistakes.line(&other), name.span(), &name.get_ref().0);
        let advice = "give all its servers there";
        mistakes.add(&name_at, format!("cluster \"{name}\" is there already (line {line}): {advice}"));
        // The servers' names would repeat the same clash.
        stem = None;
    }

    let collector = Collector::new(stem, views, names, mistakes);
    let drafts = collector.collect(&at, table.part, table.server);
    overlap::check(&at, &drafts, views, mistakes);
    let servers = drafts.into_servers();
    let name_servers =
        name_server::name_servers(table.nameservers, table.nameserver, &servers, views, mistakes);

    Cluster {
        name: name.map_or_else(String::new, |name| name.into_inner().0),
        ttl: table.ttl.map_or(DEFAULT_TTL, |ttl| ttl.into_inner().0),
        answer: answer(table.answer, mistakes),
        probe: probe(table.probe, &at, mistakes),
        servers,
        name_servers,
    }
}

fn answer(given: Given<file::Answer>, mistakes: &mut Mistakes<'_>) -> Answer {
    let Some(given) = given else { return Answer::All };
    let at = given.span();
    match given.into_inner() {
        file::Answer::Word(AnswerWord::All) => Answer::All,
        file::Answer::Word(AnswerWord::One) => Answer::One,
        file::Answer::Table(table) => {
            let advice = "write { subset = 2 } for answers of two addresses";
            let subset = mistakes.required(table.subset, &at, "subset", advice);
            let size = subset.and_then(|subset| u16::try_from(subset.into_inner().0).ok());
            size.map_or(Answer::All, Answer::Subset)
        }
    }
}

fn probe(given: Given<Table<file::Probe>>, cluster: &Span, mistakes: &mut Mistakes<'_>) -> Probe {
    let advice = "add [cluster.probe] with type = \"tcp\" and the port of the service";
    let given = mistakes.required(given, cluster, "probe", advice);
    let at = given.as_ref().map_or(cluster.clone(), Spanned::span);
    let Some(table) = given.map(|given| given.into_inner().0) else {
        return Probe {
            kind: ProbeKind::Tcp { port: 0 },
            interval: DEFAULT_INTERVAL,
            fast_interval: DEFAULT_FAST_INTERVAL,
            timeout: DEFAULT_TIMEOUT,
            rise: DEFAULT_RISE,
            fall: DEFAULT_FALL,
        };
    };

    let advice = "give the TCP port of the service, such as 443";
    let port = mistakes.required(table.port, &at, "port", advice);
    let port = port.and_then(|port| u16::try_from(port.into_inner().0).ok()).unwrap_or_default();
    let kind = match table.kind.map_or(ProbeWord::Tcp, Spanned::into_inner) {
        ProbeWord::Tcp => ProbeKind::Tcp { port },
    };

    let interval_is_known = !mistakes.was_wrong(&at, "interval");
    let interval = table.interval.map_or(DEFAULT_INTERVAL, |time| time.into_inner().0);
    // A default that would be longer than the interval gives way to it; what was written does not.
    let mut up_to_interval = |given: Option<(Span, Duration)>, key: &str, default: Duration| match given {
        None => default.min(interval),
        Some((time_at, time)) => {
            if interval_is_known && time > interval {
                let [time, interval] = [time, interval].map(humantime::format_duration);
                mistakes.add(
                    &time_at,
                    format!("`{key}` ({time}) is longer than `interval` ({interval}): shorten it, or lengthen `interval`"),
                );
            }
            time
        }
    };
    let fast_interval = table.fast_interval.map(|time| (time.span(), time.into_inner().0));
    let timeout = table.timeout.map(|time| (time.span(), time.into_inner().0));
    Probe {
        kind,
        interval,
        fast_interval: up_to_interval(fast_interval, "fast_interval", DEFAULT_FAST_INTERVAL),
        timeout: up_to_interval(timeout, "timeout", DEFAULT_TIMEOUT),
        rise: number(table.rise, DEFAULT_RISE),
        fall: number(table.fall, DEFAULT_FALL),
    }
}

const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_FAST_INTERVAL: Duration = Duration::from_millis(100);
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(500);
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;

fn number<const LEAST: u32, const MOST: u32>(given: Given<Number<LEAST, MOST>>, default: u32) -> u32 {
    given.map_or(default, |given| given.into_inner().0)
}

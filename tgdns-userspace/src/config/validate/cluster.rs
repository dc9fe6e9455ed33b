//! One cluster: its name and how it answers.

use toml::Spanned;

use super::{
    Names, name_server, overlap, policy, probe::Templates, server::Collector, take_name, view::ViewNames,
};
use crate::{
    cluster::{Answer, Cluster, Join},
    config::{
        file::{self, Given, Table},
        leaf::AnswerWord,
        mistakes::Mistakes,
    },
};

/// Seconds: an answer is cheap, a stale one is not.
const DEFAULT_TTL: u32 = 1;

/// Seconds: resolvers keep a negative answer as long as they may, some for 15 minutes.
pub(crate) const DEFAULT_NEGATIVE_TTL: u32 = 5;

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

    let cluster = name.as_ref().map_or("", |name| name.get_ref().0.as_str());
    let probes = Templates::new(table.probe, cluster, &at, mistakes);
    let collector = Collector::new(stem, views, &probes, names, mistakes);
    let drafts = collector.collect(&at, table.part, table.server);
    overlap::check(&at, &drafts, views, mistakes);
    let servers = drafts.into_servers(&probes, mistakes);
    let name_servers =
        name_server::name_servers(table.nameservers, table.nameserver, &servers, views, mistakes);

    let ttl_is_known = !mistakes.was_wrong(&at, "ttl");
    let ttl = table.ttl.map_or(DEFAULT_TTL, |ttl| ttl.into_inner().0);
    let ttl_min = table.ttl_min.map(|least| {
        let (least_at, least) = (least.span(), least.into_inner().0);
        if ttl_is_known && least >= ttl {
            let advice = "lower it, or raise `ttl` to as long as an answer may be kept at most";
            mistakes.add(&least_at, format!("`ttl_min` ({least}) is not below `ttl` ({ttl}): {advice}"));
        }
        least
    });
    let answer = answer(table.answer, mistakes);
    let keys = policy::Keys {
        select: table.select,
        spill_below: table.spill_below,
        slow_start: table.slow_start,
        min_up: table.min_up,
        all_down: table.all_down,
    };
    let policy = policy::policy(keys, &at, answer, &servers, mistakes);

    Cluster {
        name: name.map_or_else(String::new, |name| name.into_inner().0),
        ttl,
        ttl_min,
        negative_ttl: table.negative_ttl.map_or(DEFAULT_NEGATIVE_TTL, |ttl| ttl.into_inner().0),
        answer,
        policy,
        probes: probes.probes,
        join: table.probes.map_or_else(Join::default, |join| join.into_inner().0),
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

//! How a cluster's servers are chosen.

use std::collections::HashSet;

use toml::Spanned;

use crate::{
    cluster::{AllDown, Answer, Policy, Select, Server},
    config::{
        MOST_SERVERS,
        file::{self, Given},
        mistakes::{Mistakes, Span},
    },
    publish::family::holds_rows,
};

/// What the file gives of it.
pub(super) struct Keys {
    pub(super) select: Given<file::Select>,
    pub(super) spill_below: Given<file::UpToMostServers>,
    pub(super) slow_start: Given<file::SlowStart>,
    pub(super) min_up: Given<file::MinUp>,
    pub(super) all_down: Given<file::AllDown>,
}

pub(super) fn policy(
    keys: Keys,
    cluster: &Span,
    answer: Answer,
    servers: &[Server],
    mistakes: &mut Mistakes<'_>,
) -> Policy {
    let default = Policy::default();
    let select_at = keys.select.as_ref().map_or(cluster.clone(), Spanned::span);
    let select = keys.select.map_or(default.select, |select| self::select(select, mistakes));
    let slow_start = keys.slow_start.map(|time| (time.span(), time.into_inner().0));
    if let (Select::Rotate, Some((at, _))) = (select, &slow_start) {
        let advice = "take it away, or set select = \"weighted\"";
        mistakes.add(at, format!("`slow_start` raises weights, which select = \"rotate\" ignores: {advice}"));
    }
    if select == Select::Weighted {
        check_rows(answer, servers, slow_start.is_some(), &select_at, mistakes);
    }
    Policy {
        select,
        spill_below: number(keys.spill_below).unwrap_or(default.spill_below),
        slow_start: slow_start.map(|(_, time)| time),
        min_up: keys.min_up.map_or(default.min_up, |given| min_up(given, servers.len(), cluster, mistakes)),
        all_down: keys.all_down.map_or(default.all_down, |given| all_down(given, mistakes)),
    }
}

fn select(given: Spanned<file::Select>, mistakes: &mut Mistakes<'_>) -> Select {
    let at = given.span();
    // A client is one address, or it would be all of a LAN that is one server's.
    const ALL: Select = Select::Sticky { ipv4: 32, ipv6: 128 };
    match given.into_inner() {
        file::Select::Rotate => Select::Rotate,
        file::Select::Weighted => Select::Weighted,
        file::Select::Sticky => ALL,
        file::Select::Table(table) => {
            let advice = "write { sticky = { ipv4 = 24, ipv6 = 56 } } for networks of clients";
            let sticky = mistakes.required(table.sticky, &at, "sticky", advice);
            let sticky = sticky.map(|sticky| sticky.into_inner().0);
            let bits =
                |number: Option<u32>, all| number.and_then(|bits| u8::try_from(bits).ok()).unwrap_or(all);
            let (ipv4, ipv6) = sticky.map_or((None, None), |sticky| (sticky.ipv4, sticky.ipv6));
            Select::Sticky {
                ipv4: bits(ipv4.map(|number| number.into_inner().0), 32),
                ipv6: bits(ipv6.map(|number| number.into_inner().0), 128),
            }
        }
    }
}

/// Whether subsets by weight have room in an answer set.
fn check_rows(answer: Answer, servers: &[Server], rises: bool, at: &Span, mistakes: &mut Mistakes<'_>) {
    let Answer::Subset(size) = answer else { return };
    let size = usize::from(size);
    let reports = servers.iter().flat_map(|server| &server.probes).any(|probe| probe.kind.reports());
    let differ = reports || servers.iter().any(|server| server.weight != 0 && server.weight != 1);
    let views =
        servers.iter().flat_map(|server| server.view_aliases.iter().map(|(view, _)| *view)).chain([0]);
    let most = views
        .flat_map(|view| {
            let count = |is_ipv4| {
                let handed_out = servers.iter().flat_map(|server| server.handed_out(view));
                handed_out.filter(|address| address.is_ipv4() == is_ipv4).count()
            };
            [count(true), count(false)]
        })
        .max()
        .unwrap_or(0);
    if (differ || rises) && !holds_rows(most, size) {
        let fit = (1..size).rev().find(|size| holds_rows(most, *size)).unwrap_or(1);
        mistakes.add(
            at,
            format!(
                "subsets of {size} of {most} addresses cannot follow weights: make the subset at most {fit}, or set \
                 select = \"rotate\""
            ),
        );
    }
}

fn min_up(given: Spanned<file::MinUp>, servers: usize, cluster: &Span, mistakes: &mut Mistakes<'_>) -> u16 {
    let at = given.span();
    let servers = u32::try_from(servers).unwrap_or(u32::MAX);
    let count = match given.into_inner() {
        file::MinUp::Count(count) => count,
        file::MinUp::Percent(percent) => (percent * servers.min(MOST_SERVERS)).div_ceil(100),
    };
    if count > servers && !mistakes.lost_key(cluster) {
        let advice = "lower it, or too few are always live";
        mistakes
            .add(&at, format!("`min_up` ({count}) is more than this cluster's {servers} servers: {advice}"));
    }
    u16::try_from(count.max(1)).unwrap_or(u16::MAX)
}

fn all_down(given: Spanned<file::AllDown>, mistakes: &mut Mistakes<'_>) -> AllDown {
    let at = given.span();
    match given.into_inner() {
        file::AllDown::All => AllDown::All,
        file::AllDown::Last => AllDown::Last,
        file::AllDown::Servfail => AllDown::Servfail,
        file::AllDown::Refused => AllDown::Refused,
        file::AllDown::NoData => AllDown::NoData,
        file::AllDown::Addresses(list) => {
            if list.is_empty() && !mistakes.lost_element(&at) {
                let advice = "list addresses, or write \"nodata\" for an answer without any";
                mistakes.add(&at, format!("`all_down` is an empty list: {advice}"));
            }
            if list.len() > MOST_SERVERS as usize {
                let (count, advice) = (list.len(), "take some away");
                let message =
                    format!("`all_down` lists {count} addresses, at most {MOST_SERVERS} are possible");
                mistakes.add(&at, format!("{message}: {advice}"));
            }
            let mut seen = HashSet::new();
            for address in &list {
                let (at, address) = (address.span(), address.get_ref().0);
                if !seen.insert(address) {
                    mistakes.add(&at, format!("{address} is listed twice: take one away"));
                }
            }
            AllDown::Addresses(list.into_iter().map(|address| address.into_inner().0).collect())
        }
    }
}

fn number(given: Given<file::UpToMostServers>) -> Option<u16> {
    u16::try_from(given?.into_inner().0).ok()
}

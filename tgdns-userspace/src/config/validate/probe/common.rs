//! What all kinds of probes have: times, counts, and where they go.

use std::{net::IpAddr, time::Duration};

use toml::Spanned;

use super::kind;
use crate::{
    cluster::Probe,
    config::{
        file::{self, Given},
        leaf::{Address, Number, any_of},
        mistakes::{Mistakes, Span},
    },
};

/// The probe that a table describes; `places` are those of all tables that were merged into it, the cluster's last.
/// Its address is left to who knows how to count it.
pub(super) fn probe(
    table: &file::Probe,
    places: &[Span],
    cluster: &str,
    mistakes: &mut Mistakes<'_>,
) -> Probe {
    let (kind, port) = kind::kind(table, places, cluster, mistakes);
    let mut probe = Probe::new(kind, port);
    let word = kind::word(table);
    let kind_is_known = !places.iter().any(|at| mistakes.was_wrong(at, "type"));
    for (key, at, kinds) in table.foreign_to(word).filter(|_| kind_is_known) {
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", kind.as_str())).collect();
        let advice = format!("take it away, or set type = {}", any_of(&kinds));
        mistakes.add(&at, format!("a probe of type \"{}\" has no `{key}`: {advice}", word.as_str()));
    }
    if let Some(name) = &table.name {
        probe.name.clone_from(&name.get_ref().0);
    }
    probe.source = table.source.as_ref().map(|source| source.get_ref().0);
    times(table, places, &mut probe, mistakes);
    probe.rise = number(&table.rise, probe.rise);
    probe.fall = number(&table.fall, probe.fall);
    probe.jitter = u8::try_from(number(&table.jitter, probe.jitter.into())).unwrap_or(probe.jitter);
    probe
}

/// Both ends of a connection are of one family.
pub(super) fn check_family(source: &Spanned<Address>, probed: IpAddr, mistakes: &mut Mistakes<'_>) {
    let family = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let [is, wanted] = [source.get_ref().0, probed].map(family);
    if is != wanted {
        mistakes.add(
            &source.span(),
            format!(
                "`source` is an {is} address, and there are servers that are probed at an {wanted} address: write the \
                 source of those in the parts' or servers' own `probe`"
            ),
        );
    }
}

fn times(table: &file::Probe, places: &[Span], probe: &mut Probe, mistakes: &mut Mistakes<'_>) {
    let interval_is_known = !places.iter().any(|at| mistakes.was_wrong(at, "interval"));
    let interval = table.interval.as_ref().map_or(probe.interval, |time| time.get_ref().0);
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
    let fast_interval = table.fast_interval.as_ref().map(|time| (time.span(), time.get_ref().0));
    let timeout = table.timeout.as_ref().map(|time| (time.span(), time.get_ref().0));
    probe.fast_interval = up_to_interval(fast_interval, "fast_interval", probe.fast_interval);
    probe.timeout = up_to_interval(timeout, "timeout", probe.timeout);
    probe.interval = interval;
    probe.slow_interval = interval;
    if let Some(slow) = &table.slow_interval {
        probe.slow_interval = slow.get_ref().0;
        if interval_is_known && probe.slow_interval < interval {
            let [slow_interval, interval] = [probe.slow_interval, interval].map(humantime::format_duration);
            mistakes.add(
                &slow.span(),
                format!(
                    "`slow_interval` ({slow_interval}) is shorter than `interval` ({interval}): lengthen it, or take it away"
                ),
            );
        }
    }
}

fn number<const LEAST: u32, const MOST: u32>(given: &Given<Number<LEAST, MOST>>, default: u32) -> u32 {
    given.as_ref().map_or(default, |given: &Spanned<_>| given.get_ref().0)
}

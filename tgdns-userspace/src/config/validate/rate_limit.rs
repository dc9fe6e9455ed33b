//! How often a network is answered over UDP.

use std::net::SocketAddr;

use tgdns_common::rate::MOST_EXEMPT;
use toml::Spanned;

use crate::{
    cluster::RateLimit,
    config::{
        file::{self, Given, RateLimitTable},
        leaf::{Number, Prefix},
        mistakes::Mistakes,
    },
};

/// Nothing where the file says that there is to be no limit.
pub(super) fn rate_limit(
    given: Given<file::RateLimit>,
    listen: &[SocketAddr],
    mistakes: &mut Mistakes<'_>,
) -> Option<RateLimit> {
    let table = match given.map(Spanned::into_inner) {
        None => RateLimitTable::default(),
        Some(file::RateLimit::Table(table)) => table,
        Some(file::RateLimit::Off) => return None,
    };
    let default = RateLimit::default();
    // The file admits no number that does not fit.
    let prefix = |given: Option<u32>, default| given.map_or(default, |length| length as u8);
    Some(RateLimit {
        responses_per_second: number(&table.responses_per_second).unwrap_or(default.responses_per_second),
        slip: slip(table.slip.as_ref(), default.slip, listen, mistakes),
        ipv4_prefix: prefix(number(&table.ipv4_prefix), default.ipv4_prefix),
        ipv6_prefix: prefix(number(&table.ipv6_prefix), default.ipv6_prefix),
        exempt: exempt(table.exempt, mistakes),
        exempt_private: table.exempt_private.map_or(default.exempt_private, Spanned::into_inner),
    })
}

fn number<const LEAST: u32, const MOST: u32>(given: &Given<Number<LEAST, MOST>>) -> Option<u32> {
    given.as_ref().map(|number| number.get_ref().0)
}

/// None where there is no socket that could be asked over TCP.
fn slip(
    given: Option<&Spanned<Number<0, 100>>>,
    default: u8,
    listen: &[SocketAddr],
    mistakes: &mut Mistakes<'_>,
) -> u8 {
    let slip = given.map(|number| number.get_ref().0 as u8);
    if !listen.is_empty() {
        return slip.unwrap_or(default);
    }
    if let Some(given) = given.filter(|number| number.get_ref().0 != 0) {
        mistakes.add(
            &given.span(),
            "`slip` tells clients to ask over TCP, and `listen` is empty, so they would find nobody, or another server: take it \
             away, or listen"
                .to_owned(),
        );
    }
    0
}

fn exempt(given: Given<Vec<Spanned<Prefix>>>, mistakes: &mut Mistakes<'_>) -> Vec<ipnet::IpNet> {
    let Some(given) = given else { return Vec::new() };
    let at = given.span();
    let count = given.get_ref().len();
    if count > MOST_EXEMPT {
        mistakes.add(
            &at,
            format!("`exempt` has {count} networks, and there is room for {MOST_EXEMPT}: aggregate them"),
        );
    }
    given.into_inner().into_iter().map(|network| network.into_inner().0).collect()
}

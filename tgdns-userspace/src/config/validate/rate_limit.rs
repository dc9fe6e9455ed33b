//! How often a network is answered over UDP.

use tgdns_common::rate::MOST_EXEMPT;
use toml::Spanned;

use crate::{
    cluster::RateLimit,
    config::{
        file::{self, Given, Table},
        leaf::Prefix,
        mistakes::Mistakes,
    },
};

/// Nothing where the file has no such table.
pub(super) fn rate_limit(
    table: Given<Table<file::RateLimit>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<RateLimit> {
    let limit = table?.into_inner().0;
    let default = RateLimit::default();
    let exempt = limit.exempt.map_or_else(Vec::new, |exempt| {
        let (at, exempt) = (exempt.span(), exempt.into_inner());
        if exempt.len() > MOST_EXEMPT {
            let message = format!(
                "`exempt` has {} networks, and there is room for {MOST_EXEMPT}: aggregate them",
                exempt.len()
            );
            mistakes.add(&at, message);
        }
        exempt
    });
    // The file admits no number that does not fit.
    let byte = |number: u32| number as u8;
    Some(RateLimit {
        responses_per_second: limit
            .responses_per_second
            .map_or(default.responses_per_second, |number| number.into_inner().0),
        slip: limit.slip.map_or(default.slip, |number| byte(number.into_inner().0)),
        ipv4_prefix: limit.ipv4_prefix.map_or(default.ipv4_prefix, |number| byte(number.into_inner().0)),
        ipv6_prefix: limit.ipv6_prefix.map_or(default.ipv6_prefix, |number| byte(number.into_inner().0)),
        exempt: exempt.into_iter().map(|network: Spanned<Prefix>| network.into_inner().0).collect(),
    })
}

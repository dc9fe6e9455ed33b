//! How often a network is answered over UDP, and what forged queries would gain without that.

use std::net::IpAddr;

use ipnet::IpNet;
use tgdns_common::{
    query::{MINIMUM_SIZE, OWN_SIZE},
    rate,
    tables::Address,
};

use super::list;
use crate::cluster::{Answer, Cluster, Model, RateLimit};

/// Before a message over IPv4: Ethernet's, IPv4's and UDP's headers, in bytes.
const HEADERS: usize = 14 + 20 + 8;
/// Of a DNS message with one question: the header, type and class.
const AROUND_NAME: usize = 12 + 4;
/// An OPT record without options.
const OPT: usize = 11;
/// Records with an address of each family, their names compressed.
const A: usize = 16;
const AAAA: usize = 28;
/// So many times as many bytes as a forged query has are no longer worth forging it.
const WORTH: f64 = 3.0;

/// For people, one line.
pub(super) fn line(limit: Option<&RateLimit>) -> String {
    let Some(limit) = limit else { return "answers over UDP are not limited\n".to_owned() };
    let RateLimit { responses_per_second, slip, ipv4_prefix, ipv6_prefix, exempt, exempt_private } = limit;
    let beyond = match slip {
        0 => "beyond that dropped".to_owned(),
        1 => "beyond that sent to TCP".to_owned(),
        slip => format!("beyond that dropped, but one of {slip} sent to TCP"),
    };
    let private = exempt_private.then(|| "private networks".to_owned());
    let exempt: Vec<String> = private.into_iter().chain(list(exempt)).collect();
    let exempt = list(&exempt).map_or_else(String::new, |exempt| format!("; never limited: {exempt}"));
    format!(
        "each /{ipv4_prefix} of IPv4 and /{ipv6_prefix} of IPv6 gets {responses_per_second} answers/s over UDP, \
         {beyond}{exempt}\n"
    )
}

/// Limits that are seldom meant.
pub(super) fn warnings(model: &Model, warnings: &mut Vec<String>) {
    let Some(limit) = &model.rate_limit else {
        for cluster in &model.clusters {
            let times = amplification(model, cluster);
            if times >= WORTH {
                warnings.push(format!(
                    "{}: an answer over UDP has up to {times:.0} times as many bytes as its query, which whoever forges sources \
                     can turn on others; limit the answers (dns.rate_limit), unless all clients are your own",
                    cluster.name
                ));
            }
        }
        return;
    };
    if limit.exempt.is_empty() && !limit.exempt_private {
        warnings.push(
            "dns.rate_limit: no network is exempt, so your own forwarders are limited, too; list them in `exempt`".to_owned(),
        );
    }
    let private = |network: &&IpNet| {
        limit.exempt_private && [network.network(), network.broadcast()].into_iter().all(is_private)
    };
    if let Some(private) = list(&limit.exempt.iter().filter(private).collect::<Vec<_>>()) {
        warnings.push(format!(
            "dns.rate_limit: private networks are exempt without being listed in `exempt`: take {private} away"
        ));
    }
}

fn is_private(address: IpAddr) -> bool {
    rate::is_private(match address {
        IpAddr::V4(address) => Address::from_ipv4(address.octets()),
        IpAddr::V6(address) => Address::from_ipv6(address.octets()),
    })
}

/// How many times as many bytes as its query, with all headers, an answer over UDP has at most.
fn amplification(model: &Model, cluster: &Cluster) -> f64 {
    let most = |view, is_family: fn(&IpAddr) -> bool| {
        let addresses = cluster.servers.iter().flat_map(|server| server.handed_out(view));
        let count = addresses.filter(|address| is_family(address)).count();
        match cluster.answer {
            Answer::All => count,
            Answer::One => count.min(1),
            Answer::Subset(size) => count.min(size.into()),
        }
    };
    let times = |count: usize, record: usize, (opt, size): (usize, u16)| {
        // In wire form a name has a byte more before it and one behind it.
        let query = AROUND_NAME + cluster.name.len() + 2 + opt;
        let count = count.min(usize::from(size).saturating_sub(query) / record);
        (HEADERS + query + count * record) as f64 / (HEADERS + query) as f64
    };
    let of_view = |view| {
        let families = [(most(view, IpAddr::is_ipv4), A), (most(view, IpAddr::is_ipv6), AAAA)];
        let edns = [(0, MINIMUM_SIZE), (OPT, OWN_SIZE)];
        families
            .into_iter()
            .flat_map(move |(count, record)| edns.map(|edns| times(count, record, edns)))
            .fold(1.0, f64::max)
    };
    model.view_identifiers().map(of_view).fold(1.0, f64::max)
}

#[cfg(test)]
mod tests;

//! What a configuration comes to: each server, the address that is probed, and what each view's clients are told.
//!
//! The table shows the counting of addresses and aliases before it is live.

mod advice;
mod policy;
mod probe;
mod rate_limit;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::{
    cluster::{Answer, Cluster, DefaultView, Model, Server, WhenStale},
    table,
};
pub use advice::{notes, warnings, warnings_here};
pub(crate) use probe::target;

/// The configuration as aligned text, with its warnings last.
pub fn render(model: &Model, warnings: &[String]) -> String {
    let listen = list(&model.listen).unwrap_or_else(|| "no sockets".to_owned());
    let interfaces = list(&model.interfaces).unwrap_or_else(|| "no interfaces".to_owned());
    let mut text = format!("{interfaces}, xdp {}, listening on {listen}\n", model.xdp_mode.as_str());
    text.push_str(&format!(
        "stale {} after the controller's last beat: {}\n",
        humantime::format_duration(model.stale_after),
        when_stale(model.when_stale)
    ));
    text.push_str(&rate_limit::line(model.rate_limit.as_ref()));
    if !model.views.is_empty() {
        text.push('\n');
        text.push_str(&table::render(2, &views(model)));
    }
    for cluster in &model.clusters {
        let Cluster { name, ttl, ttl_min, .. } = cluster;
        let answer = policy::answer(cluster);
        let ttl = match ttl_min {
            Some(least) => format!("ttl {least} to {ttl} s, the time to the next possible change"),
            None => format!("ttl {ttl} s"),
        };
        text.push_str(&format!("\n{name}: {ttl}, answers with {answer}\n"));
        text.extend(policy::exceptions(cluster).map(|line| format!("{line}\n")));
        for line in probe::lines(cluster) {
            text.push_str(&format!("{line}\n"));
        }
        text.push_str(&table::render(2, &servers(model, cluster)));
        text.push_str(&format!("name servers: {}\n", name_servers(cluster)));
    }
    for (kind, lines) in [("warning", warnings), ("note", notes(model).as_slice())] {
        if !lines.is_empty() {
            text.push('\n');
        }
        for line in lines {
            text.push_str(&format!("{kind}: {line}\n"));
        }
    }
    text
}

/// What `when_stale` does, for people.
fn when_stale(word: WhenStale) -> &'static str {
    match word {
        WhenStale::Hold => "the last answers are held",
        WhenStale::All => "all servers are handed out",
        WhenStale::Servfail => "the answer is SERVFAIL",
        WhenStale::Pass => "queries are passed to the kernel",
    }
}

/// The same as JSON. Addresses are those of `status --json`: `.clusters[].servers[].{name,address}`, and what is
/// handed out is `.clusters[].servers[].handed_out[].{view,addresses}`.
pub fn to_json(model: &Model, warnings: &[String]) -> Value {
    let view = |identifier| model.view_name(identifier);
    let server = |server: &Server, share: f64| {
        let handed_out =
            |identifier| json!({ "view": view(identifier), "addresses": server.handed_out(identifier) });
        json!({
            "name": server.name,
            "address": server.address,
            "probed": probe::targets(server).join(", "),
            "probes": server.probes.iter().map(|of| probe::of_server_to_json(server, of)).collect::<Vec<_>>(),
            "weight": server.weight,
            "tier": server.tier,
            "share": share,
            "handed_out": model.view_identifiers().map(handed_out).collect::<Vec<_>>(),
        })
    };
    let name_server = |server: &Server| {
        let handed_out =
            |identifier| json!({ "view": view(identifier), "addresses": server.handed_out(identifier) });
        json!({
            "name": server.name,
            "address": server.address,
            "handed_out": model.view_identifiers().map(handed_out).collect::<Vec<_>>(),
        })
    };
    let cluster = |cluster: &Cluster| {
        json!({
            "name": cluster.name,
            "ttl": cluster.ttl,
            "ttl_min": cluster.ttl_min,
            "answer": match cluster.answer {
                Answer::All => json!("all"),
                Answer::One => json!("one"),
                Answer::Subset(size) => json!({ "subset": size }),
            },
            "probe": cluster.probes.first().map(probe::to_json),
            "probes": cluster.probes.iter().map(probe::to_json).collect::<Vec<_>>(),
            "up_by": cluster.join.as_str(),
            "select": policy::select(&cluster.policy),
            "spill_below": cluster.policy.spill_below,
            "slow_start": cluster.policy.slow_start.map(|time| humantime::format_duration(time).to_string()),
            "min_up": cluster.policy.min_up,
            "all_down": policy::all_down(&cluster.policy),
            "servers": cluster.servers.iter().zip(policy::shares(cluster)).map(|(of, share)| server(of, share)).collect::<Vec<_>>(),
            "nameservers": cluster.name_servers.iter().map(name_server).collect::<Vec<_>>(),
        })
    };
    json!({
        "interfaces": model.interfaces,
        "xdp_mode": model.xdp_mode.as_str(),
        "state_dir": model.state_directory,
        "control": model.control,
        "pin_dir": model.pin_directory,
        "listen": model.listen,
        "tcp_connections": model.tcp.connections,
        "tcp_connections_per_client": model.tcp.connections_per_client,
        "tcp_idle_timeout": humantime::format_duration(model.tcp.idle_timeout).to_string(),
        "rate_limit": model.rate_limit.as_ref().map(|limit| json!({
            "responses_per_second": limit.responses_per_second,
            "slip": limit.slip,
            "ipv4_prefix": limit.ipv4_prefix,
            "ipv6_prefix": limit.ipv6_prefix,
            "exempt": limit.exempt.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "exempt_private": limit.exempt_private,
        })),
        "probes_at_once": model.probes.at_once,
        "commands_at_once": model.probes.commands_at_once,
        "stale_after": humantime::format_duration(model.stale_after).to_string(),
        "when_stale": model.when_stale.as_str(),
        "views": model.views.iter().map(|view| {
            let clients: Vec<String> = view.clients.iter().map(ToString::to_string).collect();
            json!({ "name": view.name, "clients": clients })
        }).collect::<Vec<_>>(),
        "default_view": match model.default_view {
            DefaultView::Own => model.view_name(0),
            DefaultView::View(identifier) => model.view_name(identifier),
            DefaultView::NoData => "nodata",
            DefaultView::Refused => "refused",
        },
        "clusters": model.clusters.iter().map(cluster).collect::<Vec<_>>(),
        "warnings": warnings,
        "notes": notes(model),
    })
}

fn views(model: &Model) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["view".to_owned(), "clients".to_owned()]];
    for (identifier, view) in (1..).zip(&model.views) {
        let others = (model.default_view == DefaultView::View(identifier)).then_some("and all others");
        let clients =
            [some_of(&view.clients).as_str()].into_iter().chain(others).collect::<Vec<_>>().join(", ");
        rows.push(vec![view.name.clone(), clients]);
    }
    let others = match model.default_view {
        DefaultView::View(_) => return rows,
        DefaultView::Own => "all others",
        DefaultView::NoData => "all others, who are told that there are no addresses",
        DefaultView::Refused => "all others, who are refused",
    };
    rows.push(vec![model.view_name(0).to_owned(), others.to_owned()]);
    rows
}

fn servers(model: &Model, cluster: &Cluster) -> Vec<Vec<String>> {
    let has_shares = policy::has_shares(cluster);
    let has_tiers = cluster.servers.iter().any(|server| server.tier != 1);
    let weight = |weight: String, share: String| [weight, share].into_iter().filter(move |_| has_shares);
    let tier = |tier: String| has_tiers.then_some(tier);
    let handed_out = |identifier| match model.views.is_empty() {
        true => "handed out".to_owned(),
        false => format!("to {}", model.view_name(identifier)),
    };
    let mut rows = vec![
        ["server".to_owned(), "probed".to_owned()]
            .into_iter()
            .chain(tier("tier".to_owned()))
            .chain(weight("weight".to_owned(), "share".to_owned()))
            .chain(model.view_identifiers().map(handed_out))
            .collect(),
    ];
    for (server, share) in cluster.servers.iter().zip(policy::shares(cluster)) {
        let share = format!("{:.1}%", share * 100.0);
        let told = |identifier| list(server.handed_out(identifier)).unwrap_or_else(|| "–".to_owned());
        rows.push(
            [server.name.clone(), probe::targets(server).join(", ")]
                .into_iter()
                .chain(tier(server.tier.to_string()))
                .chain(weight(server.weight.to_string(), share))
                .chain(model.view_identifiers().map(told))
                .collect(),
        );
    }
    rows
}

/// The load balancers, with the addresses of those that are no servers of the cluster.
fn name_servers(cluster: &Cluster) -> String {
    let named = |server: &Server| {
        if cluster.servers.contains(server) {
            server.name.clone()
        } else {
            format!("{} ({})", server.name, server.address)
        }
    };
    cluster.name_servers.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// The first few elements, and how many more there are.
fn some_of<T: ToString>(elements: &[T]) -> String {
    const FEW: usize = 3;
    match elements.split_at_checked(FEW) {
        Some((few, more)) if more.len() > 1 => {
            format!("{} and {} more", list(few).unwrap_or_default(), more.len())
        }
        _ => list(elements).unwrap_or_default(),
    }
}

/// The elements with commas between them, or none where there is nothing.
fn list<T: ToString>(elements: &[T]) -> Option<String> {
    let elements: Vec<String> = elements.iter().map(ToString::to_string).collect();
    (!elements.is_empty()).then(|| elements.join(", "))
}

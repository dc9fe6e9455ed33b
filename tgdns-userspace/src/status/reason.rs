//! Why a server is handed out, or is not.

use crate::{
    admin::AdminState,
    controller::roster::Roster,
    health::Health,
    selection::{Chosen, Rule},
};

/// For people; nothing where it is handed out as it is live, or no answer is given yet.
pub(super) fn of(roster: &Roster, cluster: usize, server: usize, chosen: Option<&Chosen>) -> Option<String> {
    let chosen = chosen?;
    let lacks = lacks(roster, cluster, server);
    let is_live = lacks.is_empty();
    let lacks = lacks.join(", ");
    let includes = chosen.includes(server);
    if !includes && let Some(views) = views(roster, server, chosen) {
        return Some(match is_live {
            true => format!("but to view {views} alone"),
            false => format!("{lacks}, but view {views} is shown no live one"),
        });
    }
    match chosen.rule {
        Rule::Live if includes => (!is_live).then_some(lacks),
        Rule::Live if is_live => {
            let tier = roster.model().clusters.get(cluster)?.servers.get(server)?.tier;
            Some(format!("tier {tier} is not needed"))
        }
        Rule::Live => Some(lacks),
        Rule::All | Rule::Last if includes && is_live => None,
        Rule::All | Rule::Last if includes => match roster.live(cluster) {
            0 => Some(format!("{lacks}, but none is live")),
            _ => Some(format!("{lacks}, but too few are live")),
        },
        Rule::All | Rule::Last if is_live => Some("those of before are handed out".to_owned()),
        Rule::All | Rule::Last => Some(lacks),
        Rule::Servfail | Rule::Refused | Rule::NoData | Rule::Addresses => {
            Some(chosen.rule.as_str().to_owned())
        }
    }
}

/// The views that are told of a server for want of those that others are told of.
fn views(roster: &Roster, server: usize, chosen: &Chosen) -> Option<String> {
    let told = chosen.in_views.iter().filter(|(_, other)| other.includes(server));
    let names: Vec<&str> = told.map(|(view, _)| roster.model().view_name(*view)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// What keeps a server from being live.
fn lacks(roster: &Roster, cluster: usize, server: usize) -> Vec<String> {
    let mut lacks = Vec::new();
    let Some(health) = roster.health(cluster).get(server) else { return lacks };
    match roster.state(cluster, server) {
        AdminState::Ready => {}
        state @ (AdminState::Drain | AdminState::Maint) => lacks.push(state.to_string()),
    }
    match health.health() {
        Health::Up => {}
        Health::Down => lacks.push("down".to_owned()),
        Health::Unknown => lacks.push("no verdict yet".to_owned()),
    }
    match roster.reported_state(cluster, server) {
        AdminState::Ready => {}
        state @ (AdminState::Drain | AdminState::Maint) => lacks.push(format!("says {state}")),
    }
    if roster.weight(cluster, server) == 0 {
        lacks.push("weight 0".to_owned());
    }
    lacks
}

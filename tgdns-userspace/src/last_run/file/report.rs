//! What a server said of itself, as it is kept for the next run.

use serde::{Deserialize, Serialize};

use crate::{
    admin::AdminState,
    cluster::{Probe, ProbeKind, Server},
    health::{Report, ReportedWeight, ServerHealth},
};

/// By one of its probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownReport {
    /// What was asked: what another probe is told has to be said anew.
    asked: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<ReportedWeight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<AdminState>,
}

impl KnownReport {
    /// Those that say something.
    pub(super) fn all(server: &Server, health: &ServerHealth) -> Vec<Self> {
        let report = |(probe, health): (&Probe, &crate::health::ProbeHealth)| {
            let Report { weight, state, .. } = *health.report();
            let asked = asked(server, probe).filter(|_| weight.is_some() || state.is_some())?;
            Some(Self { asked, weight, state })
        };
        server.probes.iter().zip(health.probes()).filter_map(report).collect()
    }

    /// Of which of the server's probes it is, by index; none where that one is no more.
    pub(super) fn probe(&self, server: &Server) -> Option<usize> {
        server.probes.iter().position(|probe| asked(server, probe).as_ref() == Some(&self.asked))
    }

    pub(super) fn report(&self) -> Report {
        Report { weight: self.weight, state: self.state, ..Report::default() }
    }
}

/// None for a probe that brings no reports.
fn asked(server: &Server, probe: &Probe) -> Option<String> {
    let what = match &probe.kind {
        ProbeKind::Exec(exec) => exec.command.join(" "),
        ProbeKind::File(file) => file.path.clone(),
        ProbeKind::Agent(agent) => format!("{} {}", server.probed(probe), agent.send.escape_ascii()),
        ProbeKind::Tcp(_) | ProbeKind::Http(_) | ProbeKind::Tls(_) | ProbeKind::Icmp | ProbeKind::Dns(_) => {
            return None;
        }
    };
    Some(format!("{}: {} {what}", probe.name, probe.kind.as_str()))
}

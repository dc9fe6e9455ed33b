//! What the log says of the controller's own life.

use super::Controller;
use crate::check;

impl Controller {
    pub(super) fn log_start(&self) {
        let model = self.roster.model();
        let servers: usize = model.clusters.iter().map(|cluster| cluster.servers.len()).sum();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            clusters = model.clusters.len(),
            servers,
            interfaces = model.interfaces.join(","),
            xdp_mode = model.xdp_mode.as_str(),
            control = %model.control.display(),
            "started"
        );
        for warning in check::warnings_here(model) {
            tracing::warn!("{warning}");
        }
    }

    pub(super) fn log_stop(&self, signal: &str) {
        if self.fast_path.is_some() {
            tracing::info!(
                signal,
                "stopped; the fast path stays attached and answers with the last published addresses, until `tgdns \
                 detach` removes it"
            );
        } else {
            tracing::info!(signal, "stopped");
        }
    }
}

//! What one probe found.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::admin::AdminState;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success {
        /// From the start of the probe to the proof.
        took: Duration,
        report: Report,
    },
    Failure {
        /// For people: "connection refused", "timed out after 500ms".
        cause: String,
        report: Report,
    },
}

/// What a server says of itself beside whether it is well; all of it holds until it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub weight: Option<ReportedWeight>,
    pub state: Option<AdminState>,
    /// Why, in its own words.
    pub description: Option<String>,
    /// What people should see to before it becomes a failure: "the certificate expires in 6 days". It holds until the
    /// next outcome.
    pub warning: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportedWeight {
    /// In place of the configured one.
    Absolute(u16),
    /// Of the configured one.
    Percent(u16),
}

impl Outcome {
    pub fn success(took: Duration) -> Self {
        Self::Success { took, report: Report::default() }
    }

    pub fn failure(cause: impl Into<String>) -> Self {
        Self::Failure { cause: cause.into(), report: Report::default() }
    }

    pub fn is_success(&self) -> bool {
        match self {
            Self::Success { .. } => true,
            Self::Failure { .. } => false,
        }
    }

    pub fn report(&self) -> &Report {
        match self {
            Self::Success { report, .. } | Self::Failure { report, .. } => report,
        }
    }
}

impl ReportedWeight {
    /// Whether the server is to be handed out no more.
    pub fn is_zero(self) -> bool {
        match self {
            Self::Absolute(weight) | Self::Percent(weight) => weight == 0,
        }
    }
}

impl Report {
    /// Whether the server takes itself out by it.
    pub fn withdraws(&self) -> bool {
        self.state.is_some_and(|state| state != AdminState::Ready)
            || self.weight.is_some_and(ReportedWeight::is_zero)
    }

    /// Takes over what a later one says.
    pub(super) fn update(&mut self, later: &Self) {
        self.weight = later.weight.or(self.weight);
        self.state = later.state.or(self.state);
        if later.state.is_some() || later.weight.is_some() {
            self.description.clone_from(&later.description);
        }
        self.warning.clone_from(&later.warning);
    }
}

//! Reports: what a node says about a run that it was to fire.

use chronos_types::{ErrorKind, Millis, NodeName, Phases, Response, Waited};
use serde::{Deserialize, Serialize};

use super::{FIRST, RUNS_SINCE, SECRETS_SINCE, STATS_SINCE};
use crate::run::{Fire, RunRef};
use crate::stored::client_credentials::OAUTH_SINCE;
use crate::stored::execution::{failure, response};
use crate::stored::omit::is_default;
use crate::stored::timing::{phases, waited};

/// What became of one attempt.
///
/// It repeats all that the record needs. So a delivery ends on record even if its record was withdrawn
/// while it was under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The run, in the version that the node ran.
    pub run: RunRef,
    /// The node that reports.
    pub node: NodeName,
    /// What happened.
    pub what: Reported,
}

/// What happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reported {
    /// An attempt is under way. Sent only for attempts that take long enough for somebody to see them.
    Begun {
        /// From 1.
        attempt: u32,
        /// When it began.
        started_at: Millis,
    },
    /// An attempt ended.
    Ended {
        /// From 1.
        attempt: u32,
        /// When it began.
        started_at: Millis,
        /// How long it took.
        duration_ms: u64,
        /// What came back.
        #[serde(with = "response")]
        response: Response,
        /// What went wrong, and its kind; `None` is a success.
        #[serde(default, with = "failure", skip_serializing_if = "Option::is_none")]
        failure: Option<(ErrorKind, String)>,
        /// When the next attempt is due; `None` after a success, and when no attempt is left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Millis>,
        /// How its time was spent, where that was measured.
        #[serde(default, with = "phases", skip_serializing_if = "Option::is_none")]
        phases: Option<Phases>,
        /// What it waited for before it began, and what its target asks to wait for now.
        #[serde(default, with = "waited", skip_serializing_if = "is_default")]
        waited: Waited,
        /// The host that was called, as [`TargetUrl::host`](chronos_types::TargetUrl::host) has it; said where the run
        /// has failed with this attempt. A state machine parses no URL.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
    },
    /// The run was not delivered, because another run of its job was unfinished.
    Skipped {
        /// Why, for people.
        reason: String,
    },
    /// A newer run ended this one.
    Replaced {
        /// The attempt that was cut off, and when it began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<(u32, Millis)>,
    },
    /// The run was withdrawn, and this node had not begun it by then.
    NotBegun,
    /// The run was withdrawn, and nobody knows whether an attempt had begun: its node has restarted since,
    /// or has left the cluster.
    Unknown,
}

/// The first version of the cluster that has this kind of error.
fn since(kind: ErrorKind) -> u32 {
    match kind {
        ErrorKind::Secret => SECRETS_SINCE,
        ErrorKind::Auth => OAUTH_SINCE,
        _ => FIRST,
    }
}

impl Report {
    /// What the node that was to fire a run says about it.
    #[must_use]
    pub fn of(fire: &Fire, what: Reported) -> Self {
        Self { run: fire.run, node: fire.node.clone(), what }
    }

    /// The first version of the cluster that has all of it.
    pub(super) fn since(&self) -> u32 {
        match &self.what {
            Reported::Ended { phases, waited, host, failure, .. } => {
                let time = if phases.is_some() || !waited.is_nothing() { RUNS_SINCE } else { FIRST };
                let host = if host.is_some() { STATS_SINCE } else { FIRST };
                let kind = failure.as_ref().map_or(FIRST, |(kind, _)| since(*kind));
                time.max(host).max(kind)
            }
            _ => FIRST,
        }
    }

    /// The same as far as this version of the cluster has it.
    #[must_use]
    pub fn at_version(mut self, version: u32) -> Self {
        if let Reported::Ended { phases, waited, host, failure, .. } = &mut self.what {
            if version < RUNS_SINCE {
                (*phases, *waited) = (None, Waited::default());
            }
            if version < STATS_SINCE {
                *host = None;
            }
            if let Some((kind, _)) = failure
                && version < since(*kind)
            {
                *kind = ErrorKind::Connect;
            }
        }
        self
    }

    /// A rough count of its bytes in the log.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.what {
            Reported::Ended { response, failure, host, .. } => {
                let [body, error, host] =
                    [&response.body, &response.error, host].map(|text| text.as_ref().map_or(0, String::len));
                500 + body + error + host + failure.as_ref().map_or(0, |(_, why)| why.len())
            }
            Reported::Skipped { reason } => 300 + reason.len(),
            Reported::Begun { .. } | Reported::Replaced { .. } | Reported::NotBegun | Reported::Unknown => {
                300
            }
        }
    }
}

impl Reported {
    /// Whether it reports a success.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Ended { failure: None, .. })
    }
}

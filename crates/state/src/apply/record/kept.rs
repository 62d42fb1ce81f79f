//! What is kept of what a record came to: figures of all runs, statistics of its job, and where it is found.

use std::mem;

use chronos_types::{ErrorKind, Millis, Status, Trigger};

use super::Record;
use crate::apply::context::Context;
use crate::apply::job_stats::{self, Ended, Failure, Ran};
use crate::apply::lookups;
use crate::command::STATS_SINCE;
use crate::error::StateError;

/// What happened to a record since it was read, and is not yet counted.
#[derive(Default)]
pub(super) struct Happened {
    /// How late its first attempt began.
    pub(super) lateness: Option<Millis>,
    /// The attempts that ended; none is a success.
    pub(super) attempts: Vec<Option<ErrorKind>>,
    /// The host that it called in vain.
    pub(super) host: Option<String>,
}

/// Counts what happened to a record since it was read or stored.
pub(super) fn note(record: &mut Record, context: &Context<'_>) -> Result<(), StateError> {
    let Happened { lateness, attempts, host } = mem::take(&mut record.happened);
    let was = mem::replace(&mut record.counted_status, record.status);
    if context.version()? < STATS_SINCE {
        return Ok(());
    }
    let trigger = record.run.trigger;
    let scope = context.rollups.scope_of(context.db, record.run.job)?;
    let scope = scope.as_deref();
    context.rollups.count(scope, |figures| {
        // What runs late because it was missed, or is asked for, says nothing of how late runs are.
        if let (Some(lateness), Trigger::Schedule) = (lateness, trigger) {
            figures.late(u64::try_from(lateness).unwrap_or_default());
        }
        attempts.iter().for_each(|kind| figures.attempt(*kind));
    });
    if record.status == was {
        return Ok(());
    }
    let last = record.detail.attempts.last();
    let ended = match record.status {
        Status::Success => Ended::Success { duration_ms: last.map_or(0, |attempt| attempt.duration_ms) },
        Status::Failed => Ended::Failed(Failure {
            kind: record.detail.error_kind.as_deref().and_then(|kind| ErrorKind::parse(kind).ok()),
            status_code: last.and_then(|attempt| attempt.status_code),
            host: host.unwrap_or_default(),
        }),
        _ => Ended::Other,
    };
    if record.status.is_finished() {
        context.rollups.count(scope, |figures| {
            figures.ended(record.status, trigger);
            if let Ended::Success { duration_ms } = &ended {
                figures.took(*duration_ms);
            }
        });
    }
    if let Ended::Failed(failure) = &ended {
        context.rollups.failed(scope, &failure.host, failure.kind);
        lookups::failed(context, &record.run, failure, &record.node)?;
    }
    if matches!(record.status, Status::Pending | Status::Skipped) {
        return Ok(());
    }
    let began = record.started_at.or(record.completed_at).unwrap_or(record.run.scheduled_time);
    let (job, status, at) = (record.run.job, record.status, record.completed_at);
    job_stats::note(context, &Ran { job, trigger, status, began, at, ended })
}

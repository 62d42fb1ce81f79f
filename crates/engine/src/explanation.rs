//! Why an execution did not succeed, and what to do: for people, made when one execution is read.

mod fields;
mod sentences;

use chronos_seal::Keyring;
use chronos_state::{ExecutionRow, OthersFailing, ReadSpec, Reader, StateError, VersionRow};
use chronos_types::{By, Millis, Scope, Status};

use crate::sealing::opened_in;

/// So many executions before it are looked at for the last success of the job.
const LOOKED_AT: usize = 1_000;

/// Why an execution did not succeed, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened, in a sentence.
    pub what: String,
    /// What to do next.
    pub next: String,
    /// What changed in the job since its last success, where anything did.
    pub changed: Option<Change>,
    /// How many other jobs fail in the same way now, where it failed.
    pub others: Option<OthersFailing>,
}

/// What changed in a job between its last success and an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The version that ran in the last success.
    pub from_version: u64,
    /// The version that ran here.
    pub version: u64,
    /// When that was made.
    pub at: Millis,
    /// The fields that differ.
    pub fields: Vec<&'static str>,
    /// Who made it, where that is known.
    pub by: Option<By>,
}

/// Explains an execution that failed, was cancelled or skipped, or waits for a retry.
pub(crate) fn explain(
    keyring: &Keyring,
    reader: &Reader,
    scope: &Scope,
    row: &ExecutionRow,
) -> Result<Option<Explanation>, StateError> {
    let Some((what, next)) = sentences::of(&row.execution, row.spec.as_ref().ok()) else { return Ok(None) };
    // A run that was not made says nothing of its job's request.
    let ran = matches!(row.execution.status, Status::Failed | Status::Retrying);
    let changed = if ran { changed(keyring, reader, row)? } else { None };
    let others = reader.others_failing(row.execution.id, scope)?;
    Ok(Some(Explanation { what, next, changed, others }))
}

/// What changed in the job since the last success before an execution.
fn changed(keyring: &Keyring, reader: &Reader, row: &ExecutionRow) -> Result<Option<Change>, StateError> {
    let version = row.execution.job_version;
    let from = reader.last_success(row.job_seq, row.execution.id, LOOKED_AT)?;
    let Some(from_version) = from.filter(|from| *from != version) else { return Ok(None) };
    let read = |version| reader.version(row.job_seq, version);
    let (Some(before), Some(VersionRow { updated_at: at, by, .. })) = (read(from_version)?, read(version)?)
    else {
        return Ok(None);
    };
    // Of a version that cannot be read or opened it is not known what differs.
    let open = |spec: &ReadSpec| match spec {
        Ok(spec) => Ok(opened_in(keyring, reader, row.execution.job_id, spec.clone())?.ok()),
        Err(_) => Ok::<_, StateError>(None),
    };
    let specs = open(&before.spec)?.zip(open(&row.spec)?);
    let fields = specs.map(|(before, now)| fields::different(&before, &now)).unwrap_or_default();
    Ok(Some(Change { from_version, version, at, fields, by }))
}

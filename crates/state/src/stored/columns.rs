//! Reads the columns that several tables have.

use chronos_types::{Actor, ActorKind, By, ExecutionId, NodeName, Note, Skip, Trigger};
use rusqlite::Row;

use super::code::Code as _;
use super::overrides::StoredOverrides;
use super::row;
use crate::error::StateError;
use crate::remainder::{Change, Remainder};
use crate::run::{Fire, JobSeq, RunRef};

/// Reads a job's number.
pub(crate) fn job_seq(row: &Row<'_>, column: usize) -> Result<JobSeq, StateError> {
    Ok(JobSeq::new(row.get(column)?))
}

/// Reads a node's name.
pub(crate) fn node(row: &Row<'_>, column: usize) -> Result<NodeName, StateError> {
    Ok(NodeName::unchecked(row.get_ref(column)?.as_str()?))
}

/// The columns of who made a version of a job, for [`by`].
macro_rules! by_columns {
    () => {
        "a.kind, a.id, a.name, a.address, a.note"
    };
}
pub(crate) use by_columns;

/// Reads who made a version of a job; none where nobody is on record, or one of a kind that is not known.
pub(crate) fn by(row: &Row<'_>, first: usize) -> Result<Option<By>, StateError> {
    let kind = row.get::<_, Option<i64>>(first)?.and_then(ActorKind::known);
    let Some(kind) = kind else { return Ok(None) };
    let (id, name) = (row.get(first + 1)?, row.get(first + 2)?);
    let address: Option<String> = row.get(first + 3)?;
    let note: Option<String> = row.get(first + 4)?;
    let actor = Actor { kind, id, name, address: address.and_then(|text| text.parse().ok()) };
    Ok(Some(By { actor, note: note.map(Note::unchecked) }))
}

/// Reads what kind of actor it was; none where nobody is on record, or one of a kind that is not known.
pub(crate) fn actor_kind(row: &Row<'_>, column: usize) -> Result<Option<ActorKind>, StateError> {
    Ok(row.get::<_, Option<i64>>(column)?.and_then(ActorKind::known))
}

/// Who asked for something, as [`by`] reads it: the values of its columns.
pub(crate) struct ByColumns<'a> {
    pub(crate) kind: Option<i64>,
    pub(crate) id: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    pub(crate) address: Option<String>,
    pub(crate) note: Option<&'a str>,
}

impl<'a> From<Option<&'a By>> for ByColumns<'a> {
    fn from(by: Option<&'a By>) -> Self {
        let Some(By { actor: Actor { kind, id, name, address }, note }) = by else {
            return Self { kind: None, id: None, name: None, address: None, note: None };
        };
        Self {
            kind: Some(kind.code()),
            id: id.as_deref(),
            name: name.as_deref(),
            address: address.map(|address| address.to_string()),
            note: note.as_ref().map(Note::as_str),
        }
    }
}

/// The columns of runs that are skipped: [`skip`] reads those from the third on, and [`by`] those from the fifth.
macro_rules! skip_columns {
    () => {
        "a.job, a.asked_at, a.count, a.until, a.kind, a.id, a.name, a.address, a.note"
    };
}
pub(crate) use skip_columns;

/// Reads which runs are skipped.
pub(crate) fn skip(row: &Row<'_>, first: usize) -> Result<Skip, StateError> {
    match (row.get::<_, Option<u32>>(first)?, row.get(first + 1)?) {
        (Some(count), _) => Ok(Skip::Count(count)),
        (None, Some(until)) => Ok(Skip::Until(until)),
        (None, None) => Err(StateError::Corrupt("it says neither how many nor until when".to_owned())),
    }
}

/// What an execution sends in place of what its job says, for [`overrides`].
pub(crate) const OVERRIDES: &str = "SELECT o.execution, o.body, o.headers, o.sealed
    FROM executions e JOIN overrides o ON o.execution = e.seq WHERE e.id = ?1";

/// Reads what an execution sends in place of what its job says, or why that cannot be read.
pub(crate) fn overrides(row: &Row<'_>) -> Result<Result<StoredOverrides, String>, StateError> {
    let headers: Option<String> = row.get(2)?;
    let headers = headers.as_deref().map(serde_json::from_str).transpose();
    let body = row.get(1)?;
    let sealed: Option<String> = row.get(3)?;
    let sealed = sealed.as_deref().map(serde_json::from_str).transpose();
    let both = headers.and_then(|headers| Ok((headers, sealed?)));
    Ok(both
        .map(|(headers, sealed)| StoredOverrides { body, headers: headers.unwrap_or_default(), sealed })
        .map_err(|error| format!("what it sends is not on record: {error}")))
}

/// The columns of a withdrawn run, for [`withdrawn`].
macro_rules! withdrawn_columns {
    () => {
        "id, job, version, scheduled_time, fire_at, node, unsure"
    };
}
pub(crate) use withdrawn_columns;

/// Reads a withdrawn run.
pub(crate) fn withdrawn(row: &Row<'_>) -> Result<Fire, StateError> {
    row::read("withdrawn", row, |row| {
        let run = RunRef {
            execution: ExecutionId::from_bytes(row.get(0)?),
            job: job_seq(row, 1)?,
            version: row.get(2)?,
            scheduled_time: row.get(3)?,
            trigger: Trigger::Schedule,
        };
        let (node, begun) = (node(row, 5)?, row.get(6)?);
        Ok(Fire { begun, ..Fire::first(run, row.get(4)?, node) })
    })
}

/// The columns of a remainder, for [`remainder`].
macro_rules! remainder_columns {
    () => {
        "job, nr, what, version, at, after, upto"
    };
}
pub(crate) use remainder_columns;

/// Reads what a change of a job has left to do.
pub(crate) fn remainder(row: &Row<'_>) -> Result<Remainder, StateError> {
    row::read("remainders", row, |row| {
        Ok(Remainder {
            job: job_seq(row, 0)?,
            nr: row.get(1)?,
            change: Change::of(row.get(2)?, row.get(3)?),
            at: row.get(4)?,
            after: row.get(5)?,
            upto: row.get(6)?,
        })
    })
}

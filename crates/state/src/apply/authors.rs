//! Who made each version of a job, and who deleted it. The deletion counts as the version after the last.
//!
//! There is a row only where somebody is known: a change from before the version of the cluster that brought this has
//! none.

use chronos_types::By;

use super::context::Context;
use crate::command::AUTHORS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::columns::{self, ByColumns};
use crate::stored::row;

/// Notes who made a version, where that is known.
pub(super) fn note(
    context: &Context<'_>,
    job: JobSeq,
    version: u64,
    by: Option<&By>,
) -> Result<(), StateError> {
    if by.is_none() {
        return Ok(());
    }
    let ByColumns { kind, id, name, address, note } = by.into();
    row::write_often(
        &context.statements,
        "INSERT INTO authors VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        row::cells![job.get(), version, kind, id, name, address, note],
        0..0,
        row::cells![],
    )?;
    Ok(())
}

/// Who deleted a job, where that is known.
pub(super) fn of_deletion(context: &Context<'_>, job: JobSeq) -> Result<Option<By>, StateError> {
    if context.version()? < AUTHORS_SINCE {
        return Ok(None);
    }
    let sql = concat!(
        "SELECT ",
        columns::by_columns!(),
        " FROM authors a JOIN jobs j ON j.seq = a.job WHERE a.job = ?1 AND a.version = j.version + 1"
    );
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([job.get()])?;
    rows.next()?.map(|row| columns::by(row, 0)).transpose().map(Option::flatten)
}

/// Forgets who made a version. Answers how many rows went.
pub(super) fn forget(context: &Context<'_>, job: JobSeq, version: u64) -> Result<usize, StateError> {
    if context.version()? < AUTHORS_SINCE {
        return Ok(0);
    }
    let sql = "DELETE FROM authors WHERE job = ?1 AND version = ?2";
    Ok(context.db.prepare_cached(sql)?.execute((job.get(), version))?)
}

/// Forgets who made the first versions of a job, `most` of them. Answers how many rows went.
pub(super) fn forget_first(context: &Context<'_>, job: JobSeq, most: usize) -> Result<usize, StateError> {
    if context.version()? < AUTHORS_SINCE {
        return Ok(0);
    }
    let sql = "DELETE FROM authors WHERE job = ?1 AND version IN
        (SELECT version FROM authors WHERE job = ?1 ORDER BY version LIMIT ?2)";
    Ok(context.db.prepare_cached(sql)?.execute((job.get(), most))?)
}

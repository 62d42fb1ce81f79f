//! The runs that were taken off the record. Each is kept until its node has said whether it had begun it.

use chronos_types::ExecutionId;

use super::context::Context;
use crate::error::StateError;
use crate::run::Fire;
use crate::stored::columns::{self, withdrawn_columns};
use crate::stored::row;

/// Keeps a run that was taken off the record.
pub(super) fn keep(context: &Context<'_>, fire: &Fire) -> Result<(), StateError> {
    let sql = "INSERT INTO withdrawn VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    row::write(
        context.db,
        sql,
        row::cells![
            fire.run.execution.as_bytes(),
            fire.run.job.get(),
            fire.run.version,
            fire.run.scheduled_time,
            fire.fire_at,
            fire.node.as_str(),
            fire.begun
        ],
        row::cells![],
    )?;
    context.is_any_withdrawn.set(Some(true));
    Ok(())
}

/// Whether there may be any. Mostly there is none, and it is asked for each run that is planned.
fn is_any(context: &Context<'_>) -> Result<bool, StateError> {
    if let Some(is_any) = context.is_any_withdrawn.get() {
        return Ok(is_any);
    }
    let mut statement = context.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM withdrawn)")?;
    let is_any = statement.query_row([], |row| row.get(0))?;
    context.is_any_withdrawn.set(Some(is_any));
    Ok(is_any)
}

/// A withdrawn run, if it is still kept.
pub(super) fn find(context: &Context<'_>, id: ExecutionId) -> Result<Option<Fire>, StateError> {
    if !is_any(context)? {
        return Ok(None);
    }
    let sql = concat!("SELECT ", withdrawn_columns!(), " FROM withdrawn WHERE id = ?1");
    let mut statement = context.db.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(columns::withdrawn).transpose()
}

/// Forgets a withdrawn run.
pub(super) fn forget(context: &Context<'_>, id: ExecutionId) -> Result<(), StateError> {
    context.db.prepare_cached("DELETE FROM withdrawn WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

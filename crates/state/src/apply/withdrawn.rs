//! The runs that were taken off the record. Each is kept until its node has said whether it had begun it.

use chronos_types::ExecutionId;
use rusqlite::{OptionalExtension, params};

use super::context::Context;
use crate::error::StateError;
use crate::run::Fire;
use crate::stored::columns;

/// Keeps a run that was taken off the record.
pub(super) fn keep(context: &Context<'_>, fire: &Fire) -> Result<(), StateError> {
    let sql = "INSERT INTO withdrawn (id, job, version, slot, fire_at, node, unsure)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![
        fire.run.execution.as_bytes(),
        fire.run.job.get(),
        fire.run.version,
        fire.run.scheduled_time,
        fire.fire_at,
        fire.node.as_str(),
        fire.begun
    ];
    context.db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// A withdrawn run, if it is still kept.
pub(super) fn find(context: &Context<'_>, id: ExecutionId) -> Result<Option<Fire>, StateError> {
    let sql = "SELECT id, job, version, slot, fire_at, node, unsure FROM withdrawn WHERE id = ?1";
    Ok(context.db.prepare_cached(sql)?.query_row([id.as_bytes()], columns::withdrawn).optional()?)
}

/// Forgets a withdrawn run.
pub(super) fn forget(context: &Context<'_>, id: ExecutionId) -> Result<(), StateError> {
    context.db.prepare_cached("DELETE FROM withdrawn WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(())
}

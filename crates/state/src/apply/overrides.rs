//! What single runs send in place of what their jobs say. The cluster before the version that brought this has none.

use chronos_types::{ExecutionId, Trigger};

use super::context::Context;
use crate::command::RUNS_SINCE;
use crate::error::StateError;
use crate::stored::overrides::StoredOverrides;
use crate::stored::{code, columns, row};

/// Keeps what the execution of this number sends.
pub(super) fn keep(
    context: &Context<'_>,
    execution: i64,
    overrides: &StoredOverrides,
) -> Result<(), StateError> {
    let StoredOverrides { body, headers, sealed } = overrides;
    let headers = (!headers.is_empty()).then(|| serde_json::to_string(headers)).transpose();
    let headers = headers.map_err(StateError::encode)?;
    let sealed = sealed.as_ref().map(serde_json::to_string).transpose().map_err(StateError::encode)?;
    row::write(
        context.db,
        "INSERT INTO overrides VALUES (?1, ?2, ?3, ?4, ?5)",
        row::cells![execution, body, headers, sealed],
        row::cells![],
    )?;
    Ok(())
}

/// What an execution sends, as it is on record: a run that repeats it sends the same.
pub(super) fn of(
    context: &Context<'_>,
    execution: ExecutionId,
) -> Result<Option<Box<StoredOverrides>>, StateError> {
    if context.version()? < RUNS_SINCE {
        return Ok(None);
    }
    let mut statement = context.db.prepare_cached(columns::OVERRIDES)?;
    let mut rows = statement.query([execution.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    // Headers that cannot be read are not sent again: what is sent and what is shown as sent are the same.
    let stored = row::read("overrides", row, columns::overrides)?;
    Ok(stored.ok().map(Box::new))
}

/// How many rows say what the execution of this number and this trigger sends: none of a run that a schedule asked for.
pub(super) fn count(context: &Context<'_>, execution: i64, trigger: i64) -> Result<usize, StateError> {
    let is_planned = matches!(code::trigger(trigger), Trigger::Schedule | Trigger::CatchUp);
    if is_planned || context.version()? < RUNS_SINCE {
        return Ok(0);
    }
    let sql = "SELECT 1 FROM overrides WHERE execution = ?1";
    Ok(usize::from(context.db.prepare_cached(sql)?.exists([execution])?))
}

/// Forgets what the execution of this number sends.
pub(super) fn forget(context: &Context<'_>, execution: i64) -> Result<(), StateError> {
    context.db.prepare_cached("DELETE FROM overrides WHERE execution = ?1")?.execute([execution])?;
    Ok(())
}

//! The answers to requests that came with an idempotency key.

use chronos_types::Millis;
use rusqlite::Connection;

use super::row;
use crate::command::Idempotency;
use crate::error::StateError;
use crate::outcome::{Outcome, Refusal};

/// Keeps what was answered to the first request of a key.
pub(crate) fn keep(
    db: &Connection,
    key: &Idempotency,
    at: Millis,
    outcome: &Outcome,
) -> Result<(), StateError> {
    let text = serde_json::to_string(outcome).map_err(StateError::encode)?;
    // The version of a job that the answer shows stays on record for as long as the key.
    let (job, version) = match outcome {
        Outcome::Job { seq, version, .. } => (Some(seq.get()), Some(*version)),
        _ => (None, None),
    };
    row::write(
        db,
        "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        row::cells![key.key, key.fingerprint, at, text, job, version],
        row::cells![],
    )?;
    Ok(())
}

/// What was answered to the first request of a key; none where there was none.
pub(crate) fn find(db: &Connection, key: &Idempotency) -> Result<Option<Outcome>, StateError> {
    let mut find = db.prepare_cached("SELECT key, fingerprint, outcome FROM keys WHERE key = ?1")?;
    let mut rows = find.query([&key.key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    row::read("keys", row, |row| {
        if row.get_ref(1)?.as_str()? != key.fingerprint {
            return Ok(Some(Outcome::Refused { refusal: Refusal::KeyReused }));
        }
        // Something was done. What was answered then cannot be said again, and it must not be done twice.
        let text = row.get_ref(2)?.as_str().unwrap_or_default();
        let unreadable = Outcome::Refused { refusal: Refusal::Unreadable };
        Ok(Some(serde_json::from_str(text).unwrap_or(unreadable)))
    })
}

//! What an entry of the log has changed, as whoever listens is told: one short row for each entry that changed something,
//! numbered by its index, so that an event has the same place on every node.
//!
//! The newest hour is kept, or [`MOST_BYTES`] where that is less. What is older goes as new rows come, some at a time. How
//! old a row is says no instant but the time that passed from row to row. So it does not grow by a jump of the clock, nor
//! shrink where the time is set back.

use std::cell::RefCell;

use chronos_types::Millis;
use rusqlite::Row;

use super::context::Context;
use crate::command::EVENTS_SINCE;
use crate::error::StateError;
use crate::stored::event::Event;
use crate::stored::row;

/// So long they are kept.
const KEPT_MS: i64 = 3_600_000;
/// So many bytes of them are kept: about 20 minutes at a thousand runs a second.
const MOST_BYTES: u64 = 64 << 20;
/// What a row takes beside its events, roughly.
pub(crate) const ROW_BYTES: u64 = 40;
/// More than this between two rows is a jump of the clock, or hours in which nothing happened: what was there before
/// may as well stay for an hour more.
const JUMP_MS: i64 = 24 * 3_600_000;
/// It is looked what to forget once in so many entries of the log.
const LOOK_EVERY: u64 = 64;
/// Rows that are forgotten then: more than have come since.
const FORGOTTEN_AT_ONCE: i64 = 128;

/// The events of a batch, as they are written.
#[derive(Default)]
pub(super) struct Events(RefCell<Written>);

#[derive(Default)]
struct Written {
    count: usize,
    body: Vec<u8>,
}

/// The newest row.
struct Last {
    index: u64,
    at: Millis,
    elapsed: i64,
    upto: u64,
}

impl Events {
    /// Something happened at the instant of the batch.
    pub(super) fn add(&self, at: Millis, event: &Event) {
        let mut written = self.0.borrow_mut();
        written.count += 1;
        event.write(at, &mut written.body);
    }

    /// How many there are by now.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().count
    }

    /// Puts those of the batch on record. Answers how many they are.
    pub(super) fn close(&self, context: &Context<'_>) -> Result<usize, StateError> {
        let Written { count, body } = std::mem::take(&mut *self.0.borrow_mut());
        // Before the version of the cluster that brings them there is no table.
        if count == 0 || context.version()? < EVENTS_SINCE {
            return Ok(0);
        }
        let (index, at) = (context.index, context.at);
        let (mut elapsed, mut upto) = (0, body.len() as u64 + ROW_BYTES);
        if let Some(last) = last(context)? {
            let passed = at.saturating_sub(last.at);
            elapsed = last.elapsed + if (0..=JUMP_MS).contains(&passed) { passed } else { 0 };
            upto += last.upto;
            if index / LOOK_EVERY != last.index / LOOK_EVERY {
                forget(context, elapsed, upto)?;
            }
        }
        row::write_often(
            &context.statements,
            "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            row::cells![index, at, elapsed, upto, body[..]],
            0..0,
            row::cells![],
        )?;
        Ok(count)
    }
}

fn last(context: &Context<'_>) -> Result<Option<Last>, StateError> {
    let sql = "SELECT place, at, elapsed, upto FROM events ORDER BY place DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        Ok(Last { index: row.get(0)?, at: row.get(1)?, elapsed: row.get(2)?, upto: row.get(3)? })
    };
    context.statements.with(sql, |statement| {
        let mut rows = statement.query([])?;
        rows.next()?.map(|row| row::read("events", row, read)).transpose()
    })
}

/// Forgets some of the oldest rows, as far as they are too old or too many.
fn forget(context: &Context<'_>, elapsed: i64, upto: u64) -> Result<(), StateError> {
    let sql = "DELETE FROM events WHERE place IN (SELECT place FROM events ORDER BY place LIMIT ?3)
        AND (elapsed < ?1 OR upto <= ?2)";
    let (too_old, too_many) = (elapsed.saturating_sub(KEPT_MS), upto.saturating_sub(MOST_BYTES));
    context.db.prepare_cached(sql)?.execute((too_old, too_many, FORGOTTEN_AT_ONCE))?;
    Ok(())
}

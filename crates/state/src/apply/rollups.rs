//! Figures of what is done. A batch adds them up for itself, and they are written once, at its end.
//!
//! What a batch does counts for the stretch of time that the batch's own instant lies in: when it came on record, as
//! `from` and `to` of lists mean it. What was done is counted once and for all: a trim takes nothing off.

mod scopes;

use std::cell::RefCell;

use chronos_types::{ErrorKind, Millis};
use rusqlite::Connection;

use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::clock::{self, JUMPED_TO};
use crate::stored::figures::Figures;
use crate::stored::hosts::Hosts;
use crate::stored::rollups::{self, FIVE_MINUTES, LEVELS, OPEN};

use self::scopes::Scopes;

/// Stretches of one length that are forgotten at once. One is made in that time.
const FORGET: usize = 50;

/// What a batch adds.
#[derive(Default)]
pub(super) struct Rollups {
    figures: RefCell<Figures>,
    hosts: RefCell<Hosts>,
    scopes: Scopes,
}

impl Rollups {
    /// Something was done of a job, which is of a scope where one is given.
    pub(super) fn count(&self, scope: Option<&str>, what: impl Fn(&mut Figures)) {
        what(&mut self.figures.borrow_mut());
        if let Some(scope) = scope {
            self.scopes.add(scope, |stretch| what(&mut stretch.figures));
        }
    }

    /// An execution failed.
    pub(super) fn failed(&self, scope: Option<&str>, host: &str, kind: Option<ErrorKind>) {
        self.hosts.borrow_mut().add(host, kind);
        if let Some(scope) = scope {
            self.scopes.add(scope, |stretch| stretch.hosts.add(host, kind));
        }
    }

    /// The scope of a job by the tag by whose values figures are kept; none where there is no such tag, or it has none.
    pub(super) fn scope_of(&self, db: &Connection, job: JobSeq) -> Result<Option<String>, StateError> {
        self.scopes.of(db, job)
    }

    /// The tag may be another one now.
    pub(super) fn forget_tag(&self) {
        self.scopes.forget_tag();
    }

    /// Writes what was added.
    pub(super) fn close(self, db: &Connection, at: Millis) -> Result<(), StateError> {
        let Self { figures, hosts, scopes } = self;
        let (mut figures, mut hosts) = (figures.into_inner(), hosts.into_inner());
        if figures.is_empty() {
            return Ok(());
        }
        let start = rollups::start_of(at, FIVE_MINUTES);
        match rollups::open(db)? {
            Some((of, open)) if of == start => {
                figures.add(&open);
                if !hosts.is_empty() {
                    let mut open = rollups::hosts(db, OPEN, start)?;
                    open.add_all(&hosts);
                    hosts = open;
                }
            }
            Some((of, open)) => {
                put_away(db, of, &open)?;
                scopes::put_away(db)?;
                forget(db, at)?;
            }
            None => {}
        }
        rollups::set(db, OPEN, start, &figures)?;
        scopes.close(db, start)?;
        if hosts.is_empty() { Ok(()) } else { rollups::set_hosts(db, OPEN, start, &hosts) }
    }
}

/// Adds what was added up since `of` to the stretches that it lies in. They may have some already, if the time was set
/// back.
fn put_away(db: &Connection, of: Millis, open: &Figures) -> Result<(), StateError> {
    let failed = rollups::hosts(db, OPEN, of)?;
    for (step, _) in LEVELS {
        let start = rollups::start_of(of, step);
        let mut figures = rollups::of(db, step, start)?;
        figures.add(open);
        rollups::set(db, step, start, &figures)?;
        if !failed.is_empty() {
            let mut hosts = rollups::hosts(db, step, start)?;
            hosts.add_all(&failed);
            rollups::set_hosts(db, step, start, &hosts)?;
        }
    }
    db.prepare_cached("DELETE FROM rollups WHERE step = ?1")?.execute([OPEN])?;
    db.prepare_cached("DELETE FROM rollup_hosts WHERE step = ?1")?.execute([OPEN])?;
    Ok(())
}

/// Forgets stretches that are past their time, the oldest first. After a jump of the time nothing is: it may be that the
/// time is wrong, and the stretches are not old.
fn forget(db: &Connection, at: Millis) -> Result<(), StateError> {
    if clock::at(db, JUMPED_TO)?.is_some() {
        return Ok(());
    }
    for (step, kept) in LEVELS {
        let before = rollups::start_of(at, step).saturating_sub(kept);
        for sql in [
            "DELETE FROM rollups WHERE step = ?1 AND start IN
                (SELECT start FROM rollups WHERE step = ?1 AND start < ?2 ORDER BY start LIMIT ?3)",
            "DELETE FROM rollup_hosts WHERE step = ?1 AND start IN
                (SELECT start FROM rollup_hosts WHERE step = ?1 AND start < ?2 ORDER BY start LIMIT ?3)",
            "DELETE FROM scope_rollups WHERE step = ?1 AND start IN
                (SELECT DISTINCT start FROM scope_rollups WHERE step = ?1 AND start < ?2 ORDER BY start LIMIT ?3)",
        ] {
            db.prepare_cached(sql)?.execute((step, before, FORGET))?;
        }
    }
    Ok(())
}

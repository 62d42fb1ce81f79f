//! What the statements of lists cost, in steps of SQLite: the tests bound that, because steps are the same on every
//! machine.

use rusqlite::Statement;

/// Notes what a statement has cost since it was noted last.
#[cfg(not(test))]
pub(super) fn note(_: &Statement<'_>) {}

#[cfg(test)]
pub(super) use test::{Cost, note, take};

#[cfg(test)]
mod test {
    use std::cell::Cell;

    use rusqlite::StatementStatus;

    use super::Statement;

    /// What statements have cost.
    #[derive(Clone, Copy, Debug, Default)]
    pub(in crate::reader) struct Cost {
        /// Instructions of SQLite.
        pub steps: i64,
        /// Times that rows were sorted.
        pub sorts: i64,
    }

    thread_local! {
        static COST: Cell<Cost> = Cell::default();
    }

    pub(in crate::reader) fn note(statement: &Statement<'_>) {
        let Cost { steps, sorts } = COST.get();
        COST.set(Cost {
            steps: steps + i64::from(statement.reset_status(StatementStatus::VmStep)),
            sorts: sorts + i64::from(statement.reset_status(StatementStatus::Sort)),
        });
    }

    /// What was noted since this was asked last.
    pub(in crate::reader) fn take() -> Cost {
        COST.take()
    }
}

//! How many unfinished executions stand under the name of each node. A batch counts for itself, and the difference is
//! written once, at its end.

use std::cell::RefCell;

use chronos_types::NodeName;
use rusqlite::Connection;

use crate::error::StateError;
use crate::stored::row;

/// What a batch adds to the counts.
#[derive(Default)]
pub(super) struct OpenRuns {
    // A cluster has few nodes.
    by_node: RefCell<Vec<(NodeName, i64)>>,
}

impl OpenRuns {
    /// So many executions of a node are unfinished that were not, or not so many any more.
    pub(super) fn add(&self, node: &NodeName, by: i64) {
        let mut counts = self.by_node.borrow_mut();
        match counts.iter_mut().find(|(name, _)| name == node) {
            Some((_, count)) => *count += by,
            None => counts.push((node.clone(), by)),
        }
    }

    /// Writes the difference.
    pub(super) fn close(self, db: &Connection) -> Result<(), StateError> {
        for (node, by) in self.by_node.into_inner() {
            if by == 0 {
                continue;
            }
            let sql = "UPDATE open_runs SET held = held + ?2 WHERE node = ?1";
            let is_there = db.prepare_cached(sql)?.execute((node.as_str(), by))? > 0;
            // So equal states have equal rows, whichever nodes held something before.
            db.prepare_cached("DELETE FROM open_runs WHERE node = ?1 AND held = 0")?
                .execute([node.as_str()])?;
            if !is_there {
                let sql = "INSERT INTO open_runs VALUES (?1, ?2, ?3)";
                row::write(db, sql, row::cells![node.as_str()], row::cells![by])?;
            }
        }
        Ok(())
    }
}

//! The count that retention goes by is the number of rows it counts.

use chronos_state::Batch;
use rusqlite::Connection;

use super::Invariant;
use crate::oracle::View;

pub struct Check;

impl Invariant for Check {
    fn check(&mut self, _: &Batch, _: &View, raw: &Connection) -> Result<(), String> {
        let sql = "SELECT seq, held, (SELECT count(*) FROM executions WHERE job = due.seq) FROM due";
        let mut statement = raw.prepare_cached(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        for row in rows.unwrap() {
            let (job, held, rows): (i64, i64, i64) = row.unwrap();
            if held != rows {
                return Err(format!("job {job} is said to hold {held} executions, and has {rows}"));
            }
        }
        Ok(())
    }
}

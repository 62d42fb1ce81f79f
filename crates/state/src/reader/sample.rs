//! A state with many jobs and executions, for tests of what lists cost. Its rows are written by SQL, and have no sums: no
//! read looks at these.

use rusqlite::params_from_iter;

use super::connection::Reader;
use super::page::Values;
use crate::schema;
use crate::stored::code::enabled_job;

/// How many jobs there are: more than a page looks at.
pub(super) const JOBS: i64 = 24_000;
/// The instant at which lists are read.
pub(super) const NOW: i64 = 1_700_000_000_000;
/// An instant that half of the executions lie before.
pub(super) const HALF: i64 = NOW - 3_600_000 + JOBS;

/// Every tenth job is disabled, every second has one tag and is of one set, and a hundred each have another. One of thirty
/// is paused. Three of four ran, one of fifty of these fails. Each job has two executions, of which one in two hundred is
/// open. Of one job in twenty they were caught up on just now.
const ROWS: &str = "
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
INSERT INTO jobs SELECT n, unhex(printf('%032x', n)), printf('job-%07d', n * 7919 % 1000003), n % 10 <> 0, 1, n, n,
    '{}', 0 FROM n;
INSERT INTO due SELECT seq, iif(?enabled, ?2 + seq * 37 % 90000 - 1000, NULL), 1, 0, 2 FROM jobs;
INSERT INTO tags SELECT 'half', 'yes', seq, 0 FROM jobs WHERE seq % 2 = 0;
INSERT INTO tags SELECT 'team', seq % 240, seq, 0 FROM jobs;
INSERT INTO job_sets SELECT seq, iif(seq % 2 = 0, 'half', 'set-' || (seq % 97)), 1, 0 FROM jobs;
INSERT INTO pauses (job, paused_at, sum) SELECT seq, ?2 - seq * 29 % 90000, 0 FROM jobs WHERE seq % 30 = 0;
INSERT INTO job_stats (job, last_run, last_status, failures, duration, sum)
    SELECT seq, ?2 - seq * 31 % 90000, iif(seq % 50 = 0, 4, 3), iif(seq % 50 = 0, seq % 7 + 1, 0),
    iif(seq % 3 = 0, NULL, seq * 13 % 5000), 0 FROM jobs WHERE seq % 4 <> 0;
INSERT INTO executions
    SELECT seq * 2 + k, unhex(printf('%012x8000%016x', ?2 - 3600000 + seq * 2 + k, seq * 2 + k)), seq, 1,
    iif(seq % 20 = 0, 1, iif(seq % 20 = 1, 2, 0)), ?2 - 3600000 + seq * 2 + k, ?2 - seq % 3 * 20000 + 10000,
    iif(seq % 100 = 0 AND k = 1, seq / 100 % 2, iif(seq % 50 = 0, 4, 3)), 1, ?2 - 3500000, ?2, 'n' || (seq % 3), NULL,
    iif(seq % 50 = 0, '{\"error_kind\":\"timeout\",\"fire_at\":1}', NULL), 0
    FROM jobs CROSS JOIN (SELECT 0 AS k UNION ALL SELECT 1);
INSERT INTO failures (id, job, error_kind, host, node, sum)
    SELECT id, job, 0, 'host-' || (job % 7), node, 0 FROM executions WHERE seq / 2 % 50 = 0 AND completed_at = ?2;
INSERT INTO triggers SELECT trigger, id, 0 FROM executions WHERE trigger <> 0;
INSERT INTO caught_up SELECT id, ?2 - 1000, 0 FROM executions WHERE trigger = 2;
";

/// A reader of such a state.
pub(super) fn reader() -> (tempfile::TempDir, Reader) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.db");
    let db = schema::open(&path).expect("a state file");
    schema::raise(&db).expect("the version that keeps statistics");
    db.execute_batch("BEGIN").expect("a transaction");
    for sql in ROWS.split(';').map(str::trim).filter(|sql| !sql.is_empty()) {
        let sql = sql.replace("?1", &JOBS.to_string()).replace("?2", &NOW.to_string());
        let sql = sql.replace("?enabled", enabled_job!());
        db.execute(&sql, []).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
    db.execute_batch("COMMIT").expect("the rows");
    (directory, Reader::open(&path).expect("a reader"))
}

/// The steps of the plan of a statement.
pub(super) fn plan(reader: &Reader, sql: &str, values: Values) -> Vec<String> {
    let mut statement = reader
        .connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|e| panic!("{e}: {sql}"));
    let steps = statement.query_map(params_from_iter(values.0), |row| row.get(3)).expect("a plan");
    steps.collect::<Result<_, _>>().expect("steps")
}

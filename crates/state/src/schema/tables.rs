//! The tables of the state file.

use std::sync::OnceLock;

use rusqlite::Connection;

use super::format;
use crate::command::{
    AUDIT_SINCE, AUTHORS_SINCE, EVENTS_SINCE, FIRST, KEYS_SINCE, OPERATIONS_SINCE, PAUSES_SINCE, RUNS_SINCE,
    SECRETS_SINCE, SETS_SINCE, STATS_SINCE, VERSION,
};
use crate::error::StateError;
use crate::stored::code::{open, undelivered};
use crate::stored::{clock, row};

/// Instants are integers, in milliseconds. Ids are 16-byte blobs that sort by time. Enums are the numbers
/// that [`Code`](crate::stored::code::Code) gives them. Specifications and details are JSON. `sum` is the
/// checksum of the columns before it (see [`row`]).
const SQL: &str = concat!(
    "
-- Notes of the consensus layer, which may differ between nodes whose states are equal.
CREATE TABLE meta (
  key TEXT PRIMARY KEY, value BLOB NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- The last number given to a job, and to an execution. A number is never given twice, so a trim that
-- arrives late cannot take a younger execution for an old one. (AUTOINCREMENT would cost 15 % of a plan.)
CREATE TABLE counters (
  name TEXT PRIMARY KEY, last INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- What the cluster knows of its time (see stored/clock.rs). noted: the time, at most a minute old.
-- jumped_from, jumped_to: a jump that nobody has said to be right. back_from, back_to: the time was set back,
-- and what waits is being computed anew. figures_since: from when on what is done is counted.
CREATE TABLE clock (
  name TEXT PRIMARY KEY, at INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- state: 0 disabled, 1 enabled, 2 deleted (kept, nameless, while executions refer to it)
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  name TEXT UNIQUE,
  state INTEGER NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  spec TEXT NOT NULL,
  sum INTEGER NOT NULL
);
CREATE INDEX jobs_state ON jobs (state);

-- What planning touches, apart from the wide job rows: a thousand jobs to a few pages.
-- held: executions on record, for retention. The sum leaves it out: it changes far more often than the
-- rest, and a count can be compared with what it counts.
CREATE TABLE due (
  seq INTEGER PRIMARY KEY,
  at INTEGER,
  version INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  held INTEGER NOT NULL
);
-- version: so that the index alone says which jobs the planner knows that it cannot plan.
CREATE INDEX due_at ON due (at, seq, version) WHERE at IS NOT NULL;

CREATE TABLE tags (
  key TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (key, value, seq)
) WITHOUT ROWID;
CREATE INDEX tags_job ON tags (seq);

-- Superseded versions; the one in force stands in jobs.
CREATE TABLE versions (
  seq INTEGER NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  spec TEXT NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (seq, version)
);

CREATE TABLE executions (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  trigger INTEGER NOT NULL,
  scheduled_time INTEGER NOT NULL,
  fire_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  node TEXT NOT NULL,
  replay_of BLOB,
  detail TEXT,
  sum INTEGER NOT NULL
);
-- version: so that the index alone says which versions of a job are still referred to.
CREATE INDEX executions_job ON executions (job, id, version);
CREATE INDEX executions_open ON executions (job) WHERE ",
    open!(),
    ";
CREATE INDEX executions_bad ON executions (status, id) WHERE ",
    undelivered!(),
    ";

-- How many unfinished executions stand under the name of each node. They are counted once a batch: an index by node
-- would be written with each plan and each report. The sum leaves the count out, as that of due does.
CREATE TABLE open_runs (
  node TEXT PRIMARY KEY, sum INTEGER NOT NULL, held INTEGER NOT NULL
) WITHOUT ROWID;

-- Planned runs that a change of their job took off the record. Each is kept until its node says whether it
-- had begun it by then. There are few, and they go within milliseconds. unsure: 1 means that a node which
-- held the run before may have begun it and cannot be asked.
CREATE TABLE withdrawn (
  id BLOB PRIMARY KEY,
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  scheduled_time INTEGER NOT NULL,
  fire_at INTEGER NOT NULL,
  node TEXT NOT NULL,
  unsure INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX withdrawn_job ON withdrawn (job, version);
CREATE INDEX withdrawn_node ON withdrawn (node);

-- What changes of jobs have left to do with executions numbered after `after` and up to `upto`. Mostly there is none.
CREATE TABLE remainders (
  job INTEGER NOT NULL,
  nr INTEGER NOT NULL,
  what INTEGER NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  after INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (job, nr)
) WITHOUT ROWID;

-- job, version: what the answer to a repeat shows, if it shows a job. It stays on record for as long as the key.
CREATE TABLE keys (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL,
  job INTEGER, version INTEGER, sum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_at ON keys (at);
CREATE INDEX keys_job ON keys (job, version) WHERE job IS NOT NULL;
"
);

/// What version 2 brings.
pub(super) const AUTHORS: &str = "
-- Who made each version of a job, and who deleted it, as the version after the last. kind: see stored/code.rs.
CREATE TABLE authors (
  job INTEGER NOT NULL,
  version INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  id TEXT,
  name TEXT,
  address TEXT,
  note TEXT,
  sum INTEGER NOT NULL,
  PRIMARY KEY (job, version)
) WITHOUT ROWID;
";

/// What version 2 brings for pauses and skips.
pub(super) const PAUSES: &str = "
-- Jobs that are paused, and who paused them. Their due instants are null, but in the last seconds before `until`.
CREATE TABLE pauses (
  job INTEGER PRIMARY KEY,
  paused_at INTEGER NOT NULL,
  until INTEGER,
  reason TEXT,
  kind INTEGER,
  id TEXT,
  name TEXT,
  address TEXT,
  note TEXT,
  sum INTEGER NOT NULL
);
CREATE INDEX pauses_at ON pauses (paused_at, job);
CREATE INDEX pauses_until ON pauses (until, job) WHERE until IS NOT NULL;

-- Coming runs that are recorded as skipped: `count` more of them, or those that are scheduled before `until`.
CREATE TABLE skips (
  job INTEGER PRIMARY KEY,
  asked_at INTEGER NOT NULL,
  count INTEGER,
  until INTEGER,
  kind INTEGER,
  id TEXT,
  name TEXT,
  address TEXT,
  note TEXT,
  sum INTEGER NOT NULL
);
";

/// What version 2 brings, too.
pub(super) const SETS: &str = "
-- The set that owns a job. apply: the number of the apply that named the job last, 0 where none did.
CREATE TABLE job_sets (
  job INTEGER PRIMARY KEY, name TEXT NOT NULL, apply INTEGER NOT NULL, sum INTEGER NOT NULL
);
CREATE INDEX job_sets_name ON job_sets (name, job);

-- The newest applies of each set that has jobs. id: as clients call them. nr: in the order in which they began.
CREATE TABLE set_applies (
  name TEXT NOT NULL, id TEXT NOT NULL, nr INTEGER NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (name, id)
) WITHOUT ROWID;
";

/// What it brings too.
pub(super) const EVENTS: &str = "
-- What those who listen are told: a row for each entry of the log that has changed something. place: its index.
-- elapsed: milliseconds that passed up to it, without jumps of the clock. upto: bytes of all rows up to it.
-- body: see stored/event.rs.
CREATE TABLE events (
  place INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  elapsed INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  body BLOB NOT NULL,
  sum INTEGER NOT NULL
);
";

/// What version 2 brings of operations.
pub(super) const OPERATIONS: &str = "
-- What was asked for many jobs or executions at once, as it was frozen when it was made. asked: see
-- stored/operation.rs. upto: the number of the last job, or the last execution, that was there then.
CREATE TABLE operations (
  id BLOB PRIMARY KEY, created_at INTEGER NOT NULL, upto INTEGER NOT NULL, asked TEXT NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- How far each has come, apart from what is wide. cursor: JSON. cancelled: by whom, if it was, as JSON.
CREATE TABLE operation_progress (
  id BLOB PRIMARY KEY,
  cursor TEXT NOT NULL,
  done INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  ended_at INTEGER,
  cancelled TEXT,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

-- The first targets of each with which nothing could be done, and why, as JSON.
CREATE TABLE operation_errors (
  operation BLOB NOT NULL,
  nr INTEGER NOT NULL,
  target TEXT NOT NULL,
  error TEXT NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (operation, nr)
) WITHOUT ROWID;
";

/// What version 2 brings too.
pub(super) const OVERRIDES: &str = "
-- What single runs send in place of what their jobs say, by the number of the execution. headers, sealed: JSON, as in a
-- specification.
CREATE TABLE overrides (
  execution INTEGER PRIMARY KEY, body TEXT, headers TEXT, sealed TEXT, sum INTEGER NOT NULL
);
";

/// What version 2 brings of keys.
pub(super) const KEYS: &str = "
-- Keys of the API. hash: the SHA-256 of the token. role: see stored/code.rs. scope, created_by, revoked_by: JSON.
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role INTEGER NOT NULL,
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  per_second INTEGER,
  scope TEXT,
  revoked_at INTEGER,
  created_by TEXT,
  revoked_by TEXT,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

-- Keys of configurations that are denied, and by whom, as JSON.
CREATE TABLE denied_keys (
  id TEXT PRIMARY KEY, at INTEGER NOT NULL, denied_by TEXT, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- The beginning of the hour in which a key was used last.
CREATE TABLE key_uses (
  id TEXT PRIMARY KEY, hour INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- Which keys the configuration of each node has, as JSON, without their hashes.
CREATE TABLE node_keys (
  node TEXT PRIMARY KEY, at INTEGER NOT NULL, keys TEXT NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- Sessions of browsers, each of which stands for a key.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_key ON sessions (key, created_at, id);
CREATE INDEX sessions_expires_at ON sessions (expires_at, id);
";

/// What version 2 brings of the audit.
pub(super) const AUDIT: &str = "
-- What was changed, by whom, and from where. upto: bytes of all rows up to it. kind: see stored/code.rs. difference: see
-- stored/difference.rs.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  what TEXT NOT NULL,
  kind INTEGER,
  id TEXT,
  name TEXT,
  address TEXT,
  note TEXT,
  target TEXT,
  target_name TEXT,
  difference TEXT,
  sum INTEGER NOT NULL
);
CREATE INDEX audit_at ON audit (at, seq);
";

/// What version 2 brings of secrets.
pub(super) const SECRETS: &str = "
-- Named secrets. hosts: JSON. value: sealed, see crates/seal. scope: JSON; null where jobs of any may name it.
CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  description TEXT NOT NULL,
  hosts TEXT NOT NULL,
  kind INTEGER,
  id TEXT,
  actor TEXT,
  address TEXT,
  note TEXT,
  value TEXT NOT NULL,
  scope TEXT,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

-- Which jobs name which secrets, as their present versions do.
CREATE TABLE secret_uses (
  name TEXT NOT NULL, job INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (name, job)
) WITHOUT ROWID;
CREATE INDEX secret_uses_job ON secret_uses (job);

-- What is known of sealing (see stored/sealing.rs). key: the id of the data key that seals. fingerprints: the key of the
-- fingerprints of requests, sealed. progress: how far it has come that all is sealed by that data key, as JSON.
CREATE TABLE sealing (
  name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

-- The keys that values are sealed by, each wrapped by an encryption key of the configuration.
CREATE TABLE data_keys (
  id TEXT PRIMARY KEY, wrapped_by TEXT NOT NULL, sealed TEXT NOT NULL, created_at INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;
";

/// A table, and the columns of its key in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [&'static str],
    /// The version of the cluster that brings it.
    pub(crate) since: u32,
}

/// Every table that is part of the state, by name.
pub(crate) const REPLICATED: [Table; 39] = [
    Table { name: "api_keys", key: &["id"], since: KEYS_SINCE },
    Table { name: "audit", key: &["seq"], since: AUDIT_SINCE },
    Table { name: "authors", key: &["job", "version"], since: AUTHORS_SINCE },
    Table { name: "caught_up", key: &["id"], since: STATS_SINCE },
    Table { name: "clock", key: &["name"], since: FIRST },
    Table { name: "counters", key: &["name"], since: FIRST },
    Table { name: "data_keys", key: &["id"], since: SECRETS_SINCE },
    Table { name: "denied_keys", key: &["id"], since: KEYS_SINCE },
    Table { name: "due", key: &["seq"], since: FIRST },
    Table { name: "events", key: &["place"], since: EVENTS_SINCE },
    Table { name: "executions", key: &["seq"], since: FIRST },
    Table { name: "failures", key: &["id"], since: STATS_SINCE },
    Table { name: "job_sets", key: &["job"], since: SETS_SINCE },
    Table { name: "job_stats", key: &["job"], since: STATS_SINCE },
    Table { name: "jobs", key: &["seq"], since: FIRST },
    Table { name: "key_uses", key: &["id"], since: KEYS_SINCE },
    Table { name: "keys", key: &["key"], since: FIRST },
    Table { name: "node_keys", key: &["node"], since: KEYS_SINCE },
    Table { name: "open_runs", key: &["node"], since: FIRST },
    Table { name: "operation_errors", key: &["operation", "nr"], since: OPERATIONS_SINCE },
    Table { name: "operation_progress", key: &["id"], since: OPERATIONS_SINCE },
    Table { name: "operations", key: &["id"], since: OPERATIONS_SINCE },
    Table { name: "overrides", key: &["execution"], since: RUNS_SINCE },
    Table { name: "pauses", key: &["job"], since: PAUSES_SINCE },
    Table { name: "remainders", key: &["job", "nr"], since: FIRST },
    Table { name: "rollup_hosts", key: &["step", "start"], since: STATS_SINCE },
    Table { name: "rollups", key: &["step", "start"], since: STATS_SINCE },
    Table { name: "scope_rollups", key: &["step", "scope", "start"], since: STATS_SINCE },
    Table { name: "scope_tag", key: &["tag"], since: STATS_SINCE },
    Table { name: "sealing", key: &["name"], since: SECRETS_SINCE },
    Table { name: "secret_uses", key: &["name", "job"], since: SECRETS_SINCE },
    Table { name: "secrets", key: &["name"], since: SECRETS_SINCE },
    Table { name: "sessions", key: &["id"], since: KEYS_SINCE },
    Table { name: "set_applies", key: &["name", "id"], since: SETS_SINCE },
    Table { name: "skips", key: &["job"], since: PAUSES_SINCE },
    Table { name: "tags", key: &["key", "value", "seq"], since: FIRST },
    Table { name: "triggers", key: &["trigger", "id"], since: STATS_SINCE },
    Table { name: "versions", key: &["seq", "version"], since: FIRST },
    Table { name: "withdrawn", key: &["id"], since: FIRST },
];

/// The tables that are part of a state of this version, by name.
pub(crate) fn replicated(version: u32) -> impl DoubleEndedIterator<Item = Table> {
    REPLICATED.into_iter().filter(move |table| table.since <= version)
}

/// The consensus layer's notes.
pub(crate) const META: Table = Table { name: "meta", key: &["key"], since: FIRST };

impl Table {
    /// The columns of the key, for `ORDER BY`.
    pub(crate) fn order(self) -> String {
        self.key.join(", ")
    }
}

/// Makes the tables, for version 1 of the cluster: every step to a later version is a command.
pub(super) fn make(db: &Connection) -> Result<(), StateError> {
    db.execute_batch(SQL)?;
    ["execution", "job"].into_iter().try_for_each(|name| add_counter(db, name))?;
    clock::begin(db)
}

/// Adds a counter that has given no number yet.
pub(super) fn add_counter(db: &Connection, name: &str) -> Result<(), StateError> {
    row::write(db, "INSERT INTO counters VALUES (?1, ?2, ?3)", row::cells![name, 0], row::cells![])?;
    Ok(())
}

/// What `sqlite_schema` says of a file: the name and the text of each table and index.
pub(crate) type Text = Vec<(String, Option<String>)>;

/// What stands in a file.
pub(crate) fn text(db: &Connection) -> Result<Text, StateError> {
    let mut statement = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What stands in a state file of a version that is as it should be.
pub(crate) fn expected_text(version: u32) -> Result<Text, StateError> {
    static EXPECTED: OnceLock<Vec<Text>> = OnceLock::new();
    let of = |all: &Vec<Text>| all.get(version.saturating_sub(FIRST) as usize).cloned().unwrap_or_default();
    if let Some(all) = EXPECTED.get() {
        return Ok(of(all));
    }
    let all = (FIRST..=VERSION).map(|version| {
        let db = Connection::open_in_memory()?;
        db.execute_batch(SQL)?;
        format::make_steps(&db, version)?;
        text(&db)
    });
    let all = all.collect::<Result<_, StateError>>()?;
    Ok(of(EXPECTED.get_or_init(|| all)))
}

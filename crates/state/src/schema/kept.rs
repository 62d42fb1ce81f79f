//! The tables of answers that are kept: what people ask of all that was done, noted when it is done.

/// What version 2 brings of them. No table of version 1 gets a column or an index more: to make one takes as long as the
/// table is large.
pub(super) const KEPT: &str = "
-- What the runs of a job came to, from the first one on that began or ended. last_status: of the run that began last, at
-- last_run. failures: failed runs in a row, of those that the schedule asked for. failing_since, error_kind, status_code
-- and host tell of these, and are null where there is none. duration: what half of the successful attempts did not
-- exceed, by the histogram, to within a bucket: it is to sort by.
CREATE TABLE job_stats (
  job INTEGER PRIMARY KEY,
  last_status INTEGER NOT NULL,
  last_run INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  duration INTEGER,
  success_at INTEGER,
  failure_at INTEGER,
  failing_since INTEGER,
  error_kind INTEGER,
  status_code INTEGER,
  host TEXT,
  histogram BLOB,
  sum INTEGER NOT NULL
);
CREATE INDEX job_stats_last_run ON job_stats (last_run, job);
CREATE INDEX job_stats_failures ON job_stats (failures, job) WHERE failures > 0;
CREATE INDEX job_stats_duration ON job_stats (duration, job) WHERE duration IS NOT NULL;

-- The executions that failed, for whoever looks for them by what failed. host: the one that was called, or empty where
-- its node has not said it.
CREATE TABLE failures (
  id BLOB PRIMARY KEY,
  job INTEGER NOT NULL,
  error_kind INTEGER,
  status_code INTEGER,
  host TEXT NOT NULL,
  node TEXT NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX failures_kind ON failures (error_kind, id);
CREATE INDEX failures_host ON failures (host, id);
CREATE INDEX failures_node ON failures (node, id);

-- The executions that are not of the trigger `schedule`, by what asked for them.
CREATE TABLE triggers (
  trigger INTEGER NOT NULL,
  id BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (trigger, id)
) WITHOUT ROWID;

-- When those came on record whose instants had passed by then: runs that were caught up on, and entries for instants that
-- were passed over. All others come on record about when their ids say.
CREATE TABLE caught_up (
  id BLOB PRIMARY KEY,
  at INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX caught_up_at ON caught_up (at, id);

-- Figures of all that was done, by stretches of time: from start on, for as long as step says, in milliseconds. What step
-- 0 has is not yet in the others: it is added to them once a stretch of five minutes is over. So a batch writes one row.
CREATE TABLE rollups (
  step INTEGER NOT NULL,
  start INTEGER NOT NULL,
  figures BLOB NOT NULL,
  lateness_max INTEGER NOT NULL,
  duration_max INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (step, start)
) WITHOUT ROWID;

-- How many executions failed in such a stretch, by host and by the kind of their error.
CREATE TABLE rollup_hosts (
  step INTEGER NOT NULL,
  start INTEGER NOT NULL,
  hosts BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (step, start)
) WITHOUT ROWID;

-- The tag by whose values such figures are kept, beside those of all jobs, and from when on.
CREATE TABLE scope_tag (
  tag TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

-- These figures. scope: the tag and a value of it, as `team=web`; `=` is all jobs that are not told apart.
CREATE TABLE scope_rollups (
  step INTEGER NOT NULL,
  scope TEXT NOT NULL,
  start INTEGER NOT NULL,
  figures BLOB NOT NULL,
  lateness_max INTEGER NOT NULL,
  duration_max INTEGER NOT NULL,
  hosts BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (step, scope, start)
) WITHOUT ROWID;
CREATE INDEX scope_rollups_start ON scope_rollups (step, start);
";

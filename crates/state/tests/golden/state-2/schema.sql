PRAGMA application_id = 0x43485253;
PRAGMA user_version = 2;

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

CREATE TABLE caught_up (
  id BLOB PRIMARY KEY,
  at INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE clock (
  name TEXT PRIMARY KEY, at INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE counters (
  name TEXT PRIMARY KEY, last INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE data_keys (
  id TEXT PRIMARY KEY, wrapped_by TEXT NOT NULL, sealed TEXT NOT NULL, created_at INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE denied_keys (
  id TEXT PRIMARY KEY, at INTEGER NOT NULL, denied_by TEXT, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE due (
  seq INTEGER PRIMARY KEY,
  at INTEGER,
  version INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  held INTEGER NOT NULL
);

CREATE TABLE events (
  place INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  elapsed INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  body BLOB NOT NULL,
  sum INTEGER NOT NULL
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

CREATE TABLE failures (
  id BLOB PRIMARY KEY,
  job INTEGER NOT NULL,
  error_kind INTEGER,
  status_code INTEGER,
  host TEXT NOT NULL,
  node TEXT NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE job_sets (
  job INTEGER PRIMARY KEY, name TEXT NOT NULL, apply INTEGER NOT NULL, sum INTEGER NOT NULL
);

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

CREATE TABLE key_uses (
  id TEXT PRIMARY KEY, hour INTEGER NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE keys (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL,
  job INTEGER, version INTEGER, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE meta (
  key TEXT PRIMARY KEY, value BLOB NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE node_keys (
  node TEXT PRIMARY KEY, at INTEGER NOT NULL, keys TEXT NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE open_runs (
  node TEXT PRIMARY KEY, sum INTEGER NOT NULL, held INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE operation_errors (
  operation BLOB NOT NULL,
  nr INTEGER NOT NULL,
  target TEXT NOT NULL,
  error TEXT NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (operation, nr)
) WITHOUT ROWID;

CREATE TABLE operation_progress (
  id BLOB PRIMARY KEY,
  cursor TEXT NOT NULL,
  done INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  ended_at INTEGER,
  cancelled TEXT,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE operations (
  id BLOB PRIMARY KEY, created_at INTEGER NOT NULL, upto INTEGER NOT NULL, asked TEXT NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE overrides (
  execution INTEGER PRIMARY KEY, body TEXT, headers TEXT, sealed TEXT, sum INTEGER NOT NULL
);

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

CREATE TABLE rollup_hosts (
  step INTEGER NOT NULL,
  start INTEGER NOT NULL,
  hosts BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (step, start)
) WITHOUT ROWID;

CREATE TABLE rollups (
  step INTEGER NOT NULL,
  start INTEGER NOT NULL,
  figures BLOB NOT NULL,
  lateness_max INTEGER NOT NULL,
  duration_max INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (step, start)
) WITHOUT ROWID;

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

CREATE TABLE scope_tag (
  tag TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sealing (
  name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE secret_uses (
  name TEXT NOT NULL, job INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (name, job)
) WITHOUT ROWID;

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

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  sum INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE set_applies (
  name TEXT NOT NULL, id TEXT NOT NULL, nr INTEGER NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (name, id)
) WITHOUT ROWID;

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

CREATE TABLE tags (
  key TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (key, value, seq)
) WITHOUT ROWID;

CREATE TABLE triggers (
  trigger INTEGER NOT NULL,
  id BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (trigger, id)
) WITHOUT ROWID;

CREATE TABLE versions (
  seq INTEGER NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  spec TEXT NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (seq, version)
);

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

CREATE INDEX audit_at ON audit (at, seq);

CREATE INDEX caught_up_at ON caught_up (at, id);

CREATE INDEX due_at ON due (at, seq, version) WHERE at IS NOT NULL;

CREATE INDEX executions_bad ON executions (status, id) WHERE status > 3;

CREATE INDEX executions_job ON executions (job, id, version);

CREATE INDEX executions_open ON executions (job) WHERE status < 3;

CREATE INDEX failures_host ON failures (host, id);

CREATE INDEX failures_kind ON failures (error_kind, id);

CREATE INDEX failures_node ON failures (node, id);

CREATE INDEX job_sets_name ON job_sets (name, job);

CREATE INDEX job_stats_duration ON job_stats (duration, job) WHERE duration IS NOT NULL;

CREATE INDEX job_stats_failures ON job_stats (failures, job) WHERE failures > 0;

CREATE INDEX job_stats_last_run ON job_stats (last_run, job);

CREATE INDEX jobs_state ON jobs (state);

CREATE INDEX keys_at ON keys (at);

CREATE INDEX keys_job ON keys (job, version) WHERE job IS NOT NULL;

CREATE INDEX pauses_at ON pauses (paused_at, job);

CREATE INDEX pauses_until ON pauses (until, job) WHERE until IS NOT NULL;

CREATE INDEX scope_rollups_start ON scope_rollups (step, start);

CREATE INDEX secret_uses_job ON secret_uses (job);

CREATE INDEX sessions_expires_at ON sessions (expires_at, id);

CREATE INDEX sessions_key ON sessions (key, created_at, id);

CREATE INDEX tags_job ON tags (seq);

CREATE INDEX withdrawn_job ON withdrawn (job, version);

CREATE INDEX withdrawn_node ON withdrawn (node);

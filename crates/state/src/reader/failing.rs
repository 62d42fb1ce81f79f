//! The jobs that fail now, those together that fail alike.

use std::collections::BTreeMap;

use chronos_types::{ErrorKind, ExecutionId, Millis, Scope};
use rusqlite::{Row, params_from_iter};

use super::connection::Reader;
use super::page::Values;
use super::scope;
use crate::command::STATS_SINCE;
use crate::error::StateError;
use crate::schema;
use crate::stored::code::{Code, enabled_job};
use crate::stored::row;

/// So many jobs that fail are looked at, those first that failed most often in a row.
const LOOKED_AT: usize = 20_000;
/// So many jobs of those that fail alike are named.
const NAMED: usize = 5;

/// How a job fails: host, kind of the error and status.
type How = (Option<String>, Option<i64>, Option<u16>);

/// The jobs that fail now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// Those together that fail alike, the most jobs first.
    pub groups: Vec<FailingAlike>,
    /// How many groups there are, listed or not.
    pub total: u64,
    /// How many jobs fail.
    pub jobs: u64,
    /// Whether these are all.
    pub complete: bool,
}

/// How many other jobs fail as an execution did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OthersFailing {
    /// How many there are, of those that were looked at.
    pub count: u64,
    /// Whether these are all.
    pub exact: bool,
}

/// Jobs that fail alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingAlike {
    /// The host that they called; none where that is not known.
    pub host: Option<String>,
    /// The kind of their last error, where it is known.
    pub error_kind: Option<ErrorKind>,
    /// The status that they ended with, where there was a response.
    pub status_code: Option<u16>,
    /// When the first of them began to fail.
    pub first: Millis,
    /// When the last of them failed last.
    pub last: Millis,
    /// How many jobs there are.
    pub jobs: u64,
    /// How many runs failed in a row, of all of them.
    pub failures: u64,
    /// The names of a few of them.
    pub names: Vec<String>,
}

impl Reader {
    /// How many other jobs of a scope fail now as an execution did: by the same host, kind of error and status. None where it did
    /// not fail, or before that was kept.
    ///
    /// # Errors
    /// The storage failed.
    pub fn others_failing(
        &self,
        id: ExecutionId,
        scope: &Scope,
    ) -> Result<Option<OthersFailing>, StateError> {
        if schema::version(&self.connection)? < STATS_SINCE {
            return Ok(None);
        }
        // The subquery goes along the index, and ends after as many as are looked at.
        let mut values = Values::default();
        let (id, most) = (values.add(id.as_bytes().to_vec()), values.add(LOOKED_AT as i64));
        let seen = seen(scope, "job", &mut values);
        let sql = format!(
            "SELECT f.id, count(s.job), coalesce(sum(s.host = f.host AND s.error_kind IS f.error_kind
                AND s.status_code IS f.status_code AND s.job <> f.job
                AND EXISTS (SELECT 1 FROM jobs j WHERE j.seq = s.job AND {})
                AND NOT EXISTS (SELECT 1 FROM pauses p WHERE p.job = s.job)), 0)
            FROM failures f LEFT JOIN
                (SELECT job, host, error_kind, status_code FROM job_stats INDEXED BY job_stats_failures
                WHERE failures > 0 AND {seen} ORDER BY failures DESC, job DESC LIMIT {most}) s
            WHERE f.id = {id} GROUP BY f.id",
            enabled_job!("j."),
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values.0))?;
        let read = |row: &Row<'_>| {
            let (seen, count): (usize, u64) = (row.get(1)?, row.get(2)?);
            Ok(OthersFailing { count, exact: seen < LOOKED_AT })
        };
        rows.next()?.map(|row| row::read("failures", row, read)).transpose()
    }

    /// The jobs of a scope that are enabled and not paused and whose last run failed, of those that the schedule asked for;
    /// at most `limit` groups.
    ///
    /// # Errors
    /// The storage failed.
    pub fn failing(&self, limit: usize, scope: &Scope) -> Result<Failing, StateError> {
        if schema::version(&self.connection)? < STATS_SINCE {
            return Ok(Failing { complete: true, ..Failing::default() });
        }
        let mut values = Values::default();
        let most = values.add(LOOKED_AT as i64 + 1);
        let seen_by = seen(scope, "s.job", &mut values);
        let sql = format!(
            "SELECT s.job, s.host, s.error_kind, s.status_code, s.failing_since, s.failure_at, s.failures, j.name,
                {} AND NOT EXISTS (SELECT 1 FROM pauses p WHERE p.job = s.job)
            FROM job_stats s INDEXED BY job_stats_failures CROSS JOIN jobs j ON j.seq = s.job
            WHERE s.failures > 0 AND {seen_by} ORDER BY s.failures DESC, s.job DESC LIMIT {most}",
            enabled_job!("j."),
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values.0))?;
        let mut groups: BTreeMap<How, FailingAlike> = BTreeMap::new();
        let (mut jobs, mut seen) = (0, 0);
        while let Some(row) = rows.next()? {
            seen += 1;
            if seen > LOOKED_AT {
                break;
            }
            row::read("job_stats", row, |row| {
                // One that does not run does not fail now.
                if !row.get::<_, bool>(8)? {
                    return Ok(());
                }
                let host: Option<String> = row.get(1)?;
                let host = host.filter(|host| !host.is_empty());
                let (kind, status_code): (Option<i64>, Option<u16>) = (row.get(2)?, row.get(3)?);
                let last = row.get::<_, Option<Millis>>(5)?.unwrap_or_default();
                let first = row.get::<_, Option<Millis>>(4)?.unwrap_or(last);
                let group = groups.entry((host.clone(), kind, status_code)).or_insert_with(|| FailingAlike {
                    host,
                    error_kind: kind.and_then(ErrorKind::known),
                    status_code,
                    first,
                    last,
                    jobs: 0,
                    failures: 0,
                    names: Vec::new(),
                });
                group.first = group.first.min(first);
                group.last = group.last.max(last);
                group.jobs += 1;
                group.failures += row.get::<_, u64>(6)?;
                if group.names.len() < NAMED {
                    group.names.extend(row.get::<_, Option<String>>(7)?);
                }
                jobs += 1;
                Ok(())
            })?;
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        let total = groups.len() as u64;
        // Sorted in place, so those that are equal stay in the order of their keys.
        groups.sort_by_key(|group| std::cmp::Reverse((group.jobs, group.failures, group.last)));
        groups.truncate(limit);
        Ok(Failing { groups, total, jobs, complete: seen <= LOOKED_AT })
    }
}

/// Whether a job may be seen.
fn seen(scope: &Scope, job: &str, values: &mut Values) -> String {
    scope.limit().map_or("TRUE".to_owned(), |limit| scope::live(limit, job, values))
}

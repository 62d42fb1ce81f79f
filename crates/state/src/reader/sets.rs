//! What an apply of a set did not name.

use chronos_types::Scope;
use rusqlite::OptionalExtension as _;

use super::connection::Reader;
use crate::command::SETS_SINCE;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::schema;
use crate::stored::columns;

/// The jobs of a set that neither an apply named nor one that began after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetSurplus {
    /// The first of them, in order of creation, with their names.
    pub jobs: Vec<(JobSeq, String)>,
    /// How many there are.
    pub count: usize,
}

impl Reader {
    /// What a prune of an apply would delete of a set; `most` of the jobs are listed. None where the set owns jobs and
    /// does not remember the apply. A set that has jobs beyond the scope is as one that owns none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn set_surplus(
        &self,
        set: &str,
        apply: &str,
        most: usize,
        scope: &Scope,
    ) -> Result<Option<SetSurplus>, StateError> {
        if schema::version(&self.connection)? < SETS_SINCE || !self.is_set_in(set, scope)? {
            return Ok(Some(SetSurplus::default()));
        }
        let sql = "SELECT nr FROM set_applies WHERE name = ?1 AND id = ?2";
        let number: Option<i64> =
            self.connection.prepare_cached(sql)?.query_row((set, apply), |row| row.get(0)).optional()?;
        let Some(number) = number else {
            let sql = "SELECT 1 FROM job_sets WHERE name = ?1 LIMIT 1";
            let is_set = self.connection.prepare_cached(sql)?.exists([set])?;
            return Ok((!is_set).then(SetSurplus::default));
        };
        let sql = "SELECT s.job, j.name FROM job_sets s JOIN jobs j ON j.seq = s.job
            WHERE s.name = ?1 AND s.apply < ?2 ORDER BY s.job LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((set, number, most))?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            jobs.push((columns::job_seq(row, 0)?, row.get(1)?));
        }
        let sql = "SELECT count(*) FROM job_sets WHERE name = ?1 AND apply < ?2";
        let count = self.connection.prepare_cached(sql)?.query_row((set, number), |row| row.get(0))?;
        Ok(Some(SetSurplus { jobs, count }))
    }
}

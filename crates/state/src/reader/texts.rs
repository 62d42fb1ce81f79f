//! The texts by which jobs are found, and the marks by which it is seen that they changed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use chronos_types::{JobId, Millis};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde::Deserialize;

use super::connection::Reader;
use crate::error::StateError;
use crate::run::JobSeq;
use crate::stored::bad::pieces;
use crate::stored::code::live_job;
use crate::stored::spec::StoredSpec;
use crate::stored::{columns, row};

/// The texts of a job by which it can be found, as they are on record. Of a record that cannot be read, what can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTexts<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its description.
    pub description: Cow<'a, str>,
    /// Its labels.
    pub tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// What it calls. Whoever keeps or shows it sees to the secrets in it.
    pub url: Cow<'a, str>,
    /// Its time zone.
    pub timezone: Cow<'a, str>,
}

/// What is asked of the texts of a job, by whoever lists jobs.
pub trait TextCondition: Debug + Send + Sync {
    /// Whether a job with these texts is one of those that are asked for.
    fn holds(&self, texts: &JobTexts<'_>) -> bool;
}

/// Which record of a job this is: a job that was changed, or another one, has another mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobMark {
    /// The job.
    pub id: JobId,
    /// Its version.
    pub version: u64,
    /// When the version was made.
    pub updated_at: Millis,
}

/// The part of a specification that is searched. The rest of the text is not read.
#[derive(Deserialize)]
struct Searched<'a> {
    #[serde(borrow, default)]
    description: Cow<'a, str>,
    #[serde(borrow)]
    timezone: Cow<'a, str>,
    #[serde(borrow)]
    webhook: SearchedWebhook<'a>,
    #[serde(borrow, default)]
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

#[derive(Deserialize)]
struct SearchedWebhook<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

impl<'a> JobTexts<'a> {
    /// The texts in the columns `name` and `spec`.
    pub(super) fn of(name: ValueRef<'a>, spec: ValueRef<'a>) -> Self {
        let name = Cow::Borrowed(name.as_str().unwrap_or_default());
        let text = spec.as_str().unwrap_or_default();
        if let Ok(Searched { description, timezone, webhook, tags }) = serde_json::from_str(text) {
            return Self { name, description, tags, url: webhook.url, timezone };
        }
        let StoredSpec { description, tags, webhook, timezone, .. } = pieces(text);
        Self { name, description, tags, url: webhook.url, timezone }
    }
}

impl JobTexts<'_> {
    /// How many bytes they have.
    pub(super) fn bytes(&self) -> u64 {
        let Self { name, description, tags, url, timezone } = self;
        let tags: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
        (name.len() + description.len() + tags + url.len() + timezone.len()) as u64
    }
}

impl Reader {
    /// The marks of the jobs after the number `after`, at most `limit` of them. A deleted job has none, and counts.
    ///
    /// # Errors
    /// The storage failed.
    pub fn job_marks(
        &self,
        after: JobSeq,
        limit: usize,
    ) -> Result<Vec<(JobSeq, Option<JobMark>)>, StateError> {
        let sql = concat!(
            "SELECT seq, id, version, updated_at, ",
            live_job!(),
            " FROM jobs WHERE seq > ?1 ORDER BY seq LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((after.get(), limit))?;
        let mut marks = Vec::new();
        while let Some(row) = rows.next()? {
            let is_live: bool = row.get(4)?;
            let mark = is_live.then(|| row::read("jobs", row, mark)).transpose()?;
            marks.push((columns::job_seq(row, 0)?, mark));
        }
        Ok(marks)
    }

    /// Gives `read` the texts of a job that is not deleted, with their mark.
    ///
    /// # Errors
    /// The storage failed.
    pub fn job_texts<T>(
        &self,
        job: JobSeq,
        read: impl FnOnce(JobMark, &JobTexts<'_>) -> T,
    ) -> Result<Option<T>, StateError> {
        let sql = concat!(
            "SELECT seq, id, version, updated_at, name, spec FROM jobs WHERE seq = ?1 AND ",
            live_job!()
        );
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([job.get()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mark = row::read("jobs", row, mark)?;
        Ok(Some(read(mark, &JobTexts::of(row.get_ref(4)?, row.get_ref(5)?))))
    }
}

fn mark(row: &Row<'_>) -> Result<JobMark, StateError> {
    Ok(JobMark { id: JobId::from_bytes(row.get(1)?), version: row.get(2)?, updated_at: row.get(3)? })
}

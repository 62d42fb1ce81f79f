//! Jobs and their versions. A job is named by its id or by its name.

use chronos_api::{
    BatchRequest, BatchResponse, Facets, Job, JobInput, JobPage, JobVersionPage, PauseRequest, PruneRequest,
    PruneResponse, SkipRequest,
};
use http::{Method, StatusCode};
use serde_json::Value;

use crate::path::{Query, path};
use crate::{Client, Error, JobQuery, PageQuery};

/// What holds for one write, beside what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions<'a> {
    /// Only where the job is at this version; otherwise the server answers with 412.
    pub if_version: Option<u64>,
    /// Makes it harmless to send the same write again: the server carries it out once.
    pub idempotency_key: Option<&'a str>,
}

impl Client {
    /// Creates a job. An `idempotency_key` makes it harmless to ask again.
    ///
    /// # Errors
    /// See [`Error`]; 409 where the name is taken.
    pub async fn create_job(&self, job: &JobInput, idempotency_key: Option<&str>) -> Result<Job, Error> {
        let write = WriteOptions { idempotency_key, ..WriteOptions::default() };
        self.write(Method::POST, &path(&["jobs"]), write, Some(job), StatusCode::CREATED).await?.json()
    }

    /// Writes many jobs at once, each found by its name: it is created, changed or left as it is.
    ///
    /// # Errors
    /// See [`Error`]. What became of each job is no error.
    pub async fn put_jobs(
        &self,
        batch: &BatchRequest,
        idempotency_key: Option<&str>,
    ) -> Result<BatchResponse, Error> {
        let write = WriteOptions { idempotency_key, ..WriteOptions::default() };
        self.write(Method::POST, &path(&["jobs", "batch"]), write, Some(batch), StatusCode::OK).await?.json()
    }

    /// Deletes the jobs of a set that an apply did not name.
    ///
    /// # Errors
    /// See [`Error`]; 409 where they are not as many as is expected.
    pub async fn prune_set(
        &self,
        set: &str,
        prune: &PruneRequest,
        idempotency_key: Option<&str>,
    ) -> Result<PruneResponse, Error> {
        let write = WriteOptions { idempotency_key, ..WriteOptions::default() };
        self.write(Method::POST, &path(&["sets", set, "prune"]), write, Some(prune), StatusCode::OK)
            .await?
            .json()
    }

    /// A page of jobs, in order of creation unless asked for otherwise.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn jobs(&self, query: &JobQuery) -> Result<JobPage, Error> {
        self.get(&query.query().of(path(&["jobs"]))).await
    }

    /// All jobs that the query asks for, from its page on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn all_jobs(&self, mut query: JobQuery) -> Result<Vec<Job>, Error> {
        query.page = query.page.largest();
        let mut all = Vec::new();
        loop {
            let page = self.jobs(&query).await?;
            all.extend(page.jobs);
            match page.next_cursor {
                Some(cursor) => query.page.cursor = Some(cursor),
                None => return Ok(all),
            }
        }
    }

    /// The commonest of what jobs have in common: `of` is `tag`, `host`, `timezone` or `set`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn facets(&self, of: &str) -> Result<Facets, Error> {
        self.get(&Query::default().with("of", Some(of)).of(path(&["facets"]))).await
    }

    /// A job as it stands; `consistent` where the answer must know every write acknowledged before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn job(&self, job: &str, consistent: bool) -> Result<Job, Error> {
        self.get(&consistently(consistent).of(path(&["jobs", job]))).await
    }

    /// Replaces a job. A secret that reads `"[redacted]"` keeps what is stored.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replace_job(&self, job: &str, by: &JobInput, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.write(Method::PUT, &path(&["jobs", job]), write, Some(by), StatusCode::OK).await?.json()
    }

    /// Changes the fields of a job that the patch names (RFC 7396); all else stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn patch_job(&self, job: &str, patch: &Value, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.write(Method::PATCH, &path(&["jobs", job]), write, Some(patch), StatusCode::OK).await?.json()
    }

    /// Deletes a job.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_job(&self, job: &str, write: WriteOptions<'_>) -> Result<(), Error> {
        let path = path(&["jobs", job]);
        self.write::<()>(Method::DELETE, &path, write, None, StatusCode::NO_CONTENT).await.map(drop)
    }

    /// Enables a job. It goes on from now; one that is enabled stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn enable_job(&self, job: &str, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.act_on_job(&path(&["jobs", job, "enable"]), write).await
    }

    /// Disables a job. One that is disabled stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn disable_job(&self, job: &str, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.act_on_job(&path(&["jobs", job, "disable"]), write).await
    }

    /// Pauses a job. One that is paused gets this reason and this end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pause_job(
        &self,
        job: &str,
        pause: &PauseRequest,
        write: WriteOptions<'_>,
    ) -> Result<Job, Error> {
        let path = path(&["jobs", job, "pause"]);
        self.write(Method::POST, &path, write, Some(pause), StatusCode::OK).await?.json()
    }

    /// Ends the pause of a job. One that is not paused stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn resume_job(&self, job: &str, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.act_on_job(&path(&["jobs", job, "resume"]), write).await
    }

    /// Has coming runs of a job recorded as skipped, in place of those that were to be.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn skip_runs(
        &self,
        job: &str,
        skip: &SkipRequest,
        write: WriteOptions<'_>,
    ) -> Result<Job, Error> {
        let path = path(&["jobs", job, "skip"]);
        self.write(Method::POST, &path, write, Some(skip), StatusCode::OK).await?.json()
    }

    /// Has no coming runs of a job skipped any more.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keep_runs(&self, job: &str, write: WriteOptions<'_>) -> Result<Job, Error> {
        let path = path(&["jobs", job, "skip"]);
        self.write::<()>(Method::DELETE, &path, write, None, StatusCode::OK).await?.json()
    }

    /// A page of a job's versions, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn job_versions(&self, job: &str, page: &PageQuery) -> Result<JobVersionPage, Error> {
        self.get(&page.query(Query::default()).of(path(&["jobs", job, "versions"]))).await
    }

    /// Gives a job a new version that says what an earlier one said.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rollback_job(&self, job: &str, version: u64, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.act_on_job(&path(&["jobs", job, "rollback", &version.to_string()]), write).await
    }

    async fn act_on_job(&self, path: &str, write: WriteOptions<'_>) -> Result<Job, Error> {
        self.write::<()>(Method::POST, path, write, None, StatusCode::OK).await?.json()
    }

    /// A call that changes something.
    pub(crate) async fn write<B: serde::Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        write: WriteOptions<'_>,
        body: Option<&B>,
        expected: StatusCode,
    ) -> Result<crate::Answer, Error> {
        let version = write.if_version.map(|version| format!("\"{version}\""));
        let version = version.as_deref().map(|version| ("if-match", version));
        let key = write.idempotency_key.map(|key| ("idempotency-key", key));
        let headers: Vec<_> = version.into_iter().chain(key).collect();
        self.call(method, path, &headers, body, &[expected]).await
    }
}

/// The query of a read that must know every write acknowledged before.
pub(crate) fn consistently(wanted: bool) -> Query {
    Query::default().with("consistent", wanted.then_some("true"))
}

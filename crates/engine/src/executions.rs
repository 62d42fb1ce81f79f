//! The use cases of executions.

use std::sync::Arc;

use chronos_search::{JobQuery, Search};
use chronos_state::{
    Cancel, Command, ExecutionFilter, ExecutionList, ExecutionRow, Idempotency, JobSeq, Outcome, PageLimits,
    Reader, TextCondition,
};
use chronos_types::{
    By, ErrorKind, Execution, ExecutionId, Millis, NodeName, Overrides, Scope, Status, Trigger,
};

use crate::error::{ChangeError, NotFound, ReadError, WriteError};
use crate::explanation::{Explanation, explain};
use crate::once::once;
use crate::read::{Consistency, PageEnd, PageRequest, PageWriter, Window};
use crate::requested::Cancelled;
use crate::services::Services;
use crate::{lookup, requested, secrets};

/// The time that a list is of which names neither a job nor a time.
const WINDOW_MS: Millis = 24 * 3_600_000;

/// Reads, cancels and replays executions. They are named by their own id, and by their job, by id or name, where that is
/// known. Those of a job beyond the scope of whoever asks are as those that are not there.
#[derive(Clone, Debug)]
pub struct Executions {
    services: Services,
    search: Search,
}

/// Which executions to list. Every condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionSearch {
    /// Of this job, by id or name.
    pub job: Option<String>,
    /// Where the execution stands.
    pub status: Option<Status>,
    /// Why it was not delivered.
    pub error_kind: Option<ErrorKind>,
    /// What asked for it.
    pub trigger: Option<Trigger>,
    /// The node that fires it, or fired it last.
    pub node: Option<NodeName>,
    /// The host that its job calls, or where failed executions are asked for, the one that was called; as
    /// [`crate::host`] reads it.
    pub host: Option<String>,
    /// Labels that its job must carry.
    pub tags: Vec<(String, String)>,
    /// Whether its first attempt began over a second after it was to.
    pub late: Option<bool>,
    /// It came on record at this instant or later.
    pub from: Option<Millis>,
    /// It came on record before this instant.
    pub to: Option<Millis>,
    /// Whether the oldest come first, and not the newest.
    pub is_ascending: bool,
}

impl ExecutionSearch {
    /// The time that is asked for.
    pub(crate) fn window(&self, now: Millis) -> Option<Window> {
        let Self { job, from, to, .. } = self;
        let day_before = to.unwrap_or(now).saturating_sub(WINDOW_MS);
        let from = from.or(job.is_none().then_some(day_before));
        (from.is_some() || to.is_some()).then_some(Window { from, to: *to })
    }

    /// What is asked of the state, but for the job.
    fn filter(
        self,
        scope: Scope,
        window: Option<Window>,
        texts: Option<Arc<dyn TextCondition>>,
    ) -> ExecutionFilter {
        let Self {
            job: _,
            status,
            error_kind,
            trigger,
            node,
            host,
            tags,
            late,
            from: _,
            to: _,
            is_ascending: _,
        } = self;
        let (from, to) = window.map_or((None, None), |Window { from, to }| (from, to));
        let job = None;
        ExecutionFilter { job, status, error_kind, trigger, node, host, texts, tags, late, from, to, scope }
    }
}

impl Executions {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services, search: Search) -> Self {
        Self { services, search }
    }

    /// An execution, of a job where one is named. That of a deleted job is found by the job's id.
    ///
    /// # Errors
    /// There is no such job or execution, or it cannot be read as demanded.
    pub async fn find(
        &self,
        scope: &Scope,
        job: Option<&str>,
        id: &str,
        consistency: Consistency,
    ) -> Result<ExecutionRow, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        lookup::execution(&self.services, scope, job, id).await
    }

    /// Why an execution did not succeed, where it did not.
    ///
    /// # Errors
    /// What that is told by cannot be read.
    pub async fn explain(&self, scope: &Scope, row: &ExecutionRow) -> Result<Option<Explanation>, ReadError> {
        // Most did, and nothing is to be read for them.
        if matches!(row.execution.status, Status::Pending | Status::Running | Status::Success) {
            return Ok(None);
        }
        let (row, keyring, scope) = (row.clone(), self.services.keyring.clone(), scope.clone());
        let read = move |reader: &Reader| reader.at_once(|reader| explain(&keyring, reader, &scope, &row));
        Ok(self.services.store.query(read).await?)
    }

    /// A page of executions. Where no job and no time are asked for, it is of those of the last 24 hours.
    ///
    /// # Errors
    /// There is no such job, or the page cannot be read as demanded.
    pub async fn page<W: PageWriter<ExecutionRow, ExecutionId>>(
        &self,
        scope: &Scope,
        search: ExecutionSearch,
        page: PageRequest<ExecutionId>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency, is_counted } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let window = search.window(self.services.env.now());
        let ExecutionSearch { job: key, host, is_ascending, .. } = &search;
        let (key, is_ascending) = (key.clone(), *is_ascending);
        let query = host.as_ref().map(|host| JobQuery::new().host(host.clone()).tagged(&search.tags));
        let among = match &query {
            Some(query) => self.search.among(query, JobSeq::default(), lookup::MOST_AMONG).await,
            None => None,
        };
        let texts = query.map(|query| Arc::new(query) as _);
        let filter = search.filter(scope.clone(), window, texts);
        let (wanted, scope) = (key.clone(), scope.clone());
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let job = match &wanted {
                    Some(key) => match reader.find_job_in(key, &scope)? {
                        Some(job) => Some(job.seq),
                        None => return Ok(None),
                    },
                    None => None,
                };
                let list = ExecutionList { filter: ExecutionFilter { job, ..filter }, is_ascending };
                let count = || reader.count_executions(&list, among.as_ref());
                let total = is_counted.then(count).transpose()?;
                let limits = PageLimits::of(limit);
                let next = reader.executions(&list, among.as_ref(), after, limits, |row| writer.take(row))?;
                Ok(Some(writer.end(PageEnd { next, total, window })))
            })
        });
        Ok(read.await?.ok_or_else(|| NotFound::Job(key.unwrap_or_default()))?)
    }

    /// Cancels an unfinished execution, and cuts off its attempt. Answers with the execution.
    ///
    /// # Errors
    /// There is no such job or execution, it is over already, or the write failed.
    pub async fn cancel(
        &self,
        scope: &Scope,
        job: Option<&str>,
        id: &str,
        by: &By,
        idempotency: Option<Idempotency>,
    ) -> Result<Cancelled, WriteError> {
        let key = idempotency.as_ref();
        let ask = async {
            let found = lookup::acknowledged_execution(&self.services, scope, job, id).await?;
            let command = Command::Cancel(Cancel { execution: found.execution.id });
            requested::propose(&self.services, command, by, key).await
        };
        let outcome = once(&self.services, key, WriteError::is_refusal, ask).await?;
        requested::cancelled(&self.services, outcome).await
    }

    /// Runs the request of an execution again, in the version of the job that ran then and under the same scheduled
    /// time, with the body and the headers that are given in place of those. Answers with the new execution, as it was
    /// asked for.
    ///
    /// # Errors
    /// There is no such job or execution, what is given cannot be sent, the job forbids overlap and has an unfinished
    /// execution, or the write failed.
    pub async fn replay(
        &self,
        scope: &Scope,
        job: Option<&str>,
        id: &str,
        by: &By,
        given: Option<Overrides>,
        idempotency: Option<Idempotency>,
    ) -> Result<Execution, ChangeError> {
        let key = idempotency.as_ref();
        let ask = async {
            let row = lookup::acknowledged_execution(&self.services, scope, job, id).await?;
            self.repeat(scope, row, by, given, key).await
        };
        let outcome = once(&self.services, key, ChangeError::is_refusal, ask).await?;
        Ok(requested::accepted(outcome)?)
    }

    /// Runs the request of an execution again.
    async fn repeat(
        &self,
        scope: &Scope,
        row: ExecutionRow,
        by: &By,
        given: Option<Overrides>,
        key: Option<&Idempotency>,
    ) -> Result<Outcome, ChangeError> {
        let ExecutionRow { execution: original, spec, overrides: before, invalid, .. } = row;
        let version = original.job_version;
        let unreadable = |why| ChangeError::from(WriteError::Unreadable { version, why });
        let spec = spec.map_err(|bad| unreadable(bad.why))?;
        let given = match (given, invalid) {
            (None, _) if scope.is_all() => None,
            (None, _) => {
                // The version that ran then may be of another team, and name a secret that is not for this one.
                let opened = self.services.opened_spec(original.job_id, spec.clone()).await?;
                secrets::check(&self.services, scope, &opened.webhook, None, "").await?;
                None
            }
            // What it had of its own is among what cannot be read, perhaps, and would be lost.
            (Some(_), Some(why)) => return Err(unreadable(why)),
            (Some(given), None) => {
                let before = before.unwrap_or_default();
                let before = self.services.opened_overrides(original.job_id, before).await?;
                let opened = self.services.opened_spec(original.job_id, spec.clone()).await?;
                let given = requested::over(given, before, &opened.webhook)?;
                let webhook = opened.webhook.overridden(given.clone());
                secrets::check(&self.services, scope, &webhook, Some(&opened.tags), "").await?;
                Some(given)
            }
        };
        let job = (original.job_id, &spec.webhook);
        Ok(requested::run(&self.services, job, Some(original.id), given, by, key).await?)
    }
}

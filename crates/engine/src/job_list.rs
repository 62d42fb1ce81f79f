//! Lists of jobs.

use std::sync::Arc;

use chronos_search::JobQuery;
use chronos_state::{
    JobFilter, JobList, JobOrder, JobPlace, JobRow, JobSeq, PageLimits, STATS_SINCE, TextCondition,
};
use chronos_types::{Scope, SetName, Status};

use crate::error::{ReadError, Unavailable};
use crate::jobs::Jobs;
use crate::lookup;
use crate::read::{PageEnd, PageRequest, PageWriter};

/// A page of jobs that are searched for looks at so many of those that may be meant, and at four times as many as it
/// may have: nearly all of them are. Where more is asked of them, it has as many as the search file names.
const MORE_LOOKED_AT: usize = 200;

/// Which jobs to list, and in which order. Every condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobSearch {
    /// Whether the job is enabled.
    pub enabled: Option<bool>,
    /// Labels it must carry.
    pub tags: Vec<(String, String)>,
    /// Labels it must not carry.
    pub not_tags: Vec<(String, String)>,
    /// The set that owns it.
    pub set: Option<SetName>,
    /// Where its newest run stands that began.
    pub status: Option<Status>,
    /// Whether its newest scheduled runs failed.
    pub failing: Option<bool>,
    /// Whether a run that was to fire over 5 s ago has not begun.
    pub late: Option<bool>,
    /// Whether an attempt is under way.
    pub running: Option<bool>,
    /// Whether no run has begun yet.
    pub never_ran: Option<bool>,
    /// A text in its name, its description, a tag or its URL: see [`JobQuery::text`].
    pub text: Option<String>,
    /// The host that it calls, as [`crate::host`] reads it.
    pub host: Option<String>,
    /// Its time zone.
    pub timezone: Option<String>,
    /// In which order.
    pub order: JobOrder,
    /// Whether the order is reversed.
    pub is_reversed: bool,
}

impl JobSearch {
    /// What is asked of the texts.
    fn query(&self) -> JobQuery {
        let Self { tags, text, host, timezone, .. } = self;
        let mut query = JobQuery::new().tagged(tags);
        if let Some(text) = text {
            query = query.text(text);
        }
        if let Some(host) = host {
            query = query.host(host.clone());
        }
        if let Some(timezone) = timezone {
            query = query.timezone(timezone.clone());
        }
        query
    }

    /// Whether more is asked of a job than what its texts say.
    fn asks_for_more(&self) -> bool {
        let Self { enabled, tags, not_tags, set, status, failing, late, running, never_ran, .. } = self;
        let flags = [enabled, failing, late, running, never_ran];
        !(tags.is_empty() && not_tags.is_empty())
            || set.is_some()
            || status.is_some()
            || flags.iter().any(|flag| flag.is_some())
    }

    /// What is asked of the state.
    fn list(self, scope: &Scope, texts: Option<Arc<dyn TextCondition>>) -> JobList {
        let Self {
            enabled,
            tags,
            not_tags,
            set,
            status,
            failing,
            late,
            running,
            never_ran,
            text: _,
            host: _,
            timezone: _,
            order,
            is_reversed,
        } = self;
        let set = set.map(|set| set.as_str().to_owned());
        let (mut tags, mut scope) = (tags, scope.clone());
        // A scope of one value is a tag like any other, which has an index to go along.
        if let Some((tag, value)) = one_value(&scope) {
            tags.insert(0, (tag, value));
            scope = Scope::all();
        }
        let filter = JobFilter {
            enabled,
            tags,
            not_tags,
            set,
            status,
            failing,
            late,
            running,
            never_ran,
            texts,
            scope,
        };
        JobList { filter, order, is_reversed, now: 0 }
    }
}

/// The tag and the value that a scope is limited to, where there is one value.
fn one_value(scope: &Scope) -> Option<(String, String)> {
    let limit = scope.limit()?;
    let mut values = limit.values().iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    Some((limit.tag().to_owned(), only.clone()))
}

impl Jobs {
    /// A page of the jobs. Where the search file knows which may be meant, the page looks at those alone.
    ///
    /// # Errors
    /// The page cannot be read as demanded, or the cluster does not keep yet what the list goes by.
    pub async fn page<W: PageWriter<JobRow, JobPlace>>(
        &self,
        scope: &Scope,
        search: JobSearch,
        page: PageRequest<JobPlace>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency, is_counted } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let (query, limits) = (search.query(), PageLimits::of(limit));
        // Asked before the state is read, so that no job is lacking that had changed by now.
        let (mut among, mut counted) = (None, None);
        if query.is_any() {
            let is_by_creation = search.order == JobOrder::Created && !search.is_reversed;
            let few = is_by_creation && !search.asks_for_more() && scope.is_all();
            let most = if few { 4 * limit + MORE_LOOKED_AT } else { lookup::MOST_AMONG };
            let begin =
                after.as_ref().filter(|_| is_by_creation).map_or(JobSeq::default(), |after| after.seq);
            among = self.search.among(&query, begin, most).await;
            if is_counted {
                counted = self.search.among(&query, JobSeq::default(), lookup::MOST_AMONG).await;
            }
        }
        let texts = query.is_any().then(|| Arc::new(query) as _);
        let (list, env) = (search.list(scope, texts), self.services.env.clone());
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let list = JobList { now: env.now(), ..list };
                if !reader.can_list(&list)? {
                    return Ok(None);
                }
                let shown = |row| writer.take(lookup::shown(row, list.now));
                let (among, after) = (among.as_ref(), after.as_ref());
                let (next, total) = if is_counted {
                    let counted = counted.as_ref();
                    let page = reader.counted_jobs(&list, among, counted, after, limits, shown)?;
                    (page.0, Some(page.1))
                } else {
                    (reader.jobs(&list, among, after, limits, shown)?, None)
                };
                Ok(Some(writer.end(PageEnd { next, total, window: None })))
            })
        });
        Ok(read.await?.ok_or_else(|| {
            Unavailable::NotInUse(format!(
                "what became of runs, sets and pauses are kept from cluster version {STATS_SINCE} on, and the cluster is at a \
                 lower one until every node can follow that; list without such filters and orders, or come again"
            ))
        })?)
    }
}

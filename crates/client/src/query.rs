//! What may be asked of a list. What is not said is left to the server.

use chronos_types::{ErrorKind, Status, Trigger};

use crate::path::Query;

/// Which jobs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Only those that are enabled, or disabled.
    pub enabled: Option<bool>,
    /// Only those with all of these tags: keys and values.
    pub tags: Vec<(String, String)>,
    /// Only those with this in their name, their description, a tag or their URL, in any case and script.
    pub text: Option<String>,
    /// Only those that call this host.
    pub host: Option<String>,
    /// Only those in this time zone.
    pub timezone: Option<String>,
    /// Which part of the list.
    pub page: PageQuery,
}

/// Which executions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionQuery {
    /// Only those with this status.
    pub status: Option<Status>,
    /// Which part of the list.
    pub page: PageQuery,
}

/// Which events to listen for. What is not said is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only those of these types; `job.*` is all of a topic.
    pub types: Vec<String>,
    /// Only those of this job: its id or name.
    pub job: Option<String>,
    /// Only those of jobs with all of these tags: keys and values.
    pub tags: Vec<(String, String)>,
    /// Only executions that have come to one of these statuses.
    pub statuses: Vec<Status>,
    /// Only executions that one of these has asked for.
    pub triggers: Vec<Trigger>,
    /// Only executions with such an error.
    pub error_kinds: Vec<ErrorKind>,
    /// Sum up the events of each topic over so long, such as `1s`.
    pub digest: Option<String>,
    /// Go on after the event with this id; from now on without.
    pub after: Option<String>,
}

/// Which runs to come to count. Times are by RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DensityQuery {
    /// When the first step begins.
    pub from: Option<String>,
    /// When the last step ends.
    pub to: Option<String>,
    /// How long each step is, such as `1h`.
    pub step: Option<String>,
}

/// Which runs to come to list. Times are by RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpcomingQuery {
    /// No run before this time.
    pub from: Option<String>,
    /// No run after this time.
    pub to: Option<String>,
    /// Only those of this job: its id or name.
    pub job: Option<String>,
    /// The most runs, 1 to 500.
    pub limit: Option<u32>,
}

/// Which figures of what was done. Times are by RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsQuery {
    /// When the range begins.
    pub from: Option<String>,
    /// When it ends.
    pub to: Option<String>,
    /// How long each step is, such as `1h`.
    pub step: Option<String>,
    /// Only what this job did: its id or name.
    pub job: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// The most items of a page, 1 to 500.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The answer knows every write that was acknowledged before.
    pub consistent: bool,
}

impl PageQuery {
    /// The largest page there is.
    pub const LARGEST: u32 = 500;

    pub(crate) fn query(&self, query: Query) -> Query {
        let Self { limit, cursor, consistent } = self;
        query
            .with("limit", limit.map(|limit| limit.to_string()))
            .with("cursor", cursor.as_deref())
            .with("consistent", consistent.then_some("true"))
    }

    /// The same of the largest pages, where nothing else was said: for whoever reads all of a list.
    pub(crate) fn largest(mut self) -> Self {
        self.limit.get_or_insert(Self::LARGEST);
        self
    }
}

impl JobQuery {
    pub(crate) fn query(&self) -> Query {
        let Self { enabled, tags, text, host, timezone, page } = self;
        let query = Query::default()
            .with("enabled", enabled.map(|enabled| enabled.to_string()))
            .with("q", text.as_deref())
            .with("host", host.as_deref())
            .with("timezone", timezone.as_deref());
        let tagged =
            tags.iter().fold(query, |query, (key, value)| query.with(&format!("tag.{key}"), Some(value)));
        page.query(tagged)
    }
}

impl EventQuery {
    pub(crate) fn query(&self) -> Query {
        let Self { types, job, tags, statuses, triggers, error_kinds, digest, after: _ } = self;
        let joined = |names: Vec<&str>| (!names.is_empty()).then(|| names.join(","));
        let query = Query::default()
            .with("type", joined(types.iter().map(String::as_str).collect()))
            .with("job", job.as_deref())
            .with("status", joined(statuses.iter().map(|status| status.as_str()).collect()))
            .with("trigger", joined(triggers.iter().map(|trigger| trigger.as_str()).collect()))
            .with("error_kind", joined(error_kinds.iter().map(|kind| kind.as_str()).collect()))
            .with("digest", digest.as_deref());
        tags.iter().fold(query, |query, (key, value)| query.with(&format!("tag.{key}"), Some(value)))
    }
}

impl DensityQuery {
    pub(crate) fn query(&self) -> Query {
        let Self { from, to, step } = self;
        let query = Query::default().with("from", from.as_deref()).with("to", to.as_deref());
        query.with("step", step.as_deref())
    }
}

impl UpcomingQuery {
    pub(crate) fn query(&self) -> Query {
        let Self { from, to, job, limit } = self;
        let query = Query::default().with("from", from.as_deref()).with("to", to.as_deref());
        query.with("job", job.as_deref()).with("limit", limit.map(|limit| limit.to_string()))
    }
}

impl StatsQuery {
    pub(crate) fn query(&self) -> Query {
        let Self { from, to, step, job } = self;
        let query = Query::default().with("from", from.as_deref()).with("to", to.as_deref());
        query.with("step", step.as_deref()).with("job", job.as_deref())
    }
}

impl ExecutionQuery {
    pub(crate) fn query(&self) -> Query {
        let Self { status, page } = self;
        page.query(Query::default().with("status", status.map(Status::as_str)))
    }
}

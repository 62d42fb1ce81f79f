//! What may be asked of a list. What is not said is left to the server.

use chronos_types::{ErrorKind, Status, Trigger};

use crate::path::Query;

/// Which jobs to list, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// The order: a name of the API's, with `-` in front where it is reversed.
    pub sort: Option<String>,
    /// Only those that are enabled, or disabled.
    pub enabled: Option<bool>,
    /// Only those whose last run has this status.
    pub status: Option<Status>,
    /// Only those whose last scheduled run failed, or only others.
    pub failing: Option<bool>,
    /// Only those with a run that is late to begin, or only others.
    pub late: Option<bool>,
    /// Only those with an attempt under way, or only others.
    pub running: Option<bool>,
    /// Only those of which no run has begun, or only others.
    pub never_ran: Option<bool>,
    /// Only those with all of these tags: keys and values.
    pub tags: Vec<(String, String)>,
    /// Only those with none of these tags.
    pub not_tags: Vec<(String, String)>,
    /// Only those that this set owns.
    pub set: Option<String>,
    /// Only those with this in their name, their description, a tag or their URL, in any case and script.
    pub text: Option<String>,
    /// Only those that call this host.
    pub host: Option<String>,
    /// Only those in this time zone.
    pub timezone: Option<String>,
    /// Which part of the list.
    pub page: PageQuery,
}

/// Which executions to list, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionQuery {
    /// Only those of this job: its id or name.
    pub job: Option<String>,
    /// Only those with this status.
    pub status: Option<Status>,
    /// Only those that were not delivered for this.
    pub error_kind: Option<ErrorKind>,
    /// Only those that this asked for.
    pub trigger: Option<Trigger>,
    /// Only those of this node.
    pub node: Option<String>,
    /// Only those of jobs that call this host.
    pub host: Option<String>,
    /// Only those of jobs with all of these tags: keys and values.
    pub tags: Vec<(String, String)>,
    /// Only those that began late, or only others.
    pub late: Option<bool>,
    /// None before this time, by RFC 3339. Of all jobs, those of the last 24 hours are listed where no time is given.
    pub from: Option<String>,
    /// None from this time on, by RFC 3339.
    pub to: Option<String>,
    /// The oldest come first.
    pub is_ascending: bool,
    /// With their requests, bodies and attempts.
    pub is_full: bool,
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
    /// The answer says how long the list is, where it is one of jobs or executions.
    pub count: bool,
}

impl PageQuery {
    /// The largest page there is.
    pub const LARGEST: u32 = 500;

    pub(crate) fn query(&self, query: Query) -> Query {
        let Self { limit, cursor, consistent, count } = self;
        query
            .with("limit", limit.map(|limit| limit.to_string()))
            .with("cursor", cursor.as_deref())
            .with("consistent", consistent.then_some("true"))
            .with("count", count.then_some("true"))
    }

    /// The same of the largest pages, where nothing else was said: for whoever reads all of a list.
    pub(crate) fn largest(mut self) -> Self {
        self.limit.get_or_insert(Self::LARGEST);
        self
    }
}

impl JobQuery {
    pub(crate) fn query(&self) -> Query {
        let Self {
            sort,
            enabled,
            status,
            failing,
            late,
            running,
            never_ran,
            tags,
            not_tags,
            set,
            text,
            host,
            timezone,
            page,
        } = self;
        let query = Query::default()
            .with("sort", sort.as_deref())
            .with("enabled", flag(*enabled))
            .with("status", status.map(Status::as_str))
            .with("failing", flag(*failing))
            .with("late", flag(*late))
            .with("running", flag(*running))
            .with("never_ran", flag(*never_ran))
            .with("set", set.as_deref())
            .with("q", text.as_deref())
            .with("host", host.as_deref())
            .with("timezone", timezone.as_deref());
        page.query(tagged("-tag.", not_tags, tagged("tag.", tags, query)))
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

/// A parameter that is true or false.
fn flag(is: Option<bool>) -> Option<&'static str> {
    is.map(|is| if is { "true" } else { "false" })
}

/// A parameter for each tag.
fn tagged(begin: &str, tags: &[(String, String)], query: Query) -> Query {
    tags.iter().fold(query, |query, (key, value)| query.with(&format!("{begin}{key}"), Some(value)))
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
        let Self {
            job,
            status,
            error_kind,
            trigger,
            node,
            host,
            tags,
            late,
            from,
            to,
            is_ascending,
            is_full,
            page,
        } = self;
        let query = Query::default()
            .with("job", job.as_deref())
            .with("status", status.map(Status::as_str))
            .with("error_kind", error_kind.map(ErrorKind::as_str))
            .with("trigger", trigger.map(Trigger::as_str))
            .with("node", node.as_deref())
            .with("host", host.as_deref())
            .with("late", flag(*late))
            .with("from", from.as_deref())
            .with("to", to.as_deref())
            .with("order", is_ascending.then_some("asc"))
            .with("view", is_full.then_some("full"));
        page.query(tagged("tag.", tags, query))
    }
}

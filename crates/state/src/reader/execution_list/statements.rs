//! The statements that go along executions. Each gives of an execution its id, its number, whether it fits but for the
//! texts of its job, and the number of its job.
//!
//! The indexes are named, for the order must be theirs: a statement that sorts looks at everything first. Two sort, and
//! look at few rows: those that are open, and those of few jobs.

use chronos_types::{ErrorKind, ExecutionId, Millis, Status, Trigger};

use super::{ExecutionFilter, ExecutionList, Values, numbers};
use crate::reader::scope;
use crate::stored::code::{Code as _, open, undelivered};

/// An execution is late whose first attempt began so long after it was to, in milliseconds.
const LATE_MS: Millis = 1_000;

/// Along which index a list is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The executions of the job.
    Job,
    /// Those that are unfinished.
    Open,
    /// Those that failed, by the host that was called.
    Host,
    /// Those that failed, by why.
    Kind,
    /// Those that failed, by their node.
    Node,
    /// Those of these jobs.
    Jobs(Vec<i64>),
    /// Those that ended in this way.
    Undelivered(Status),
    /// Those that this asked for.
    Trigger(Trigger),
    /// Those that came on record long after their time.
    CaughtUp,
    /// All of them.
    All,
}

/// A part of a list that is of a time. The ids of the one are all before those of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The executions whose instant is in that time.
    InTime,
    /// Those with an earlier instant that came on record in that time.
    CaughtUp,
}

/// How a list is gone along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub way: Way,
    /// Failed executions are asked for by the host that was called, which is on record.
    pub by_call: bool,
    /// What is found by tables of its own is kept: the cluster's version has them.
    pub keeps: bool,
}

/// The way along a part of a list. To those that are looked for among few executions it is the same; else it is that along
/// all that were caught up on.
fn way_of(plan: &Plan, part: Part) -> &Way {
    match (&plan.way, part) {
        (way, Part::InTime) | (way @ (Way::Job | Way::Open | Way::Jobs(_)), Part::CaughtUp) => way,
        _ => &Way::CaughtUp,
    }
}

/// Along a part of a list, behind an execution.
pub(super) fn along(
    list: &ExecutionList,
    plan: &Plan,
    part: Part,
    after: Option<ExecutionId>,
) -> (String, Values) {
    let ExecutionFilter { job, error_kind, node, host, from, to, .. } = &list.filter;
    let (mut values, way) = (Values::default(), way_of(plan, part));
    let failures = "failures f INDEXED BY";
    let of_failure = "CROSS JOIN executions e ON e.id = f.id";
    let (from_rows, holds, id) = match way {
        Way::Job => {
            let job = values.add(job.unwrap_or_default().get());
            ("executions e INDEXED BY executions_job".to_owned(), format!("e.job = {job}"), "e.id")
        }
        Way::Open => {
            let open = open!("e.").to_owned();
            ("executions e INDEXED BY executions_open".to_owned(), open, "e.id")
        }
        Way::Host => {
            let host = values.add(host.clone().unwrap_or_default());
            (format!("{failures} failures_host {of_failure}"), format!("f.host = {host}"), "f.id")
        }
        Way::Kind => {
            let kind = values.add(error_kind.map_or(-1, ErrorKind::code));
            (format!("{failures} failures_kind {of_failure}"), format!("f.error_kind = {kind}"), "f.id")
        }
        Way::Node => {
            let node = values.add(node.as_ref().map_or_else(String::new, ToString::to_string));
            (format!("{failures} failures_node {of_failure}"), format!("f.node = {node}"), "f.id")
        }
        Way::Jobs(jobs) => {
            let jobs = values.add(numbers(jobs.iter().copied()));
            let of_jobs = format!(
                "json_each({jobs}) c CROSS JOIN executions e INDEXED BY executions_job ON e.job = c.value"
            );
            (of_jobs, "TRUE".to_owned(), "e.id")
        }
        // SQLite uses a partial index only if the statement has the very condition of the index.
        Way::Undelivered(status) => {
            let holds = format!("{} AND e.status = {}", undelivered!("e."), status.code());
            ("executions e INDEXED BY executions_bad".to_owned(), holds, "e.id")
        }
        Way::Trigger(trigger) => {
            let of_trigger = "triggers t CROSS JOIN executions e ON e.id = t.id".to_owned();
            (of_trigger, format!("t.trigger = {}", trigger.code()), "t.id")
        }
        Way::CaughtUp => {
            let of_caught_up = "caught_up u CROSS JOIN executions e ON e.id = u.id".to_owned();
            (of_caught_up, "TRUE".to_owned(), "u.id")
        }
        Way::All => ("executions e".to_owned(), "TRUE".to_owned(), "e.id"),
    };
    let mut fits = fits(&list.filter, plan, way, &mut values);
    if let Some(on_record) = on_record(&list.filter, plan, part, &mut values) {
        fits = format!("{fits} AND {on_record}");
    }
    let mut bounds = String::new();
    let mut bound = |beyond: &str, id_of: Option<ExecutionId>| {
        if let Some(bound) = id_of {
            let bound = values.add(bound.as_bytes().to_vec());
            bounds.push_str(&format!(" AND {id} {beyond} {bound}"));
        }
    };
    match part {
        Part::InTime => {
            bound(">=", from.map(ExecutionId::floor));
            bound("<", to.map(ExecutionId::floor));
        }
        Part::CaughtUp => bound("<", from.map(ExecutionId::floor)),
    }
    bound(if list.is_ascending { ">" } else { "<" }, after);
    let down = if list.is_ascending { "" } else { " DESC" };
    let sql = format!(
        "SELECT e.id, e.seq, ({fits}) IS TRUE, e.job FROM {from_rows} WHERE {holds}{bounds} ORDER BY {id}{down}"
    );
    (sql, values)
}

/// Whether an execution of this part came on record in the time that is asked for, where its id does not say so.
fn on_record(filter: &ExecutionFilter, plan: &Plan, part: Part, values: &mut Values) -> Option<String> {
    let ExecutionFilter { from, to, .. } = filter;
    let mut bound = |compared: &str, at: &Millis| format!(" AND k.at {compared} {}", values.add(*at));
    // Of those that nobody caught up on, the table is not asked.
    let is_caught_up = |bounds: &str| {
        format!(
            "(e.trigger = {} OR e.status = {}) AND EXISTS (SELECT 1 FROM caught_up k WHERE k.id = e.id{bounds})",
            Trigger::CatchUp.code(),
            Status::Skipped.code()
        )
    };
    match part {
        Part::CaughtUp => {
            let bounds = [from.as_ref().map(|from| bound(">=", from)), to.as_ref().map(|to| bound("<", to))];
            Some(is_caught_up(&bounds.into_iter().flatten().collect::<String>()))
        }
        Part::InTime if plan.keeps => {
            to.as_ref().map(|to| format!("NOT ({})", is_caught_up(&bound(">=", to))))
        }
        Part::InTime => None,
    }
}

/// Everything that is asked of an execution, but for its time and the texts of its job.
fn fits(filter: &ExecutionFilter, plan: &Plan, way: &Way, values: &mut Values) -> String {
    let ExecutionFilter {
        job: _,
        status,
        error_kind,
        trigger,
        node,
        host,
        texts: _,
        tags,
        late,
        from: _,
        to: _,
        scope,
    } = filter;
    let mut all = vec!["TRUE".to_owned()];
    all.extend(scope.limit().map(|limit| scope::any(limit, "e.job", values)));
    if let Some(status) = status {
        all.push(format!("e.status = {}", status.code()));
    }
    if let Some(kind) = error_kind {
        let name = values.add(kind.as_str().to_owned());
        let is_kind = format!("{} = {name}", detail("error_kind"));
        // A success may have a failed attempt before it.
        all.push(format!("{} AND {is_kind}", undelivered!("e.")));
    }
    if let (Some(trigger), false) = (trigger, matches!(way, Way::Trigger(_))) {
        all.push(format!("e.trigger = {}", trigger.code()));
    }
    if let Some(node) = node {
        let node = values.add(node.to_string());
        all.push(format!("e.node = {node}"));
    }
    if let (Some(host), true) = (host, plan.by_call && *way != Way::Host) {
        let host = values.add(host.clone());
        all.push(format!("EXISTS (SELECT 1 FROM failures c WHERE c.id = e.id AND c.host = {host})"));
    }
    for (key, value) in tags {
        let (key, value) = (values.add(key.clone()), values.add(value.clone()));
        all.push(format!(
            "EXISTS (SELECT 1 FROM tags u WHERE u.key = {key} AND u.value = {value} AND u.seq = e.job)"
        ));
    }
    match late {
        Some(true) => all.push(is_late()),
        Some(false) => all.push(format!("NOT ({})", is_late())),
        None => {}
    }
    all.join(" AND ")
}

/// Whether the first attempt of an execution began late. An attempt that began soon after the instant that the execution
/// is scheduled for is not late, whatever its jitter: so the record of most is not read. Of a replay that instant says
/// nothing.
fn is_late() -> String {
    format!(
        "e.started_at IS NOT NULL AND e.started_at - e.scheduled_time > {LATE_MS}
        AND e.started_at - coalesce({fire_at}, iif(e.trigger = {replay}, e.started_at, e.scheduled_time)) > {LATE_MS}",
        fire_at = detail("fire_at"),
        replay = Trigger::Replay.code(),
    )
}

/// A field of what is on record of an execution, if that can be read.
fn detail(field: &str) -> String {
    format!("iif(json_valid(e.detail), json_extract(e.detail, '$.{field}'), NULL)")
}

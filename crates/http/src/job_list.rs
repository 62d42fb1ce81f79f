//! `GET /jobs`: the list of jobs, its filters and its orders.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::JobPage;
use chronos_engine::JobSearch;
use chronos_state::JobOrder;
use chronos_types::{SetName, Status, clip};

use crate::app::Shared;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{Problems, READ};
use crate::page::PageText;
use crate::problem::ApiError;
use crate::query::{Counting, Paging, Query};
use crate::{on_record, respond};

/// The orders, by name.
const ORDERS: &[(&str, JobOrder)] = &[
    ("name", JobOrder::Name),
    ("created", JobOrder::Created),
    ("next_run", JobOrder::NextRun),
    ("last_run", JobOrder::LastRun),
    ("failures", JobOrder::Failures),
    ("duration", JobOrder::Duration),
    ("paused_at", JobOrder::PausedAt),
];

/// List jobs.
///
/// In order of creation, or as `sort` says. A job must meet all filters.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", operation_id = "listJobs",
    security(("key" = ["viewer"])),
    params(
        ("sort" = Option<String>, Query, description = "The order: `name`, `created`, `next_run`, `last_run`, `failures` (in a row), `duration` (the median) or `paused_at`, `-` in front reverses it; `created` if omitted. Jobs that have no such value come last either way", example = "-failures"),
        ("enabled" = Option<bool>, Query, description = "Only those that are enabled, or disabled", example = true),
        ("status" = Option<String>, Query, description = "Only those whose last run has this status: `running`, `retrying`, `success`, `failed` or `cancelled`", example = "failed"),
        ("failing" = Option<bool>, Query, description = "Only those whose last scheduled run failed, or only others", example = true),
        ("late" = Option<bool>, Query, description = "Only those with a run that was to fire over 5 s ago and has not begun, or only others", example = true),
        ("running" = Option<bool>, Query, description = "Only those with an attempt under way, or only others", example = true),
        ("never_ran" = Option<bool>, Query, description = "Only those of which no run has begun, or only others", example = true),
        ("tags" = Option<HashMap<String, String>>, Query, style = Form, explode = true, description = "Only those with these tags, a parameter `tag.KEY=VALUE` for each, and without those that are named as `-tag.KEY=VALUE`", example = json!({"tag.team": "billing"})),
        ("set" = Option<String>, Query, description = "Only those that this set owns", example = "billing"),
        ("q" = Option<String>, Query, max_length = 256, description = "Only those with this as a part of their name, description, a tag (`key=value`) or URL, in any case and script; one or two characters begin a word. At most 256 bytes", example = "backup"),
        ("host" = Option<String>, Query, description = "Only those that call this host", example = "api.example.com"),
        ("timezone" = Option<String>, Query, description = "Only those in this time zone", example = "Europe/Berlin"),
        Counting,
        Paging,
    ),
    responses(
        (status = 200, description = "A page of jobs", body = JobPage),
        Problems<{ READ | Code::ClusterVersion.only() }>,
    )
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    Within(scope): Within,
    mut query: Query,
) -> Result<Response, ApiError> {
    let (order, is_reversed) = query.parsed("sort", order).unwrap_or_default();
    let search = JobSearch { order, is_reversed, ..search(&mut query) };
    let binding = query.binding("jobs", "");
    let page = query.counted_page(&binding);
    query.finish()?;
    let text = PageText::new("jobs", binding, on_record::job);
    Ok(respond::ready(StatusCode::OK, app.engine.jobs.page(&scope, search, page, text).await?))
}

/// Which jobs are meant, by the parameters of their list: in order of creation.
pub(crate) fn search(query: &mut Query) -> JobSearch {
    JobSearch {
        order: JobOrder::Created,
        is_reversed: false,
        enabled: query.boolean("enabled"),
        status: query.parsed("status", last_status),
        failing: query.boolean("failing"),
        late: query.boolean("late"),
        running: query.boolean("running"),
        never_ran: query.boolean("never_ran"),
        tags: query.tags(),
        not_tags: query.not_tags(),
        set: query.parsed("set", |text| SetName::parse(text).map_err(|error| error.to_string())),
        text: query.search(),
        host: query.host(),
        timezone: query.timezone(),
    }
}

/// An order, and whether it is reversed.
fn order(text: &str) -> Result<(JobOrder, bool), String> {
    let (name, is_reversed) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let found = ORDERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, order)| (*order, is_reversed)).ok_or_else(|| {
        let names: Vec<_> = ORDERS.iter().map(|(name, _)| *name).collect();
        format!(
            "{:?} is not an order; expected one of {}, or one with - in front",
            clip(text),
            names.join(", ")
        )
    })
}

/// A status that a last run can have.
fn last_status(text: &str) -> Result<Status, String> {
    let is_of_last = |status: &Status| !matches!(status, Status::Pending | Status::Skipped);
    Status::parse(text).ok().filter(is_of_last).ok_or_else(|| {
        let names: Vec<_> =
            Status::ALL.iter().filter(|status| is_of_last(status)).map(|status| status.as_str()).collect();
        format!("{:?} is not the status of a last run; expected one of {}", clip(text), names.join(", "))
    })
}

//! `/audit`: who has changed what.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chronos_api::{AuditEntry, AuditPage, FieldChange, asked};
use chronos_state::{AuditFilter, AuditRow, ChangedField, Difference};
use chronos_types::{clip, format_rfc3339};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::described::{Problems, READ};
use crate::page::PageText;
use crate::problem::ApiError;
use crate::query::{Paging, Query};
use crate::respond;

/// The longest text of a filter: a name of a job has no more.
const MAX_TEXT_BYTES: usize = 256;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What the list filters by.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the document is made of it")]
struct AuditFilters {
    /// Only what this one did: the id or the name of a key, an address, or a kind (`anonymous` or `key`)
    #[param(example = "deploy")]
    actor: Option<String>,
    /// Only this: all of it, such as `job.update`, or what stands before the dot
    #[param(example = "job")]
    what: Option<String>,
    /// Only what was done with this: its id, or the name that it had then
    #[param(example = "nightly-report")]
    target: Option<String>,
    /// Nothing before this time (RFC 3339)
    #[param(example = "2026-11-23T02:00:00Z")]
    from: Option<String>,
    /// Nothing from this time on
    #[param(example = "2026-11-23T04:00:00Z")]
    to: Option<String>,
}

/// List what was changed and by whom, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", operation_id = "listAudit",
    security(("key" = ["admin"])),
    params(AuditFilters, Paging),
    responses(
        (status = 200, description = "A page of the audit", body = AuditPage),
        Problems<{ READ }>,
    )
)]
async fn list(State(app): State<Shared>, mut query: Query) -> Result<Response, ApiError> {
    let (from, to) = query.range();
    let filter = AuditFilter {
        actor: query.parsed("actor", text),
        what: query.parsed("what", text),
        target: query.parsed("target", text),
        from,
        to,
    };
    let binding = query.binding("audit", "");
    let page = query.page(&binding);
    query.finish()?;
    let text = PageText::new("entries", binding, shown);
    Ok(respond::ready(StatusCode::OK, app.engine.audit.page(filter, page, text).await?))
}

/// A text to compare with.
fn text(text: &str) -> Result<String, String> {
    match text.len() {
        1..=MAX_TEXT_BYTES => Ok(text.to_owned()),
        _ => Err(format!("{:?} has {} bytes; expected 1 to {MAX_TEXT_BYTES}", clip(text), text.len())),
    }
}

/// An entry as clients see it.
fn shown(row: &AuditRow) -> AuditEntry {
    let AuditRow { seq, at, what, by, target, name, difference } = row;
    let Difference { changes, more, counts } = difference;
    let (by, note) = asked(by.as_ref());
    let change = |change: &ChangedField| {
        let ChangedField { field, from, to } = change.clone();
        FieldChange { field, from, to }
    };
    AuditEntry {
        seq: *seq,
        at: format_rfc3339(*at),
        what: what.clone(),
        by,
        note,
        target: target.clone(),
        target_name: name.clone(),
        changes: changes.iter().map(change).collect(),
        more_changes: *more,
        counts: counts.clone(),
    }
}

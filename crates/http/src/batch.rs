//! `/jobs/batch`: many jobs at once.

mod difference;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use chronos_api::{BadField, BatchItem, BatchRequest, BatchResponse, JobInput, WrittenJob, parse_json};
use chronos_engine::{Batch, BatchItems, Item, ItemOutcome, OfSet};
use chronos_state::JobRow;
use chronos_types::{Invalid, JobSpec, Millis, SetName};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::body::{BatchBody, RepeatKey};
use crate::caller::{Caller, NoteHeader, Within};
use crate::code::Code;
use crate::described::{GROWTH, KEY, Problems};
use crate::problem::ApiError;
use crate::query::NoQuery;
use crate::{jobs, respond};
use difference::Difference;

/// A job may be called so, too.
pub(crate) const PATH: &str = "/api/v1/jobs/batch";
/// Bad fields that are listed of one job.
const MAX_ERRORS: usize = 10;
/// Bytes of all differences and bad fields that are listed in one answer: most have far less.
const MAX_LISTED: usize = 8 << 20;

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(put)).route(PATH, jobs::named("batch"))
}

/// Write many jobs at once, each found by its name: it is created, changed, or left as it is. A bad one is refused, and the
/// others go on. In a dry run nothing is done.
#[utoipa::path(
    post, path = "/api/v1/jobs/batch", tag = "jobs", operation_id = "putJobs",
    security(("key" = ["editor"])),
    params(
        RepeatKey,
        NoteHeader,
    ),
    request_body = BatchRequest,
    responses(
        (status = 200, description = "What became of each job", body = BatchResponse),
        Problems<{ KEY | GROWTH | Code::Conflict.only() }>,
    )
)]
async fn put(
    State(app): State<Shared>,
    Within(scope): Within,
    _: NoQuery,
    Caller(by): Caller,
    body: BatchBody,
) -> Result<Response, ApiError> {
    let read = move || {
        let batch = BatchRequest::parse(&body.bytes)?;
        let idempotency = body.idempotency()?;
        let BatchBody { bytes, held, .. } = body;
        Ok::<_, ApiError>((batch, idempotency, bytes, held))
    };
    let (batch, idempotency, text, _held) = app.engine.jobs.apart(read).await?;
    let chronos_api::Batch { jobs, set, atomic, dry_run } = batch;
    let set = set.map(|chronos_api::OfSet { name, apply, adopt }| OfSet { name, apply, adopt });
    let names: Vec<_> = jobs.iter().map(|job| job.name.clone()).collect();
    let items = Items { app: app.clone(), text, jobs };
    let mut answer = Answer { names: &names, response: BatchResponse::new(dry_run), left: MAX_LISTED };
    let batch = Batch { items, set, atomic, dry_run };
    let written =
        app.engine.jobs.put_all(&scope, &by, idempotency, batch, |outcome| answer.add(outcome)).await;
    let done = if dry_run { 0 } else { answer.response.jobs.len() };
    written.map_err(|error| ApiError::from(error).after(done, names.len()))?;
    Ok(respond::json(StatusCode::OK, &answer.response))
}

/// The jobs of a batch, as they stand in the body.
struct Items {
    app: Shared,
    text: Bytes,
    jobs: Vec<WrittenJob>,
}

impl BatchItems for Items {
    type Difference = Difference;

    fn count(&self) -> usize {
        self.jobs.len()
    }

    fn name(&self, item: usize) -> Option<&str> {
        self.jobs.get(item)?.name.as_deref()
    }

    fn read(&self, item: usize, stored: Option<&JobRow>, now: Millis) -> Result<Item, Invalid> {
        let text = self.jobs.get(item).and_then(|job| self.text.get(job.place.clone()));
        let value = parse_json(text.unwrap_or_default()).map_err(|error| {
            Invalid::one("", format!("is not JSON as it should be: {error}; expected a job"))
        })?;
        let schedules = &self.app.engine.schedules;
        let spec = match stored {
            None => jobs::written_new(schedules, &value, now),
            Some(row) => jobs::written_over(schedules, row, &value, now),
        }?;
        Ok(Item { spec, resumes: JobInput::writes_enabled(&value, false) })
    }

    fn difference(&self, before: &JobRow, next: &JobSpec, set: Option<&SetName>) -> Difference {
        Difference::of(before, next, set)
    }
}

/// The answer to a batch, job by job.
struct Answer<'a> {
    names: &'a [Option<String>],
    response: BatchResponse,
    /// Bytes that may still be listed.
    left: usize,
}

impl Answer<'_> {
    fn add(&mut self, outcome: ItemOutcome<Difference>) {
        let name = self.names.get(self.response.jobs.len()).and_then(Option::as_deref);
        let item = |outcome, version| BatchItem::new(name, outcome, version);
        let item = match outcome {
            ItemOutcome::Created => item("created", Some(1)),
            ItemOutcome::Unchanged { version } => item("unchanged", Some(version)),
            ItemOutcome::Changed { version, difference } => {
                let Difference { changes, more } = difference.unwrap_or_default();
                let (changes, left_out) = self.listed(changes);
                BatchItem { changes, more_changes: more + left_out, ..item("changed", Some(version)) }
            }
            ItemOutcome::Refused(invalid) => {
                let fields = invalid.fields();
                let errors = fields.iter().take(MAX_ERRORS).map(BadField::from).collect();
                let more = fields.len().saturating_sub(MAX_ERRORS) + invalid.more();
                let (errors, left_out) = self.listed(errors);
                BatchItem { errors, more_errors: more + left_out, ..item("refused", None) }
            }
        };
        self.response.add(item);
    }

    /// What there is room for, which is all or nothing, and how many there was none for.
    fn listed<T: serde::Serialize>(&mut self, all: Vec<T>) -> (Vec<T>, usize) {
        let bytes = respond::bytes(&all).len();
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                (all, 0)
            }
            None => (Vec::new(), all.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let refused = |fields: usize| {
            let mut invalid = Invalid::default();
            (0..fields).for_each(|n| invalid.add(format!("field-{n}"), "x".repeat(100)));
            ItemOutcome::Refused(invalid)
        };
        let mut answer = Answer { names: &[], response: BatchResponse::new(false), left: 2_000 };
        [8, 8, 3, 130].into_iter().for_each(|fields| answer.add(refused(fields)));
        let listed: Vec<_> =
            answer.response.jobs.iter().map(|job| (job.errors.len(), job.more_errors)).collect();
        assert_eq!(listed, [(8, 0), (0, 8), (3, 0), (0, 130)]);
        assert_eq!(answer.response.counts.refused, 4);
    }
}

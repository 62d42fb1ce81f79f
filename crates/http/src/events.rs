//! `/events`: what happens, told as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

mod text;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use chronos_api::StreamEvent;
use chronos_engine::{Closed, DIGEST_EVERY, EventFilter, EventId, Listen, Listening};
use chronos_types::{ErrorKind, EventType, Invalid, Status, Trigger, clip, parse_duration};
use futures::stream;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::caller::Within;
use crate::code::Code;
use crate::described::{Problems, READ};
use crate::problem::ApiError;
use crate::query::Query;

/// Where a client says what it heard last.
const LAST_EVENT_ID: &str = "last-event-id";
/// For proxies that hold answers back until they are long (nginx).
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Where to go on.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document is made of it")]
struct LastEventId {
    /// Go on after this event, as browsers ask by themselves; from now on if omitted
    #[param(rename = "Last-Event-ID", required = false, example = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-4711-0")]
    last_event_id: String,
}

pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// Listen for what happens to jobs, executions and operations, as server-sent events.
///
/// The `id` of an event is its place in the cluster's log, `<cluster>-<index>-<n>`, the same on every node: a client that
/// comes back with the last one it heard, to any node, misses nothing and hears nothing twice. Events are kept for an hour,
/// or 64 MiB of them. What happens to the cluster has no id. At least every 15 s comes an event without data, whose `id`
/// says how far all was told.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "listenEvents",
    security(("key" = ["viewer"])),
    params(
        LastEventId,
        ("last_event_id" = Option<String>, Query, description = "The same, for clients that cannot set a header; the header counts where both are given", example = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-4711-0"),
        ("type" = Option<String>, Query, description = "Only events of these types, separated by commas; `job.*` is all of a topic", example = "execution.failed,job.*"),
        ("job" = Option<String>, Query, description = "Id or name: only events of this job. One that is deleted is found by its id", example = "nightly-report"),
        ("tags" = Option<HashMap<String, String>>, Query, style = Form, explode = true, description = "Only events of jobs with these tags: a parameter `tag.KEY=VALUE` for each", example = json!({"tag.team": "billing"})),
        ("status" = Option<String>, Query, description = "Only executions that have come to one of these statuses, separated by commas", example = "failed,cancelled"),
        ("trigger" = Option<String>, Query, description = "Only executions that one of these has asked for, separated by commas", example = "manual,replay"),
        ("error_kind" = Option<String>, Query, description = "Only executions with such an error, separated by commas", example = "timeout,dns"),
        ("digest" = Option<String>, Query, description = "Sum up the events of each topic, and tell of it once in so long at most: `1s` to `60s`", example = "1s"),
    ),
    responses(
        (status = 200, description = "Events, until the client goes: `event` is the type, `data` one of these as JSON", body = StreamEvent, content_type = "text/event-stream"),
        Problems<{ READ | Code::JobNotFound.only() | Code::ClusterVersion.only() }>,
    )
)]
async fn listen(
    State(app): State<Shared>,
    Within(scope): Within,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let by_query = query.parsed("last_event_id", |text| match text {
        "" => Ok(None),
        text => EventId::parse(text).map(Some),
    });
    let filter = EventFilter {
        types: query.several("type", types),
        statuses: query.several("status", |text| Status::parse(text).map(|one| vec![one])),
        triggers: query.several("trigger", |text| Trigger::parse(text).map(|one| vec![one])),
        error_kinds: query.several("error_kind", |text| ErrorKind::parse(text).map(|one| vec![one])),
        tags: query.tags(),
        ..EventFilter::default()
    };
    let job = query.parsed("job", |text| match text {
        "" => Err("\"\" names no job; expected an id or a name".to_owned()),
        text => Ok(text.to_owned()),
    });
    let digest = query.digest();
    query.finish()?;
    let after = of_header(&headers)?.or(by_query.flatten());
    let listening = app.engine.events.listen(&scope, Listen { job, filter, after, digest }).await?;
    Ok(stream_of(listening))
}

/// What a client heard last, by its header. An empty one says that it has heard nothing.
fn of_header(headers: &HeaderMap) -> Result<Option<EventId>, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let mut invalid = Invalid::default();
    let text = String::from_utf8_lossy(value.as_bytes());
    let id = invalid.check("Last-Event-ID", EventId::parse(&text));
    invalid.into_result()?;
    Ok(id)
}

/// The types that a name stands for: one, or those of a topic.
fn types(name: &str) -> Result<Vec<EventType>, String> {
    let of_topic = |topic: &str| -> Vec<EventType> {
        EventType::ALL.iter().copied().filter(|what| what.topic() == topic).collect()
    };
    match name.strip_suffix(".*").map(of_topic) {
        Some(found) if !found.is_empty() => Ok(found),
        _ => EventType::parse(name).map(|one| vec![one]).map_err(|why| {
            let topics: BTreeSet<_> =
                EventType::ALL.iter().map(|what| format!("{}.*", what.topic())).collect();
            format!("{why}, {}", topics.into_iter().collect::<Vec<_>>().join(", "))
        }),
    }
}

impl Query {
    /// Several values, separated by commas.
    fn several<T: Ord>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<Vec<T>, String>,
    ) -> BTreeSet<T> {
        let all = self.parsed(name, |text| {
            let parsed: Result<Vec<_>, _> = text.split(',').map(|one| parse(one.trim())).collect();
            parsed.map(|all| all.into_iter().flatten().collect())
        });
        all.unwrap_or_default()
    }

    /// Over how long events are summed up.
    fn digest(&mut self) -> Option<Duration> {
        let [least, most] = DIGEST_EVERY;
        self.parsed("digest", |text| {
            let every = parse_duration(text)?.as_std();
            if (least..=most).contains(&every) {
                return Ok(every);
            }
            let text = clip(text);
            let (least, most) = (least.as_secs(), most.as_secs());
            Err(format!("{text:?} is no time between two digests; expected {least}s to {most}s"))
        })
    }
}

/// The answer that goes on for as long as there is something to tell, and a client.
fn stream_of(listening: Listening) -> Response {
    let opening = Bytes::from_static(text::OPENING);
    let heard = stream::unfold((Some(opening), listening), |(opening, mut listening)| async {
        if let Some(opening) = opening {
            return Some((Ok(opening), (None, listening)));
        }
        let text = match listening.next().await {
            Ok(heard) => Ok(text::of(listening.cluster(), &heard)),
            // Its client is to come again, to another node.
            Err(Closed::Stopping) => return None,
            // The connection is cut, so that nobody takes this for the end.
            Err(why) => Err(io::Error::other(why)),
        };
        Some((text, (None, listening)))
    });
    let mut response = Response::new(Body::from_stream(heard));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED.0, HeaderValue::from_static(UNBUFFERED.1));
    response
}

//! Events as they are written: lines of fields, and a blank one behind each event.

use std::io::Write as _;

use bytes::Bytes;
use chronos_api::{
    ClusterEvent, EventDigest, EventReset, ExecutionEvent, JobEvent, OperationEvent, StreamEvent,
};
use chronos_engine::{Digest, EventId, Heard, News, Portion, ResetReason, Told};
use chronos_state::EventPlace;
use chronos_types::{Status, format_rfc3339};

/// What comes first: after how many milliseconds a client that lost its connection is to come again.
pub(super) const OPENING: &[u8] = b"retry: 2000\n\n";

/// What was heard, as it is sent.
pub(super) fn of(cluster: &str, heard: &[Heard]) -> Bytes {
    match heard {
        [Heard::Portion(portion)] => return text_of(cluster, portion),
        [Heard::Event(told)] => return text_of_one(cluster, told),
        _ => {}
    }
    let mut out = Vec::with_capacity(512 * heard.len());
    for one in heard {
        match one {
            Heard::Event(told) => out.extend_from_slice(&text_of_one(cluster, told)),
            Heard::Portion(portion) => out.extend_from_slice(&text_of(cluster, portion)),
            Heard::Digest(summed) => write(&mut out, cluster, summed.place, &digest(summed)),
            Heard::Reset(why, place) => write(&mut out, cluster, Some(*place), &reset(*why)),
            Heard::Place(place) => {
                out.extend_from_slice(b":\n");
                id(&mut out, cluster, *place);
                out.push(b'\n');
            }
        }
    }
    out.into()
}

fn text_of_one(cluster: &str, told: &Told) -> Bytes {
    told.text(|told| {
        let mut out = Vec::with_capacity(512);
        event(&mut out, cluster, told);
        out.into()
    })
}

fn text_of(cluster: &str, portion: &Portion) -> Bytes {
    portion.text(|all| {
        let mut out = Vec::with_capacity(512 * all.len());
        all.iter().for_each(|told| event(&mut out, cluster, told));
        out.into()
    })
}

fn event(out: &mut Vec<u8>, cluster: &str, told: &Told) {
    let (kind, time) = (told.what().as_str().to_owned(), format_rfc3339(told.at));
    let event = match &told.news {
        News::Execution(event, job) => StreamEvent::Execution(ExecutionEvent {
            kind,
            time,
            execution_id: event.id.to_string(),
            job_id: job.as_ref().map(|job| job.id.to_string()),
            job_name: job.as_ref().map(|job| job.name.clone()),
            trigger: event.trigger.as_str().to_owned(),
            scheduled_time: format_rfc3339(event.scheduled_time),
            status: event.what.status().map_or("", Status::as_str).to_owned(),
            attempts: event.attempts,
            status_code: event.status_code,
            error_kind: event.error_kind.map(|kind| kind.as_str().to_owned()),
            duration_ms: event.duration_ms,
        }),
        News::Job(event, _) => StreamEvent::Job(JobEvent {
            kind,
            time,
            job_id: event.id.to_string(),
            job_name: event.name.clone(),
            job_version: event.version,
        }),
        News::Operation(event, _) => StreamEvent::Operation(OperationEvent {
            kind,
            time,
            operation_id: event.id.to_string(),
            done: event.done,
            refused: event.refused,
        }),
        News::Cluster(event) => StreamEvent::Cluster(ClusterEvent {
            kind,
            time,
            node: event.node.as_ref().map(ToString::to_string),
        }),
    };
    write(out, cluster, told.place, &event);
}

fn digest(summed: &Digest) -> StreamEvent {
    let Digest { topic, at, counts, jobs, has_more, place: _ } = summed;
    StreamEvent::Digest(EventDigest {
        kind: format!("{topic}.digest"),
        time: format_rfc3339(*at),
        topic: (*topic).to_owned(),
        count: counts.values().sum(),
        types: counts.iter().map(|(what, count)| (what.as_str().to_owned(), *count)).collect(),
        job_ids: jobs.iter().map(ToString::to_string).collect(),
        has_more_jobs: *has_more,
    })
}

fn reset(why: ResetReason) -> StreamEvent {
    let (reason, detail) = match why {
        ResetReason::OtherCluster => ("other_cluster", "the id is one of another cluster"),
        ResetReason::TooOld => ("too_old", "events are kept for an hour, or 64 MiB of them"),
        ResetReason::NotReached => ("not_reached", "this node has not come to the event within a minute"),
    };
    StreamEvent::Reset(EventReset {
        kind: "reset".to_owned(),
        reason: reason.to_owned(),
        detail: format!("{detail}; read again what you show"),
    })
}

/// Writes an event. JSON has no line ends in it.
fn write(out: &mut Vec<u8>, cluster: &str, place: Option<EventPlace>, event: &StreamEvent) {
    if let Some(place) = place {
        id(out, cluster, place);
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.kind().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    serde_json::to_writer(&mut *out, event).expect("wire types serialise");
    out.extend_from_slice(b"\n\n");
}

fn id(out: &mut Vec<u8>, cluster: &str, place: EventPlace) {
    // A vector takes what is written to it.
    let _ = writeln!(out, "id: {}", EventId { cluster: cluster.to_owned(), place });
}

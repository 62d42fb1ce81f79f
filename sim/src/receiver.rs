//! Who is called. Each path is a target of its own kind: one answers soon, one late, one redirects, and one fails in
//! every way.

use std::time::Duration;

use chronos_testkit::{Answer, Call, Receiver};

use crate::ledger::{Delivery, Ledger, Reply};
use crate::{entropy, world};

/// The paths, each with the time-out of the jobs that call it, in milliseconds. What redirects leads to the first one.
pub(crate) const TARGETS: [(&str, u64); 4] =
    [("/hook", 3_000), ("/slow", 3_000), ("/moody", MOODY_MS), ("/moved", 3_000)];
/// The time-out of jobs that call the target which may never answer.
const MOODY_MS: u64 = 1_000;
/// An answer is taken if it is given this much before the time-out: a connection and two messages take as long on the
/// slowest network.
const MARGIN_MS: u64 = 800;

/// Where jobs are told to call.
pub(crate) fn url(path: &str) -> String {
    format!("http://receiver:80{path}")
}

/// Takes calls for ever.
pub(crate) async fn serve(ledger: Ledger) -> turmoil::Result {
    let receiver = Receiver::on(world::listen("0.0.0.0:80").await?);
    receiver.respond(move |call| answer(&ledger, call));
    std::future::pending().await
}

/// How a target answers.
enum How {
    Status(u16),
    /// Half of the body, and the end of the connection.
    CutShort,
    /// Never.
    Silence,
    Redirect,
}

fn answer(ledger: &Ledger, call: &Call) -> Answer {
    let mut drawn = [0; 2];
    let _ = entropy::fill(&mut drawn);
    let (how, late_ms, kind) = draw(call.path(), drawn[0], u64::from(drawn[1]));
    let late = Duration::from_millis(late_ms);
    let (status, answer) = match how {
        How::Status(status @ 429) => (status, Answer::status(status).header("Retry-After", "1")),
        How::Status(status) => (status, Answer::status(status)),
        How::CutShort => (200, Answer::cut_short()),
        How::Silence => (0, Answer::silence()),
        How::Redirect => (307, Answer::redirect(307, "/hook")),
    };
    let timeout_ms = TARGETS.iter().find(|(path, _)| *path == call.path()).map_or(0, |(_, timeout)| *timeout);
    let is_sure = matches!(how, How::Status(_)) && late_ms + MARGIN_MS <= timeout_ms;
    let header = |name: &str| call.header(name).unwrap_or_default().to_owned();
    let delivery = Delivery {
        at: world::since_start(),
        node: turmoil::reverse_lookup(call.from.ip()).unwrap_or_default(),
        execution: header("x-chronos-execution-id"),
        job: header("x-chronos-job-id"),
        attempt: header("x-chronos-attempt").parse().unwrap_or_default(),
        scheduled: header("x-chronos-scheduled-time"),
        trigger: header("x-chronos-trigger"),
        path: call.path().to_owned(),
        reply: Reply { status, late, is_sure },
    };
    let Delivery { node, execution, attempt, scheduled, path, .. } = &delivery;
    ledger.note(format_args!(
        "{node} delivers {execution} attempt {attempt} of {scheduled} at {path}: {status}"
    ));
    ledger.with(|seen| {
        seen.deliveries.push(delivery);
        seen.counts.add(kind, 1);
    });
    answer.late(late)
}

/// What a target does, after how many milliseconds, and as what it counts.
fn draw(path: &str, dice: u8, late_ms: u64) -> (How, u64, &'static str) {
    match (path, dice) {
        // A failure that is final, for a part: a node that lost a run and heard it has the last word then, or has not.
        ("/slow", 0..110) => (How::Status(404), 300 + late_ms * 9, "answered_late"),
        ("/slow", 110..130) => (How::Status(503), 300 + late_ms * 9, "answered_late"),
        ("/slow", _) => (How::Status(200), 300 + late_ms * 9, "answered_late"),
        ("/moved", _) => (How::Redirect, late_ms / 4, "redirected"),
        ("/moody", 0..30) => (How::Silence, MOODY_MS - MARGIN_MS / 8, "never_answered"),
        ("/moody", 30..60) => (How::CutShort, late_ms / 4, "cut_short"),
        ("/moody", 60..90) => (How::Status(429), late_ms / 4, "answered_failure"),
        ("/moody", 90..120) => (How::Status(500), late_ms / 4, "answered_failure"),
        (_, 0..25) => (How::Status(503), late_ms, "answered_failure"),
        _ => (How::Status(200), late_ms, "answered_success"),
    }
}

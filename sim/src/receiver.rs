//! Who is called: it answers late, and not always well.

use std::time::Duration;

use chronos_testkit::{Answer, Call, Receiver};

use crate::ledger::{Delivery, Ledger};
use crate::{entropy, world};

/// Where jobs are told to call.
pub(crate) const URL: &str = "http://receiver:80/hook";

/// Takes calls for ever.
pub(crate) async fn serve(ledger: Ledger) -> turmoil::Result {
    let receiver = Receiver::on(world::listen("0.0.0.0:80").await?);
    receiver.respond(move |call| answer(&ledger, call));
    std::future::pending().await
}

fn answer(ledger: &Ledger, call: &Call) -> Answer {
    let header = |name: &str| call.header(name).unwrap_or_default().to_owned();
    let mut drawn = [0; 2];
    let _ = entropy::fill(&mut drawn);
    let status = if drawn[0] < 25 { 503 } else { 200 };
    let delivery = Delivery {
        execution: header("x-chronos-execution-id"),
        job: header("x-chronos-job-id"),
        attempt: header("x-chronos-attempt").parse().unwrap_or_default(),
        scheduled: header("x-chronos-scheduled-time"),
        trigger: header("x-chronos-trigger"),
        status,
    };
    let Delivery { execution, attempt, scheduled, .. } = &delivery;
    ledger.note(format_args!("delivery {execution} attempt {attempt} of {scheduled}: {status}"));
    ledger.with(|seen| seen.deliveries.push(delivery));
    Answer::status(status).late(Duration::from_millis(u64::from(drawn[1])))
}

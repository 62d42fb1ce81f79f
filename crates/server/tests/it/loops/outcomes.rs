//! What became of an attempt is recorded, whatever goes wrong with the attempt or its outcome.

use chronos_engine::PlannerConfig;
use chronos_env::{Bug, Env};
use chronos_testkit::{Answer, Receiver};
use chronos_types::{DurationMs, Status, Trigger};
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, OWN, view};
use super::target::Target;

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_panics_fails_and_frees_its_slot() {
    let target = Target::start().await;
    let env = Env::real().with_bug(Bug::AttemptPanics);
    let bench = Bench::start_in(env, 1_024, view(&[OWN], &[], false)).await;
    let job = bench.job(&target.url("job"), "allow", 0).await;
    let execution = bench.trigger(job, OWN).await;
    bench.settled(execution, Status::Retrying).await;
    bench.until("none is under way", || bench.activity.running() == 0).await;
    bench.settled(execution, Status::Success).await;
    let row = bench.store.read(move |reader| reader.execution(execution)).await.expect("the state");
    let log = row.expect("it is on record").execution.attempt_log;
    let first = log[0].error.clone().expect("why it failed");
    assert!(first.contains("a fault of its own: planted"), "{first}");
    assert_eq!((log.len(), target.all()), (2, vec![execution]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_more_is_planned_while_too_many_outcomes_wait_to_be_recorded() {
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    // More than any limit; what is recorded makes room again.
    let outcomes = 1_000_000;
    (0..outcomes).for_each(|_| bench.activity.outcome_waits());
    let job = bench.job("http://127.0.0.1:1/", "allow", bench.env.now() + 1_000).await;
    let config = PlannerConfig {
        misfire_threshold: DurationMs::from_secs(60),
        catch_up_window: DurationMs::from_secs(24 * 3600),
    };
    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config, stop.clone());
    let is_planned = || {
        let planned = bench.planned();
        planned.iter().flatten().any(|fire| fire.run.trigger == Trigger::Schedule)
    };
    // What is planned would come before the last of these.
    for _ in 0..20 {
        bench.trigger(job, OWN).await;
    }
    assert!(!is_planned());
    bench.activity.outcomes_recorded(outcomes);
    bench.until("it is planned", is_planned).await;
    stop.cancel();
    task.await.expect("the planner");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_is_too_large_is_recorded_without_its_body_and_holds_up_no_other() {
    let receiver = Receiver::start().await;
    // Larger than what goes into the log at once.
    let large = "x".repeat(3 << 20);
    receiver.script("/large", [Answer::ok().body(large)]);
    receiver.script("/small", [Answer::ok().body("small")]);
    let bench = Bench::start_in(Env::real(), 8 << 20, view(&[OWN], &[], true)).await;
    let (large, small) = (
        bench.job(&receiver.url("/large"), "allow", 0).await,
        bench.job(&receiver.url("/small"), "allow", 0).await,
    );
    let mut executions = Vec::new();
    for job in [small, large, small] {
        executions.push(bench.trigger(job, OWN).await);
    }
    // All at once, so that their outcomes travel together where they can.
    bench.see(view(&[OWN], &[], false));
    for execution in &executions {
        bench.settled(*execution, Status::Success).await;
    }
    let mut responses = Vec::new();
    for execution in executions {
        let row = bench.store.read(move |reader| reader.execution(execution)).await.expect("the state");
        let response = row.expect("it is on record").execution.response.expect("a response");
        responses.push((response.status_code, response.body, response.truncated));
    }
    let whole = (200, Some("small".to_owned()), false);
    assert_eq!(responses, [whole.clone(), (200, None, true), whole]);
    let counted = "chronos_response_bodies_dropped_total 1\n";
    bench.until("it is counted", || bench.exposition().contains(counted)).await;
}

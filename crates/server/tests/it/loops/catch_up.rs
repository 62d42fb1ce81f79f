//! Instants that were missed are planned in portions, behind what is on time.

use std::collections::HashMap;
use std::ops::Range;

use chronos_engine::PlannerConfig;
use chronos_state::{Command, Fire, JobSeq, Report, Reported};
use chronos_types::{DurationMs, Millis, Response, Trigger, Waited};
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, Made, OWN, view};

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;
/// Nothing listens there, and nothing is fired: the node is fenced.
const NOWHERE: &str = "http://127.0.0.1:1/";
/// Runs that one command plans at most: each changes two rows.
const RUNS_PER_COMMAND: usize = 500;
/// Unfinished runs of a job whose missed instants are planned.
const UNFINISHED: usize = 100;

fn config() -> PlannerConfig {
    PlannerConfig {
        misfire_threshold: DurationMs::from_secs(60),
        catch_up_window: DurationMs::from_secs(24 * 3600),
    }
}

/// A job that was due since so long ago.
async fn behind(bench: &Bench, schedule: &str, missed_runs: &str, by: Millis) -> Made {
    let since = bench.env.now() - by;
    let first = since + if schedule == "@every 1s" { 1_000 } else { MINUTE };
    bench.job_since(since, schedule, missed_runs, NOWHERE, "allow", first).await
}

/// The runs for missed instants, by job.
fn caught_up(planned: &[Vec<Fire>]) -> HashMap<JobSeq, Vec<Fire>> {
    let mut jobs = HashMap::<_, Vec<Fire>>::new();
    for fire in planned.iter().flatten().filter(|fire| fire.run.trigger == Trigger::CatchUp) {
        jobs.entry(fire.run.job).or_default().push(fire.clone());
    }
    jobs
}

/// Has the node say that it delivered these.
async fn deliver(bench: &Bench, fires: &[Fire]) {
    let reports = fires.iter().map(|fire| {
        let response = Response { status_code: 200, ..Response::default() };
        let (started_at, duration_ms) = (bench.env.now(), 1);
        let what = Reported::Ended {
            attempt: 1,
            started_at,
            duration_ms,
            response,
            failure: None,
            retry_at: None,
            phases: None,
            waited: Waited::default(),
            host: None,
        };
        Command::Report(Report::of(fire, what)).into()
    });
    bench.proposer.propose_all(reports.collect()).await.expect("they are taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_time_goes_first_and_what_was_missed_follows_in_portions() {
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(behind(&bench, "@every 1m", "execute_all", 200 * MINUTE).await);
    }
    // A day of seconds: 86,400 instants.
    all.push(behind(&bench, "@every 1s", "execute_all", DAY).await);
    // They come behind all of those by their due instants.
    let latest = behind(&bench, "@every 1m", "execute_one", 90 * MINUTE).await;
    let now = bench.env.now();
    let late = bench.job_since(now - 6_000, "@every 1h", "execute_all", NOWHERE, "allow", now - 5_000).await;
    let due = bench.env.now() + 1_900;
    let on_time = bench.job(NOWHERE, "allow", due).await;

    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config(), stop.clone());
    let expected = all.len() * UNFINISHED + 1;
    let count = || caught_up(&bench.planned()).values().map(Vec::len).sum::<usize>();
    bench.until("each job has as many runs as it may", || count() >= expected).await;

    let planned = bench.planned();
    assert!(planned.iter().all(|fires| fires.len() <= RUNS_PER_COMMAND));
    let entry_of = |job: Made, trigger: Trigger| {
        let is_first = |fire: &Fire| fire.run.job == job.seq && fire.run.trigger == trigger;
        planned.iter().position(|fires| fires.iter().any(is_first)).expect("it is planned")
    };
    let missed = planned.iter().position(|fires| fires.iter().any(|f| f.run.trigger == Trigger::CatchUp));
    assert_eq!(entry_of(on_time, Trigger::Schedule), 0);
    assert_eq!(entry_of(late, Trigger::Schedule), 1);
    assert_eq!(missed, Some(2));
    // One step is enough for it, so it does not wait until the others have all of theirs.
    assert_eq!(entry_of(latest, Trigger::CatchUp), 2);
    assert!(entry_of(latest, Trigger::Schedule) > 2);
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_more_runs_for_missed_instants_as_earlier_ones_end() {
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let (goes_on, waits) = (
        behind(&bench, "@every 1s", "execute_all", DAY / 2).await,
        behind(&bench, "@every 1m", "execute_all", DAY / 2).await,
    );
    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config(), stop.clone());
    let of = |job: Made| caught_up(&bench.planned()).remove(&job.seq).unwrap_or_default();
    let counts = || (of(goes_on).len(), of(waits).len());
    bench.until("both have as many as they may", || counts() == (UNFINISHED, UNFINISHED)).await;
    // Each time that half of them are over the others are planned, and never more than may be unfinished.
    let mut ended = 0;
    for round in 1..=5 {
        let more: Range<usize> = ended..ended + UNFINISHED;
        deliver(&bench, &of(goes_on)[more.clone()]).await;
        ended = more.end;
        let wanted = (round + 1) * UNFINISHED;
        bench.until("more are planned", || of(goes_on).len() >= wanted).await;
        assert_eq!(counts(), (wanted, UNFINISHED));
    }
    // None is left out.
    let times: Vec<Millis> = of(goes_on).iter().map(|fire| fire.run.scheduled_time).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 1_000));
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_was_missed_is_planned_to_its_end_and_counted_once() {
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let job = behind(&bench, "@every 1m", "execute_all", 300 * MINUTE + MINUTE / 2).await;
    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config(), stop.clone());
    let planned = || -> Vec<Fire> { bench.planned().into_iter().flatten().collect() };
    let mut ended = 0;
    // The last minute's instant is not missed yet.
    while !planned().iter().any(|fire| fire.run.trigger == Trigger::Schedule) {
        bench.until("more are planned", || planned().len() > ended).await;
        let all = planned();
        deliver(&bench, &all[ended..]).await;
        ended = all.len();
    }
    let mut all = planned();
    let on_time = all.iter().position(|fire| fire.run.trigger == Trigger::Schedule).expect("one");
    all.truncate(on_time + 1);
    assert!(all.iter().all(|fire| fire.run.job == job.seq));
    let times: Vec<Millis> = all.iter().map(|fire| fire.run.scheduled_time).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == MINUTE), "none is left out");
    let missed = on_time;
    assert!(missed >= 299, "{missed}");
    let counted = format!("chronos_missed_instants_total {missed}\n");
    bench.until("they are counted", || bench.exposition().contains(&counted)).await;
    stop.cancel();
    task.await.expect("it ends");
}

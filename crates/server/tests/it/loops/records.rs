//! Records that cannot be read, and changes that are too large for one command.

use chronos_engine::Remainders;
use chronos_replica::ProposeError;
use chronos_state::{DeleteJob, MAX_ROWS, Plan, PlanStep, PlannedRun, PutJob, Reader, StoredSpec};
use chronos_types::Trigger;

use super::*;
use bench::Made;

/// Writes a job anew; what stands there need not be one that can be read.
async fn write(bench: &Bench, job: Made, change: impl FnOnce(&mut StoredSpec<'static>), due: i64) {
    let key = job.id.to_string();
    let row = bench.store.read(move |reader| reader.find_job(&key)).await.expect("the state");
    let old = row.expect("the job").job;
    let mut spec = old.spec.map_or_else(|bad| bad.form, |spec| StoredSpec::of(&spec));
    change(&mut spec);
    let (from_version, created_at) = (Some(old.version), old.created_at);
    let put = PutJob { id: job.id, from_version, created_at, spec, next_due: Some(due), resumes: false };
    bench.propose(Command::PutJob(Box::new(put))).await;
}

async fn due(bench: &Bench, job: Made) -> Option<i64> {
    let key = job.id.to_string();
    let row = bench.store.read(move |reader| reader.find_job(&key)).await.expect("the state");
    row.expect("the job").job.next_due
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_be_planned_is_passed_by_until_it_is_written_anew() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let now = bench.env.now();
    let first = now - 1_000;
    let policy = bench.job(&target.url("policy"), "sometimes", first).await;
    let schedule = bench.job(&target.url("schedule"), "allow", first).await;
    write(&bench, schedule, |spec| spec.schedule = "@whenever".into(), first).await;
    // Further away than the planner looks at once: it has to wake for it, past those that stay due.
    let good = bench.job(&target.url("good"), "allow", now + 5_000).await;
    let config = PlannerConfig {
        misfire_threshold: chronos_types::DurationMs::from_secs(60),
        catch_up_window: chronos_types::DurationMs::from_secs(60),
    };
    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config, stop.clone());
    bench.settled(ExecutionId::scheduled(good.id, now + 5_000), Status::Success).await;
    for job in [policy, schedule] {
        assert_eq!(due(&bench, job).await, Some(first), "its due instant stays");
    }
    assert!(bench.exposition().contains("chronos_unreadable_jobs_total 2\n"), "{}", bench.exposition());
    let next = bench.env.now() + 500;
    write(&bench, policy, |spec| spec.concurrency = "allow".into(), next).await;
    write(&bench, schedule, |spec| spec.schedule = "@every 1h".into(), next).await;
    // Where nothing but the policy was wrong, the instant that had passed is decided on.
    bench.settled(ExecutionId::scheduled(policy.id, first), Status::Success).await;
    bench.settled(ExecutionId::scheduled(schedule.id, next), Status::Success).await;
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_version_cannot_be_read_is_skipped_and_others_are_fired() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let bad = bench.job("ftp://h/", "allow", 0).await;
    let good = bench.job(&target.url("job"), "allow", 0).await;
    let (bad, good) = (bench.trigger(bad, OWN).await, bench.trigger(good, OWN).await);
    bench.settled(good, Status::Success).await;
    bench.settled(bad, Status::Skipped).await;
    let row =
        bench.store.read(move |reader| reader.execution(bad)).await.expect("the state").expect("on record");
    let why = row.execution.last_error.expect("a reason");
    assert!(why.contains("version 1 of the job cannot be read") && why.contains("ftp"), "{why}");
    assert_eq!(target.all(), [good]);
}

fn steps(job: Made, first: i64, count: usize) -> Vec<PlanStep> {
    let step = |at: i64| {
        let run = PlannedRun {
            execution: ExecutionId::scheduled(job.id, at),
            scheduled_time: at,
            trigger: Trigger::CatchUp,
            fire_at: at + 3_600_000,
            node: NodeName::unchecked(OWN),
            beside: false,
        };
        PlanStep { job: job.seq, version: 1, from: at, next_due: Some(at + 1), missed: None, run: Some(run) }
    };
    (first..).take(count).map(step).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_change_too_much_is_refused_where_it_is_submitted() {
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let due = bench.env.now() + 60_000;
    let job = bench.job("http://h/", "allow", due).await;
    let plan = Command::Plan(Plan { steps: steps(job, due, MAX_ROWS / 2 + 1) });
    let error = bench.proposer.propose(plan.clone().into()).await.expect_err("it is too much");
    assert_eq!(error, ProposeError::TooManyRows { rows: MAX_ROWS + 2 });
    let full = || Command::Plan(Plan { steps: steps(job, due, MAX_ROWS / 2) }).into();
    let all = std::iter::repeat_with(full).take(5).collect();
    let error = bench.proposer.propose_all(all).await.expect_err("they stay together");
    assert_eq!(error, ProposeError::TooManyRows { rows: 5 * MAX_ROWS });
    assert_eq!(bench.open(OWN).await, []);
    bench.propose(Command::Plan(Plan { steps: steps(job, due, MAX_ROWS / 2) })).await;
    assert_eq!(bench.open(OWN).await.len(), MAX_ROWS / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_many_runs_is_deleted_in_portions() {
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let first = bench.env.now() - 10_000;
    let job = bench.job("http://127.0.0.1:1/", "allow", first).await;
    for chunk in steps(job, first, 2 * MAX_ROWS + 500).chunks(MAX_ROWS / 2) {
        bench.propose(Command::Plan(Plan { steps: chunk.to_vec() })).await;
    }
    bench.propose(Command::DeleteJob(DeleteJob { id: job.id, if_version: None })).await;
    assert!(bench.store.read(Reader::has_remainders).await.expect("the state"));
    let owed = bench.store.read(|reader| reader.open_fires(&NodeName::unchecked(OWN))).await;
    assert_eq!(owed.expect("the state"), [], "nothing of it is owed any more");
    let (_left, remains) = tokio::sync::mpsc::channel(1);
    let stop = CancellationToken::new();
    let task = bench::start(Remainders::new(bench.services(), remains).run(), stop.clone());
    let ended = async {
        while bench.store.read(Reader::has_remainders).await.expect("the state") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it comes to an end");
    assert_eq!(bench.store.read(Reader::open_nodes).await.expect("the state"), []);
    stop.cancel();
    task.await.expect("it ends");
}

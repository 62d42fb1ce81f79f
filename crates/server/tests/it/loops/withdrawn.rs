//! Jobs that change between the plan of a run and its instant.

use chronos_state::{DeleteJob, PutJob, Reader, StoredSpec};
use chronos_types::{ErrorKind, JobSpec, TargetUrl};

use super::*;
use bench::Made;

async fn delete(bench: &Bench, job: Made) {
    bench.propose(Command::DeleteJob(DeleteJob { id: job.id, if_version: None })).await;
}

async fn change(bench: &Bench, job: Made, change: impl FnOnce(&mut JobSpec), next_due: Option<i64>) {
    let key = job.id.to_string();
    let row = bench.store.read(move |reader| reader.find_job(&key)).await.expect("the state");
    let old = row.expect("the job").job;
    let mut spec = old.spec.expect("it can be read");
    change(&mut spec);
    let spec = StoredSpec::of(&spec);
    let (from_version, created_at) = (Some(old.version), old.created_at);
    let put = PutJob { id: job.id, from_version, created_at, spec, next_due, resumes: false };
    bench.propose(Command::PutJob(Box::new(put))).await;
}

async fn withdrawn(bench: &Bench) -> Vec<ExecutionId> {
    let find = |reader: &Reader| {
        let nodes = reader.withdrawn_nodes()?;
        nodes.iter().map(|node| reader.withdrawn(node)).collect::<Result<Vec<_>, _>>()
    };
    let withdrawn = bench.store.read(find).await.expect("the state").concat();
    withdrawn.into_iter().map(|fire| fire.run.execution).collect()
}

async fn answered_for(bench: &Bench) {
    let answered = async {
        while !withdrawn(bench).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), answered).await.expect("its node says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_life_before_this_one_may_have_begun_stays_on_record() {
    let target = Target::start().await;
    // The fence was never down: what is planned now, the process before this one may have known.
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let due = bench.env.now() + 6_000;
    let (own, gone) =
        (bench.job(&target.url("job"), "allow", due).await, bench.job("http://h/", "allow", due).await);
    let (unsure, of_a_stranger) = (bench.plan(own, due, OWN).await, bench.plan(gone, due, "three").await);
    delete(&bench, own).await;
    delete(&bench, gone).await;
    bench.see(view(&[OWN], &["two"], false));
    // `three` is no member any more: the leader speaks for it.
    let stop = CancellationToken::new();
    let task = bench.look_after_the_gone(stop.clone());
    for execution in [unsure, of_a_stranger] {
        bench.settled(execution, Status::Cancelled).await;
        let row = bench.store.read(move |reader| reader.execution(execution)).await.expect("the state");
        let execution = row.expect("on record").execution;
        assert_eq!((execution.attempts, execution.error_kind), (0, Some(ErrorKind::Cancelled)));
        assert!(execution.completed_at >= Some(due), "told before it was due: {execution:?}");
    }
    // What was planned since leaves no trace.
    let due = bench.env.now() + 60_000;
    let job = bench.job(&target.url("job"), "allow", due).await;
    let sure = bench.plan(job, due, OWN).await;
    delete(&bench, job).await;
    answered_for(&bench).await;
    assert!(bench.store.read(move |reader| reader.execution(sure)).await.expect("the state").is_none());
    assert_eq!(target.all(), []);
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_clock_days_ahead_planned_is_spoken_for_at_once() {
    const DAY: i64 = 86_400_000;
    // One of this node, which may have been begun in a life before this one, and one of a node that is gone.
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let due = bench.env.now() + DAY;
    let (own, gone) =
        (bench.job("http://h/", "allow", due).await, bench.job("http://h/", "allow", due).await);
    let (unsure, of_a_stranger) = (bench.plan(own, due, OWN).await, bench.plan(gone, due, "three").await);
    delete(&bench, own).await;
    delete(&bench, gone).await;
    bench.see(view(&[OWN], &["two"], false));
    let stop = CancellationToken::new();
    let task = bench.look_after_the_gone(stop.clone());
    for execution in [unsure, of_a_stranger] {
        bench.settled(execution, Status::Cancelled).await;
    }
    assert_eq!(withdrawn(&bench).await, []);
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_from_a_node_that_may_have_begun_it_and_planned_anew_is_fired() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let due = bench.env.now() + 6_000;
    let job = bench.job(&target.url("old"), "allow", due).await;
    let execution = bench.plan(job, due, OWN).await;
    bench.see(view(&[OWN], &[], false));
    let other = |spec: &mut JobSpec| spec.schedule = "@every 2h".into();
    change(&bench, job, other, Some(due)).await;
    assert_eq!(withdrawn(&bench).await, [execution]);
    bench.plan_version(job, 2, due, OWN).await;
    bench.settled(execution, Status::Success).await;
    assert_eq!(target.all(), [execution]);
    assert_eq!(withdrawn(&bench).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_from_a_node_that_is_gone_is_fired_when_it_is_withdrawn_and_planned_anew() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &["two"], false)).await;
    let due = bench.env.now() + 6_000;
    let job = bench.job(&target.url("job"), "allow", due).await;
    let marker = bench.job(&target.url("job"), "allow", 0).await;
    let execution = bench.plan(job, due, "two").await;
    let Command::Reassign(mut reassign) = moved(execution, "two", OWN) else { unreachable!() };
    reassign.runs[0].unsure = true;
    bench.propose(Command::Reassign(reassign)).await;
    let other = |spec: &mut JobSpec| spec.schedule = "@every 2h".into();
    change(&bench, job, other, Some(due)).await;
    // Whatever this node has to say of it at once is said before what comes of a later run.
    let later = bench.trigger(marker, OWN).await;
    bench.settled(later, Status::Success).await;
    assert_eq!(withdrawn(&bench).await, [execution]);
    bench.plan_version(job, 2, due, OWN).await;
    bench.settled(execution, Status::Success).await;
    assert_eq!(target.all(), [later, execution]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_run_is_fired_as_its_job_is_then() {
    let (old, new) = (Target::start().await, Target::start().await);
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let due = bench.env.now() + 6_000;
    let job = bench.job(&old.url("job"), "allow", due).await;
    let execution = bench.plan(job, due, OWN).await;
    let url = new.url("job");
    let elsewhere = |spec: &mut JobSpec| spec.webhook.url = TargetUrl::parse(&url).expect("a URL");
    change(&bench, job, elsewhere, None).await;
    bench.settled(execution, Status::Success).await;
    assert_eq!((old.all(), new.all()), (vec![], vec![execution]));
}

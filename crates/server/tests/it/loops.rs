//! The loops of one node among others, whose part the tests play: they say who is live, plan for them,
//! and report for them.

mod bench;
mod catch_up;
mod lease;
mod outcomes;
mod records;
mod target;
mod withdrawn;

use std::time::Duration;

use chronos_engine::{PlannerConfig, hand_over, spread};
use chronos_replica::View;
use chronos_state::{Command, Moved, Reassign, Report, Reported};
use chronos_types::{ExecutionId, NodeName, Response, Status, Waited};
use tokio_util::sync::CancellationToken;

use bench::{Bench, OWN, view};
use target::Target;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_begins_behind_the_fence_and_what_is_still_ours_begins_when_it_is_lifted() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &[], true)).await;
    let job = bench.job(&target.url("job"), "allow", 0).await;
    let (given, kept) = (bench.trigger(job, OWN).await, bench.trigger(job, OWN).await);
    bench.reassign(given, OWN, "two").await;
    assert_eq!(target.all(), [], "begun behind the fence");
    assert!(!bench.activity.may_fire());
    bench.see(view(&[OWN], &[], false));
    bench.settled(kept, Status::Success).await;
    assert!(bench.activity.may_fire());
    let last = bench.trigger(job, OWN).await;
    bench.settled(last, Status::Success).await;
    assert_eq!(target.all(), [kept, last]);
    assert_eq!(bench.open(OWN).await, []);
    assert_eq!(bench.open("two").await, [given]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_when_the_fence_is_raised_ends_and_is_recorded() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let slow = bench.job(&target.url("gate"), "allow", 0).await;
    let quick = bench.job(&target.url("job"), "allow", 0).await;
    let under_way = bench.trigger(slow, OWN).await;
    target.wait(under_way).await;
    bench.until("it counts", || bench.activity.running() == 1).await;
    bench.see(view(&[], &[], true));
    bench.until("the fence is up", || bench.exposition().contains("chronos_fenced 1")).await;
    let held = bench.trigger(quick, OWN).await;
    target.open_gate();
    bench.settled(under_way, Status::Success).await;
    bench.until("none is under way", || bench.activity.running() == 0).await;
    assert_eq!(target.all(), [under_way], "begun behind the fence");
    bench.see(view(&[], &[], false));
    bench.settled(held, Status::Success).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_dropped_when_another_node_has_delivered() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN], &[], false)).await;
    let job = bench.job(&target.url("fail-once"), "allow", 0).await;
    let execution = bench.trigger(job, OWN).await;
    bench.settled(execution, Status::Retrying).await;
    let fires =
        bench.store.read(|reader| reader.open_fires(&NodeName::unchecked(OWN))).await.expect("the state");
    let retry_at = fires.first().expect("a retry").fire_at;
    let what = Reported::Ended {
        attempt: 2,
        started_at: retry_at - 1,
        duration_ms: 1,
        response: Response { status_code: 200, ..Response::default() },
        failure: None,
        retry_at: None,
        phases: None,
        waited: Waited::default(),
        host: None,
    };
    let report = Report { run: fires[0].run, node: NodeName::unchecked("two"), what };
    bench.propose(Command::Report(report)).await;
    bench.settled(execution, Status::Success).await;
    // What is due later comes later: when it is here, the retry is not coming.
    let marker = bench.job(&target.url("job"), "allow", retry_at + 100).await;
    let marker = bench.plan(marker, retry_at + 100, OWN).await;
    bench.settled(marker, Status::Success).await;
    assert_eq!(target.all(), [execution, marker]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_to_another_node_is_let_go_of_and_frees_its_place() {
    for (path, ends) in [("gate", Status::Success), ("gate-fail", Status::Pending)] {
        let target = Target::start().await;
        let bench = Bench::start(view(&[OWN], &[], false)).await;
        let job = bench.job(&target.url(path), "queue", 0).await;
        let first = bench.trigger(job, OWN).await;
        target.wait(first).await;
        let second = bench.trigger(job, OWN).await;
        bench.reassign(first, OWN, "two").await;
        bench.reassign(second, OWN, "two").await;
        // It goes where the others are, and comes back alone.
        let third = bench.trigger(job, OWN).await;
        bench.reassign(third, "two", OWN).await;
        target.open_gate();
        bench.settled(third, if path == "gate" { Status::Success } else { Status::Retrying }).await;
        // The attempt under way ends. A success counts; a failure is for the other node to judge.
        bench.settled(first, ends).await;
        assert_eq!(target.all(), [first, third], "{path}");
        let others = if path == "gate" { vec![second] } else { vec![first, second] };
        assert_eq!(bench.open("two").await, others, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_reassigns_what_nodes_that_are_gone_hold() {
    let bench = Bench::start(view(&[OWN, "four"], &[], true)).await;
    let stop = CancellationToken::new();
    let task = bench.look_after_the_gone(stop.clone());
    let mut gone = Vec::new();
    for _ in 0..20 {
        let job = bench.job("http://127.0.0.1:1/", "allow", 0).await;
        for node in ["two", "three"] {
            gone.push((job.id, bench.trigger(job, node).await));
        }
    }
    let job = bench.job("http://127.0.0.1:1/", "forbid", 0).await;
    let stays = bench.trigger(job, "four").await;
    // `two` is silent, `three` is no member any more, `four` is live.
    bench.see(view(&[OWN, "four"], &["two"], false));
    bench.until("all is reassigned", || bench.exposition().contains("chronos_reassigned_total 40\n")).await;
    let live = [OWN, "four"].map(NodeName::unchecked);
    let mut at_four: Vec<ExecutionId> = gone
        .iter()
        .filter(|(job, _)| spread::node_for(*job, &live) == Some(&live[1]))
        .map(|(_, execution)| *execution)
        .chain([stays])
        .collect();
    at_four.sort_unstable();
    assert_eq!(bench.open("four").await, at_four);
    assert_eq!(bench.open("two").await, []);
    assert_eq!(bench.open("three").await, []);
    // What comes under the name of a silent node afterwards is found too, though nothing changes in
    // who is live: a plan may have been under way.
    bench.reassign(stays, "four", "two").await;
    let moved = async {
        while !bench.open("two").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), moved).await.expect("it is looked at again");
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_hands_over_what_it_has_not_begun() {
    let target = Target::start().await;
    let bench = Bench::start(view(&[OWN, "two"], &[], false)).await;
    let busy = bench.job(&target.url("gate"), "queue", 0).await;
    let idle = bench.job(&target.url("job"), "allow", 0).await;
    let under_way = bench.trigger(busy, OWN).await;
    target.wait(under_way).await;
    let behind = bench.trigger(busy, OWN).await;
    let closed = bench.dispatcher.close().await;
    let free = bench.trigger(idle, OWN).await;
    // What the dispatcher said cannot be about this one. It would overlap all the same.
    let since = bench.trigger(busy, OWN).await;
    let services = bench.services();
    let hand_over = async |keeps: bool| {
        let others = [NodeName::unchecked("two")];
        let given =
            hand_over(&services, &others, |run| keeps && closed.keeps(run), |id| closed.may_have_begun(id));
        given.await.expect("it is handed over")
    };
    assert_eq!(hand_over(true).await, 1);
    assert_eq!(bench.open("two").await, [free]);
    target.open_gate();
    bench.dispatcher.stop(Duration::from_secs(30)).await;
    bench.settled(under_way, Status::Success).await;
    assert_eq!(hand_over(false).await, 2);
    let mut handed = [free, behind, since];
    handed.sort_unstable();
    assert_eq!(bench.open("two").await, handed);
    assert_eq!(target.all(), [under_way]);
    assert_eq!(bench.activity.running(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_spread_over_the_live_nodes_and_a_job_stays_with_what_it_may_overlap() {
    let bench = Bench::start(view(&["two", "three", "four"], &[], false)).await;
    let live = bench.view.borrow().live.clone();
    let due = bench.env.now() + 500;
    let mut expected = Vec::new();
    for n in 0..30 {
        let policy = ["allow", "forbid", "forbid"][n % 3];
        let job = bench.job("http://127.0.0.1:1/", policy, due).await;
        let home = spread::node_for(job.id, &live).expect("a node").clone();
        let node = match n % 3 {
            0 => {
                bench.trigger(job, "three").await;
                home
            }
            1 => {
                bench.trigger(job, "four").await;
                NodeName::unchecked("four")
            }
            _ => home,
        };
        expected.push((ExecutionId::scheduled(job.id, due), node));
    }
    let config = PlannerConfig {
        misfire_threshold: chronos_types::DurationMs::from_secs(60),
        catch_up_window: chronos_types::DurationMs::from_secs(60),
    };
    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config, stop.clone());
    for (execution, node) in expected {
        bench.settled(execution, Status::Pending).await;
        let row = bench.store.read(move |reader| reader.execution(execution)).await.expect("the state");
        assert_eq!(row.map(|row| row.execution.node_id), Some(node), "{execution}");
    }
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_may_not_plan_plans_as_soon_as_it_may() {
    let target = Target::start().await;
    let bench = Bench::start(View { may_plan: false, ..view(&[OWN], &[], false) }).await;
    let due = bench.env.now() + 300;
    let job = bench.job(&target.url("job"), "allow", due).await;
    let config = PlannerConfig {
        misfire_threshold: chronos_types::DurationMs::from_secs(60),
        catch_up_window: chronos_types::DurationMs::from_secs(60),
    };
    let stop = CancellationToken::new();
    let task = bench.plan_what_is_due(config, stop.clone());
    // A planner that plans has planned the run that is due before another one has come and gone.
    let asked_for = bench.trigger(job, OWN).await;
    bench.settled(asked_for, Status::Success).await;
    let planned = ExecutionId::scheduled(job.id, due);
    let row = bench.store.read(move |reader| reader.execution(planned)).await.expect("the state");
    assert!(row.is_none(), "its clock may be wrong");
    bench.view.send_modify(|view| view.may_plan = true);
    bench.settled(planned, Status::Success).await;
    stop.cancel();
    task.await.expect("it ends");
}

/// One execution, from one node to another.
fn moved(execution: ExecutionId, from: &str, to: &str) -> Command {
    let moved =
        Moved { execution, from: NodeName::unchecked(from), to: NodeName::unchecked(to), unsure: false };
    Command::Reassign(Reassign { runs: vec![moved] })
}

//! The disk of the leader fills up, or hangs. The others go on without it.

use std::time::{Duration, Instant};

use chronos_testkit::load::{AnyNode, Dice, Fault, Target};
use chronos_testkit::{Server, json, now_ms, until};

use super::run::{Outage, Run, first_write};
use super::volume::Volume;
use super::{figures, nodes};
use crate::turn::begin;

/// From the begin of the load to the fault.
const CALM: Duration = Duration::from_secs(2);
/// For how long the others go on without the leader.
const WITHOUT: Duration = Duration::from_secs(8);

/// Three nodes under load, of which the first leads and has its data on this volume.
async fn leader_on(volume: &Volume, dice: &mut Dice) -> Run {
    let target = Target::start(dice.fork()).await;
    let cluster = nodes(3).data_dir_of(1, &volume.data()).up().await;
    let run = Run::start(cluster, target, dice, Duration::ZERO).await;
    let to = json!({"to": "n1"});
    run.cluster.node(2).post("/cluster/transfer-leadership", &to).await.ok(200);
    tokio::time::sleep(CALM).await;
    run
}

/// Waits until the others have a leader and take writes, and prints how long that took.
async fn go_on_without_the_first(run: &Run, what: &str) -> Outage {
    let (from, began) = (now_ms(), Instant::now());
    let node = run.cluster.node(2);
    until("another node to lead", || async {
        let status = node.get("/cluster/status").await.ok(200);
        (!status["leader"].is_null() && status["leader"] != "n1").then_some(())
    })
    .await;
    println!("{what} to another leader: {:.1?}", began.elapsed());
    let others: Vec<_> = [2, 3].map(|n| run.cluster.node(n).address()).into();
    first_write(&others).await;
    let (took, until) = (began.elapsed(), now_ms());
    let owners = AnyNode::of(others).newest_executions(4).await;
    Outage { killed: vec!["n1".to_owned()], took, from, until, owners }
}

/// Waits until the first node says that it does not do its part, and why.
async fn is_not_ready(node: &Server, words: &str) {
    until("it to say what is wrong with it", || async {
        let ready = node.root("/ready").await;
        (ready.status == 503 && ready.body.contains(words)).then_some(())
    })
    .await;
    // Neither does anything else wait for the disk that whoever looks after the node asks for.
    node.root("/health").await.ok(200);
    node.get("/cluster/status").await.ok(200);
}

/// Everything that was promised holds, and all nodes tell the same.
async fn audit(mut run: Run, began: Instant, outage: Outage) {
    run.faults.push(Fault { from: began, until: Instant::now() });
    run.cluster.whole().await;
    run.audit().await;
    run.same_history().await;
    figures::print(&[outage], &run.target.deliveries());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and mount; .ci/run runs it"]
async fn nothing_is_lost_by_a_leader_whose_disk_is_full() {
    let (_turn, mut dice) = begin("disk_is_full").await;
    let volume = Volume::small(64);
    let run = leader_on(&volume, &mut dice).await;
    let began = Instant::now();
    volume.fill();
    let outage = go_on_without_the_first(&run, "full").await;
    is_not_ready(run.cluster.node(1), "the disk is full").await;
    tokio::time::sleep(WITHOUT).await;
    volume.free();
    audit(run, began, outage).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, loop devices and fsfreeze; .ci/run runs it"]
async fn nothing_is_lost_by_a_leader_whose_disk_hangs_and_it_can_be_stopped() {
    let (_turn, mut dice) = begin("disk_hangs").await;
    let volume = Volume::disk();
    let mut run = leader_on(&volume, &mut dice).await;
    let began = Instant::now();
    let frozen = volume.freeze();
    let outage = go_on_without_the_first(&run, "frozen").await;
    is_not_ready(run.cluster.node(1), "has not taken a write").await;
    tokio::time::sleep(WITHOUT).await;
    let asked = Instant::now();
    run.cluster.node(1).terminate();
    until("it to end though its disk hangs", || async { has_ended(run.cluster.node(1)).then_some(()) }).await;
    println!("asked to stop to its end: {:.1?}", asked.elapsed());
    drop(frozen);
    // Only now the system can take it away. It has ended in order.
    run.cluster.stop(1).await;
    run.cluster.revive(1).await;
    audit(run, began, outage).await;
}

/// Whether a process has ended, as far as it can. A thread that hangs in a write to the disk cannot be ended, and the
/// system keeps what is left of the process until it can be.
fn has_ended(node: &Server) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid().as_raw_nonzero()));
    let is_left = |line: &str| line.starts_with("State:") && line.contains("zombie");
    status.map_or(true, |status| status.lines().any(is_left))
}

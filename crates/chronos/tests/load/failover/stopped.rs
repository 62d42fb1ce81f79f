//! A process is stopped for longer than others leave its runs to it, and goes on in the middle of whatever it did.

use std::time::{Duration, Instant};

use chronos_testkit::load::{Delivery, Fault, Target};
use chronos_testkit::{json, until};
use rustix::process::Signal;

use super::nodes;
use super::run::Run;
use crate::turn::begin;

/// Longer than the node's retries wait, and much longer than `cluster.reassign_after`.
const STOPPED: Duration = Duration::from_secs(9);
const RETRY_AFTER: &str = "6s";
/// What a node sent before it was stopped may be read so much later. Others take over after that.
const READ_LATE: Duration = Duration::from_secs(1);
/// Retries that fall due while their node is stopped, beside the runs that are planned for it.
const RETRIED: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_stopped_makes_no_attempt_that_others_have_made() {
    let (_turn, mut dice) = begin("was_stopped").await;
    let target = Target::start(dice.fork()).await;
    let cluster = nodes(3).key("cluster.reassign_after", "2s").up().await;
    let mut run = Run::start(cluster, target, &mut dice, Duration::ZERO).await;
    for of_leader in [false, true] {
        let leader = run.cluster.leader().await;
        let n = if of_leader { leader } else { leader % 3 + 1 };
        arm(&run, n).await;
        let node = run.cluster.node(n);
        node.signal(Signal::STOP);
        let from = Instant::now();
        tokio::time::sleep(STOPPED).await;
        let until = Instant::now();
        node.signal(Signal::CONT);
        run.cluster.whole().await;
        made_since(&run, until).await;
        let name = format!("retried-{n}");
        assert_eq!(run.cluster.node(n).delete(&format!("/jobs/{name}")).await.status, 204);

        let (made, doubled) = made_twice(&run.target, from + READ_LATE);
        let whose = if of_leader { "leader" } else { "follower" };
        println!("{whose} stopped for {:.1?}: {made} attempts since, {} twice", until - from, doubled.len());
        assert!(doubled.is_empty(), "made by others and once more by {name}: {doubled:#?}");
        run.faults.push(Fault { from, until });
    }
    run.audit().await;
    run.same_history().await;
}

/// Has a node hold retries: a run by hand is fired by the node that was asked.
async fn arm(run: &Run, n: usize) {
    let (node, name) = (run.cluster.node(n), format!("retried-{n}"));
    node.create(&json!({
        "name": name, "concurrency": "allow", "schedule": "0 0 1 1 *",
        "webhook": {"url": run.target.refusing_url()},
        "retry_policy": {
            "max_attempts": 9, "initial_interval": RETRY_AFTER, "max_interval": RETRY_AFTER, "jitter": 0,
        },
    }))
    .await;
    for _ in 0..RETRIED {
        node.trigger(&name).await;
    }
    let retrying = format!("/jobs/{name}/executions?consistent=true&status=retrying&limit=500");
    until("the retries to be armed", || async {
        let page = node.get(&retrying).await.ok(200);
        (page["executions"].as_array()?.len() == RETRIED).then_some(())
    })
    .await;
}

/// Waits until each of the retries was made once more.
async fn made_since(run: &Run, since: Instant) {
    until("the retries to go on", || async {
        let refused = run.target.refused();
        let goes_on = |arrivals: &&Vec<Delivery>| arrivals.iter().any(|one| one.at > since);
        (refused.values().filter(goes_on).count() >= RETRIED).then_some(())
    })
    .await;
}

/// Counts the attempts that arrived since, and names those of them that arrived twice.
fn made_twice(target: &Target, since: Instant) -> (usize, Vec<String>) {
    let mut arrivals = target.deliveries();
    arrivals.extend(target.refused());
    let (mut made, mut doubled) = (0, Vec::new());
    for (execution, mut arrivals) in arrivals {
        arrivals.retain(|one| one.at > since);
        made += arrivals.len();
        arrivals.sort_by_key(|one| (one.attempt, one.at));
        for pair in arrivals.windows(2).filter(|pair| pair[0].attempt == pair[1].attempt) {
            let later = pair[1].at - pair[0].at;
            doubled.push(format!("{execution}#{}, {later:.1?} later", pair[0].attempt));
        }
    }
    (made, doubled)
}

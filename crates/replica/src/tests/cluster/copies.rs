//! Copies of the state that are damaged on their way.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_damaged_on_its_way_is_thrown_away_and_sent_anew() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let away = others[0].clone();
    cluster.kill(&away).await;
    for number in 1..=10 {
        cluster.node(&leader).put(number).await.expect("accepted");
    }
    let node = cluster.node(&leader);
    let last = node.replica.status().applied.expect("applied");
    node.log().raft.trigger().snapshot().await.expect("asked for");
    node.until(|now| now.snapshot.is_some_and(|id| id.index >= last)).await;
    node.log().raft.trigger().purge_log(last).await.expect("asked for");
    node.until(|now| now.purged.is_some_and(|id| id.index >= last)).await;
    let before = cluster.hub.count(&away, "snapshot");
    cluster.hub.heal();
    cluster.hub.flip_bodies(2);
    cluster.start(&away, away == "one").await;
    let back = cluster.node(&away);
    tokio::time::timeout(PATIENCE, back.joined()).await.expect("in time");
    back.replica.barrier().await.expect("a leader vouches for it");
    assert_eq!(back.jobs(), 10);
    assert_eq!(back.replaced.load(Ordering::Relaxed), 1, "what was damaged was never installed");
    assert!(cluster.hub.count(&away, "snapshot") >= before + 3);
    cluster.stop().await;
}

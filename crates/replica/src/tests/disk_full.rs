//! A full disk is waited out: writes say so, reads go on, and nothing acknowledged is lost.

use std::sync::atomic::Ordering;

use super::*;

impl Node {
    /// Lets each transaction of the log add so many pages to its file.
    fn limit_log(&self, pages: i64) {
        self.log().storage.log.room.store(pages, Ordering::Relaxed);
    }

    async fn disk_full(&self, wanted: bool) {
        let mut disk_full = self.log().storage.health.disk_full();
        disk_full.wait_for(|full| full.is_some() == wanted).await.expect("the node lives");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_refuses_writes_and_recovers_by_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    node.put(1).await.expect("accepted");
    node.limit_log(16);
    node.put(2).await.expect("small enough");
    let large = "x".repeat(1 << 20);
    let unknown = node.propose(put_job(3, &large)).await.expect_err("too large");
    assert!(matches!(unknown, ProposeError::Unknown(_)), "{unknown:?}: it was under way");
    let refused = node.put(1_000).await.expect_err("refused");
    assert!(matches!(&refused, ProposeError::DiskFull(reason) if reason.contains("full")), "{refused:?}");
    assert!(node.replica.status().disk_full.is_some());
    assert_eq!(node.jobs(), 2, "reads go on");
    node.replica.barrier().await.expect("what was acknowledged is there");
    assert!(node.replica.is_leader());

    node.limit_log(i64::MAX);
    node.disk_full(false).await;
    node.put(2_000).await.expect("accepted again");
    let pending = node.put(3).await.expect("accepted");
    assert!(is_name_taken(&pending.outcomes[0]), "what was under way was not lost: {pending:?}");
    assert_eq!(node.jobs(), 4);
    node.replica.shutdown().await;
    drop(node);

    let again = Node::start(directory.path()).await;
    assert_eq!(again.jobs(), 4);
    again.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_state_refuses_writes_and_recovers_by_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    node.put(1).await.expect("accepted");
    let room = node.log().storage.state.call(|state| state.room.clone()).await.expect("the node lives");
    room.store(0, Ordering::Relaxed);

    let unknown = node.put(2).await.expect_err("not applied");
    assert!(matches!(unknown, ProposeError::Unknown(_)), "{unknown:?}");
    assert!(matches!(node.put(3).await, Err(ProposeError::DiskFull(_))));
    assert_eq!(node.jobs(), 1);

    room.store(i64::MAX, Ordering::Relaxed);
    node.disk_full(false).await;
    node.put(4).await.expect("accepted again");
    assert_eq!(node.jobs(), 3, "1, 2 and 4");
    let told: Vec<_> = lock(&node.applied).iter().map(|applied| applied.at).collect();
    assert_eq!(told, [1, 2, 4]);
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_can_be_stopped_while_its_disk_is_full() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    node.limit_log(0);
    let stuck = node.propose(put_job(1, &"x".repeat(1 << 20))).await.expect_err("no space");
    assert!(matches!(stuck, ProposeError::Unknown(_)), "{stuck:?}");
    node.replica.shutdown().await;
    drop(node);
    let again = Node::start(directory.path()).await;
    again.put(2).await.expect("accepted");
    again.replica.shutdown().await;
}

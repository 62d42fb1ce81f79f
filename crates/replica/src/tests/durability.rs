//! What was acknowledged stays, and what is written together is synced together.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    for number in 1..=50 {
        let accepted = node.put(number).await.expect("accepted");
        assert!(is_created(&accepted.outcomes[0]), "{accepted:?}");
    }
    let after = copy_files(directory.path());
    let again = Node::start(after.path()).await;
    assert_eq!(again.jobs(), 50);
    assert_eq!(again.replica.last_at(), 50);
    assert!(again.replica.is_leader());
    let repeated = again.put(50).await.expect("accepted");
    assert!(is_name_taken(&repeated.outcomes[0]), "{repeated:?}");
    again.replica.shutdown().await;
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_was_lost_is_told_again_by_the_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    for number in 1..=20 {
        node.put(number).await.expect("accepted");
    }
    node.replica.shutdown().await;
    drop(node);
    let after = copy_files(directory.path());
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(after.path().join(name));
    }
    let again = Node::start(after.path()).await;
    assert_eq!(again.jobs(), 20);
    let told: Vec<_> = lock(&again.applied).iter().map(|applied| applied.at).collect();
    assert_eq!(told, (1..=20).collect::<Vec<_>>(), "once each, in order");
    again.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_batch_is_handed_on_once_and_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let mut pending = Vec::new();
    for number in 1..=500 {
        pending.push(node.replica.submit(put_job(number, "")).await.expect("handed over").applied());
    }
    let accepted = futures::future::try_join_all(pending).await.expect("accepted");
    let indexes: Vec<_> = accepted.iter().map(|accepted| accepted.index).collect();
    assert!(indexes.is_sorted() && accepted.iter().all(|accepted| is_created(&accepted.outcomes[0])));
    let told: Vec<_> = lock(&node.applied).iter().map(|applied| applied.at).collect();
    assert_eq!(told, (1..=500).collect::<Vec<_>>());
    node.replica.shutdown().await;
    drop(node);
    // A restart after a proper end has nothing to tell again.
    let again = Node::start(directory.path()).await;
    assert!(lock(&again.applied).is_empty());
    again.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proposals_that_wait_together_share_a_transaction() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let before = node.replica.status().log_commits;
    futures::future::try_join_all((1..=1_000).map(|number| node.put(number))).await.expect("accepted");
    let commits = node.replica.status().log_commits - before;
    assert!(commits < 200, "{commits} transactions for 1000 proposals at once");
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_grows_by_bytes_is_purged_and_the_rest_is_enough_to_start_from() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let text = "x".repeat(1 << 20);
    // Some 200 MiB, in far fewer entries than a snapshot by entries takes.
    for number in 1..=200 {
        node.propose(put_job(number, &text)).await.expect("accepted");
    }
    node.until(|now| now.purged.is_some()).await;
    let purged = node.replica.status().purged.expect("purged");
    node.replica.shutdown().await;
    drop(node);
    let again = Node::start(directory.path()).await;
    let status = again.replica.status();
    assert!(status.purged >= Some(purged) && status.snapshot >= status.purged, "{status:?}");
    assert_eq!(again.jobs(), 200);
    again.put(201).await.expect("accepted");
    again.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_purged_begins_no_later_than_the_snapshot_after_a_power_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let few = |config: &mut ReplicaConfig| {
        let hold_for = Duration::ZERO;
        config.log = LogLimits { snapshot_entries: 10, keep_entries: 1, hold_for, ..LogLimits::default() };
    };
    let node = Node::start_in(&Hub::default(), directory.path(), "one", few).await.expect("it starts");
    // The second time that the log is purged: what was noted with the first is durable by then in any case.
    let (mut number, mut purges, mut purged) = (0, 0, None);
    while purges < 2 {
        number += 1;
        node.put(number).await.expect("accepted");
        let now = node.replica.status().purged;
        purges += usize::from(now > std::mem::replace(&mut purged, now));
    }
    let after = copy_files(directory.path());
    // Nothing of it that was not brought back into the file need be on the disk.
    for name in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(after.path().join(name));
    }
    let again = Node::start_in(&Hub::default(), after.path(), "one", few).await.expect("it starts");
    let status = again.replica.status();
    assert!(status.purged.is_some() && status.snapshot >= status.purged, "{status:?}");
    again.put(number + 1).await.expect("accepted");
    again.replica.shutdown().await;
    node.replica.shutdown().await;
}

#[tokio::test]
async fn a_directory_serves_one_node_under_one_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let twice = Node::try_start(directory.path(), "one").await.err().expect("refused");
    assert!(matches!(twice, ReplicaError::InUse(_)), "{twice}");
    node.replica.shutdown().await;
    let other = Node::try_start(directory.path(), "two").await.err().expect("refused");
    assert!(matches!(other, ReplicaError::OtherNode { .. }), "{other}");
    Node::start(directory.path()).await.replica.shutdown().await;
}

#[tokio::test]
async fn a_command_from_a_newer_chronos_stops_the_start_with_its_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let index = node.put(1).await.expect("accepted").index;
    node.replica.shutdown().await;
    drop(node);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(directory.path().join(name));
    }
    make_newer(directory.path(), index);
    let error = Node::try_start(directory.path(), "one").await.err().expect("refused");
    assert!(error.to_string().contains("version 99, and this Chronos follows versions up to"), "{error}");
}

#[tokio::test]
async fn a_state_older_than_the_log_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    node.put(1).await.expect("accepted");
    node.drop_log(1).await;
    node.replica.shutdown().await;
    drop(node);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(directory.path().join(name));
    }
    let error = Node::try_start(directory.path(), "one").await.err().expect("refused");
    assert!(matches!(error, ReplicaError::StateBehindLog { .. }), "{error}");
}

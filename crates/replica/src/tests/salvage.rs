//! From what a node left behind, the state of a new cluster.

use super::*;
use crate::log::change::Change;
use crate::log::codec::at;
use crate::log::file::LogFile;
use crate::salvage;

/// What a power cut may leave of a node that has this many jobs: the state has lost all that was
/// not brought back into its file, the log nothing. And the state as it was.
async fn left_behind(jobs: i64) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    futures::future::try_join_all((1..=jobs).map(|number| node.propose(put_job(number, ""))))
        .await
        .expect("accepted");
    let left = copy_files(directory.path());
    std::fs::remove_file(left.path().join("state.db-wal")).expect("a write-ahead log");
    let hash = node.reader.state_hash().expect("the state can be read");
    node.replica.shutdown().await;
    (left, hash)
}

/// Changes the log that was left behind.
fn change(left: &Path, file: &str, sql: &str) {
    let db = rusqlite::Connection::open(left.join(file)).expect("a database");
    db.execute_batch(sql).expect("a change");
}

/// That nothing comes of it, and that the reason says all of these.
#[track_caller]
fn refused(left: &Path, parts: &[&str]) {
    let target = tempfile::tempdir().expect("a directory");
    let error = salvage(left, target.path(), &named("new")).expect_err("refused").to_string();
    for part in parts.iter().copied().chain(left.to_str()) {
        assert!(error.contains(part), "{error} lacks {part:?}");
    }
    assert!(!error.contains("restore-copies"), "{error}");
    let names: Vec<_> =
        std::fs::read_dir(target.path()).expect("read").map(|e| e.expect("an entry").file_name()).collect();
    assert_eq!(names, ["lock"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_state_lost_comes_from_the_log_page_by_page() {
    let (left, hash) = left_behind(1_200).await;
    let target = tempfile::tempdir().expect("a directory");
    let salvaged = salvage(left.path(), target.path(), &named("new")).expect("restored");
    assert_eq!((salvaged.counts.jobs, salvaged.counts.executions), (1_200, 0));
    let replayed = salvaged.replayed;
    assert_eq!((replayed.node.as_str(), replayed.at), ("one", 1_200));
    // A membership and a leader's blank at least came before the jobs.
    assert!(replayed.entries >= 1_202, "{replayed:?}");
    assert!(replayed.end.ends_with(&format!(", entry {}", replayed.entries - 1)), "{replayed:?}");
    let machine = Machine::open(&target.path().join("state.db")).expect("the state opens");
    let reader = machine.reader().expect("the state can be read");
    assert_eq!(reader.state_hash().expect("the state can be read"), hash);
    drop((machine, reader));
    // And a node starts on it as on a restored backup, with a log of its own.
    let node = Node::try_start(target.path(), "new").await.expect("it starts");
    assert_eq!(node.jobs(), 1_200);
    node.put(1_201).await.expect("accepted");
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_come_to_one_state_is_refused() {
    let (left, _) = left_behind(20).await;
    let of = |file: &str, sql: &str| {
        let copy = copy_files(left.path());
        change(copy.path(), file, sql);
        copy
    };
    refused(of("log.db", "DELETE FROM log WHERE idx = 7").path(), &["log.db is damaged: entry 7 is missing"]);
    let purged = of("log.db", "");
    let (mut log, _) = LogFile::open(&purged.path().join("log.db")).expect("a log");
    log.commit([Change::Purge(at(1, 1, 4))].iter()).expect("written");
    drop(log);
    refused(purged.path(), &["entry 0 is neither in its state.db"]);
    refused(of("log.db", "PRAGMA user_version = 9").path(), &["log.db has log format 9"]);
    refused(of("log.db", "DELETE FROM note").path(), &["its log.db names no node"]);
    refused(of("state.db", "PRAGMA user_version = 9").path(), &["state.db has state format 9"]);
    let newer = of("log.db", "");
    make_newer(newer.path(), 9);
    refused(newer.path(), &["log entry 9: a command is of cluster version 99"]);
}

#[tokio::test]
async fn an_interrupted_restore_is_not_in_the_way_and_what_the_log_has_no_more_is_in_the_state() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    node.put(1).await.expect("accepted");
    node.drop_log(1).await;
    node.put(2).await.expect("accepted");
    let left = copy_files(directory.path());
    node.replica.shutdown().await;
    let target = tempfile::tempdir().expect("a directory");
    let half = target.path().join("restore-copies");
    std::fs::create_dir(&half).expect("a directory");
    std::fs::write(half.join("state.db-wal"), "half of it").expect("a file");
    let salvaged = salvage(left.path(), target.path(), &named("new")).expect("restored");
    assert_eq!((salvaged.counts.jobs, salvaged.replayed.entries), (2, 0), "the state had it all");
    assert!(!half.exists());
}

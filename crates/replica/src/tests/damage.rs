//! What is damaged, lost, or of another Chronos is refused, each in words of its own.

use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use rusqlite::Connection;

use super::samples::vote;
use super::*;
use crate::log::change::Change;
use crate::log::codec::at;
use crate::log::file::LogFile;
use crate::log::rows::LogRows;
use crate::messages::payload::{Append, To};
use crate::messages::request::Request;
use crate::salvage;
use crate::types::{Entry, LoggedBatch};

/// What a node left that has 20 jobs and was stopped.
async fn left_behind() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    for number in 1..=20 {
        node.put(number).await.expect("accepted");
    }
    node.replica.shutdown().await;
    directory
}

fn sql(file: &Path, sql: &str) {
    Connection::open(file).expect("a file").execute_batch(sql).expect("a change");
}

/// That a node does not start on it, and says why.
async fn refused(directory: &Path, parts: &[&str]) {
    let error = Node::try_start(directory, "one").await.err().expect("refused").to_string();
    for part in parts {
        assert!(error.contains(part), "{error} lacks {part:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_log_of_this_chronos_is_refused_and_left_as_it_is() {
    let unlike = "is not a log file of Chronos; it may be damaged";
    for (change, why) in [
        ("CREATE TABLE log (idx INTEGER)", unlike),
        ("PRAGMA application_id = 1; PRAGMA user_version = 1", unlike),
        (
            "CREATE TABLE log (idx INTEGER); PRAGMA user_version = 1",
            "was written before the first release of Chronos, which cannot read it; start with an empty data directory",
        ),
        ("PRAGMA application_id = 0x4348524c", "log.db is damaged: it has the format 0"),
        (
            "PRAGMA application_id = 0x4348524c; PRAGMA user_version = 2",
            "log.db has log format 2, and this Chronos knows log formats up to 1; start a newer Chronos on it",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let log = directory.path().join("log.db");
        sql(&log, change);
        let before = std::fs::read(&log).expect("a file");
        refused(directory.path(), &[why]).await;
        assert_eq!(std::fs::read(&log).expect("a file"), before, "{change}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("log.db"), "x".repeat(4_096)).expect("a file");
    refused(directory.path(), &["log.db is damaged: file is not a database"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_something_beside_its_state_is_refused() {
    let left = left_behind().await;
    let of = |change: &str| {
        let copy = copy_files(left.path());
        sql(&copy.path().join("log.db"), change);
        copy
    };
    refused(of("DELETE FROM log WHERE idx = 7").path(), &["log.db is damaged: entry 7 is missing"]).await;
    refused(of("DELETE FROM log WHERE idx = 0").path(), &["log.db is damaged: entry 0 is missing"]).await;
    let flipped = "UPDATE log SET term = term + 1 WHERE idx = 9";
    refused(of(flipped).path(), &["log.db is damaged: entry 9 does not have the checksum"]).await;
    let swapped = "UPDATE log SET (data, sum) = (SELECT data, sum FROM log WHERE idx = 8) WHERE idx = 9";
    refused(of(swapped).path(), &["log.db is damaged: entry 9 does not have the checksum"]).await;
    refused(of("DELETE FROM note WHERE key = 'vote'").path(), &["log.db is damaged: its vote is older"])
        .await;
    let nameless = "log.db is damaged: it does not say whose log it is";
    refused(of("DELETE FROM note WHERE key = 'identity'").path(), &[nameless]).await;
    let strange = "UPDATE note SET key = 'votes' WHERE key = 'vote'";
    refused(of(strange).path(), &[r#"log.db is damaged: it has a note "votes""#]).await;
    let cut = "UPDATE note SET value = substr(value, 1, 20) WHERE key = 'vote'";
    refused(of(cut).path(), &[r#"log.db is damaged: the note "vote" cannot be read"#]).await;

    // The end of the log is gone, and the state goes further.
    let short = of("DELETE FROM log WHERE idx > 15");
    let parts = ["log.db ends at term ", ", entry 15, but the state in state.db goes up to term "];
    refused(short.path(), &parts).await;
    let target = tempfile::tempdir().expect("a directory");
    let error = salvage(short.path(), target.path(), &named("new")).expect_err("refused").to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");

    // All of the log is gone. The node would vote once more, as another one.
    for empty in [false, true] {
        let lost = copy_files(left.path());
        let log = lost.path().join("log.db");
        std::fs::remove_file(&log).expect("a file");
        if empty {
            std::fs::write(&log, "").expect("a file");
        }
        for _ in 0..2 {
            refused(lost.path(), &["state.db holds the state up to log entry", "log.db is missing or empty"])
                .await;
        }
    }
    // A log without a state is told to a new one.
    Node::start(left.path()).await.replica.shutdown().await;
}

#[test]
fn a_log_that_has_held_a_newer_command_is_not_opened_by_an_older_chronos() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.db");
    let (mut file, _) = LogFile::open(&path).expect("a log");
    let batch = LoggedBatch::new(put_job(1, "")).expect("a batch");
    let entry = Entry { log_id: at(0, 0, 0), payload: EntryPayload::Normal(batch) };
    file.commit([Change::Append(vec![entry])].iter()).expect("written");
    assert_eq!(LogFile::open(&path).expect("a log").1.version, 1);
    drop(file);
    let newer = crate::forms::note::encode(&99).expect("a note");
    let log = Connection::open(&path).expect("a log");
    log.execute("UPDATE note SET value = ?1 WHERE key = 'version'", [newer]).expect("a change");
    let error = LogFile::open(&path).err().expect("refused").to_string();
    let words = "log.db has cluster version 99, and this Chronos knows cluster versions up to";
    assert!(error.contains(words) && error.ends_with("start a newer Chronos on it"), "{error}");
}

/// A file that is too large to be read as a whole at the start.
#[test]
fn a_large_log_is_checked_where_it_is_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.db");
    let (mut file, _) = LogFile::open(&path).expect("a log");
    let text = "x".repeat(1 << 20);
    for index in 0..20 {
        let batch = LoggedBatch::new(put_job(index, &text)).expect("a batch");
        let payload = EntryPayload::Normal(batch);
        let entry = Entry { log_id: at(0, 0, index.cast_unsigned()), payload };
        file.commit([Change::Append(vec![entry])].iter()).expect("written");
    }
    drop(file);
    let read = |change: &str| {
        sql(&path, change);
        let (_, found) = LogFile::open(&path).expect("it is not read as a whole");
        assert_eq!(found.last, Some(at(0, 0, 19)));
        let rows = LogRows::open(&path).expect("a log");
        assert_eq!(rows.read(0, 5, 8 << 20).expect("entries").len(), 5);
        rows.read(5, 20, 8 << 20).expect_err("damaged").to_string()
    };
    let flipped = read("UPDATE log SET kind = 0 WHERE idx = 7");
    assert_eq!(flipped, "log.db is damaged: entry 7 does not have the checksum that stands beside it");
    assert_eq!(read("DELETE FROM log WHERE idx = 7"), "log.db is damaged: entry 7 is missing");
    // Both ends are looked at in any case.
    sql(&path, "UPDATE log SET leader = 1 WHERE idx = 19");
    let last = LogFile::open(&path).err().expect("refused").to_string();
    assert!(last.contains("entry 19 does not have the checksum"), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_only_a_newer_chronos_can_apply_ends_the_node_that_is_meant() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let service = node.replica.service();
    let entry = |index| {
        let payload = EntryPayload::Normal(LoggedBatch::forged(put_job(1, ""), b"99 {}"));
        Entry { log_id: at(9, 9, index), payload }
    };
    let message = |to| {
        let request = AppendEntriesRequest {
            vote: vote(9, true),
            prev_log_id: None,
            leader_commit: None,
            entries: vec![entry(0)],
        };
        Request::Append(To { to, message: Append { request, proven: None, stalled_ms: 0 } })
            .encode()
            .expect("a message")
            .bytes
    };
    let words = "a command is of cluster version 99, and this Chronos follows versions up to";
    for (to, ends) in [(node.log().id() ^ 1, false), (node.log().id(), true)] {
        let answer = service.call("two", "append", message(to)).await.expect_err("refused").to_string();
        assert!(answer.contains(words), "{answer}");
        let fault = node.log().storage.health.fault().now();
        assert_eq!(fault.is_some_and(|fault| fault.contains(words)), ends);
    }
    node.replica.shutdown().await;
}

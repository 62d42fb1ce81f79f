//! What this Chronos cannot read stops it, in one sentence, wherever it comes from: its own disk, or a member of its
//! cluster. It does not go on answering, as if it took part.

use bytes::Bytes;
use chronos_peer::{Answer, PeerError, Service};
use futures::{StreamExt as _, stream};
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;

use super::samples::{meta, requests, vote};
use super::*;
use crate::log::codec::at;
use crate::messages::payload::{Append, SnapshotHead, To};
use crate::messages::request::{Message, Request};
use crate::messages::wire::{self, Part};
use crate::state::snapshot::checksum::copy_id;
use crate::types::{Entry, LoggedBatch};

/// How the format, the checksum and what else stands before a body go: see `messages/wire.rs`.
const HEAD: usize = 5;
const NEWER_FORMAT: &str = "is of format 2, and this Chronos knows formats up to 1; start a newer Chronos";
const UNKNOWN_FORM: &str = "is whole, and not in a form that this Chronos knows: ";

/// A lone node, and the way in which other nodes would call it.
struct Called {
    node: Node,
    service: Arc<dyn Service>,
    directory: tempfile::TempDir,
}

impl Called {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let node = Node::start(directory.path()).await;
        let service = node.replica.service();
        Self { node, service, directory }
    }

    fn id(&self) -> u64 {
        self.node.log().id()
    }

    async fn call(&self, kind: &str, message: Bytes) -> Answer {
        self.service.call("two", kind, message).await
    }

    /// It has stopped with one sentence that has these parts, and answers nobody any more.
    async fn has_stopped(self, what: &str, parts: &[&str]) {
        let fault = self.node.log().loops.fault().now();
        let fault = fault.unwrap_or_else(|| panic!("{what}: it goes on"));
        assert!(parts.iter().all(|part| fault.contains(part)), "{what}: {fault:?} lacks one of {parts:?}");
        assert!(fault.ends_with("start a newer Chronos") || fault.ends_with("on this node"), "{fault:?}");
        assert_eq!(fault.lines().count(), 1, "{fault:?}");
        assert_eq!(self.node.replica.is_ready(), Err(fault));
        // Not even those whose votes and answers it could give.
        for (name, request) in requests() {
            let Message { kind, bytes, .. } = request.encode().expect("a message");
            let refused = self.call(kind, bytes).await.expect_err(name);
            assert_eq!(refused, PeerError::Refused("this node is stopping".into()), "{name}");
        }
        self.node.replica.shutdown().await;
    }

    /// It refuses and goes on.
    async fn goes_on(&self, what: &str, answer: Answer) {
        assert!(matches!(answer, Err(PeerError::Refused(_))), "{what}: {answer:?}");
        assert_eq!(self.node.log().loops.fault().now(), None, "{what}");
        assert_eq!(self.node.replica.is_ready(), Ok(()), "{what}");
    }
}

/// The same message with another field in its JSON.
fn with_a_new_field(kind: &str, message: &Bytes, to: u64) -> Bytes {
    let mut value: serde_json::Value = serde_json::from_slice(&message[HEAD..]).expect("JSON");
    value["to"] = to.into();
    value["message"]["soon"] = 1.into();
    wire::encode(Part::Request(kind), &value).expect("a message")
}

/// An entry of these bytes, as a leader sends it.
fn append(to: u64, bytes: &'static [u8]) -> Bytes {
    let batch = LoggedBatch::forged(Batch { at: 5, items: Vec::new() }, bytes);
    entry(to, EntryPayload::Normal(batch))
}

fn entry(to: u64, payload: EntryPayload<LoggedBatch, u64, crate::types::Member>) -> Bytes {
    let entries = vec![Entry { log_id: at(90, 9, 1), payload }];
    let prev_log_id = Some(at(90, 9, 0));
    let request =
        AppendEntriesRequest { vote: vote(90, true), prev_log_id, leader_commit: prev_log_id, entries };
    let append = Request::Append(To { to, message: Append { request, proven: None, stalled_ms: 0 } });
    append.encode().expect("a message").bytes
}

/// An entry of a kind that no Chronos has yet.
fn of_a_new_kind(to: u64) -> Bytes {
    let mut message = entry(to, EntryPayload::Blank).to_vec();
    let head = u32::from_be_bytes(message[HEAD..HEAD + 4].try_into().expect("four bytes"));
    let kind = HEAD + 4 + head as usize + 3 * 8;
    message[kind] = 9;
    wire::in_format(1, Part::Request("append"), &message.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_newer_format_from_a_member_stops_the_node() {
    for (name, request) in requests() {
        let Message { kind, bytes, .. } = request.encode().expect("a message");
        let newer = wire::in_format(2, Part::Request(kind), &bytes);
        let called = Called::start().await;
        let answer = match kind {
            "snapshot" => called.service.receive("two", kind, newer, stream::empty().boxed()).await,
            _ => called.call(kind, newer).await,
        };
        answer.expect_err(name);
        match kind {
            "append" | "vote" | "pre_vote" | "transfer_leader" | "snapshot_offset" | "snapshot" => {
                called.has_stopped(name, &[kind, NEWER_FORMAT]).await;
            }
            // A node that is newer and no member, or only curious, has to ask in the words of this one.
            _ => {
                assert_eq!(called.node.log().loops.fault().now(), None, "{name}");
                called.node.replica.shutdown().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_form_that_is_not_known_stops_the_node_that_is_meant() {
    let asked = requests().into_iter().filter(|(name, _)| ["vote", "transfer_leader"].contains(name));
    for (name, request) in asked {
        let Message { kind, bytes, .. } = request.encode().expect("a message");
        let called = Called::start().await;
        let another = with_a_new_field(kind, &bytes, called.id() ^ 1);
        called.goes_on(name, called.call(kind, another).await).await;
        let meant = with_a_new_field(kind, &bytes, called.id());
        called.call(kind, meant).await.expect_err(name);
        called.has_stopped(name, &[kind, UNKNOWN_FORM, "unknown field `soon`"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_cannot_be_read_stops_the_node_that_is_meant() {
    type Make = fn(u64) -> Bytes;
    let cases: [(&str, Make, &[&str]); 5] = [
        (
            "a command of a later version",
            |to| append(to, b"99 {}"),
            &["log entry 1: a command is of cluster version 99, and this Chronos follows versions up to"],
        ),
        (
            "a command that is not known",
            |to| append(to, br#"1 {"at":5,"items":[{"command":"dance"}]}"#),
            &["log entry 1 ", UNKNOWN_FORM, "unknown variant `dance`"],
        ),
        (
            "a field that is not known",
            |to| append(to, br#"1 {"at":5,"items":[],"soon":1}"#),
            &["log entry 1 ", UNKNOWN_FORM, "unknown field `soon`"],
        ),
        ("no version", |to| append(to, b"{}"), &["log entry 1 ", UNKNOWN_FORM]),
        (
            "a kind that is not known",
            of_a_new_kind,
            &["log entry 1 is of kind 9, which this Chronos does not"],
        ),
    ];
    for (what, make, parts) in cases {
        let called = Called::start().await;
        called.goes_on(what, called.call("append", make(called.id() ^ 1)).await).await;
        // What is damaged on its way comes again.
        let mut damaged = make(called.id()).to_vec();
        damaged[0] ^= 2;
        called.goes_on(what, called.call("append", damaged.into()).await).await;
        called.call("append", make(called.id())).await.expect_err(what);
        called.has_stopped(what, parts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_state_of_a_later_version_stops_the_node() {
    let called = Called::start().await;
    let path = called.directory.path().join("newer");
    drop(Machine::open(&path).expect("a state"));
    let newer = rusqlite::Connection::open(&path).expect("a state");
    newer.pragma_update(None, "user_version", 99).expect("a newer version");
    newer.close().expect("closed");
    let (bytes, copy) = (std::fs::read(&path).expect("a copy"), copy_id(&path).expect("a copy"));
    let head = SnapshotHead { vote: vote(90, true), meta: meta(), copy, offset: 0 };
    let message = Request::Snapshot(To { to: called.id(), message: head }).encode().expect("a message");
    let body = stream::iter([Ok(Bytes::from(bytes))]).boxed();
    called.service.receive("two", message.kind, message.bytes, body).await.expect_err("refused");
    let said = "the state that another node sent is at cluster version 99, and this Chronos can follow versions up to";
    called.has_stopped("a copy", &[said]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_an_entry_that_cannot_be_read_is_not_started_on() {
    for (bytes, why) in [
        ("99 {}", "a command is of cluster version 99, and this Chronos follows versions up to"),
        (r#"1 {"at":5,"items":[{"command":"dance"}]}"#, "unknown variant `dance`"),
        (r#"1 {"at":5,"items":[],"soon":1}"#, "unknown field `soon`"),
    ] {
        let Called { node, directory, .. } = Called::start().await;
        let index = node.put(1).await.expect("accepted").index;
        node.replica.shutdown().await;
        drop(node);
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(directory.path().join(name));
        }
        write_entry(directory.path(), index, bytes);
        let error = Node::try_start(directory.path(), "one").await.err().expect("refused").to_string();
        let parts = [&format!("log entry {index}"), why, "; start a newer Chronos"];
        assert!(parts.iter().all(|part| error.contains(*part)), "{error}");
        assert!(!error.contains("damaged"), "it is what was written: {error}");
    }
}

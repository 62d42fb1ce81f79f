//! One of everything that a node writes or sends, from fixed values.

use std::fmt::Debug;

use bytes::Bytes;
use chronos_state::{Batch, Outcome, Refusal};
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{named, put_job};
use crate::log::codec::at;
use crate::messages::payload::{
    Accepted, Append, Appended, Change, Changed, Compared, CopyAnswer, CopyId, JoinRequest, SnapshotHead,
    Standing, To,
};
use crate::messages::raft::{AppendAnswer, AskVote, Transfer, TransferAnswer, VoteAnswer};
use crate::messages::request::Request;
use crate::messages::wire::{self, Part};
use crate::presence::sign::Sign;
use crate::presence::stamp::Stamp;
use crate::types::{Entry, LoggedBatch, Member, Membership, SnapshotMeta, StoredMembership, Vote};
use crate::{ChangeError, MemberReport, NodeReport, ProposeError};

/// Reads bytes, and says whether they are the value they were made from.
type Read = Box<dyn Fn(&Bytes) -> Result<bool, String>>;

/// A message or an answer, as it travels.
pub(super) struct Sample {
    /// Its kind, and what else tells it from others.
    pub name: String,
    pub bytes: Bytes,
    pub read: Read,
}

/// The raft id of the node that is meant.
const TO: u64 = u64::MAX;

fn to<T>(message: T) -> To<T> {
    To { to: TO, message }
}

pub(super) fn vote(term: u64, committed: bool) -> Vote {
    Vote { leader_id: at(term, 9, 0).leader_id, committed }
}

fn member(name: &str) -> Member {
    Member {
        name: named(name),
        address: format!("{name}:1"),
        http: format!("http://{name}"),
        version: "1.0.0".into(),
        tz_release: "2026a".into(),
        follows: 1,
        encryption_keys: Vec::new(),
    }
}

/// Two voters, one of which is to lose its vote, and a learner.
pub(super) fn members() -> Membership {
    let nodes = [(7, member("one")), (9, member("two")), (TO, member("three"))];
    let nodes: std::collections::BTreeMap<_, _> = nodes.into();
    Membership::new(vec![[7, 9].into(), [9].into()], nodes).expect("members")
}

pub(super) fn meta() -> SnapshotMeta {
    let last_membership = StoredMembership::new(Some(at(1, 9, 0)), members());
    SnapshotMeta { last_log_id: Some(at(3, 9, 7)), last_membership }
}

/// An entry of each kind, behind the one at index 1.
pub(super) fn entries() -> Vec<Entry> {
    let batch = LoggedBatch::new(Batch { at: 5, items: Vec::new() }).expect("a batch");
    vec![
        Entry { log_id: at(3, TO, 2), payload: EntryPayload::Blank },
        Entry { log_id: at(3, TO, 3), payload: EntryPayload::Normal(batch) },
        Entry { log_id: at(3, TO, 4), payload: EntryPayload::Membership(members()) },
    ]
}

fn append(entries: Vec<Entry>, stalled_ms: u64) -> Request {
    let prev = (!entries.is_empty()).then(|| at(2, 9, 1));
    let request =
        AppendEntriesRequest { vote: vote(3, true), prev_log_id: prev, leader_commit: prev, entries };
    let proven = prev.is_some().then(stamp);
    Request::Append(to(Append { request, proven, stalled_ms }))
}

fn stamp() -> Stamp {
    serde_json::from_str(r#"{"incarnation":11,"after_us":1500}"#).expect("a stamp")
}

fn sign() -> Sign {
    Sign {
        stamp: stamp(),
        applied: Some(7),
        fires: true,
        leaving: true,
        stuck_ms: 250,
        wall_ms: 1_700_000_000_000,
        disk_full: true,
        differs: true,
    }
}

/// Every request, the kinds that come in several forms more than once.
pub(super) fn requests() -> Vec<(&'static str, Request)> {
    let ask = || to(AskVote::from(openraft::raft::VoteRequest::new(vote(4, false), Some(at(3, 9, 7)))));
    let transfer = openraft::raft::TransferLeaderRequest::new(vote(3, true), TO, Some(at(3, 9, 7)));
    let copy = || CopyId { sha256: "ab".repeat(32), length: 4_096 };
    let head = SnapshotHead { vote: vote(3, true), meta: meta(), copy: copy(), offset: 512 };
    let join = || JoinRequest { id: 9, member: member("two") };
    let change = |change| Request::Change(change);
    let name = || named("two");
    vec![
        ("append", append(entries(), 0)),
        ("append-heartbeat", append(Vec::new(), 0)),
        ("append-stalled", append(entries(), 1_500)),
        ("vote", Request::Vote(ask())),
        ("pre_vote", Request::PreVote(ask())),
        ("transfer_leader", Request::TransferLeader(to(Transfer::from(transfer)))),
        ("snapshot_offset", Request::SnapshotOffset(to(copy()))),
        ("snapshot", Request::Snapshot(to(head))),
        ("propose", Request::Propose(put_job(1, "text"))),
        ("read_index", Request::ReadIndex),
        ("change-join", change(Change::Join { id: 9, member: member("two") })),
        ("change-update", change(Change::Update { id: 9, member: member("two") })),
        ("change-remove", change(Change::Remove { name: name() })),
        ("change-leave", change(Change::Leave { name: name() })),
        ("change-transfer", change(Change::Transfer { to: Some(name()) })),
        ("change-transfer-any", change(Change::Transfer { to: None })),
        ("join", Request::Join(join())),
        ("update", Request::Update(join())),
        ("leave", Request::Leave(to(()))),
        ("invite", Request::Invite("one:1".into())),
        ("standing", Request::Standing(9)),
        ("report", Request::Report),
        ("compared", Request::Compared(to(()))),
    ]
}

/// Every request as it travels. Two that have the same bytes are the same.
pub(super) fn sent() -> Vec<Sample> {
    let sample = |(name, request): (&str, Request)| {
        let message = request.encode().expect("a message");
        let bytes = message.bytes.clone();
        let read = move |bytes: &Bytes| {
            let read = Request::decode("two", message.kind, bytes).map_err(|error| error.to_string())?;
            Ok(read.encode()?.bytes == message.bytes)
        };
        Sample { name: name.to_owned(), bytes, read: Box::new(read) }
    };
    requests().into_iter().map(sample).collect()
}

fn answer<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(name: &str, value: T) -> Sample {
    let kind = name.split('-').next().unwrap_or_default().to_owned();
    let bytes = wire::encode(Part::Answer(&kind), &value).expect("an answer");
    let read = move |bytes: &Bytes| Ok(wire::decode::<T>(Part::Answer(&kind), bytes)? == value);
    Sample { name: name.to_owned(), bytes, read: Box::new(read) }
}

/// Every answer as it travels.
pub(super) fn answers() -> Vec<Sample> {
    let vote_answer =
        || VoteAnswer::from(openraft::raft::VoteResponse::new(vote(4, false), Some(at(3, 9, 7)), true));
    let outcomes = vec![Outcome::Done, Outcome::Refused { refusal: Refusal::NoSuchJob }];
    let proposed = |error: ProposeError| Err::<Accepted, _>(error);
    let changed = |error: ChangeError| Err::<Changed, _>(error);
    let cluster = || Ok::<_, ChangeError>(Changed { cluster: "c1".into() });
    let two = MemberReport {
        last_contact_ms: Some(40),
        behind: Some(3),
        clock_skew_ms: Some(-5),
        problems: vec!["why".into()],
    };
    let report = NodeReport {
        applied: Some(7),
        firing: 2,
        fires: true,
        fenced: true,
        disk_full: true,
        problems: vec!["why".into()],
        live: vec![named("one")],
        members: [(named("two"), two)].into(),
    };
    let why = || "why".to_owned();
    vec![
        answer("append-success", Appended { answer: AppendAnswer::Success, sign: Some(sign()) }),
        answer("append-up_to", Appended { answer: AppendAnswer::UpTo(Some(at(3, 9, 3))), sign: None }),
        answer("append-up_to_none", Appended { answer: AppendAnswer::UpTo(None), sign: None }),
        answer("append-conflict", Appended { answer: AppendAnswer::Conflict, sign: None }),
        answer(
            "append-higher_vote",
            Appended { answer: AppendAnswer::HigherVote(vote(4, false)), sign: None },
        ),
        answer("vote", vote_answer()),
        answer("pre_vote", vote_answer()),
        answer("transfer_leader-stands", TransferAnswer::Stands),
        answer(
            "transfer_leader-vote_changed",
            TransferAnswer::VoteChanged { expected: vote(3, true), actual: vote(4, false) },
        ),
        answer(
            "transfer_leader-log_behind",
            TransferAnswer::LogBehind { expected: Some(at(3, 9, 7)), actual: None },
        ),
        answer("snapshot_offset", 512_u64),
        answer("snapshot-installed", CopyAnswer::Installed(vote(3, true))),
        answer("snapshot-damaged", CopyAnswer::Damaged(why())),
        answer("propose", Ok::<_, ProposeError>(Accepted { index: 7, outcomes })),
        answer("propose-no_leader", proposed(ProposeError::NoLeader { leader: Some(named("two")) })),
        answer("propose-disk_full", proposed(ProposeError::DiskFull(why()))),
        answer("propose-too_many_rows", proposed(ProposeError::TooManyRows { rows: 1001 })),
        answer("propose-unknown", proposed(ProposeError::Unknown(why()))),
        answer("propose-stopped", proposed(ProposeError::Stopped(why()))),
        answer("propose-busy", proposed(ProposeError::Busy(why()))),
        answer("propose-too_large", proposed(ProposeError::TooLarge { bytes: 3, limit: 2 })),
        answer("read_index", Ok::<u64, ProposeError>(7)),
        answer("change", cluster()),
        answer("change-not_found", changed(ChangeError::NotFound(named("two")))),
        answer("change-refused", changed(ChangeError::Refused(why()))),
        answer("change-no_leader", changed(ChangeError::NoLeader)),
        answer("change-still_there", changed(ChangeError::StillThere(named("two")))),
        answer("change-outside", changed(ChangeError::Outside(named("two")))),
        answer("change-unknown", changed(ChangeError::Unknown(why()))),
        answer("join", cluster()),
        answer("update", cluster()),
        answer("leave", ()),
        answer("invite", Ok::<_, String>(JoinRequest { id: 9, member: member("two") })),
        answer("invite-refused", Err::<JoinRequest, _>(why())),
        answer("standing", Standing { is_member: true, as_of: Some(7) }),
        answer("report", report),
        answer("compared", vec![Compared { index: 7, sha256: "ab".repeat(32) }]),
    ]
}

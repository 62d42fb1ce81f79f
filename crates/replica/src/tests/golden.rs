//! The bytes of every form that this crate writes or sends, compared with the files in `tests/golden`.

use std::collections::BTreeSet;

use bytes::Bytes;
use chronos_peer::Lane;
use chronos_testkit::golden;
use rusqlite::Connection;

use super::samples::{Sample, answers, entries, meta, requests, sent, vote};
use super::*;
use crate::comparison::differences::Difference;
use crate::forms::note;
use crate::log::change::{Change, Identity};
use crate::log::codec::at;
use crate::log::file::LogFile;
use crate::log::rows::LogRows;
use crate::messages::request::Request;
use crate::state::position::{Position, read_snapshot, snapshot_note};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// How many kinds of requests there are: one more than the greatest number below.
const KINDS: usize = 16;

/// Numbers the kinds. A new one does not compile without its number, and does not pass without its samples in
/// `samples.rs`, a request and an answer.
fn number(request: &Request) -> usize {
    match request {
        Request::Append(_) => 0,
        Request::Vote(_) => 1,
        Request::PreVote(_) => 2,
        Request::TransferLeader(_) => 3,
        Request::SnapshotOffset(_) => 4,
        Request::Snapshot(_) => 5,
        Request::Propose(_) => 6,
        Request::ReadIndex => 7,
        Request::Change(_) => 8,
        Request::Join(_) => 9,
        Request::Update(_) => 10,
        Request::Leave(_) => 11,
        Request::Invite(_) => 12,
        Request::Standing(_) => 13,
        Request::Report => 14,
        Request::Compared(_) => KINDS - 1,
    }
}

#[test]
fn those_outside_can_read_and_write_every_request_and_every_answer() {
    let again = |samples: Vec<Sample>, again: fn(&str, &Bytes) -> Result<Bytes, String>| {
        for Sample { name, bytes, .. } in samples {
            let kind = name.split('-').next().unwrap_or_default();
            assert_eq!(again(kind, &bytes), Ok(bytes), "{name}");
        }
    };
    again(sent(), crate::request_again);
    again(answers(), crate::answer_again);
    for unknown in [crate::request_again, crate::answer_again] {
        unknown("weather", &Bytes::new()).expect_err("no such message");
    }
}

#[test]
fn every_request_and_every_answer_has_the_bytes_of_its_file() {
    let numbers: BTreeSet<_> = requests().iter().map(|(_, request)| number(request)).collect();
    assert_eq!(numbers, (0..KINDS).collect(), "a kind of request without a sample");
    let kinds: BTreeSet<_> = requests().iter().map(|(_, request)| request.kind()).collect();
    let kind = |name: &String| name.split('-').next().unwrap_or_default().to_owned();
    let answered: BTreeSet<_> = answers().iter().map(|answer| kind(&answer.name)).collect();
    assert_eq!(
        answered,
        kinds.into_iter().map(str::to_owned).collect(),
        "a kind of request without an answer"
    );
    let file = |end: &'static str| {
        move |sample: Sample| {
            assert_eq!((sample.read)(&sample.bytes), Ok(true), "{}", sample.name);
            (format!("{}.{end}", sample.name), sample.bytes.to_vec())
        }
    };
    let samples = sent().into_iter().map(file("request")).chain(answers().into_iter().map(file("answer")));
    golden(CRATE, "messages", samples);
}

#[test]
fn a_request_waits_only_behind_its_like_and_what_is_unknown_is_refused() {
    for (name, request) in requests() {
        let lane = match name {
            "append-heartbeat" | "vote" | "pre_vote" | "transfer_leader" | "leave" => Lane::Control,
            "snapshot" => Lane::Bulk,
            _ => Lane::Log,
        };
        assert_eq!(request.encode().expect("a message").lane, lane, "{name}");
    }
    let strange = Request::decode("two", "gossip", &Bytes::new()).expect_err("refused");
    assert_eq!(strange.to_string(), "this Chronos does not know the message gossip");
}

#[test]
fn every_row_and_every_note_has_the_bytes_of_its_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.db");
    let (mut file, _) = LogFile::open(&path).expect("a log");
    let identity = Identity { name: named("one"), id: 7, cluster: Some("c1".into()) };
    file.claim(&identity).expect("claimed");
    let changes = [Change::Purge(at(2, 9, 1)), Change::Vote(vote(3, true)), Change::Append(entries())];
    file.commit(changes.iter()).expect("written");
    let read = LogRows::open(&path).expect("a log").read(2, 5, 1 << 20).expect("entries");
    assert_eq!(format!("{read:?}"), format!("{:?}", entries()));
    drop(file);
    let (_, found) = LogFile::open(&path).expect("a log");
    assert_eq!(found.identity, Some(identity));
    assert_eq!((found.vote, found.purged, found.version), (Some(vote(3, true)), Some(at(2, 9, 1)), 1));

    let log = Connection::open(&path).expect("a log");
    let texts = |sql: &str| -> Vec<Vec<u8>> {
        let mut statement = log.prepare(sql).expect("a query");
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("rows");
        rows.map(|row| row.expect("bytes")).collect()
    };
    let rows = "SELECT CAST(format('idx=%d term=%d leader=%d kind=%d total=%d sum=%d data=', idx, term, leader, kind, total, sum)
        || CAST(data AS TEXT) AS BLOB) FROM log ORDER BY idx";
    let rows = ["blank", "batch", "membership"].into_iter().zip(texts(rows));
    let rows = rows.map(|(kind, row)| (format!("{kind}.row"), row));
    let keys = texts("SELECT CAST(key AS BLOB) FROM note ORDER BY key").into_iter();
    let keys = keys.map(|key| format!("{}.note", String::from_utf8(key).expect("text")));
    let notes = keys.zip(texts("SELECT value FROM note ORDER BY key"));
    let pragma =
        |name: &str| log.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect("a number");
    let schema =
        texts("SELECT CAST(group_concat(sql, char(10)) AS BLOB) FROM sqlite_schema WHERE sql NOT NULL");
    let head =
        format!("application_id={:#x} user_version={}\n", pragma("application_id"), pragma("user_version"));
    let tables = ("tables.sql".to_owned(), [head.into_bytes(), schema.concat()].concat());
    golden(CRATE, "log", rows.chain(notes).chain([tables]));
}

#[test]
fn every_note_in_the_state_has_the_bytes_of_its_file() {
    let position =
        Position { applied: meta().last_log_id, membership: meta().last_membership, at: 1_764_000_000_123 };
    let difference = Difference { index: 7, at: position.at, rows: "all tables".into() };
    let notes = [
        ("position.note", note::encode(&position).expect("a note")),
        ("position-new.note", note::encode(&Position::default()).expect("a note")),
        ("snapshot.note", snapshot_note(&meta()).expect("a note")),
        ("difference.note", note::encode(&difference).expect("a note")),
    ];
    assert_eq!(Position::read(Some(notes[0].1.clone())).expect("a position"), position);
    assert_eq!(Position::read(Some(notes[1].1.clone())).expect("a position"), Position::default());
    assert_eq!(read_snapshot(Some(notes[2].1.clone())).expect("a snapshot"), Some(meta()));
    assert_eq!(note::decode::<Difference>(&notes[3].1).expect("a difference"), difference);
    golden(CRATE, "state", notes);
}

//! Flipped bits and missing ends: an error, or what was written. Never a panic, and never something else.
//!
//! The seed is fixed, so a failure comes again.

use std::path::Path;

use bytes::Bytes;
use chronos_peer::Body;
use chronos_testkit::load::Dice;
use futures::{StreamExt as _, stream};
use openraft::EntryPayload;

use super::samples::{answers, members, sent, vote};
use super::*;
use crate::log::change::{Change, Identity};
use crate::log::codec::{self, Head, at};
use crate::log::file::LogFile;
use crate::log::rows::LogRows;
use crate::log::tail::next;
use crate::state::snapshot::checksum::copy_id;
use crate::state::snapshot::incoming::{CopyError, IncomingCopy};
use crate::state::snapshot::source::SnapshotDirectory;
use crate::storage::agreement;
use crate::types::{Entry, LoggedBatch};

/// How many of each.
const TIMES: usize = 10_000;
const SEED: u64 = 11;

/// The same bytes with some bits flipped.
fn flipped(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    // Flipped back, it would be no damage.
    while flipped == bytes {
        dice.flip(&mut flipped);
    }
    flipped
}

/// The same bytes without their end.
fn cut<'a>(dice: &mut Dice, bytes: &'a [u8]) -> &'a [u8] {
    &bytes[..dice.below(bytes.len())]
}

/// A directory in memory where there is one: files are synced thousands of times.
fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory")
}

#[test]
fn a_message_or_an_answer_that_was_flipped_or_cut_is_refused() {
    let mut dice = Dice::new(SEED);
    for sample in sent().into_iter().chain(answers()) {
        let name = &sample.name;
        for _ in 0..TIMES {
            let flipped = flipped(&mut dice, &sample.bytes);
            (sample.read)(&flipped.into()).expect_err(name);
            (sample.read)(&Bytes::copy_from_slice(cut(&mut dice, &sample.bytes))).expect_err(name);
        }
    }
}

/// What is found in a log: its notes, and its entries as rows.
type Contents = (String, Vec<(Head, Bytes)>);

/// What is found in a log, and whether it could belong to a state that has all of the sample.
fn contents(path: &Path) -> Result<(Contents, bool), String> {
    let (file, found) = LogFile::open(path).map_err(|error| error.to_string())?;
    let fits = agreement::check(Path::new("data"), &found, Some(at(2, 9, LAST)), None).is_ok();
    let (mut at, end) = (next(found.purged.as_ref()), next(found.last.as_ref()));
    let rows = LogRows::open(path).map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    while at < end {
        // As a node reads them: a piece at a time, each of which must begin where it should.
        let page = rows.read(at, end.min(at + 4), 1 << 20).map_err(|error| error.to_string())?;
        match page.first() {
            Some(first) if first.log_id.index == at => at += page.len() as u64,
            _ => return Err(format!("entry {at} is missing")),
        }
        entries.extend(page.iter().map(|entry| codec::row(entry).expect("a row")));
    }
    drop(file);
    let (identity, vote, purged) = (found.identity, found.vote, found.purged);
    let notes = format!("{identity:?} {vote:?} {purged:?} {}", found.version);
    Ok(((notes, entries), fits))
}

/// The last entry of the sample log.
const LAST: u64 = 9;

/// The transactions of a small log with everything in it.
fn commits() -> Vec<Vec<Change>> {
    let job = |index: u64| {
        let batch = put_job(index.cast_signed(), &"x".repeat(if index == 5 { 5_000 } else { 20 }));
        let payload = EntryPayload::Normal(LoggedBatch::new(batch).expect("a batch"));
        Entry { log_id: at(1, 9, index), payload }
    };
    let first = Entry { log_id: at(0, 0, 0), payload: EntryPayload::Membership(members()) };
    let last = Entry { log_id: at(2, 9, LAST), payload: EntryPayload::Membership(members()) };
    vec![
        vec![Change::Append(vec![first]), Change::Vote(vote(1, true))],
        vec![Change::Append((1..=6).map(job).collect())],
        vec![Change::Append((7..=9).map(job).collect())],
        vec![Change::Purge(at(1, 9, 2)), Change::Vote(vote(2, true))],
        vec![Change::Truncate(Some(LAST - 1)), Change::Append(vec![last])],
        vec![Change::Vote(vote(3, false))],
    ]
}

/// Writes the sample log; returns what was in it after each transaction. After so many of them the write-ahead log
/// begins anew.
fn write_log(path: &Path, anew_after: Option<usize>) -> (LogFile, Vec<Contents>) {
    let (mut file, _) = LogFile::open(path).expect("a log");
    let mut after = vec![contents(path).expect("it is read").0];
    file.claim(&Identity { name: named("one"), id: 7, cluster: Some("c1".into()) }).expect("claimed");
    after.push(contents(path).expect("it is read").0);
    for (number, changes) in commits().into_iter().enumerate() {
        if anew_after == Some(number) {
            bring_back(path, "TRUNCATE");
        }
        file.commit(changes.iter()).expect("written");
        after.push(contents(path).expect("it is read").0);
    }
    (file, after)
}

/// Brings the write-ahead log back into the file.
fn bring_back(path: &Path, how: &str) {
    let db = rusqlite::Connection::open(path).expect("a log");
    db.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(())).expect("brought back");
}

/// Puts files in the place of those of a log.
fn place(path: &Path, log: &[u8], wal: Option<&[u8]>) {
    let beside = |end: &str| path.with_file_name(format!("log.db{end}"));
    std::fs::write(path, log).expect("a log");
    // A file that is not there is as good as removed.
    let _ = std::fs::remove_file(beside("-shm"));
    match wal {
        Some(wal) => std::fs::write(beside("-wal"), wal).expect("a write-ahead log"),
        None => drop(std::fs::remove_file(beside("-wal"))),
    }
}

#[test]
fn a_log_that_was_flipped_or_cut_is_refused_or_as_it_was() {
    let directory = directory();
    let path = directory.path().join("log.db");
    let (file, after) = write_log(&path, None);
    drop(file);
    let (good, whole) = (std::fs::read(&path).expect("a log"), after.last().expect("it"));
    let mut dice = Dice::new(SEED);
    let mut refused = [0; 2];
    for _ in 0..TIMES {
        for (kind, damaged) in
            [flipped(&mut dice, &good), cut(&mut dice, &good).to_vec()].into_iter().enumerate()
        {
            place(&path, &damaged, None);
            match contents(&path) {
                Ok((found, true)) => assert_eq!(found, *whole),
                Ok((_, false)) | Err(_) => refused[kind] += 1,
            }
        }
    }
    // A good part of the pages is empty, also at the end.
    assert!(refused[0] > TIMES / 4 && refused[1] > TIMES / 2, "{refused:?}");
}

#[test]
fn a_write_ahead_log_that_was_flipped_or_cut_loses_its_end_at_most_and_nothing_that_is_in_the_state() {
    let directory = directory();
    let path = directory.path().join("log.db");
    let mut files = Vec::new();
    let mut after = Vec::new();
    for anew_after in [None, Some(2)] {
        place(&path, &[], None);
        let (file, contents) = write_log(&path, anew_after);
        let wal = std::fs::read(path.with_file_name("log.db-wal")).expect("a write-ahead log");
        files.push((std::fs::read(&path).expect("a log"), wal.clone()));
        // The same with all of it in the file too, as it is between a backfill and the next commit.
        bring_back(&path, "PASSIVE");
        files.push((std::fs::read(&path).expect("a log"), wal));
        (after, _) = (contents, file);
    }
    let mut dice = Dice::new(SEED);
    let mut refused = 0;
    for round in 0..TIMES {
        let (good, wal) = &files[round % files.len()];
        for damaged in [flipped(&mut dice, wal), cut(&mut dice, wal).to_vec()] {
            place(&path, good, Some(&damaged));
            let Ok((found, fits)) = contents(&path) else {
                refused += 1;
                continue;
            };
            let entries = after.iter().position(|contents| contents.1 == found.1).expect("those of a time");
            let notes = after.iter().rposition(|contents| contents.0 == found.0);
            // What was brought back into the file already may be newer. Nothing that the file has goes back.
            assert!(notes >= Some(entries), "{found:?}");
            let is_in_file = round % 2 == 1;
            assert!(notes == Some(after.len() - 1) || !is_in_file, "{found:?}");
            if fits {
                assert_eq!(found.1, after[after.len() - 1].1);
            } else {
                refused += 1;
            }
        }
    }
    assert!(refused > TIMES, "{refused}");
}

/// Bytes as they come over a connection.
fn body(bytes: &[u8]) -> Body {
    let chunks: Vec<_> = bytes.chunks(16 << 10).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks).boxed()
}

#[tokio::test]
async fn a_copy_that_was_flipped_or_cut_on_its_way_is_refused() {
    let directory = directory();
    let state = directory.path().join("state.db");
    let meta = super::samples::meta();
    let position = crate::state::position::Position {
        applied: meta.last_log_id,
        membership: meta.last_membership.clone(),
        at: 5,
    };
    let note = crate::forms::note::encode(&position).expect("a note");
    let mut machine = Machine::open(&state).expect("a state");
    machine.apply(&[], &[(crate::state::position::POSITION, &note)]).expect("written");
    let copy = directory.path().join("copy");
    chronos_state::copy(&state, &copy, &chronos_state::CopyBounds::default()).expect("a copy");
    let (good, id) = (std::fs::read(&copy).expect("a copy"), copy_id(&copy).expect("a copy"));
    let copies = Arc::new(SnapshotDirectory::open(directory.path(), Env::real()).expect("a directory"));
    let incoming = IncomingCopy::new(copies, Env::real());
    let mut dice = Dice::new(SEED);
    for _ in 0..TIMES {
        // The first part comes as it should, and the transfer breaks. Then it goes on.
        let middle = dice.below(good.len());
        incoming.receive(id.clone(), 0, &meta, body(&good[..middle])).await.expect_err("cut");
        assert_eq!(incoming.offset(&id), Ok(middle as u64));
        let rest = flipped(&mut dice, &good[middle..]);
        let refused =
            incoming.receive(id.clone(), middle as u64, &meta, body(&rest)).await.expect_err("flipped");
        assert!(matches!(refused, CopyError::Damaged(_)), "{refused}");
        assert_eq!(incoming.offset(&id), Ok(0), "nothing of it is kept");
    }
    let received = incoming.receive(id.clone(), 0, &meta, body(&good)).await.expect("it is whole");
    assert_eq!(std::fs::read(received.file.path()).expect("a copy"), good);
    incoming.offset(&id).expect_err("it is yet to be installed");
    drop(received);
    // It is whole, and stands elsewhere than was said.
    let elsewhere = crate::types::SnapshotMeta { last_log_id: Some(at(3, 9, 8)), ..meta.clone() };
    let refused = incoming.receive(id.clone(), 0, &elsewhere, body(&good)).await.expect_err("elsewhere");
    assert!(refused.to_string().starts_with("the copy was said to stand at"), "{refused}");
    assert_eq!(incoming.offset(&id), Ok(0), "nothing of it is kept");
    // It came as it was sent, and the sender's disk had flipped a bit in it.
    let damaged = rusqlite::Connection::open(&copy).expect("the copy");
    damaged.execute("UPDATE counters SET last = last + 1", []).expect("a flipped bit");
    drop(damaged);
    let (bytes, damaged) = (std::fs::read(&copy).expect("a copy"), copy_id(&copy).expect("a copy"));
    let refused = incoming.receive(damaged, 0, &meta, body(&bytes)).await.expect_err("damaged");
    assert!(matches!(&refused, CopyError::Damaged(words) if words.contains("counters, row")), "{refused}");
    // It is whole, and of a newer Chronos.
    let newer = rusqlite::Connection::open(&copy).expect("the copy");
    newer.pragma_update(None, "user_version", 99).expect("a newer version");
    drop(newer);
    let (newer, id) = (std::fs::read(&copy).expect("a copy"), copy_id(&copy).expect("a copy"));
    let refused = incoming.receive(id, 0, &meta, body(&newer)).await.expect_err("newer");
    assert!(
        matches!(&refused, CopyError::Newer(words) if words.contains("start a newer Chronos")),
        "{refused}"
    );
}

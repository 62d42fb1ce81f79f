//! Odd responses and connections, to the byte: what Chronos makes of each, beside what curl of Debian 12 makes of the
//! same bytes. Where the two differ, `docs/responses.md` says why, and shows the whole table.
//!
//! curl's verdicts stand in the table, so no test here needs curl but the one that compares them with a real one. CI
//! runs that one by its name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]

mod caller;
mod curl;
mod document;
mod reasons;
mod row;
mod table;
mod target;
mod verdict;
mod wire;

use std::collections::BTreeSet;

use futures::StreamExt as _;

use caller::Caller;
use row::Row;
use verdict::agree;

/// How many rows are tried at once.
const AT_ONCE: usize = 8;

/// Tries every row, and says which verdicts are not those of the table.
async fn compare<V: Future<Output = String>>(
    written: impl Fn(&Row) -> &'static str,
    verdict: impl Fn(Row) -> V,
) {
    let rows: Vec<Row> = table::groups().into_iter().flat_map(|group| group.rows).collect();
    let count = rows.len();
    let verdicts = futures::stream::iter(rows).map(|row| {
        let (name, written, verdict) = (row.name, written(&row), verdict(row));
        async move {
            let found = verdict.await;
            (found != written).then(|| format!("{name}\n    written: {written}\n    found:   {found}"))
        }
    });
    let wrong: Vec<String> =
        verdicts.buffered(AT_ONCE).filter_map(|wrong| async move { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chronos_gives_each_row_its_verdict() {
    let caller = Caller::new();
    compare(|row| row.ours, |row| caller.verdict(row)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs curl of Debian 12; .ci/run installs it and runs this"]
async fn curl_gives_each_row_its_verdict() {
    curl::expect_version().await;
    compare(|row| row.curl, curl::verdict).await;
}

#[test]
fn every_difference_has_its_reason_in_the_document() {
    let mut used = BTreeSet::new();
    for row in table::groups().into_iter().flat_map(|group| group.rows) {
        let (name, curl, ours) = (row.name, row.curl, row.ours);
        match row.reason {
            Some(reason) => {
                assert!(!agree(curl, ours), "{name}: {curl} and {ours} are the same and need no reason");
                used.insert(reason);
            }
            None => assert!(agree(curl, ours), "{name}: curl {curl}, Chronos {ours}, and no reason"),
        }
    }
    let known: BTreeSet<_> = document::reasons().into_iter().collect();
    let used: BTreeSet<_> = used.into_iter().map(str::to_owned).collect();
    assert_eq!(known, used, "the reasons of the document, and those that rows have");
}

#[test]
fn the_table_is_large_enough_and_names_each_row_once() {
    let groups = table::groups();
    let names: Vec<_> = groups.iter().flat_map(|group| &group.rows).map(|row| row.name).collect();
    assert!(names.len() >= 60, "{}", names.len());
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = names.iter().filter(|name| !seen.insert(**name)).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn the_document_shows_the_table() {
    document::check(&table::groups());
}

//! The search as a whole: what the file names and what is found of it, against a naive search.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chronos_env::{Env, Place, Pool};
use chronos_state::{FacetCounts, JobMark, JobSeq, JobTexts, TextCondition as _};
use chronos_types::JobId;
use proptest::prelude::*;

use crate::file::SearchReader;
use crate::{Due, Entry, FacetKind, Fault, JobQuery, Search, SearchFile, folded};

/// More than there are.
const ALL: usize = 10_000;

fn texts(name: &str, description: &str) -> JobTexts<'static> {
    JobTexts {
        name: name.to_owned().into(),
        description: description.to_owned().into(),
        tags: BTreeMap::from([(Cow::from("team"), Cow::from(description.to_owned()))]),
        url: format!("https://{}.example.com/run", name.len()).into(),
        timezone: "UTC".into(),
    }
}

fn mark(job: i64, version: u64) -> JobMark {
    JobMark {
        id: JobId::new(1_000, [u8::try_from(job % 200).expect("small"); 10]),
        version,
        updated_at: 1_000,
    }
}

fn entry(job: i64, texts: &JobTexts<'_>) -> Entry {
    Entry::new(JobSeq::new(job), &mark(job, 1), texts)
}

/// A search whose file has these jobs, numbered from 1.
fn search(directory: &Path, jobs: &[JobTexts<'_>]) -> (Search, SearchFile) {
    let search = Search::start(&Env::real(), directory).expect("threads");
    let mut file = SearchFile::open(search.path()).expect("a file");
    let entries: Vec<_> = (1..).zip(jobs).map(|(number, texts)| entry(number, texts)).collect();
    file.write(&entries, &[]).expect("written");
    complete(&search);
    (search, file)
}

/// The file has been compared.
fn complete(search: &Search) {
    let Some(Due::Compare(walk)) = search.due(9) else { panic!("it is to be compared") };
    search.compared(&walk, None);
    assert!(search.is_complete());
}

async fn among(search: &Search, query: &JobQuery) -> BTreeSet<i64> {
    let among = search.among(query, JobSeq::default(), ALL).await.expect("the file can say");
    assert!(!among.more);
    among.jobs.into_iter().map(JobSeq::get).collect()
}

/// Characters in which folding, composing and words may go wrong, and some that are common.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "A",
        "b",
        "ß",
        "SS",
        "ſ",
        "İ",
        "ı",
        "I",
        "i",
        "Σ",
        "σ",
        "ς",
        "й",
        "И\u{306}",
        "備",
        "份",
        "é",
        "E\u{301}",
        "\u{301}",
        "ﬁ",
        "-",
        "\"",
        " ",
        "'",
        "*",
        "(",
        "1",
        "%",
        "한",
        "\u{1112}\u{1161}\u{11ab}",
        "AND",
        "\n",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn three_characters_and_more_find_exactly_what_a_naive_search_finds() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let jobs = prop::collection::vec((text(), text()), 1..12);
    let sought = (text(), any::<prop::sample::Index>(), 0..6usize, 3..8usize);
    let config = ProptestConfig { cases: 200, ..ProptestConfig::default() };
    proptest!(config, |(jobs in jobs, (other, index, skip, take) in sought)| {
        let jobs: Vec<_> = jobs.iter().map(|(name, description)| texts(name, description)).collect();
        let directory = tempfile::tempdir().expect("a directory");
        let (search, _file) = search(directory.path(), &jobs);
        let part: String = jobs[index.index(jobs.len())].description.chars().skip(skip).take(take).collect();
        for q in [other, part.to_uppercase(), part] {
            if folded(&q).chars().count() < 3 {
                continue;
            }
            let has = |text: &str| folded(text).contains(&folded(&q));
            let naive: BTreeSet<i64> = (1..).zip(&jobs).filter(|(_, job)| {
                has(&job.name) || has(&job.description) || has(&job.url)
                    || job.tags.iter().any(|(key, value)| has(&format!("{key}={value}")))
            }).map(|(number, _)| number).collect();
            let query = JobQuery::new().text(&q);
            let found: BTreeSet<i64> = (1..).zip(&jobs).filter(|(_, job)| query.holds(job)).map(|(n, _)| n).collect();
            prop_assert_eq!(&found, &naive, "{:?}", q);
            let named = runtime.block_on(among(&search, &query));
            prop_assert!(named.is_superset(&naive), "{:?}: {:?} names not {:?}", q, named, naive);
        }
    });
}

#[test]
fn the_file_names_every_job_that_one_or_two_characters_find() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let jobs = prop::collection::vec((text(), text()), 1..12);
    proptest!(ProptestConfig { cases: 200, ..ProptestConfig::default() }, |(jobs in jobs, q in text(), take in 1..3usize)| {
        let q: String = q.chars().take(take).collect();
        let jobs: Vec<_> = jobs.iter().map(|(name, description)| texts(name, description)).collect();
        let directory = tempfile::tempdir().expect("a directory");
        let (search, _file) = search(directory.path(), &jobs);
        let query = JobQuery::new().text(&q);
        let found: BTreeSet<i64> = (1..).zip(&jobs).filter(|(_, job)| query.holds(job)).map(|(n, _)| n).collect();
        // Where the file cannot help, all jobs are looked at.
        if let Some(named) = runtime.block_on(search.among(&query, JobSeq::default(), ALL)) {
            let named: BTreeSet<i64> = named.jobs.into_iter().map(JobSeq::get).collect();
            prop_assert!(named.is_superset(&found), "{:?}: {:?} names not {:?}", q, named, found);
        }
    });
}

#[tokio::test]
async fn the_file_is_told_apart_by_text_host_zone_and_tag() {
    let directory = tempfile::tempdir().expect("a directory");
    let berlin = JobTexts { timezone: "Europe/Berlin".into(), ..texts("three", "web") };
    let jobs = [texts("nightly-backup", "db"), texts("one", "web"), berlin];
    let (search, _file) = search(directory.path(), &jobs);
    let team = |value: &str| [("team".to_owned(), value.to_owned())];
    for (query, expected) in [
        (JobQuery::new().text("BACKUP"), &[1][..]),
        (JobQuery::new().text("ba"), &[1]),
        (JobQuery::new().text("ac"), &[]),
        (JobQuery::new().text("o"), &[2]),
        (JobQuery::new().text("nowhere"), &[]),
        (JobQuery::new().host("14.example.com".into()), &[1]),
        (JobQuery::new().host("example.com".into()), &[]),
        (JobQuery::new().timezone("europe/berlin".into()), &[3]),
        (JobQuery::new().timezone("UTC".into()).tagged(&team("web")), &[2]),
        (JobQuery::new().text("example").tagged(&team("db")), &[1]),
        // Which tag it is, the state says.
        (JobQuery::new().text("example").tagged(&team("d")), &[1]),
    ] {
        let named = among(&search, &query).await;
        assert_eq!(named.into_iter().collect::<Vec<_>>(), expected, "{query:?}");
    }
    // One character that begins no word.
    assert_eq!(search.among(&JobQuery::new().text("-"), JobSeq::default(), ALL).await, None);
}

#[tokio::test]
async fn nothing_of_a_credential_in_a_url_is_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = "https://h.example/run?api_key=qxzjv&page=seven";
    let (search, _file) = search(directory.path(), &[JobTexts { url: url.into(), ..texts("one", "") }]);
    for (part, named) in [("qxz", false), ("zjv", false), ("q", false), ("seven", true), ("api_key", true)] {
        let found = among(&search, &JobQuery::new().text(part)).await;
        assert_eq!(!found.is_empty(), named, "{part}");
    }
}

#[tokio::test]
async fn a_job_that_changed_is_named_before_it_is_written_and_on_no_page_too_early() {
    let directory = tempfile::tempdir().expect("a directory");
    let jobs: Vec<_> = (0..6).map(|_| texts("same", "")).collect();
    let (search, mut file) = search(directory.path(), &jobs);
    let changed = [JobSeq::new(2), JobSeq::new(9), JobSeq::new(4)];
    search.changed(&changed);
    let query = JobQuery::new().text("other");
    assert_eq!(among(&search, &query).await, BTreeSet::from([2, 4, 9]));
    let same = JobQuery::new().text("same");
    let first = search.among(&same, JobSeq::default(), 3).await.expect("the file can say");
    assert_eq!((first.jobs, first.more), (vec![JobSeq::new(1), JobSeq::new(2), JobSeq::new(3)], true));
    let Some(Due::Jobs(due)) = search.due(9) else { panic!("three wait") };
    let gone = [JobSeq::new(4)];
    file.write(&[entry(2, &texts("other", "")), entry(9, &texts("other", ""))], &gone).expect("written");
    search.written(&due, 3);
    assert!(search.due(9).is_none());
    assert_eq!(among(&search, &query).await, BTreeSet::from([2, 9]));
    assert_eq!(
        among(&search, &same).await,
        BTreeSet::from([1, 3, 5, 6]),
        "the old text is not there any more"
    );
}

#[test]
fn jobs_are_compared_by_the_marks_of_their_records() {
    let directory = tempfile::tempdir().expect("a directory");
    let jobs: Vec<_> = (0..5).map(|_| texts("same", "")).collect();
    let (_search, file) = search(directory.path(), &jobs);
    let marks = [
        (1, Some(mark(1, 1))),
        (2, Some(mark(2, 2))),
        (4, None),
        (5, Some(mark(5, 1))),
        (6, Some(mark(6, 1))),
    ];
    let marks = marks.map(|(number, mark)| (JobSeq::new(number), mark));
    let differing = |after, upto: Option<i64>, marks: &[_]| {
        let found =
            Search::differing(&file, JobSeq::new(after), upto.map(JobSeq::new), marks).expect("stamps");
        found.into_iter().map(JobSeq::get).collect::<Vec<_>>()
    };
    // Changed, deleted, not there yet, and gone altogether.
    assert_eq!(differing(0, None, &marks), [2, 4, 6, 3]);
    assert_eq!(differing(0, Some(1), &marks[..1]), [0; 0]);
    assert_eq!(differing(4, None, &marks[3..]), [6]);
}

/// Brings what is in the write-ahead log into the file itself.
fn settle(path: &std::path::Path) {
    rusqlite::Connection::open(path)
        .and_then(|any| {
            any.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            any.close().map_err(|(_, error)| error)
        })
        .expect("settled");
}

#[tokio::test]
async fn what_is_no_search_file_is_refused_and_made_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("search.db");
    let foreign = rusqlite::Connection::open(&path).expect("a file");
    foreign.execute_batch("CREATE TABLE other (x)").expect("a table");
    foreign.close().expect("closed");
    for plant in [None, Some(&b"garbage"[..]), Some(&[7; 20_000])] {
        if let Some(bytes) = plant {
            settle(&path);
            std::fs::write(&path, bytes).expect("written");
        }
        let refused = SearchFile::open(&path).expect_err("it is no search file");
        assert!(matches!(refused, Fault::Unusable(_)), "{refused:?}");
        let mut file = SearchFile::anew(&path).expect("a new one");
        file.write(&[entry(1, &texts("a", ""))], &[]).expect("written");
        drop(file);
        drop(SearchFile::open(&path).expect("it is one now"));
    }
    let other = rusqlite::Connection::open(&path).expect("a file");
    other.pragma_update(None, "user_version", 99).expect("another format");
    other.close().expect("closed");
    let refused = SearchFile::open(&path).expect_err("it has another format");
    assert!(refused.to_string().contains("format 99"), "{refused}");
    drop(SearchFile::anew(&path).expect("a new one"));
    settle(&path);
    // A whole page of it.
    let mut bytes = std::fs::read(&path).expect("the file");
    bytes[4_096..8_192].fill(7);
    std::fs::write(&path, bytes).expect("written");
    assert!(matches!(SearchFile::open(&path), Err(Fault::Unusable(_))));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_reported_once_and_asked_no_more() {
    let directory = tempfile::tempdir().expect("a directory");
    let (search, file) = search(directory.path(), &[texts("same", "")]);
    drop(file);
    settle(search.path());
    std::fs::write(search.path(), "garbage").expect("written");
    let query = JobQuery::new().text("same");
    assert_eq!(search.among(&query, JobSeq::default(), ALL).await, None);
    assert!(!search.is_complete());
    assert!(matches!(search.due(9), Some(Due::Anew)));
    let mut file = SearchFile::anew(search.path()).expect("a new one");
    search.another_file();
    assert_eq!(search.among(&query, JobSeq::default(), ALL).await, None, "nothing is in it yet");
    file.write(&[entry(1, &texts("same", ""))], &[]).expect("written");
    complete(&search);
    assert_eq!(among(&search, &query).await, BTreeSet::from([1]));
}

#[test]
fn pages_that_are_free_are_given_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_search, mut file) = search(directory.path(), &[]);
    let word = |time: usize, n: i64, place: i64| {
        format!("word{}", (n * 31 + place * 7_919) * (time as i64 + 3) % 99_991)
    };
    let text = |time, n| (0..40).map(|place| word(time, n, place)).collect::<Vec<_>>().join(" ");
    for time in 0..8 {
        for portion in 0..4 {
            let jobs = portion * 200 + 1..portion * 200 + 201;
            let entries: Vec<_> = jobs.map(|n| entry(n, &texts("job", &text(time, n)))).collect();
            file.write(&entries, &[]).expect("written");
        }
    }
    while file.give_back().expect("given back") {}
    let other = rusqlite::Connection::open(directory.path().join("search.db")).expect("the file");
    let number =
        |name: &str| -> u32 { other.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).expect(name) };
    let (pages, free) = (number("page_count"), number("freelist_count"));
    assert!(pages > 50 && free <= pages / 32, "{free} of {pages} pages are free");
}

#[test]
fn a_full_disk_is_told_from_damage_and_leaves_the_file_as_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_search, mut file) = search(directory.path(), &[texts("same", "")]);
    file.limit(20);
    let long: String = (0..60_000).filter_map(char::from_u32).filter(|c| c.is_alphabetic()).collect();
    let full = file.write(&[entry(1, &texts("other", "")), entry(2, &texts("long", &long))], &[]);
    assert!(matches!(full, Err(Fault::Full(_))), "{full:?}");
    assert_eq!(file.stamps(JobSeq::default(), None).expect("stamps").len(), 1);
    file.limit(1_000_000);
    file.write(&[entry(2, &texts("long", &long))], &[]).expect("there is space");
}

#[tokio::test]
async fn a_question_to_the_file_is_given_up_when_its_time_is_over_and_the_next_one_is_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let jobs: Vec<_> = (0..2_000).map(|_| texts("same", "")).collect();
    let (search, _file) = search(directory.path(), &jobs);
    let pool = Pool::start(&Env::real(), "test", vec![SearchReader::new(search.path())]).expect("a thread");
    for (time, expected) in [(Duration::ZERO, Err(Fault::GivenUp)), (Duration::MAX, Ok(2_000))] {
        let asked = pool.call(Place::Front, move |reader, call| {
            reader.ask(0, ("\"sam\"", JobSeq::default(), ALL), (call, time)).map(|jobs| jobs.len())
        });
        assert_eq!(asked.await.expect("a place"), expected);
    }
}

#[tokio::test]
async fn hosts_and_time_zones_are_counted_as_jobs_come_change_and_go() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |url: &str, zone: &str| JobTexts {
        url: url.to_owned().into(),
        timezone: zone.to_owned().into(),
        ..texts("job", "x")
    };
    let jobs = [
        at("http://a.example/1", "UTC"),
        at("https://A.example:8443/2", "UTC"),
        at("http://b.example/", "Europe/Berlin"),
        at("no url", "UTC"),
    ];
    let (search, mut file) = search(directory.path(), &jobs);
    async fn common(search: &Search, kind: FacetKind, most: usize) -> Vec<(String, u64)> {
        let FacetCounts { facets, is_complete } = search.common(kind, most).await;
        assert!(is_complete);
        facets.into_iter().map(|facet| (facet.value, facet.jobs)).collect()
    }
    let of = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(value, jobs)| ((*value).to_owned(), *jobs)).collect()
    };
    assert_eq!(common(&search, FacetKind::Host, 9).await, of(&[("a.example", 2), ("b.example", 1)]));
    assert_eq!(common(&search, FacetKind::Host, 1).await, of(&[("a.example", 2)]));
    assert_eq!(common(&search, FacetKind::Timezone, 9).await, of(&[("UTC", 3), ("Europe/Berlin", 1)]));
    // The same again counts once.
    file.write(&[entry(1, &jobs[0])], &[]).expect("written");
    assert_eq!(common(&search, FacetKind::Host, 9).await, of(&[("a.example", 2), ("b.example", 1)]));
    let moved = entry(1, &at("http://b.example/", "Europe/Berlin"));
    file.write(&[moved], &[JobSeq::new(2), JobSeq::new(99)]).expect("written");
    assert_eq!(common(&search, FacetKind::Host, 9).await, of(&[("b.example", 2)]), "none of none");
    assert_eq!(common(&search, FacetKind::Timezone, 9).await, of(&[("Europe/Berlin", 2), ("UTC", 1)]));
    search.changed(&[JobSeq::new(7)]);
    assert!(!search.common(FacetKind::Host, 9).await.is_complete, "one waits to be written");
}

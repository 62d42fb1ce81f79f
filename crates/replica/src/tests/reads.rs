//! Who reads the state holds up only those who read it at the same door.

use std::sync::mpsc;

use chronos_state::{JobFilter, JobList, JobTexts, LogBatch, PageLimits, Reader, StateError, TextCondition};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::state::reads::QueryLimits;
use crate::{QueryError, Store};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Limits that no test meets by being slow.
const LIMITS: QueryLimits = QueryLimits { waiting: 128, patience: PATIENCE, time: PATIENCE };

/// A state with jobs, and its readers.
struct Bench {
    store: Store,
    registry: Registry,
    _machine: Machine,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new(limits: QueryLimits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut machine = Machine::open(&directory.path().join("state.db")).expect("the state opens");
        let items = (0..400).flat_map(|n| put_job(n, "a job").items).collect();
        let batch = Batch { at: 1, items };
        machine.apply(&[LogBatch { batch: &batch, index: 1, follows: VERSION }], &[]).expect("applied");
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry);
        let store = Store::with_limits(&machine, limits, metrics, &Env::real()).expect("readers");
        Self { store, registry, _machine: machine, _directory: directory }
    }

    /// How many questions were not answered, for this reason.
    fn refused(&self, reason: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("text");
        let name = format!("queries_refused_total{{reason=\"{reason}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().expect("a number"))
    }
}

#[derive(Debug)]
struct Nothing;

impl TextCondition for Nothing {
    fn holds(&self, _: &JobTexts<'_>) -> bool {
        false
    }
}

/// A search that finds nothing, and so looks at everything.
fn search(reader: &Reader) -> Result<(), StateError> {
    let filter = JobFilter { texts: Some(Arc::new(Nothing)), ..JobFilter::default() };
    let list = JobList { filter, ..JobList::default() };
    reader.jobs(&list, None, None, PageLimits::of(50), |_| true).map(drop)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it is held up")
}

/// What a thread works on until the other end is dropped.
fn held(
    begun: oneshot::Sender<()>,
    lock: mpsc::Receiver<()>,
) -> impl FnOnce(&Reader) -> Result<(), StateError> {
    move |reader| {
        search(reader)?;
        let _ = begun.send(());
        let _ = lock.recv();
        Ok(())
    }
}

/// Asks so many questions, through `door`, that take until the senders are dropped. Two of them have begun, and the
/// others have their places in the line.
async fn slow<F>(
    count: usize,
    door: impl Fn(oneshot::Sender<()>, mpsc::Receiver<()>) -> F,
) -> (Vec<JoinHandle<F::Output>>, Vec<mpsc::Sender<()>>)
where
    F: Future<Output: Send> + Send + 'static,
{
    let (mut asked, mut keys) = (Vec::new(), Vec::new());
    for n in 0..count {
        let (begin, begun) = oneshot::channel();
        let (key, lock) = mpsc::channel();
        keys.push(key);
        let mut question = Box::pin(door(begin, lock));
        assert!(futures::poll!(&mut question).is_pending());
        asked.push(tokio::spawn(question));
        if n < 2 {
            soon(begun).await.expect("begun");
        }
    }
    (asked, keys)
}

/// [`slow`] questions of clients.
async fn slow_searches(
    store: &Store,
    count: usize,
) -> (Vec<JoinHandle<Result<(), QueryError>>>, Vec<mpsc::Sender<()>>) {
    let store = store.clone();
    slow(count, move |begin, lock| {
        let store = store.clone();
        async move { store.query(held(begin, lock)).await }
    })
    .await
}

#[tokio::test]
async fn neither_fifty_slow_searches_nor_slow_loops_hold_up_what_fires() {
    let bench = Bench::new(LIMITS);
    let (asked, keys) = slow_searches(&bench.store, 50).await;
    let background = bench.store.in_background();
    let (loops, locks) = slow(4, |begin, lock| {
        let store = background.clone();
        async move { store.read(held(begin, lock)).await }
    })
    .await;
    let counted = soon(bench.store.read(Reader::count_jobs)).await.expect("the state");
    assert_eq!(counted, (400, 0));
    drop(locks);
    for task in loops {
        soon(task).await.expect("no panic").expect("the state");
    }
    // With the searches under way still, the loops went on.
    drop(keys);
    for query in asked {
        soon(query).await.expect("no panic").expect("answered");
    }
}

#[tokio::test]
async fn past_the_line_a_client_is_refused_and_what_a_write_put_on_record_is_read() {
    let bench = Bench::new(QueryLimits { waiting: 3, ..LIMITS });
    let (asked, keys) = slow_searches(&bench.store, 5).await;
    for refused in 1..=2 {
        let answer = soon(bench.store.query(Reader::count_jobs)).await;
        assert!(matches!(answer, Err(QueryError::Busy)), "{answer:?}");
        assert_eq!(bench.refused("busy"), refused);
    }
    let mut recalled = Box::pin(bench.store.recall(Reader::count_jobs));
    assert!(futures::poll!(&mut recalled).is_pending());
    drop(keys);
    assert_eq!(soon(recalled).await.expect("the state"), (400, 0));
    for query in asked {
        soon(query).await.expect("no panic").expect("answered");
    }
    soon(bench.store.query(Reader::count_jobs)).await.expect("there is room again");
}

#[tokio::test]
async fn a_question_that_has_waited_too_long_is_not_begun() {
    let bench = Bench::new(QueryLimits { patience: Duration::ZERO, ..LIMITS });
    let answer = soon(bench.store.query(|_| -> Result<(), _> { panic!("it was begun") })).await;
    assert!(matches!(answer, Err(QueryError::Busy)), "{answer:?}");
    assert_eq!(bench.refused("busy"), 1);
    soon(bench.store.recall(Reader::count_jobs)).await.expect("the answer to a write");
}

#[tokio::test]
async fn a_question_that_takes_too_long_ends_and_a_loop_may_take_its_time() {
    let bench = Bench::new(QueryLimits { time: Duration::ZERO, ..LIMITS });
    let answer = soon(bench.store.query(search)).await;
    assert!(matches!(answer, Err(QueryError::TooLong(Duration::ZERO))), "{answer:?}");
    assert_eq!((bench.refused("too_long"), bench.refused("busy")), (1, 0));
    soon(bench.store.read(search)).await.expect("the state");
    soon(bench.store.in_background().read(search)).await.expect("the state");
}

#[tokio::test]
async fn a_question_ends_when_its_client_has_gone() {
    let bench = Bench::new(QueryLimits { time: PATIENCE * 100, ..LIMITS });
    let (begin, begun) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let query = tokio::spawn({
        let store = bench.store.clone();
        async move {
            let forever = move |reader: &Reader| -> Result<(), StateError> {
                let _ = begin.send(());
                let fault = loop {
                    if let Err(fault) = search(reader) {
                        break fault;
                    }
                };
                let _ = end.send(fault.is_given_up());
                Err(fault)
            };
            store.query(forever).await
        }
    });
    soon(begun).await.expect("begun");
    query.abort();
    assert!(soon(ended).await.expect("it has ended"));
}

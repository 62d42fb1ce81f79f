//! [`Store`]: reads the state from async code, each reader at its own door.
//!
//! What reads has connections and threads of its own, by what it may hold up. Planning and firing wait for
//! nobody else. Loops that look through the whole state have their own, and so has what clients of the API ask:
//! however much that is, and however long it takes, no run waits for it.

use std::time::Duration;

use chronos_env::{Call, Env, LineFull, Place, Pool};
use chronos_state::{Machine, Reader, StateError};
use tokio::time::Instant;

use crate::metrics::Metrics;

/// A look of the planner, a look at what is open, and jobs to be loaded, at once.
const READ_THREADS: usize = 3;
/// Retention takes its time. Reassignment does not wait for it.
const BACKGROUND_THREADS: usize = 2;
/// One reads for all who listen: what happened is told within milliseconds, whatever else is read.
const EVENT_THREADS: usize = 1;
/// Questions of clients at once: more would only compete for the two to four cores that everything runs on.
const QUERY_THREADS: usize = 2;

/// What bounds the questions of clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryLimits {
    /// So many questions wait for a thread, at most. Each is small: its filters.
    pub(crate) waiting: usize,
    /// None is begun that has waited for longer: its client hears so, and may have given up already.
    pub(crate) patience: Duration,
    /// How long an answer may take.
    pub(crate) time: Duration,
}

impl Default for QueryLimits {
    /// A page takes some milliseconds, and a search that finds nothing some tenths of a second.
    fn default() -> Self {
        Self { waiting: 128, patience: Duration::from_secs(5), time: Duration::from_secs(5) }
    }
}

/// Why a client's question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Too many others were before it.
    #[error("too many other requests are being answered by this node")]
    Busy,
    /// It took too long.
    #[error("the answer took more than {} seconds to find", .0.as_secs())]
    TooLong(Duration),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StateError),
}

/// Reads what this node has applied, away from the async threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    reads: Pool<Reader>,
    background: Pool<Reader>,
    events: Pool<Reader>,
    queries: Pool<Reader>,
    limits: QueryLimits,
    metrics: Metrics,
}

impl Store {
    /// Over the state of a machine.
    ///
    /// # Errors
    /// The storage failed, or a thread cannot be started.
    pub fn open(machine: &Machine, metrics: Metrics, env: &Env) -> Result<Self, StateError> {
        Self::with_limits(machine, QueryLimits::default(), metrics, env)
    }

    /// The same with other limits, for tests.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub(crate) fn with_limits(
        machine: &Machine,
        limits: QueryLimits,
        metrics: Metrics,
        env: &Env,
    ) -> Result<Self, StateError> {
        let pool = |name: &str, threads: usize| {
            let readers = (0..threads).map(|_| machine.reader()).collect::<Result<_, _>>()?;
            Pool::start(env, name, readers)
                .map_err(|error| StateError::File { path: format!("the threads named {name}"), error })
        };
        Ok(Self {
            reads: pool("read", READ_THREADS)?,
            background: pool("read-background", BACKGROUND_THREADS)?,
            events: pool("read-events", EVENT_THREADS)?,
            queries: pool("query", QUERY_THREADS)?,
            limits,
            metrics,
        })
    }

    /// The same state, for loops that may take long to read: what they read waits for each other, and neither
    /// planning nor firing waits for them.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self { reads: self.background.clone(), ..self.clone() }
    }

    /// The same state, for the loop that reads what happened.
    #[must_use]
    pub fn for_events(&self) -> Self {
        Self { reads: self.events.clone(), ..self.clone() }
    }

    /// Reads for planning, firing and the loops. It is never refused.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let any = Place::Back { most: usize::MAX };
        self.reads.call(any, move |reader, _| ask(reader)).await.unwrap_or_else(unheard_of)
    }

    /// Reads what a client of the API asks for. It is given up when this is dropped, because the client has gone.
    ///
    /// # Errors
    /// Too many others ask, it takes too long, or the storage failed.
    pub async fn query<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let QueryLimits { waiting, patience, time } = self.limits;
        let asked = self.queries.call(Place::Back { most: waiting }, move |reader, call| {
            if call.age() > patience {
                return Err(QueryError::Busy);
            }
            within(time, reader, call, ask)
        });
        let answer = asked.await.unwrap_or(Err(QueryError::Busy));
        match &answer {
            Err(QueryError::Busy) => self.metrics.query_refused("busy"),
            Err(QueryError::TooLong(_)) => self.metrics.query_refused("too_long"),
            Ok(_) | Err(QueryError::Storage(_)) => {}
        }
        answer
    }

    /// Reads a row or two for a client's write: mostly what it has just put on record, for the answer to it. That
    /// goes before every [`Store::query`] that waits, and is not refused: a client is not to hear that a write
    /// failed which was done.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn recall<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.queries.call(Place::Front, move |reader, _| ask(reader)).await.unwrap_or_else(unheard_of)
    }
}

/// A line without an end is full.
fn unheard_of<T>(full: LineFull) -> Result<T, StateError> {
    Err(StateError::File { path: "state.db".to_owned(), error: std::io::Error::other(full) })
}

/// Asks for as long as the time has not passed and somebody waits for the answer.
fn within<T>(
    time: Duration,
    reader: &mut Reader,
    call: &Call,
    ask: impl FnOnce(&Reader) -> Result<T, StateError>,
) -> Result<T, QueryError> {
    let (begun, call) = (Instant::now(), call.clone());
    let give_up = move || call.is_given_up() || begun.elapsed() >= time;
    reader.unless(give_up, ask).map_err(|error| match error {
        error if error.is_given_up() => QueryError::TooLong(time),
        error => error.into(),
    })
}

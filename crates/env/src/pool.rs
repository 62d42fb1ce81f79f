//! Threads that work off one line of calls, each with a value of its own: connections to a database, say.
//!
//! A [`Worker`](crate::Worker) is one thread with one value, and its work is done in order. Here the order does
//! not matter, and one long call does not hold up the others as long as a thread is free. Where there are no
//! threads (see [`Env::inline`]), the work is done on the caller's runtime, after as long as the simulated disk
//! says.

#![expect(clippy::disallowed_methods, reason = "this is where threads begin")]

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::blocking::Blocking;
use crate::{Disk, Env};

/// A handle on the threads. Clones share them; they end with the last one.
pub struct Pool<T> {
    kind: Kind<T>,
}

enum Kind<T> {
    Threads(Arc<Threads<T>>),
    Inline(Arc<Inline<T>>),
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            Kind::Threads(threads) => Kind::Threads(threads.clone()),
            Kind::Inline(inline) => Kind::Inline(inline.clone()),
        };
        Self { kind }
    }
}

impl<T> std::fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// Where a call takes its place in the line.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Behind all that wait. It is refused where so many wait already.
    Back {
        /// The longest line that it joins.
        most: usize,
    },
    /// In front of all that wait.
    Front,
}

/// The line is as long as the call allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls wait already")]
pub struct LineFull;

/// What the work of a call may ask about it.
#[derive(Clone, Debug)]
pub struct Call {
    asked: Instant,
    gone: Arc<AtomicBool>,
}

impl Call {
    /// How long ago it was made.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.asked.elapsed()
    }

    /// Whether nobody waits for its result any more.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// The caller's end of a call: where it is dropped, nobody waits any more.
struct Waiter(Arc<AtomicBool>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Work<T> = Box<dyn FnOnce(&mut T) + Send>;

struct Waiting<T> {
    calls: VecDeque<(Call, Work<T>)>,
    closed: bool,
}

/// What the threads share.
struct Line<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

impl<T> Line<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        // No work is done under the lock, so a panic leaves the line whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, place: Place, call: Call, work: Work<T>) -> Result<(), LineFull> {
        let mut waiting = self.lock();
        match place {
            Place::Front => waiting.calls.push_front((call, work)),
            Place::Back { most } => {
                if waiting.calls.len() >= most {
                    // Those that were given up have no place to defend.
                    waiting.calls.retain(|(call, _)| !call.is_given_up());
                }
                if waiting.calls.len() >= most {
                    return Err(LineFull);
                }
                waiting.calls.push_back((call, work));
            }
        }
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The next call that somebody waits for; none when the pool is gone.
    fn next(&self) -> Option<Work<T>> {
        let mut waiting = self.lock();
        loop {
            match waiting.calls.pop_front() {
                Some((call, _)) if call.is_given_up() => {}
                Some((_, work)) => return Some(work),
                None if waiting.closed => return None,
                None => waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Ends the threads when it is dropped.
struct Threads<T>(Arc<Line<T>>);

impl<T> Drop for Threads<T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

/// Takes the place of threads.
struct Inline<T> {
    disk: Arc<dyn Disk>,
    value: Mutex<T>,
    waiting: AtomicUsize,
}

/// A place among those that wait for a simulated disk.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Inline<T> {
    async fn call<R>(&self, place: Place, work: impl FnOnce(&mut T) -> R) -> Result<R, LineFull> {
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let queued = Queued(&self.waiting);
        if matches!(place, Place::Back { most } if ahead >= most) {
            return Err(LineFull);
        }
        tokio::time::sleep(self.disk.delay()).await;
        drop(queued);
        Ok(work(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T: Send + 'static> Pool<T> {
    /// Starts a thread for each of the values. Without threads, only the first of them is used.
    ///
    /// # Errors
    /// The operating system cannot start a thread, or there is no value.
    pub fn start(env: &Env, name: &str, values: Vec<T>) -> std::io::Result<Self> {
        if let Blocking::Inline(disk) = env.workers().clone() {
            let first = values.into_iter().next();
            let value = Mutex::new(first.ok_or(std::io::ErrorKind::InvalidInput)?);
            let waiting = AtomicUsize::new(0);
            return Ok(Self { kind: Kind::Inline(Arc::new(Inline { disk, value, waiting })) });
        }
        let waiting = Mutex::new(Waiting { calls: VecDeque::new(), closed: false });
        let line = Arc::new(Line { waiting, changed: Condvar::new() });
        // Made first, so that it ends the threads that started where one does not.
        let threads = Threads(line.clone());
        for mut value in values {
            let line = line.clone();
            std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                while let Some(work) = line.next() {
                    work(&mut value);
                }
            })?;
        }
        Ok(Self { kind: Kind::Threads(Arc::new(threads)) })
    }

    /// Has a thread do `work`, and waits for its result without blocking the runtime. Where this is dropped
    /// before, the work is not begun, or told so by its [`Call`].
    ///
    /// # Errors
    /// So many calls wait already as `place` allows.
    ///
    /// # Panics
    /// The work panics.
    pub async fn call<R: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce(&mut T, &Call) -> R + Send + 'static,
    ) -> Result<R, LineFull> {
        let call = Call { asked: Instant::now(), gone: Arc::default() };
        let _waiter = Waiter(call.gone.clone());
        let threads = match &self.kind {
            Kind::Inline(inline) => return inline.call(place, |value| work(value, &call)).await,
            Kind::Threads(threads) => threads,
        };
        let (answer, result) = oneshot::channel::<Result<R, Box<dyn Any + Send>>>();
        let of_work = call.clone();
        let run = move |value: &mut T| {
            let done = catch_unwind(AssertUnwindSafe(|| work(value, &of_work)));
            // Nobody may be waiting any more.
            let _ = answer.send(done);
        };
        threads.0.join(place, call, Box::new(run))?;
        match result.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => resume_unwind(panic),
            // The threads live as long as this handle, and each call that is not given up is answered.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const ANY: Place = Place::Back { most: usize::MAX };

    fn pool(threads: usize) -> Pool<usize> {
        Pool::start(&Env::real(), "test", (0..threads).collect()).expect("threads")
    }

    /// Calls that hold every thread until the sender is dropped.
    async fn hold(
        pool: &Pool<usize>,
        threads: usize,
    ) -> (Vec<tokio::task::JoinHandle<()>>, Vec<mpsc::Sender<()>>) {
        let (mut tasks, mut keys) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (key, lock) = mpsc::channel::<()>();
            let (begin, begun) = oneshot::channel();
            let pool = pool.clone();
            tasks.push(tokio::spawn(async move {
                let held = pool.call(ANY, move |_, _| {
                    let _ = begin.send(());
                    let _ = lock.recv();
                });
                held.await.expect("a place");
            }));
            begun.await.expect("begun");
            keys.push(key);
        }
        (tasks, keys)
    }

    #[tokio::test]
    async fn each_thread_has_a_value_of_its_own() {
        let pool = pool(2);
        let (tasks, keys) = hold(&pool, 1).await;
        // The other one goes on.
        let free = pool.call(ANY, |value, _| *value).await;
        assert_eq!(pool.call(ANY, |value, _| *value).await, free);
        drop(keys);
        for task in tasks {
            task.await.expect("done");
        }
    }

    #[tokio::test]
    async fn a_line_is_no_longer_than_the_call_allows_and_the_front_is_always_free() {
        let pool = pool(1);
        let (_tasks, keys) = hold(&pool, 1).await;
        let (order, seen) = mpsc::channel();
        let mut waiting = Vec::new();
        for (n, place) in [(0, Place::Back { most: 2 }), (1, Place::Back { most: 2 }), (2, Place::Front)] {
            let order = order.clone();
            let mut call = Box::pin({
                let pool = pool.clone();
                async move { pool.call(place, move |_, _| order.send(n).expect("heard")).await }
            });
            assert!(futures_poll(&mut call).await.is_none());
            waiting.push(call);
        }
        assert_eq!(pool.call(Place::Back { most: 2 }, |_, _| ()).await, Err(LineFull));
        // One that is given up makes room, and is never begun.
        drop(waiting.remove(0));
        let mut last = Box::pin(pool.call(Place::Back { most: 3 }, |_, _| ()));
        assert!(futures_poll(&mut last).await.is_none());
        drop(keys);
        last.await.expect("a place");
        for call in waiting {
            call.await.expect("a place");
        }
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [2, 1]);
    }

    /// Polls a future once.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            let polled = std::pin::Pin::new(&mut *future).poll(context);
            std::task::Poll::Ready(match polled {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn work_under_way_is_told_that_its_caller_has_gone() {
        let pool = pool(1);
        let (begin, begun) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |_: &mut usize, call: &Call| {
                    let _ = begin.send(());
                    while !call.is_given_up() {
                        std::thread::yield_now();
                    }
                    let _ = end.send(());
                };
                pool.call(ANY, work).await
            }
        });
        begun.await.expect("begun");
        task.abort();
        ended.await.expect("it has ended");
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_the_thread_goes_on() {
        let pool = pool(1);
        let task = tokio::spawn({
            let pool = pool.clone();
            async move { pool.call(ANY, |_, _| panic!("planted")).await }
        });
        let error = task.await.expect_err("it panicked");
        assert_eq!(error.into_panic().downcast_ref(), Some(&"planted"));
        assert_eq!(pool.call(ANY, |value, _| *value).await, Ok(0));
    }
}

//! The one place of this module where threads begin and where a thread waits.
//!
//! A [`Worker`] owns a value and the thread that works on it; everybody else sends closures. Where
//! there are to be no threads (see [`Env::inline`]), it is a task that does so, one piece of work
//! after the other, each as late as the simulated disk makes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::{mpsc as tasks, oneshot};

use super::health::{Health, Store};
use crate::env::{Blocking, Env};

/// A value that lives on a thread of its own. Clones share it; the thread ends with [`Worker::stop`]
/// or with the last clone.
pub(super) struct Worker<T> {
    jobs: Jobs<T>,
}

enum Jobs<T> {
    Thread(Arc<mpsc::Sender<Job<T>>>),
    Task(tasks::UnboundedSender<Job<T>>),
}

impl<T> Jobs<T> {
    fn send(&self, job: Job<T>) -> Result<(), Ended> {
        match self {
            Self::Thread(jobs) => jobs.send(job).map_err(|_| Ended),
            Self::Task(jobs) => jobs.send(job).map_err(|_| Ended),
        }
    }
}

enum Job<T> {
    Run(Work<T>),
    /// The same, for work that finds out whether the disk is full.
    Write(Work<T>),
    Stop(oneshot::Sender<()>),
}

type Work<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Who hears of a full disk that is simulated. Work on a thread meets a real one, and says so itself.
pub(super) struct Gate {
    pub health: Arc<Health>,
    pub store: Store,
}

/// The worker's thread is gone: it was stopped, or it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the storage thread has ended")]
pub(super) struct Ended;

impl From<Ended> for std::io::Error {
    fn from(ended: Ended) -> Self {
        std::io::Error::other(ended)
    }
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        let jobs = match &self.jobs {
            Jobs::Thread(jobs) => Jobs::Thread(jobs.clone()),
            Jobs::Task(jobs) => Jobs::Task(jobs.clone()),
        };
        Self { jobs }
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread. `died` is called should it panic.
    pub(super) fn spawn(
        env: &Env,
        name: &str,
        value: T,
        died: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::spawn_behind(None, env, name, value, died)
    }

    /// The same, for a value that waits where it finds the disk full.
    pub(super) fn spawn_behind(
        gate: impl Into<Option<Gate>>,
        env: &Env,
        name: &str,
        mut value: T,
        died: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        if let Blocking::Inline(disk) = env.workers().clone() {
            let (jobs, mut inbox) = tasks::unbounded_channel::<Job<T>>();
            let gate = gate.into();
            tokio::spawn(async move {
                let _watch = DeathWatch(Some(died));
                while let Some(job) = inbox.recv().await {
                    tokio::time::sleep(disk.delay()).await;
                    match job {
                        Job::Run(work) => work(&mut value),
                        Job::Write(work) => {
                            if let Some(Gate { health, store }) = &gate {
                                health.until_room(*store, &*disk).await;
                            }
                            work(&mut value);
                        }
                        Job::Stop(done) => {
                            drop(inbox);
                            drop(value);
                            let _ = done.send(());
                            return;
                        }
                    }
                }
            });
            return Ok(Self { jobs: Jobs::Task(jobs) });
        }
        let (jobs, inbox) = mpsc::channel::<Job<T>>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _watch = DeathWatch(Some(died));
            while let Ok(job) = inbox.recv() {
                match job {
                    Job::Run(work) | Job::Write(work) => work(&mut value),
                    Job::Stop(done) => {
                        // What waits behind the stop is dropped, and its callers hear of it.
                        drop(inbox);
                        drop(value);
                        let _ = done.send(());
                        return;
                    }
                }
            }
        })?;
        Ok(Self { jobs: Jobs::Thread(Arc::new(jobs)) })
    }

    /// Has `work` done in its turn, without waiting for it.
    pub(super) fn cast(&self, work: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Ended> {
        self.jobs.send(Job::Run(Box::new(work)))
    }

    /// The same, for work that waits where it finds the disk full.
    pub(super) fn cast_write(&self, work: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Ended> {
        self.jobs.send(Job::Write(Box::new(work)))
    }

    /// Has `work` done in its turn, and waits for its result without blocking the runtime.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Ended> {
        let (answer, result) = oneshot::channel();
        self.cast(move |value| {
            let _ = answer.send(work(value));
        })?;
        result.await.map_err(|_| Ended)
    }

    /// The same, for work that waits where it finds the disk full.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Ended> {
        let (answer, result) = oneshot::channel();
        self.cast_write(move |value| {
            let _ = answer.send(work(value));
        })?;
        result.await.map_err(|_| Ended)
    }

    /// Lets what is waiting finish, then drops the value and ends the thread.
    pub(super) async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.jobs.send(Job::Stop(done)).is_ok() {
            let _ = ended.await;
        }
    }
}

struct DeathWatch<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for DeathWatch<F> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(died) = self.0.take()
        {
            died();
        }
    }
}

/// Holds up the calling storage thread.
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Locks, also after a panic elsewhere: the panic is reported by its own thread.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A value on a thread of its own. All blocking work that goes on for long is done this way.
//!
//! A [`Worker`] owns a value and the thread that works on it, and everybody else sends closures. Where
//! there are no threads (see [`Env::inline`]), a task takes the thread's place. It does one piece of work
//! after the other, each after as long as the simulated disk says.

#![expect(clippy::disallowed_methods, reason = "this is where threads begin, and where they wait")]

use std::cell::Cell;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::blocking::{Blocking, perform};
use crate::{BoxFuture, Disk, Env};
use tokio::sync::{mpsc as tasks, oneshot};

/// A handle on a value that lives on a thread of its own. Clones share the value. The thread ends with
/// [`Worker::stop`] or with the last clone.
pub struct Worker<T> {
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
    /// Work that waits where it finds the disk full.
    Write(Work<T>),
    Stop(oneshot::Sender<()>),
}

type Work<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Holds back work that writes while a simulated disk is full. On a thread there is a real disk, and the
/// work itself waits.
pub trait Gate: Send + Sync {
    /// Resolves when there is space.
    fn pass<'a>(&'a self, disk: &'a dyn Disk) -> BoxFuture<'a, ()>;
}

/// The worker's thread is gone: it was stopped, or it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the storage thread has ended")]
pub struct Ended;

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
    /// Starts the thread. `died` is called if the thread panics.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn spawn(
        env: &Env,
        name: &str,
        value: T,
        died: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::spawn_behind(None, env, name, value, died)
    }

    /// As [`Worker::spawn`], for work that nobody waits for: the node's other threads have the cores first.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn spawn_in_background(
        env: &Env,
        name: &str,
        value: T,
        died: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start(None, step_back, env, name, value, died)
    }

    /// As [`Worker::spawn`], for a value that waits where it finds the disk full.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn spawn_behind(
        gate: impl Into<Option<Box<dyn Gate>>>,
        env: &Env,
        name: &str,
        value: T,
        died: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        Self::start(gate.into(), || {}, env, name, value, died)
    }

    fn start(
        gate: Option<Box<dyn Gate>>,
        begin: impl FnOnce() + Send + 'static,
        env: &Env,
        name: &str,
        mut value: T,
        died: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        if let Blocking::Inline(disk) = env.workers().clone() {
            let (jobs, mut inbox) = tasks::unbounded_channel::<Job<T>>();
            tokio::spawn(async move {
                let _watch = DeathWatch(Some(died));
                while let Some(job) = inbox.recv().await {
                    tokio::time::sleep(disk.delay()).await;
                    let work = match job {
                        Job::Run(work) => work,
                        Job::Write(work) => {
                            if let Some(gate) = &gate {
                                gate.pass(&*disk).await;
                            }
                            work
                        }
                        Job::Stop(done) => {
                            drop(inbox);
                            drop(value);
                            let _ = done.send(());
                            return;
                        }
                    };
                    let done = move || {
                        work(&mut value);
                        value
                    };
                    value = perform(&*disk, done).await;
                }
            });
            return Ok(Self { jobs: Jobs::Task(jobs) });
        }
        let (jobs, inbox) = mpsc::channel::<Job<T>>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _watch = DeathWatch(Some(died));
            begin();
            while let Ok(job) = inbox.recv() {
                match job {
                    Job::Run(work) | Job::Write(work) => work(&mut value),
                    Job::Stop(done) => {
                        // Work that is queued behind the stop is dropped, and its callers get an error.
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

    /// Queues `work`, without waiting for it.
    ///
    /// # Errors
    /// The worker has ended.
    pub fn cast(&self, work: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Ended> {
        self.jobs.send(Job::Run(Box::new(work)))
    }

    /// As [`Worker::cast`], for work that waits where it finds the disk full.
    ///
    /// # Errors
    /// The worker has ended.
    pub fn cast_write(&self, work: impl FnOnce(&mut T) + Send + 'static) -> Result<(), Ended> {
        self.jobs.send(Job::Write(Box::new(work)))
    }

    /// Queues `work`, and waits for its result without blocking the runtime.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Ended> {
        let (answer, result) = oneshot::channel();
        self.cast(move |value| {
            let _ = answer.send(work(value));
        })?;
        result.await.map_err(|_| Ended)
    }

    /// As [`Worker::call`], for work that waits where it finds the disk full.
    ///
    /// # Errors
    /// The worker has ended.
    pub async fn write<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Ended> {
        let (answer, result) = oneshot::channel();
        self.cast_write(move |value| {
            let _ = answer.send(work(value));
        })?;
        result.await.map_err(|_| Ended)
    }

    /// Lets the queued work finish, then drops the value and ends the thread.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        if self.jobs.send(Job::Stop(done)).is_ok() {
            let _ = ended.await;
        }
    }
}

/// Gives the calling thread a tenth of the share that others have where there are not cores enough for all.
fn step_back() {
    // Elsewhere it would be the whole process. Where it is not allowed, all are equal.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
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

thread_local! {
    static PAUSE: Cell<fn(Duration)> = const { Cell::new(std::thread::sleep as fn(Duration)) };
}

/// Blocks the calling thread, which must be a worker's.
pub fn pause(duration: Duration) {
    PAUSE.get()(duration);
}

/// Has [`pause`] call this on the calling thread from now on. It is for a simulator: its one thread must not sleep.
pub fn pause_by(pause: fn(Duration)) {
    PAUSE.set(pause);
}

//! [`Loops`]: every task of a node that goes on for as long as the node runs.
//!
//! A loop that ended would leave a node that looks well and does a part of its work no more. So every loop is
//! started here, under a name, and its end is a fault of the node: a panic always, and a return unless the node
//! stops. Tasks that end by themselves (a connection, an attempt, a request) are not started here: what they cost
//! when they panic must be that one thing.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use tokio_util::task::AbortOnDropHandle;

use crate::{Bug, Env, Fault};

/// Starts the loops of one node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Loops {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    env: Env,
    fault: Fault,
    stopping: AtomicBool,
    names: Mutex<Vec<&'static str>>,
}

/// A loop that runs. It ends with its handle.
#[derive(Debug)]
#[must_use = "a loop ends with its handle"]
pub struct Loop {
    name: &'static str,
    task: AbortOnDropHandle<()>,
    may_return: Arc<AtomicBool>,
}

impl Loops {
    /// For a node that is about to start.
    #[must_use]
    pub fn new(env: &Env) -> Self {
        let (stopping, names) = (AtomicBool::new(false), Mutex::default());
        Self { shared: Arc::new(Shared { env: env.clone(), fault: Fault::default(), stopping, names }) }
    }

    /// Starts a loop. Its name is for people: it stands in the log when the loop ends.
    pub fn start(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Loop {
        let shared = Arc::clone(&self.shared);
        shared.names.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        let may_return = Arc::<AtomicBool>::default();
        let asked = Arc::clone(&may_return);
        let bug =
            [Bug::LoopPanics(name), Bug::LoopReturns(name)].into_iter().find(|bug| shared.env.has(*bug));
        let watched = async move {
            let work = async move {
                match bug {
                    Some(Bug::LoopPanics(_)) => panic!("planted"),
                    Some(_) => {}
                    None => work.await,
                }
            };
            match AssertUnwindSafe(work).catch_unwind().await {
                Ok(()) if asked.load(Ordering::Relaxed) || shared.stopping.load(Ordering::Relaxed) => {}
                Ok(()) => shared.fault.report(format!("the loop {name:?} has ended")),
                Err(panic) => {
                    shared.fault.report(format!("the loop {name:?} panicked: {}", panic_text(&*panic)))
                }
            }
        };
        Loop { name, task: AbortOnDropHandle::new(tokio::spawn(watched)), may_return }
    }

    /// The names of all loops that were started.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.shared.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the node cannot go on with: the end of a loop, or whatever else is reported there.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.shared.fault
    }

    /// The node stops: from now on a loop may return. It may not panic.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }
}

impl Loop {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// It was asked to return, though the node goes on.
    pub fn may_return(&self) {
        self.may_return.store(true, Ordering::Relaxed);
    }

    /// Waits until it has ended, by whichever way.
    pub async fn ended(&mut self) {
        // That it panicked was reported.
        let _ = (&mut self.task).await;
    }

    /// Ends it where it stands, and waits until it has ended.
    pub async fn stop(mut self) {
        self.task.abort();
        self.ended().await;
    }

    /// Lets it go on without its handle.
    pub fn detach(self) {
        drop(self.task.detach());
    }
}

/// The text of a panic.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loops() -> Loops {
        Loops::new(&Env::real())
    }

    #[tokio::test]
    async fn the_end_of_a_loop_is_a_fault_with_its_name_and_the_words_of_its_panic() {
        let number = 7;
        let first = loops();
        let _running = [
            first.start("waits", std::future::pending()),
            first.start("panics", async move { panic!("it is {number}") }),
        ];
        assert_eq!(first.fault().reported().await, "the loop \"panics\" panicked: it is 7");
        assert_eq!(first.names(), ["waits", "panics"]);
        let second = loops();
        let _running = second.start("returns", async {});
        assert_eq!(second.fault().reported().await, "the loop \"returns\" has ended");
    }

    #[tokio::test]
    async fn a_loop_that_was_asked_to_end_is_no_fault() {
        let loops = loops();
        loops.start("is stopped", std::future::pending()).stop().await;
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let mut asked = loops.start("is asked", async move { drop(gone.await) });
        asked.may_return();
        drop(go);
        asked.ended().await;
        loops.stop();
        loops.start("returns as the node stops", async {}).ended().await;
        assert_eq!(loops.fault().now(), None);
        loops.start("panics as the node stops", async { panic!("oh") }).ended().await;
        assert_eq!(
            loops.fault().now().as_deref(),
            Some("the loop \"panics as the node stops\" panicked: oh")
        );
    }
}

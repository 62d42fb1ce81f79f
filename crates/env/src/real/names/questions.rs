//! Questions to the name servers: one per name at a time, which all share who wait for it, and so many at once.
//!
//! A question ends with the last who waits for it, or after [`Limits::question`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::cache::Cache;
use super::failure::Failure;
use super::limits::Limits;
use super::metrics::Metrics;
use super::order;
use super::servers::{Answer, Servers};

/// How a question ends.
pub(super) type Outcome = Result<Vec<IpAddr>, Failure>;
/// A question that is under way, for one of those who wait for it.
pub(super) type Question = Shared<BoxFuture<'static, Outcome>>;
type Pending = WeakShared<BoxFuture<'static, Outcome>>;

/// How long a question waits where this machine cannot ask for want of descriptors or memory.
const SHORTAGE: Duration = Duration::from_millis(100);

/// All questions that are under way.
pub(super) struct Questions(Arc<Inner>);

struct Inner {
    limits: Limits,
    cache: Arc<Mutex<Cache>>,
    metrics: Metrics,
    under_way: Mutex<UnderWay>,
    quick: Semaphore,
    slow: Semaphore,
    refreshes: Arc<Semaphore>,
}

#[derive(Default)]
struct UnderWay {
    /// By name, with the number that the question has.
    questions: HashMap<String, (u64, Pending)>,
    asked: u64,
}

impl Questions {
    pub(super) fn new(limits: Limits, cache: Arc<Mutex<Cache>>, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            limits,
            cache,
            metrics,
            under_way: Mutex::default(),
            quick: Semaphore::new(limits.quick_questions),
            slow: Semaphore::new(limits.slow_questions),
            refreshes: Arc::new(Semaphore::new(limits.refreshes)),
        }))
    }

    /// The question about a name: the one that is under way, or a new one. `is_slow` says that the last one took
    /// its whole time.
    pub(super) fn ask(&self, servers: &Arc<Servers>, name: String, is_slow: bool) -> Question {
        let mut under_way = self.0.under_way();
        if let Some((_, pending)) = under_way.questions.get(&name)
            && let Some(question) = pending.upgrade()
        {
            return question;
        }
        under_way.asked += 1;
        let number = under_way.asked;
        let (inner, servers) = (Arc::clone(&self.0), Arc::clone(servers));
        let ends = Ends { inner: Arc::clone(&self.0), name: name.clone(), number };
        let question = async move {
            // It is taken out of the list where it ends, and also where it is dropped.
            let ends = ends;
            inner.answer(&servers, &ends.name, is_slow).await
        };
        let question = question.boxed().shared();
        if let Some(pending) = question.downgrade() {
            under_way.questions.insert(name, (number, pending));
            self.0.metrics.under_way(under_way.questions.len());
        }
        question
    }

    /// Asks without anybody who waits, where the name is not asked about already.
    pub(super) fn refresh(&self, servers: &Arc<Servers>, name: String, is_slow: bool) {
        let is_under_way = self.0.under_way().questions.contains_key(&name);
        if !is_under_way {
            self.keep(self.ask(servers, name, is_slow));
        }
    }

    /// Has a question go on without anybody who waits for it, as long as there are not too many of these.
    pub(super) fn keep(&self, question: Question) {
        if let Ok(permit) = Arc::clone(&self.0.refreshes).try_acquire_owned() {
            tokio::spawn(async move {
                // The cache has the answer.
                let _ = question.await;
                drop(permit);
            });
        }
    }
}

impl Inner {
    /// Asks, and has the cache keep the answer.
    async fn answer(&self, servers: &Servers, name: &str, is_slow: bool) -> Outcome {
        // What to say when the time is over.
        let mut late = Failure::Crowded(self.limits.question);
        let asking = self.ask_in_turn(servers, name, is_slow, &mut late);
        let answer = timeout(self.limits.question, asking).await;
        let answer = answer.unwrap_or(Err(late));
        let (now, mut cache) = (Instant::now(), self.cache.lock().unwrap_or_else(PoisonError::into_inner));
        let (failure, ttl) = match answer {
            Ok(Answer::Found { mut addresses, ttl }) => {
                self.metrics.ended("found");
                let equals = order::sort(&mut addresses);
                cache.found(name, addresses.clone(), equals, ttl, now);
                return Ok(addresses);
            }
            Ok(Answer::None { exists: true, ttl }) => (Failure::NoAddresses, ttl),
            Ok(Answer::None { exists: false, ttl }) => (Failure::NoSuchName, ttl),
            Err(failure) => (failure, None),
        };
        self.metrics.ended(if failure.is_answer() { "not_found" } else { "failed" });
        cache.failed(name, failure.clone(), ttl, now);
        Err(failure)
    }

    /// Asks when there is a place for it: first among the quick questions, and then, where it takes long, among
    /// the slow ones. So no number of slow questions keeps a quick one waiting for long.
    async fn ask_in_turn(
        &self,
        servers: &Servers,
        name: &str,
        is_slow: bool,
        late: &mut Failure,
    ) -> Result<Answer, Failure> {
        if !is_slow {
            let place = self.quick.acquire().await;
            let mut asking = pin!(self.ask_patiently(servers, name, late));
            if let Ok(answer) = timeout(self.limits.quick, &mut asking).await {
                return answer;
            }
            drop(place);
            if let Ok(_place) = self.slow.try_acquire() {
                return asking.await;
            }
        }
        let _place = self.slow.acquire().await;
        self.ask_patiently(servers, name, late).await
    }

    /// Asks, and again where this machine has nothing left to ask with. That is not the name servers' fault, and
    /// passes.
    async fn ask_patiently(
        &self,
        servers: &Servers,
        name: &str,
        late: &mut Failure,
    ) -> Result<Answer, Failure> {
        loop {
            *late = Failure::Silent(self.limits.question);
            match servers.ask(name).await {
                Err(shortage @ Failure::Shortage(_)) => *late = shortage,
                answer => return answer,
            }
            tokio::time::sleep(SHORTAGE).await;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a question out of the list when it is dropped.
struct Ends {
    inner: Arc<Inner>,
    name: String,
    number: u64,
}

impl Drop for Ends {
    fn drop(&mut self) {
        let mut under_way = self.inner.under_way();
        // Another question about the name may have begun since the last who waited for this one went.
        if under_way.questions.get(&self.name).is_some_and(|(number, _)| *number == self.number) {
            under_way.questions.remove(&self.name);
        }
        self.inner.metrics.under_way(under_way.questions.len());
    }
}

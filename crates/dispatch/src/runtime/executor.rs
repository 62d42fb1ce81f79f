//! Carries out what the core decides: makes attempts and cuts them off, asks, reports, counts and logs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chronos_env::{Bug, panic_text};
use chronos_state::{Report, Reported};
use chronos_types::ExecutionId;
use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::attempt;
use super::config::Config;
use super::handle::Message;
use super::questions;
use super::reporter::Reports;
use super::secrets::Secrets;
use crate::core::{Action, Attempt, Event, Prepared};

/// Between a panic and the next try.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// What acts outside the core.
pub(super) struct Executor {
    pub(super) config: Config,
    /// Attempts under way, with their numbers.
    attempts: HashMap<ExecutionId, (u32, AbortHandle)>,
    /// The task that waits for the state to be caught up with.
    catching_up: Option<AbortHandle>,
    /// Where the tasks that are started here send what came of them.
    messages: mpsc::UnboundedSender<Message>,
    reports: Reports,
    secrets: Secrets,
}

impl Executor {
    pub(super) fn new(
        config: Config,
        messages: mpsc::UnboundedSender<Message>,
        reports: Reports,
        secrets: Secrets,
    ) -> Self {
        Self { config, attempts: HashMap::new(), catching_up: None, messages, reports, secrets }
    }

    /// Does what an action says, or sets it going.
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Attempt(attempt) => self.attempt(attempt),
            Action::Abort(execution) => {
                if let Some((_, abort)) = self.attempts.remove(&execution) {
                    abort.abort();
                }
            }
            Action::AttemptEnded { job, report } => {
                self.count_attempt(&job, &report);
                self.report(report);
            }
            Action::Postponed { execution, shortage } => {
                self.config.metrics.attempt_postponed();
                tracing::debug!(%execution, shortage, "attempt postponed");
            }
            Action::ExecutionEnded { status, took_ms } => {
                self.config.metrics.execution_ended(status, took_ms);
            }
            Action::Report(report) => self.report(report),
            Action::Load(keys) => {
                let (store, keyring) = (self.config.store.clone(), self.config.keyring.clone());
                let asked = keys.clone();
                self.ask(
                    move || questions::load(store.clone(), keyring.clone(), keys.clone()),
                    |(loaded, bad)| Event::Loaded { asked, loaded, bad },
                );
            }
            Action::AskWhatIsOpen(question) => {
                let Config { store, node, env, .. } = &self.config;
                let forgets = env.has(Bug::ForgetsUnfinished);
                let (store, node) = (store.clone(), node.clone());
                self.ask(
                    move || questions::what_is_open(store.clone(), node.clone(), forgets),
                    |(fires, withdrawn)| Event::Open { question, fires, withdrawn },
                );
            }
            Action::CatchUp(round) => {
                let (proposer, messages) = (self.config.proposer.clone(), self.messages.clone());
                let skips = self.config.env.has(Bug::SkipsTheBarrier);
                let task = tokio::spawn(async move {
                    let answer = until_answered(|| questions::catch_up(proposer.clone(), skips)).await;
                    if answer.is_some() {
                        let _ = messages.send(Message::Event(Event::CaughtUp(round)));
                    }
                });
                self.catching_up = Some(task.abort_handle());
            }
            Action::StopCatchingUp => {
                if let Some(catching_up) = self.catching_up.take() {
                    catching_up.abort();
                }
            }
            Action::FenceRaised => {
                tracing::warn!("not proven to be heard by a leader: no attempt is started");
            }
            Action::FenceLifted => tracing::debug!("attempts may begin"),
            Action::TakenUp { count } => tracing::info!(count, "taking up unfinished executions"),
            Action::VersionGone { execution, reason } => tracing::error!(%execution, reason),
        }
    }

    /// An attempt ended on its own, so there is nothing to be cut off any more.
    pub(super) fn attempt_ended(&mut self, execution: ExecutionId, number: u32) {
        // The same execution may have another one under way, if this one was to be cut off.
        if let Entry::Occupied(known) = self.attempts.entry(execution)
            && known.get().0 == number
        {
            known.remove();
        }
    }

    /// Cuts off everything that is under way still. The reporter ends once it has sent what it holds.
    pub(super) fn stop(self) {
        for (_, abort) in self.attempts.into_values() {
            abort.abort();
        }
        if let Some(catching_up) = self.catching_up {
            catching_up.abort();
        }
    }

    fn attempt(&mut self, attempt: Attempt) {
        let (execution, number) = (attempt.run.execution, attempt.number);
        let Config { env, metrics, client, store, lease, keyring, .. } = &self.config;
        if let Some(due) = attempt.due {
            metrics.lateness(env.now_us() - due * 1000);
        }
        let panics = number == 1 && env.has(Bug::AttemptPanics);
        let (client, store, lease) = (client.clone(), store.clone(), lease.clone());
        let (keyring, secrets) = (keyring.clone(), self.secrets.clone());
        let messages = self.messages.clone();
        let task = tokio::spawn(async move {
            let ended = attempt::make(store, &client, &keyring, &secrets, &lease, attempt, panics).await;
            let _ = messages.send(Message::Ended(ended));
        });
        self.attempts.insert(execution, (number, task.abort_handle()));
    }

    /// Starts a task whose answer makes an event.
    fn ask<F: Future<Output: Send> + Send>(
        &self,
        question: impl Fn() -> F + Send + 'static,
        event: impl FnOnce(F::Output) -> Event + Send + 'static,
    ) {
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let answer = until_answered(question).await;
            let _ = messages.send(Message::Event(event(answer)));
        });
    }

    fn report(&self, report: Report) {
        self.reports.send(report);
    }

    /// Counts and logs how an attempt ended.
    fn count_attempt(&self, job: &Prepared, report: &Report) {
        let Reported::Ended { attempt, duration_ms, failure, retry_at, .. } = &report.what else { return };
        let (id, name) = (report.run.execution, &job.name);
        self.config.metrics.attempt_ended(failure.as_ref().map(|(kind, _)| *kind));
        if let Some((kind, why)) = failure {
            let retrying = retry_at.is_some();
            tracing::info!(execution = %id, job = %name, attempt, kind = kind.as_str(), why, retrying, "attempt failed");
        } else {
            tracing::debug!(execution = %id, job = %name, attempt, duration_ms, "delivered");
        }
    }
}

/// Asks until there is an answer. The core waits for it, so after a panic the question is asked again.
async fn until_answered<F: Future>(question: impl Fn() -> F) -> F::Output {
    loop {
        match AssertUnwindSafe(question()).catch_unwind().await {
            Ok(answer) => return answer,
            Err(panic) => {
                let panic = panic_text(&*panic);
                tracing::error!(panic, "a question panicked; it is asked again");
                tokio::time::sleep(AFTER_PANIC).await;
            }
        }
    }
}

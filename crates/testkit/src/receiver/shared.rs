//! What a receiver and its connections have in common.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::answer::Answer;
use super::call::Call;

/// Says what a call is answered that no script is for.
pub(super) type Respond = Arc<dyn Fn(&Call) -> Answer + Send + Sync>;

/// What a receiver was told, and what came.
pub(super) struct State {
    pub(super) scripts: HashMap<String, VecDeque<Answer>>,
    pub(super) respond: Respond,
    pub(super) calls: Vec<Call>,
    /// Calls handed out by `next`, by path.
    pub(super) taken: HashMap<String, usize>,
    /// Calls whose client went away unanswered, by path.
    pub(super) abandoned: HashMap<String, usize>,
    pub(super) connections: usize,
}

/// What a receiver shares with its connections.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: watch::Sender<()>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        result
    }

    /// Records a call, and says what it is answered.
    pub(super) fn record(&self, call: Call) -> Answer {
        let (answer, respond) = self.change(|state| {
            let answer = match state.scripts.get_mut(call.path()) {
                Some(answers) if answers.len() > 1 => answers.pop_front(),
                Some(answers) => answers.front().cloned(),
                None => None,
            };
            state.calls.push(call.clone());
            (answer, Arc::clone(&state.respond))
        });
        answer.unwrap_or_else(|| respond(&call))
    }

    /// Waits until `find` finds something.
    pub(super) async fn find<R>(
        &self,
        what: &str,
        patience: Duration,
        mut find: impl FnMut(&mut State) -> Option<R>,
    ) -> R {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                if let Some(found) = find(&mut self.state()) {
                    return found;
                }
                // The sender lives as long as `self`.
                let _ = changed.changed().await;
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(found) => found,
            Err(_) => {
                let seen: Vec<_> =
                    self.state().calls.iter().map(|c| format!("{} {}", c.method, c.target)).collect();
                panic!("waited in vain for {what}; what came: {seen:?}");
            }
        }
    }
}

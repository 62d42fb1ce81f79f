//! Asking the state what is open for this node: when the state was replaced as a whole, and before
//! the fence is lifted.

use std::collections::{HashMap, HashSet};

use chronos_env::Bug;
use chronos_replica::ProposeError;
use chronos_state::{Fire, Reader};
use chronos_types::ExecutionId;

use super::{Dispatcher, Entry, Message, PAUSE, State};
use crate::fence::Round;

/// The answer to a question.
pub(super) struct Open {
    question: u64,
    /// Every unfinished execution of this node.
    fires: Vec<Fire>,
    /// What was withdrawn from this node, and waits for its word.
    withdrawn: Vec<Fire>,
    /// What was held when the question was asked.
    held: HashSet<ExecutionId>,
    /// Where the fence waits for the answer.
    round: Option<Round>,
}

/// The questions under way, and what became known since they were asked.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: u64,
    unanswered: usize,
    /// Executions that effects spoke of, and how many questions had been asked then.
    since: HashMap<ExecutionId, u64>,
}

impl Questions {
    fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.unanswered += 1;
        self.asked
    }

    /// An effect says something of this execution.
    pub(super) fn spoken_of(&mut self, id: ExecutionId) {
        if self.unanswered > 0 {
            self.since.insert(id, self.asked);
        }
    }

    /// Whether an effect has said since what the answer says of this execution, or later news.
    fn is_old_news(&self, question: u64, id: ExecutionId) -> bool {
        self.since.get(&id).is_some_and(|asked| *asked >= question)
    }

    fn answered(&mut self) {
        self.unanswered -= 1;
        if self.unanswered == 0 {
            self.since.clear();
        }
    }
}

impl Dispatcher {
    /// Raises or begins to lift the fence.
    pub(super) fn follow(&mut self, fenced: bool) {
        if fenced {
            if let Some(lifting) = self.lifting.take() {
                lifting.abort();
            }
            if self.fence.is_down() {
                tracing::warn!("cut off from the cluster: no attempt is started");
            }
            self.fence.raise();
        } else if let Some(round) = self.fence.begin_to_lift() {
            let (proposer, messages) = (self.config.proposer.clone(), self.messages.clone());
            let task = tokio::spawn(async move {
                loop {
                    match proposer.barrier().await {
                        Ok(()) => {
                            let _ = messages.send(Message::CaughtUp(round));
                            return;
                        }
                        Err(ProposeError::Stopped(_)) => return,
                        Err(error) => tracing::debug!(%error, "attempts wait for the state to catch up"),
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
            self.lifting = Some(task.abort_handle());
        }
        self.config.metrics.fenced(fenced);
    }

    /// The effects of all that was applied are taken in; now what there were none for.
    pub(super) fn caught_up(&mut self, round: Round) {
        if self.fence.is_lifting(round) {
            self.ask_what_is_open(Some(round));
        }
    }

    /// Asks the state what is open for this node.
    pub(super) fn ask_what_is_open(&mut self, round: Option<Round>) {
        let (store, messages, node) =
            (self.config.store.clone(), self.messages.clone(), self.config.node.clone());
        let question = self.questions.ask();
        let held = self.entries.keys().copied().collect();
        let forgets = self.config.env.has(Bug::ForgetsUnfinished);
        tokio::spawn(async move {
            loop {
                let node = node.clone();
                let ask = move |reader: &Reader| {
                    let mut withdrawn = reader.withdrawn()?;
                    withdrawn.retain(|fire| fire.node == node);
                    Ok((reader.open_fires(&node)?, withdrawn))
                };
                match store.read(ask).await {
                    Ok((mut fires, withdrawn)) => {
                        fires.retain(|_| !forgets);
                        let _ =
                            messages.send(Message::Open(Open { question, fires, withdrawn, held, round }));
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "what is open cannot be read; trying again");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
    }

    /// Takes up what is open, and drops what was held and is not open any more.
    pub(super) fn open(&mut self, open: Open) {
        let Open { question, mut fires, mut withdrawn, mut held, round } = open;
        fires.retain(|fire| !self.questions.is_old_news(question, fire.run.execution));
        withdrawn.retain(|fire| !self.questions.is_old_news(question, fire.run.execution));
        held.retain(|id| !self.questions.is_old_news(question, *id));
        self.questions.answered();
        for fire in &fires {
            held.remove(&fire.run.execution);
        }
        self.taking_in = true;
        for fire in withdrawn {
            held.remove(&fire.run.execution);
            self.withdraw(fire);
        }
        for id in held {
            self.give_up(id);
        }
        let before = self.entries.len();
        for fire in fires {
            self.take(fire);
        }
        self.taking_in = false;
        self.at_home |= round.is_some();
        let taken_up = self.entries.len() - before;
        if taken_up > 0 {
            tracing::info!(count = taken_up, "taking up unfinished executions");
        }
        if round.is_some_and(|round| self.fence.lift(round)) {
            tracing::debug!("attempts may begin");
        }
        self.go_on();
    }

    /// Drops an execution that is not ours any more. An attempt under way goes on: it was begun when
    /// it was ours to begin, and its report says what came of it. The state takes a success, and answers
    /// anything else with the node that the execution went to: then it is dropped.
    pub(super) fn give_up(&mut self, id: ExecutionId) {
        if !matches!(self.entries.get(&id), Some(Entry { state: State::Running { .. }, .. })) {
            self.end(id);
            self.entries.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_effect_said_after_the_question_holds() {
        let id = ExecutionId::floor;
        let mut questions = Questions::default();
        questions.spoken_of(id(1));
        let first = questions.ask();
        questions.spoken_of(id(2));
        let second = questions.ask();
        questions.spoken_of(id(3));
        let old = |questions: &Questions, question| [1, 2, 3].map(|n| questions.is_old_news(question, id(n)));
        assert_eq!(old(&questions, first), [false, true, true]);
        questions.answered();
        assert_eq!(old(&questions, second), [false, false, true]);
        questions.answered();
        assert_eq!(old(&questions, second), [false; 3]);
    }
}

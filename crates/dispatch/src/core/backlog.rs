//! Questions to the state about what is open for this node: when the state was replaced as a whole, and
//! before the fence is lifted.
//!
//! Effects keep coming while an answer is on its way. What an effect says of an execution is newer than
//! the answer, which therefore counts only for the executions that no effect has spoken of since.

use std::collections::{HashMap, HashSet};

use chronos_state::Fire;
use chronos_types::ExecutionId;

use super::fence::Round;

/// A question. It travels to the state and comes back with the answer.
#[derive(Debug)]
pub(crate) struct Question {
    number: u64,
    /// What was held when it was asked.
    held: HashSet<ExecutionId>,
    /// The try to lift the fence that waits for the answer.
    round: Option<Round>,
}

/// What the state answered, without what is known better by now.
#[derive(Debug)]
pub(super) struct Answer {
    /// Unfinished executions of this node.
    pub(super) fires: Vec<Fire>,
    /// Runs that were withdrawn from this node and that it has said nothing of yet.
    pub(super) withdrawn: Vec<Fire>,
    /// Executions that were held, and are not this node's any more.
    pub(super) gone: HashSet<ExecutionId>,
    /// The try to lift the fence that waited for it.
    pub(super) round: Option<Round>,
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
    /// Makes a question, where these executions are held.
    pub(super) fn ask(&mut self, held: HashSet<ExecutionId>, round: Option<Round>) -> Question {
        self.asked += 1;
        self.unanswered += 1;
        Question { number: self.asked, held, round }
    }

    /// An effect says something of this execution.
    pub(super) fn spoken_of(&mut self, id: ExecutionId) {
        if self.unanswered > 0 {
            self.since.insert(id, self.asked);
        }
    }

    /// Takes in the answer to a question.
    pub(super) fn answered(
        &mut self,
        question: Question,
        mut fires: Vec<Fire>,
        mut withdrawn: Vec<Fire>,
    ) -> Answer {
        let Question { number, held: mut gone, round } = question;
        fires.retain(|fire| !self.is_old_news(number, fire.run.execution));
        withdrawn.retain(|fire| !self.is_old_news(number, fire.run.execution));
        gone.retain(|id| !self.is_old_news(number, *id));
        for fire in fires.iter().chain(&withdrawn) {
            gone.remove(&fire.run.execution);
        }
        self.unanswered -= 1;
        if self.unanswered == 0 {
            self.since.clear();
        }
        Answer { fires, withdrawn, gone, round }
    }

    /// Whether an effect has told of this execution what the answer tells, or something newer.
    fn is_old_news(&self, question: u64, id: ExecutionId) -> bool {
        self.since.get(&id).is_some_and(|asked| *asked >= question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_effect_said_after_the_question_holds() {
        let id = ExecutionId::floor;
        let held = || HashSet::from([1, 2, 3].map(id));
        let mut questions = Questions::default();
        questions.spoken_of(id(1));
        let first = questions.ask(held(), None);
        questions.spoken_of(id(2));
        let second = questions.ask(held(), None);
        questions.spoken_of(id(3));
        let old = |questions: &Questions, question| [1, 2, 3].map(|n| questions.is_old_news(question, id(n)));
        assert_eq!(old(&questions, first.number), [false, true, true]);
        assert_eq!(questions.answered(first, vec![], vec![]).gone, HashSet::from([id(1)]));
        assert_eq!(old(&questions, second.number), [false, false, true]);
        assert_eq!(questions.answered(second, vec![], vec![]).gone, HashSet::from([id(1), id(2)]));
        assert_eq!(old(&questions, 2), [false; 3]);
    }
}

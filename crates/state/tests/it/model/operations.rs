//! What the naive machine makes of operations.

use chronos_state::{
    BeginOperation, Cursor, ItemError, KEPT_ERRORS, MAX_OPERATIONS, OperationRow, OperationStep,
    OperationWord, RefusedItem, Targets, Todo,
};

use super::*;

#[derive(Clone, Debug)]
pub struct Operation {
    pub row: OperationRow,
    pub errors: Vec<RefusedItem>,
}

impl Model {
    pub(super) fn operation(&mut self, word: &OperationWord, by: Option<&By>) -> Outcome {
        match word {
            OperationWord::Begin(begin) => self.begin(begin, by),
            OperationWord::Step(step) => self.step(step),
            OperationWord::Cancel { id } => {
                let Some(operation) = self.operations.get_mut(id) else {
                    return refuse(Refusal::NoSuchOperation);
                };
                let row = &mut operation.row;
                if row.ended_at.is_some() {
                    return refuse(Refusal::OperationEnded { cancelled: row.is_cancelled });
                }
                (row.ended_at, row.is_cancelled, row.cancelled_by) = (Some(self.at), true, by.cloned());
                Outcome::Operation { id: *id }
            }
        }
    }

    fn begin(&mut self, begin: &BeginOperation, by: Option<&By>) -> Outcome {
        let BeginOperation { id, spec } = begin.clone();
        if !self.operations.contains_key(&id) {
            let running = self.operations.values().filter(|operation| operation.row.ended_at.is_none());
            if running.count() >= MAX_OPERATIONS {
                return refuse(Refusal::TooManyOperations { most: MAX_OPERATIONS });
            }
            let upto = match spec.targets {
                Targets::Jobs(_) | Targets::NamedJobs(_) => self.last_job,
                Targets::Executions(_) | Targets::NamedExecutions(_) => self.last_number,
                Targets::Instants { .. } => i64::MAX,
            };
            let row = OperationRow {
                id,
                spec: Ok(spec),
                by: by.cloned(),
                created_at: self.at,
                upto,
                cursor: Some(Cursor::Start),
                done: 0,
                refused: 0,
                ended_at: None,
                is_cancelled: false,
                cancelled_by: None,
            };
            self.operations.insert(id, Operation { row, errors: vec![] });
        }
        Outcome::Operation { id }
    }

    fn step(&mut self, step: &OperationStep) -> Outcome {
        let Some(mut operation) = self.operations.get(&step.id).cloned() else {
            return refuse(Refusal::NoSuchOperation);
        };
        if operation.row.ended_at.is_some() {
            return refuse(Refusal::OperationEnded { cancelled: operation.row.is_cancelled });
        }
        if operation.row.cursor != Some(step.from) {
            return refuse(Refusal::OperationMovedOn);
        }
        let by = operation.row.by.clone();
        let mut is_whole = true;
        for item in &step.items {
            let refused = match &item.todo {
                Todo::Not(error) => Some(error.clone()),
                Todo::Do(command) if self.is_later(command, operation.row.upto) => {
                    operation.row.cursor = Some(item.place);
                    continue;
                }
                Todo::Do(command) => match self.command(&self.of_step(command, by.as_ref())) {
                    Outcome::Refused { refusal: Refusal::VersionMismatch { .. } }
                        if matches!(**command, Command::PutJob(_)) =>
                    {
                        is_whole = false;
                        break;
                    }
                    Outcome::Refused { refusal } => Some(ItemError::Refused(refusal)),
                    _ => None,
                },
            };
            operation.row.cursor = Some(item.place);
            match refused {
                None => operation.row.done += 1,
                Some(error) => {
                    if operation.row.refused < KEPT_ERRORS {
                        operation.errors.push(RefusedItem { target: item.target.clone(), error });
                    }
                    operation.row.refused += 1;
                }
            }
        }
        if is_whole {
            operation.row.cursor = Some(step.to);
            operation.row.ended_at = step.is_last.then_some(self.at);
        }
        self.operations.insert(step.id, operation);
        Outcome::Done
    }

    /// Whether a command is about an execution that came on record after the operation.
    fn is_later(&self, command: &Command, upto: i64) -> bool {
        let about = match command {
            Command::Trigger(run) => run.replay_of,
            Command::Cancel(cancel) => Some(cancel.execution),
            _ => None,
        };
        self.numbers.iter().any(|(number, id)| Some(*id) == about && *number > upto)
    }
}

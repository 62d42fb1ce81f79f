//! Operations: their steps do what clients ask for, some of them from a wrong place, and some twice.

use chronos_state::{
    BeginOperation, BulkAction, Cursor, Filter, ItemError, OperationItem, OperationRun, OperationSpec,
    OperationStep, OperationWord, Refusal, Targets, Todo,
};
use chronos_types::OperationId;

use super::*;

#[derive(Clone, Debug)]
pub(super) enum Word {
    /// Of jobs or of executions, by a number.
    Begin(u8, bool),
    Step {
        operation: Index,
        items: Vec<(Item, Index)>,
        is_wrong: bool,
        is_last: bool,
    },
    Cancel(Index),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Trigger,
    Backfill,
    Replay,
    Cancel,
    Describe,
    Stale,
    Not,
}

pub(super) fn word() -> impl Strategy<Value = Word> {
    let index = any::<Index>;
    let item = prop::sample::select(vec![
        Item::Trigger,
        Item::Trigger,
        Item::Backfill,
        Item::Replay,
        Item::Replay,
        Item::Cancel,
        Item::Describe,
        Item::Stale,
        Item::Not,
    ]);
    let items = prop::collection::vec((item, index()), 0..4);
    let step = (index(), items, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
        .prop_map(|(operation, items, is_wrong, is_last)| Word::Step { operation, items, is_wrong, is_last });
    prop_oneof![
        3 => (0..4u8, any::<bool>()).prop_map(|(number, of_jobs)| Word::Begin(number, of_jobs)),
        8 => step,
        1 => index().prop_map(Word::Cancel),
    ]
}

impl Maker {
    pub(super) fn operation(&mut self, word: &Word, model: &Model, at: Millis) -> Command {
        let pick = |index: &Index| {
            let all: Vec<_> = model.operations.values().collect();
            (!all.is_empty()).then(|| index.get(&all).row.clone())
        };
        Command::Operation(match word {
            Word::Begin(number, of_jobs) => {
                let (action, targets) = if *of_jobs {
                    (BulkAction::Trigger, Targets::Jobs(Filter::new()))
                } else {
                    (BulkAction::Replay { spread_ms: 0 }, Targets::Executions(Filter::new()))
                };
                let spec = OperationSpec {
                    action,
                    targets,
                    per_second: Some(50),
                    count: 1,
                    exact: true,
                    scope: None,
                };
                let id = OperationId::new(0, [*number; 10]);
                OperationWord::Begin(Box::new(BeginOperation { id, spec }))
            }
            Word::Cancel(index) => match pick(index) {
                Some(row) => OperationWord::Cancel { id: row.id },
                None => return nothing(),
            },
            Word::Step { operation, items, is_wrong, is_last } => {
                let Some(row) = pick(operation) else { return nothing() };
                let done = match row.cursor {
                    Some(Cursor::Named(done)) => done,
                    _ => 0,
                };
                let from = if *is_wrong { Cursor::Named(done + 1) } else { row.cursor.unwrap() };
                let places = (done + 1..).map(Cursor::Named);
                let items: Vec<_> = items
                    .iter()
                    .zip(places)
                    .map(|((item, index), place)| {
                        let todo = self.item(row.id, *item, *index, model, at);
                        OperationItem { target: format!("{item:?}"), place, todo }
                    })
                    .collect();
                let to = Cursor::Named(done + u32::try_from(items.len()).unwrap());
                let step = OperationStep { id: row.id, from, items, to, is_last: *is_last };
                OperationWord::Step(Box::new(step))
            }
        })
    }

    fn item(&mut self, id: OperationId, item: Item, index: Index, model: &Model, at: Millis) -> Todo {
        let run = |job: &Job, replay_of: Option<ExecutionId>, backfill| {
            let target = replay_of.map_or(vec![], |of| of.as_bytes().to_vec());
            let execution = ExecutionId::of_operation(job.id, 100_000, id, &target);
            let operation = Some(OperationRun { id, backfill });
            let node = support::node(NODES[0]);
            Command::Trigger(TriggerRun {
                job: job.id,
                execution,
                replay_of,
                node,
                overrides: None,
                operation,
            })
        };
        let command = match item {
            Item::Trigger => pick(index, model).map(|job| run(job, None, None)),
            Item::Backfill => pick(index, model).map(|job| run(job, None, Some(50_000))),
            Item::Replay => self.fire(index).and_then(|fire| {
                let job = model.jobs.get(&fire.run.job)?;
                Some(run(job, Some(fire.run.execution), None))
            }),
            Item::Cancel => Some(self.command(&Act::Cancel { run: index }, model, at)),
            Item::Describe | Item::Stale => {
                let stale = matches!(item, Item::Stale);
                Some(self.command(&Act::Change { job: index, change: Change::Describe, stale }, model, at))
            }
            Item::Not => None,
        };
        match command {
            // Nobody asks for an empty plan.
            Some(command) if command != nothing() => Todo::Do(Box::new(command)),
            _ => Todo::Not(ItemError::Refused(Refusal::NoSuchJob)),
        }
    }
}

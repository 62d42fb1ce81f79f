//! Goes on with operations while this node leads. What there is to do stands in the state, so another leader goes on
//! where this one ends; only how long to wait is forgotten.
//!
//! A portion is read outside the state machine, and proposed as a step from the place that it was read from. Where two
//! leaders propose the same one, the second is refused.

use std::collections::HashMap;
use std::time::Duration;

use chronos_env::Seldom;
use chronos_seal::KeyId;
use chronos_state::{Command, Cursor, OperationStep, OperationWord, Outcome, Proposal, Reader, Refusal};
use chronos_types::OperationId;
use futures::future::join_all;
use tokio::time::Instant;

use super::Operations;
use super::pace::{Pace, interval};
use super::portion::Portion;
use crate::error::LoopError;
use crate::services::Services;

/// Between looks whether there is an operation.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Between tries while the log takes nothing, or the state cannot be read.
const PAUSE: Duration = Duration::from_secs(1);
/// A job that others changed so often in a row, each time before it was its turn, is passed by.
const TRIES: usize = 16;

/// The loop that goes on with operations.
#[derive(Debug)]
pub struct OperationRunner {
    pub(super) services: Services,
    pub(super) operations: Operations,
}

/// What is known of an operation beside what is on record.
#[derive(Clone, Copy, Debug)]
struct Turn {
    pace: Pace,
    /// Where it stood when a step was proposed last, and how often in a row it stood there.
    tried: (Option<Cursor>, usize),
}

impl OperationRunner {
    /// The loop, with what it works with.
    #[must_use]
    pub fn new(services: Services, operations: Operations) -> Self {
        Self { services, operations }
    }

    /// Goes on with operations for as long as the node runs.
    pub async fn run(self) {
        let mut leadership = self.services.proposer.leadership();
        let (mut turns, complaint) = (HashMap::new(), Seldom::default());
        loop {
            let leads = leadership.borrow_and_update().is_leader && self.services.view.borrow().may_plan;
            let wait = if leads {
                self.look(&mut turns).await.unwrap_or_else(|error| {
                    complaint.say(|| tracing::warn!(%error, "operations wait; trying again"));
                    PAUSE
                })
            } else {
                turns.clear();
                self.services.metrics.operations(0);
                LOOK_EVERY
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = leadership.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Goes on with each operation whose turn it is, once. Answers when to look again.
    async fn look(&self, turns: &mut HashMap<OperationId, Turn>) -> Result<Duration, LoopError> {
        let running = self.services.store.read(Reader::running_operations).await?;
        self.services.metrics.operations(running.len());
        turns.retain(|id, _| running.contains(id));
        if running.is_empty() {
            return Ok(LOOK_EVERY);
        }
        // Nothing more is asked for while too many outcomes wait for their record.
        self.services.activity.caught_up().await;
        let begun = Instant::now();
        let steps = running.into_iter().map(|id| {
            let turn = turns.get(&id).copied().unwrap_or(Turn { pace: Pace::new(begun), tried: (None, 0) });
            async move { (id, self.step(id, turn).await) }
        });
        let mut error = None;
        for (id, stepped) in join_all(steps).await {
            match stepped {
                Ok(turn) => drop(turns.insert(id, turn)),
                Err(why) => error = Some(why),
            }
        }
        if let Some(error) = error {
            return Err(error);
        }
        let now = Instant::now();
        let next = turns.values().map(|turn| turn.pace.next()).min();
        let wait = next.map_or(LOOK_EVERY, |next| next.saturating_duration_since(now).min(LOOK_EVERY));
        // It works half of the time at most.
        Ok(wait.max((now - begun).min(LOOK_EVERY)))
    }

    /// Does the next portion of an operation, if it has its turn.
    async fn step(&self, id: OperationId, mut turn: Turn) -> Result<Turn, LoopError> {
        if turn.pace.next() > Instant::now() {
            return Ok(turn);
        }
        let Some(row) = self.services.store.read(move |reader| reader.operation(id)).await? else {
            return Ok(turn);
        };
        let from = match (row.ended_at, row.cursor) {
            (None, Some(from)) => from,
            // It ended just now, or another release left it where this one cannot go on.
            _ => {
                turn.pace.wait(Instant::now() + PAUSE);
                return Ok(turn);
            }
        };
        let spec = match &row.spec {
            Ok(spec) => spec,
            Err(why) => {
                tracing::warn!(operation = %id, why, "an operation cannot be read and is ended");
                let step = OperationStep { id, from, items: Vec::new(), to: from, is_last: true };
                self.propose(step, None).await?;
                return Ok(turn);
            }
        };
        let interval = interval(spec);
        let most = turn.pace.allows(interval, Instant::now());
        if most == 0 {
            return Ok(turn);
        }
        let (tried, count) = turn.tried;
        let count = if tried == Some(from) { count + 1 } else { 0 };
        match self.portion(&row, spec, from, most, count > TRIES).await? {
            Portion::Wait => turn.pace.wait(Instant::now() + LOOK_EVERY),
            Portion::Step(step, sealed_by) => {
                turn.tried = (Some(from), count);
                let items = step.items.len();
                if self.propose(step, sealed_by).await? {
                    turn.pace.took(items, interval, Instant::now());
                }
            }
        }
        Ok(turn)
    }

    /// Proposes a step. Answers whether it was done; otherwise the operation stands elsewhere by now.
    async fn propose(&self, step: OperationStep, sealed_by: Option<KeyId>) -> Result<bool, LoopError> {
        let command = Command::Operation(OperationWord::Step(Box::new(step)));
        let proposal = Proposal::from(command).sealed_by(sealed_by);
        match self.services.proposer.propose(proposal).await? {
            Outcome::Refused {
                refusal:
                    Refusal::OperationMovedOn
                    | Refusal::OperationEnded { .. }
                    | Refusal::NoSuchOperation
                    | Refusal::SealedOtherwise,
            } => Ok(false),
            Outcome::Refused { refusal } => {
                tracing::warn!(?refusal, "a step of an operation was refused");
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

//! Replaces a node that loses its disk. An operator removes the node. Only when that is done, the node ends
//! and loses its files. Then it joins as a new node under its old name.

use std::cell::Cell;
use std::rc::Rc;

use turmoil::Sim;

use super::operators::{ask_until, remove, role};
use super::{Director, now_ms};

/// The replacement that is under way. There is one at a time.
pub(super) struct Replacement {
    node: usize,
    away_ms: u64,
    stage: Stage,
}

enum Stage {
    /// An operator asks until a node answers that this one is no member.
    Leaving(Rc<Cell<bool>>),
    /// The node is down, and has no files.
    Away { until_ms: u64 },
    /// An operator waits until the node says that it has a vote, or that others have them all.
    Joining(Rc<Cell<bool>>),
}

impl Director {
    /// Begins to replace a node. Returns false where another replacement is under way.
    pub(super) fn begin_replacing(&mut self, node: usize, away_ms: u64) -> bool {
        if self.replacement.is_some() {
            return false;
        }
        let name = self.members[node].name.clone();
        let others: Vec<_> = self.names_of_founders().into_iter().filter(|other| *other != name).collect();
        let (done, ledger) = (Rc::new(Cell::new(false)), self.ledger.clone());
        let own = Rc::clone(&done);
        self.operate(async move {
            remove(&ledger, &name, &others).await;
            own.set(true);
        });
        self.replacement = Some(Replacement { node, away_ms, stage: Stage::Leaving(done) });
        self.tell_who_should_be_there();
        true
    }

    /// Takes the next step where it is due.
    pub(super) fn go_on_replacing(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        let Some(Replacement { node, away_ms, stage }) = &self.replacement else { return Ok(()) };
        let (node, now) = (*node, now_ms(sim));
        let is_up = self.members[node].is_up();
        let next = match stage {
            Stage::Leaving(done) if done.get() => {
                let until_ms = now + away_ms;
                self.crash(sim, node, 0)?;
                self.members[node].wipe();
                self.ledger.note_at(sim.elapsed(), format_args!("n{} has lost its files", node + 1));
                Stage::Away { until_ms }
            }
            Stage::Away { until_ms } if is_up || self.over || now >= *until_ms => {
                if !is_up {
                    self.start(sim, node)?;
                }
                let (done, ledger) = (Rc::new(Cell::new(false)), self.ledger.clone());
                let (own, name) = (Rc::clone(&done), self.members[node].name.clone());
                let voters = self.founders();
                self.operate(async move {
                    let joined = async || {
                        let (role, votes) = role(&name).await?;
                        (role != "learner" || votes >= voters).then_some(role)
                    };
                    let role = ask_until(joined).await;
                    ledger.note(format_args!("{name} is a {role} again"));
                    own.set(true);
                });
                Stage::Joining(done)
            }
            Stage::Joining(done) if done.get() => {
                self.replacement = None;
                self.ledger.count("node_replaced");
                self.tell_who_should_be_there();
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Some(replacement) = &mut self.replacement {
            replacement.stage = next;
        }
        Ok(())
    }
}

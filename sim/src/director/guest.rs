//! A node beside the founders. It is invited, joins as a learner, gets a vote where a voter is removed, and is removed
//! itself. Then it loses its files, and may be invited anew.

use std::cell::Cell;
use std::rc::Rc;

use chronos_client::Method;
use turmoil::Sim;

use super::operators::{PAUSE, invitation, remove, role};
use super::{Director, now_ms};
use crate::ledger::Ledger;
use crate::web::ask;

/// The guest that is invited now.
pub(super) struct Guest {
    /// When it is removed.
    until_ms: u64,
    /// Whether it is a member.
    joined: Rc<Cell<bool>>,
    /// Whether it is to be removed, and nobody looks any longer whether it has a vote.
    leaves: Rc<Cell<bool>>,
    /// Whether it is no member any more.
    left: Rc<Cell<bool>>,
}

impl Director {
    /// Starts a node, and invites it. Returns false where it is there already.
    pub(super) fn invite(&mut self, sim: &mut Sim<'_>, for_ms: u64) -> Result<bool, String> {
        if self.guest.is_some() {
            return Ok(false);
        }
        let node = self.founders();
        self.start(sim, node)?;
        let guest = Guest {
            until_ms: now_ms(sim) + for_ms,
            joined: Rc::default(),
            leaves: Rc::default(),
            left: Rc::default(),
        };
        let (name, others) = (self.members[node].name.clone(), self.names_of_founders());
        let (joined, leaves) = (Rc::clone(&guest.joined), Rc::clone(&guest.leaves));
        let ledger = self.ledger.clone();
        self.operate(async move {
            join(&ledger, &name, &others).await;
            joined.set(true);
            while !leaves.get() {
                if matches!(role(&name).await, Some((role, _)) if role != "learner") {
                    ledger.note(format_args!("{name} has a vote"));
                    ledger.count("learner_got_a_vote");
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        self.guest = Some(guest);
        self.ledger.with(|seen| seen.guests.push((sim.elapsed(), None)));
        self.tell_who_should_be_there();
        Ok(true)
    }

    /// Removes the guest when it is time, and takes its files when it is removed.
    pub(super) fn go_on_with_the_guest(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        let (node, now) = (self.founders(), now_ms(sim));
        let Some(Guest { until_ms, joined, leaves, left }) = &self.guest else { return Ok(()) };
        if left.get() {
            self.crash(sim, node, 0)?;
            self.members[node].wipe();
            self.guest = None;
            let now = sim.elapsed();
            self.ledger.with(|seen| {
                if let Some((_, until)) = seen.guests.last_mut() {
                    *until = Some(now);
                }
            });
            self.ledger.count("guest_removed");
            self.tell_who_should_be_there();
        } else if joined.get() && !leaves.get() && (self.over || now >= *until_ms) {
            leaves.set(true);
            let (left, ledger) = (Rc::clone(left), self.ledger.clone());
            let (name, others) = (self.members[node].name.clone(), self.names_of_founders());
            self.operate(async move {
                remove(&ledger, &name, &others).await;
                left.set(true);
            });
        }
        Ok(())
    }
}

/// Asks one node after the other to take `name` in, until one answers that it is a member.
async fn join(ledger: &Ledger, name: &str, others: &[String]) {
    let (path, body) = ("/api/v1/cluster/nodes", invitation(name));
    for at in others.iter().cycle() {
        let answer = ask(at, Method::POST, path, Some(&body)).await;
        ledger.note(format_args!("{name} at {at}: {:?}", answer.as_ref().map(|(status, _)| *status)));
        if let Some((200 | 201, member)) = answer {
            if member["role"] == "learner" {
                ledger.count("learner_joined");
            }
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

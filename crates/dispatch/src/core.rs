//! The dispatcher's decisions: what begins, when, and what is said of it. A pure state machine.
//!
//! ```text
//!   Event, Now                                                 Vec<Action>
//!  ────────────►  Core::on                                    ────────────►
//!                   │   core      one method for each event
//!                   ▼
//!                 intake          planned, withdrawn, cancelled, settled
//!                 outcome         how an attempt ended, and whether there is another
//!                   │
//!                   ▼
//!                 turns           the job's policy; the next of a job when one ends
//!                   │
//!                   ▼
//!                 attempts        the fence, slots, what is under way
//!                   │
//!                   ▼
//!                 executions      everything that is held
//! ```
//!
//! Each file calls only those below it. The leaves (`lane`, `capacity`, `fence`, `heap`, `specs`, `recent`,
//! `backlog`, `retry`) each hold one rule and know nothing of the others.
//!
//! The core never reads a clock, draws a random number, waits, sends, logs or counts. An event brings the
//! time and the random draws with it, and everything that is to happen is an [`Action`].

mod action;
mod attempts;
mod backlog;
mod capacity;
mod entry;
mod event;
mod executions;
mod fence;
mod heap;
mod intake;
mod lane;
mod machine;
mod outcome;
mod prepared;
mod recent;
mod retry;
mod specs;
mod step;
#[cfg(test)]
mod tests;
mod turns;

pub(crate) use action::{Action, Attempt};
pub(crate) use capacity::{ByClass, Class};
pub(crate) use event::{Ended, Event, Now, Unmade};
pub(crate) use machine::{Core, Wake};
pub(crate) use prepared::{Key, Loaded, Prepared};
pub(crate) use recent::Recent;

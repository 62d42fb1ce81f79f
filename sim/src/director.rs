//! Carries out the plan of faults, and counts the faults that really happened.

mod acts;
mod guest;
mod operators;
mod replacement;

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use turmoil::Sim;

use crate::cluster::{Left, Member, Step};
use crate::faults::{Fault, QUICK_MS};
use crate::ledger::Ledger;
use guest::Guest;
use operators::Operators;
use replacement::Replacement;

/// How long after the end of the faults a node is restarted in order: the cluster has a leader by then, and it stays.
const RESTARTED_MS: u64 = 3_000;
/// After how long a node that did not start for want of space is started again.
const AGAIN_MS: u64 = 500;

pub(crate) struct Director {
    /// The founders, and behind them the node that is invited.
    pub(crate) members: Vec<Member>,
    ledger: Ledger,
    /// Where backups are put.
    directory: PathBuf,
    /// The faults that are still to come, with their times.
    plan: VecDeque<(u64, Fault)>,
    /// When the faults end.
    end_ms: u64,
    /// Nodes that start again once they have stopped.
    again: Vec<bool>,
    /// Whether one of the founders is down.
    is_one_down: Rc<Cell<bool>>,
    replacement: Option<Replacement>,
    guest: Option<Guest>,
    /// None once nothing is left for them to do.
    operators: Option<Operators>,
    backups: usize,
    over: bool,
    /// The node that is restarted in order when the faults are over, as for a new release. None once that is done.
    restart_last: Option<usize>,
}

impl Director {
    pub(crate) fn new(
        members: Vec<Member>,
        ledger: Ledger,
        directory: PathBuf,
        plan: Vec<(u64, Fault)>,
        end_ms: u64,
        restart_last: usize,
    ) -> Self {
        Self {
            again: vec![false; members.len()],
            members,
            ledger,
            directory,
            plan: plan.into(),
            end_ms,
            is_one_down: Rc::default(),
            replacement: None,
            guest: None,
            operators: None,
            backups: 0,
            over: false,
            restart_last: Some(restart_last),
        }
    }

    /// How many nodes found the cluster. The one behind them is the guest.
    fn founders(&self) -> usize {
        self.members.len() - 1
    }

    fn names_of_founders(&self) -> Vec<String> {
        self.members[..self.founders()].iter().map(|member| member.name.clone()).collect()
    }

    /// Starts the founders.
    pub(crate) fn begin(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        self.operators = Some(Operators::add(sim));
        self.watch_it_form();
        self.watch_failures();
        (0..self.founders()).try_for_each(|node| self.start(sim, node))
    }

    /// Carries out what is due by now, and drives every node for a step.
    pub(crate) fn step(&mut self, sim: &mut Sim<'_>) -> Result<(), Halt> {
        let now = now_ms(sim);
        while let Some((at, fault)) = self.plan.pop_front_if(|(at, _)| *at <= now) {
            if at < self.end_ms {
                self.act(sim, fault)?;
            }
        }
        if !self.over && now >= self.end_ms {
            self.over = true;
            self.heal(sim)?;
        }
        if self.over && now >= self.end_ms + RESTARTED_MS {
            self.restart_in_order(sim)?;
        }
        self.go_on_replacing(sim)?;
        self.go_on_with_the_guest(sim)?;
        if self.over && self.replacement.is_none() && self.guest.is_none() {
            self.operators = None;
        }
        let founders = self.founders();
        self.is_one_down.set(self.members[..founders].iter().any(|member| !member.is_up()));
        (0..self.members.len()).try_for_each(|node| self.drive(sim, node))
    }

    /// Ends every node, so that its files can be read.
    pub(crate) fn end(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        for member in &self.members {
            let (hung, filled) = member.disk.counted();
            self.ledger.with(|seen| {
                seen.counts.add("disk_hung_within_a_write", hung);
                seen.counts.add("disk_filled_within_a_write", filled);
            });
        }
        (0..self.members.len()).try_for_each(|node| self.crash(sim, node, 100).map(drop))
    }

    fn drive(&mut self, sim: &mut Sim<'_>, node: usize) -> Result<(), Halt> {
        match self.members[node].step(sim.elapsed()).map_err(Halt::Wrong)? {
            Step::GoesOn => return Ok(()),
            Step::Stopped => {
                self.note_down(sim, node, 100);
                self.ledger.count("stopped_in_order");
                self.ledger.note_at(sim.elapsed(), format_args!("n{} has stopped", node + 1));
                if std::mem::take(&mut self.again[node]) {
                    self.start(sim, node)?;
                }
            }
            Step::NoSpace => {
                self.note_down(sim, node, 100);
                self.ledger.note_at(sim.elapsed(), format_args!("n{} has no space to start", node + 1));
                let due = (now_ms(sim) + AGAIN_MS, Fault::Restart { node });
                let place = self.plan.partition_point(|(at, _)| *at <= due.0);
                self.plan.insert(place, due);
            }
        }
        Ok(())
    }

    /// Ends a node if it is up. Of what its disk had not made durable, `keeps` percent stay.
    fn crash(&mut self, sim: &mut Sim<'_>, node: usize, keeps: u64) -> Result<bool, String> {
        self.again[node] = false;
        if !self.members[node].is_up() {
            return Ok(false);
        }
        self.note_down(sim, node, keeps);
        let Left { lost, torn } = self.members[node].crash(sim, keeps).map_err(|error| error.to_string())?;
        if lost > 0 {
            self.ledger.note_at(sim.elapsed(), format_args!("n{} lost {lost} bytes", node + 1));
            self.ledger.count("unsynced_state_lost");
        }
        if torn > 0 {
            self.ledger.note_at(sim.elapsed(), format_args!("n{} left {torn} writes half done", node + 1));
            self.ledger.count("crash_within_a_write");
        }
        Ok(true)
    }

    /// Notes for the invariants that a node is down from now on, in whichever way it ended.
    fn note_down(&self, sim: &Sim<'_>, node: usize, keeps: u64) {
        self.ledger.fault_at(sim.elapsed(), Fault::Crash { node, keeps });
    }

    fn start(&mut self, sim: &mut Sim<'_>, node: usize) -> Result<(), String> {
        self.ledger.fault_at(sim.elapsed(), Fault::Restart { node });
        self.members[node].start(sim).map_err(|error| error.to_string())
    }

    /// Starts a node that is down, or has it started once it has stopped.
    fn restart(&mut self, sim: &mut Sim<'_>, node: usize) -> Result<bool, String> {
        let is_uninvited = node == self.founders() && self.guest.is_none();
        self.again[node] = self.members[node].is_stopping();
        if is_uninvited || self.members[node].is_up() {
            return Ok(false);
        }
        self.start(sim, node)?;
        Ok(true)
    }

    /// Ends all faults.
    fn heal(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        for member in &mut self.members {
            member.disk.set_slow_ms(0);
            member.disk.set_full(false, 0);
            member.disk.set_frozen(false, 0);
            member.link.set_bytes_per_ms(0);
            member.link.let_all_in();
            member.clock.set_off_ms(0);
            member.resume(sim.elapsed());
        }
        for member in &self.members {
            for other in self.members.iter().filter(|other| other.name != member.name) {
                sim.release(member.name.as_str(), other.name.as_str());
                sim.repair(member.name.as_str(), other.name.as_str());
            }
        }
        self.plan.clear();
        // The founder starts last. A node that stops starts again when it has.
        (0..self.members.len()).rev().try_for_each(|node| self.restart(sim, node).map(drop))?;
        sim.set_max_message_latency(Duration::from_millis(QUICK_MS));
        self.ledger.note_at(sim.elapsed(), "the faults are over");
        self.put_the_time_right();
        self.ledger.with(|seen| seen.calm = true);
        Ok(())
    }

    /// Has a node stop, and start once it has, unless the members are changing.
    fn restart_in_order(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        let Some(node) = self.restart_last.take() else { return Ok(()) };
        if self.replacement.is_none() && self.guest.is_none() {
            self.act(sim, Fault::Stop { node })?;
            self.again[node] = self.members[node].is_stopping();
        }
        Ok(())
    }

    /// Whether all founders, and nobody else, are to be members now.
    fn tell_who_should_be_there(&self) {
        let replacing = self.replacement.is_some() || self.guest.is_some();
        self.ledger.with(|seen| seen.replacing = replacing);
    }
}

/// Why a run cannot go on.
pub(crate) enum Halt {
    /// A node did what it must not do.
    Wrong(String),
    /// The simulation itself failed.
    Failed(String),
}

impl From<String> for Halt {
    fn from(error: String) -> Self {
        Self::Failed(error)
    }
}

fn now_ms(sim: &Sim<'_>) -> u64 {
    u64::try_from(sim.elapsed().as_millis()).unwrap_or(u64::MAX)
}

//! Does to the cluster what the plan says, and counts what was really done.

mod replacement;

use std::collections::VecDeque;
use std::time::Duration;

use chronos_client::Method;
use serde_json::Value;
use turmoil::Sim;

use crate::cluster::Member;
use crate::faults::{Fault, QUICK_MS};
use crate::ledger::Ledger;
use crate::web::ask;
use replacement::Replacement;

pub(crate) struct Director {
    pub(crate) members: Vec<Member>,
    ledger: Ledger,
    /// What is still to be done, and when.
    plan: VecDeque<(u64, Fault)>,
    /// When the faults end.
    end_ms: u64,
    up: Vec<bool>,
    replacement: Option<Replacement>,
    asked: usize,
    over: bool,
}

impl Director {
    pub(crate) fn new(members: Vec<Member>, ledger: Ledger, plan: Vec<(u64, Fault)>, end_ms: u64) -> Self {
        let up = vec![true; members.len()];
        Self { members, ledger, plan: plan.into(), end_ms, up, replacement: None, asked: 0, over: false }
    }

    /// Does what is due by now.
    pub(crate) fn direct(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        let now = now_ms(sim);
        while let Some((at, fault)) = self.plan.pop_front_if(|(at, _)| *at <= now) {
            if at < self.end_ms {
                self.act(sim, fault)?;
            }
        }
        if !self.over && now >= self.end_ms {
            self.over = true;
            self.heal(sim);
        }
        self.go_on_replacing(sim)
    }

    /// Ends every node, so that its files can be read.
    pub(crate) fn end(&mut self, sim: &mut Sim<'_>) -> Result<(), String> {
        (0..self.members.len()).try_for_each(|node| self.crash(sim, node, 100).map(drop))
    }

    fn act(&mut self, sim: &mut Sim<'_>, fault: Fault) -> Result<(), String> {
        let name = |node: usize| self.members[node].name.clone();
        let others = |node: usize| (0..self.members.len()).filter(move |other| *other != node);
        match fault {
            Fault::Crash { node, keeps } => {
                if !self.crash(sim, node, keeps)? {
                    return Ok(());
                }
            }
            Fault::Restart { node } if self.up[node] => return Ok(()),
            Fault::Restart { node } => self.start(sim, node),
            Fault::PowerCut { keeps } => {
                for node in 0..self.members.len() {
                    self.crash(sim, node, keeps)?;
                }
            }
            Fault::Hold { node } => {
                others(node).for_each(|other| sim.hold(name(node), name(other)));
            }
            Fault::Release { node } => {
                others(node).for_each(|other| sim.release(name(node), name(other)));
            }
            Fault::Cut { from, to } => {
                sim.partition_oneway(name(from), name(to));
            }
            Fault::Mend { from, to } => {
                sim.repair_oneway(name(from), name(to));
            }
            Fault::Clock { node, off_ms } => self.members[node].clock.set_off_ms(off_ms),
            Fault::Disk { node, slow_ms } => self.members[node].disk.set_slow_ms(slow_ms),
            Fault::Full { node, full } => self.members[node].disk.set_full(full),
            Fault::Latency { max_ms } => sim.set_max_message_latency(Duration::from_millis(max_ms)),
            Fault::Transfer { to } => {
                let body = Some(serde_json::json!({"to": name(to)}));
                let at = name((to + 1) % self.members.len());
                let path = "/api/v1/cluster/transfer-leadership".to_owned();
                self.operate(sim, at, Method::POST, path, body);
            }
            Fault::Replace { node, away_ms } => {
                if !self.begin_replacing(sim, node, away_ms) {
                    return Ok(());
                }
            }
        }
        self.ledger.note_at(sim.elapsed(), format_args!("{fault:?}"));
        fault.kind().into_iter().for_each(|kind| self.ledger.count(kind));
        Ok(())
    }

    /// Ends a node, if it is up; of what its disk had not made durable so many percent stay.
    fn crash(&mut self, sim: &mut Sim<'_>, node: usize, keeps: u64) -> Result<bool, String> {
        let was_up = std::mem::replace(&mut self.up[node], false);
        if was_up {
            let lost = self.members[node].crash(sim, keeps).map_err(|error| error.to_string())?;
            if lost > 0 {
                self.ledger.note_at(sim.elapsed(), format_args!("n{} lost {lost} bytes", node + 1));
                self.ledger.count("unsynced_state_lost");
            }
        }
        Ok(was_up)
    }

    fn start(&mut self, sim: &mut Sim<'_>, node: usize) {
        sim.bounce(self.members[node].name.as_str());
        self.up[node] = true;
    }

    /// Has a node asked by somebody who waits for the answer, and does not care for it.
    fn operate(&mut self, sim: &mut Sim<'_>, at: String, method: Method, path: String, body: Option<Value>) {
        let ledger = self.ledger.clone();
        sim.client(self.operator(), async move {
            let answer = ask(&at, method, &path, body.as_ref()).await.map(|(status, _)| status);
            ledger.note(format_args!("{path} at {at}: {answer:?}"));
            if answer == Some(200) {
                ledger.count("transfer_done");
            }
            Ok(())
        });
    }

    fn operator(&mut self) -> String {
        self.asked += 1;
        format!("operator{}", self.asked)
    }

    /// Ends all faults.
    fn heal(&mut self, sim: &mut Sim<'_>) {
        for member in &self.members {
            for other in self.members.iter().filter(|other| other.name != member.name) {
                sim.release(member.name.as_str(), other.name.as_str());
                sim.repair(member.name.as_str(), other.name.as_str());
            }
            member.disk.set_slow_ms(0);
            member.disk.set_full(false);
            member.clock.set_off_ms(0);
        }
        self.plan.clear();
        // The founder last.
        let down: Vec<_> = (0..self.members.len()).filter(|node| !self.up[*node]).collect();
        down.into_iter().rev().for_each(|node| self.start(sim, node));
        sim.set_max_message_latency(Duration::from_millis(QUICK_MS));
        self.ledger.note_at(sim.elapsed(), "the faults are over");
        self.ledger.with(|seen| seen.calm = true);
    }
}

fn now_ms(sim: &Sim<'_>) -> u64 {
    u64::try_from(sim.elapsed().as_millis()).unwrap_or(u64::MAX)
}

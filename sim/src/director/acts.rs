//! What each fault of the plan does.

use std::time::Duration;

use turmoil::Sim;

use super::Director;
use crate::faults::Fault;

impl Director {
    /// Does what is due now, and counts it where it could be done.
    pub(super) fn act(&mut self, sim: &mut Sim<'_>, fault: Fault) -> Result<(), String> {
        let name = |node: usize| self.members[node].name.clone();
        let others = |node: usize| (0..self.members.len()).filter(move |other| *other != node);
        let happened = match fault {
            Fault::Crash { node, keeps } => self.crash(sim, node, keeps)?,
            Fault::PowerCut { keeps } => {
                (0..self.founders()).try_for_each(|node| self.crash(sim, node, keeps).map(drop))?;
                true
            }
            Fault::Stop { node } => self.members[node].stop(),
            Fault::Restart { node } => self.restart(sim, node)?,
            Fault::Pause { node, suspended } => self.members[node].pause(suspended),
            Fault::Resume { node } => {
                self.members[node].resume(sim.elapsed());
                true
            }
            Fault::Hold { node } => {
                others(node).for_each(|other| sim.hold(name(node), name(other)));
                true
            }
            Fault::Release { node } => {
                others(node).for_each(|other| sim.release(name(node), name(other)));
                true
            }
            Fault::Cut { from, to } => {
                sim.partition_oneway(name(from), name(to));
                true
            }
            Fault::Mend { from, to } => {
                sim.repair_oneway(name(from), name(to));
                true
            }
            Fault::Narrow { node, bytes_per_ms } => {
                self.members[node].link.set_bytes_per_ms(bytes_per_ms);
                true
            }
            Fault::Latency { max_ms } => {
                sim.set_max_message_latency(Duration::from_millis(max_ms));
                true
            }
            Fault::Clock { node, off_ms } => {
                self.members[node].clock.set_off_ms(off_ms);
                true
            }
            Fault::ClockDays { node, days, for_ms } => {
                self.set_the_clock_off(node, days, Duration::from_millis(for_ms));
                true
            }
            Fault::Disk { node, slow_ms } => {
                self.members[node].disk.set_slow_ms(slow_ms);
                true
            }
            Fault::Full { node, full, after } => {
                self.members[node].disk.set_full(full, after);
                true
            }
            Fault::Freeze { node, frozen, after } => {
                self.members[node].disk.set_frozen(frozen, after);
                true
            }
            Fault::Transfer { to } => {
                self.ask_to_lead(to);
                true
            }
            Fault::Replace { node, away_ms } => self.begin_replacing(node, away_ms),
            Fault::Invite { for_ms } => self.invite(sim, for_ms)?,
            Fault::Backup { node, consistent } => {
                self.take_backup(node, consistent);
                true
            }
        };
        if happened {
            self.ledger.note_at(sim.elapsed(), format_args!("{fault:?}"));
            self.ledger.fault_at(sim.elapsed(), fault);
            fault.kind().into_iter().for_each(|kind| self.ledger.count(kind));
        }
        Ok(())
    }
}

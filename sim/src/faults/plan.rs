//! The plan of what is done to the cluster, and when. All of it is drawn from the seed before the run.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{Fault, MAX_OFF_MS, QUICK_MS};

/// Makes the plan: faults with the millisecond of each, in order. Where the state is large, copies of it often have
/// to pass a narrow link.
pub(crate) fn plan(seed: u64, nodes: usize, is_large: bool, begin_ms: u64, end_ms: u64) -> Vec<(u64, Fault)> {
    let mut draws = Draws { rng: SmallRng::seed_from_u64(seed), nodes, plan: Vec::new() };
    let mut now = begin_ms;
    while now < end_ms {
        draws.draw(now);
        if is_large && draws.rng.random_range(0..3) == 0 {
            draws.narrow(now);
        }
        now += draws.rng.random_range(200..3_000);
    }
    draws.plan.sort_by_key(|(at, _)| *at);
    draws.plan
}

struct Draws {
    rng: SmallRng,
    nodes: usize,
    plan: Vec<(u64, Fault)>,
}

impl Draws {
    fn node(&mut self) -> usize {
        self.rng.random_range(0..self.nodes)
    }

    fn until(&mut self, now: u64) -> u64 {
        now + self.rng.random_range(100..8_000)
    }

    /// How many writes pass before a fault of the disk strikes. A commit takes some two to ten.
    fn after(&mut self) -> u64 {
        self.rng.random_range(0..12)
    }

    /// Half of what a machine without power had not made durable is lost, or all of it, or nothing.
    fn keeps(&mut self) -> u64 {
        self.rng.random_range(0..200).min(100)
    }

    fn add(&mut self, at: u64, fault: Fault) {
        self.plan.push((at, fault));
    }

    /// Adds a fault that begins now, and its end.
    fn draw(&mut self, now: u64) {
        let (node, until) = (self.node(), self.until(now));
        match self.rng.random_range(0..24) {
            0 | 1 => {
                // Half of these are a power cut of one node.
                let keeps = self.keeps();
                self.add(now, Fault::Crash { node, keeps });
                self.add(until, Fault::Restart { node });
            }
            2 => self.cut_power(now, node),
            3 | 4 => {
                // Half of these nodes come back just when their runs are given to others.
                let until =
                    if self.rng.random_bool(0.5) { now + self.rng.random_range(5_600..8_400) } else { until };
                self.add(now, Fault::Hold { node });
                self.add(until, Fault::Release { node });
            }
            5 => {
                let to = (node + self.rng.random_range(1..self.nodes)) % self.nodes;
                self.add(now, Fault::Cut { from: node, to });
                self.add(until, Fault::Mend { from: node, to });
            }
            23 => {
                let off_ms = self.rng.random_range(-MAX_OFF_MS..MAX_OFF_MS);
                self.add(now, Fault::Clock { node, off_ms });
            }
            6 => {
                let (days, is_ahead) = (self.rng.random_range(1..40), self.rng.random_bool(0.3));
                let days = if is_ahead { days } else { -days };
                self.add(now, Fault::ClockDays { node, days, for_ms: until - now });
            }
            7 => {
                let slow_ms = self.rng.random_range(1..50);
                self.add(now, Fault::Disk { node, slow_ms });
                self.add(until, Fault::Disk { node, slow_ms: 0 });
            }
            8 => {
                let max_ms = self.rng.random_range(5..150);
                self.add(now, Fault::Latency { max_ms });
                self.add(until, Fault::Latency { max_ms: QUICK_MS });
            }
            9 => {
                let after = self.after();
                self.add(now, Fault::Full { node, full: true, after });
                self.add(until, Fault::Full { node, full: false, after: 0 });
            }
            10 | 11 => self.freeze(now, node, until),
            12 | 13 => self.add(now, Fault::Replace { node, away_ms: until - now }),
            14 | 15 => self.add(now, Fault::Transfer { to: node }),
            16 | 17 => {
                let suspended = self.rng.random_bool(0.3);
                self.add(now, Fault::Pause { node, suspended });
                self.add(until, Fault::Resume { node });
            }
            18 => {
                self.add(now, Fault::Stop { node });
                self.add(until, Fault::Restart { node });
            }
            19 => self.narrow(now),
            20 => self.move_the_lead(now, node),
            21 => self.invite(now, node),
            _ => {
                let consistent = self.rng.random_bool(0.5);
                self.add(now, Fault::Backup { node, consistent });
            }
        }
    }

    /// The worst case: the leader has written what the others have not, and comes back last.
    fn cut_power(&mut self, now: u64, leader: usize) {
        let (slow_at, cut) = (now + 300, now + self.rng.random_range(700..2_000));
        self.add(now, Fault::Transfer { to: leader });
        for node in 0..self.nodes {
            let (slow_ms, away) = if node == leader {
                (0, self.rng.random_range(2_000..5_000))
            } else {
                (self.rng.random_range(50..200), self.rng.random_range(50..1_000))
            };
            self.add(slow_at, Fault::Disk { node, slow_ms });
            self.add(cut + away, Fault::Disk { node, slow_ms: 0 });
            self.add(cut + away, Fault::Restart { node });
        }
        let keeps = self.rng.random_range(0..150).min(100);
        self.add(cut, Fault::PowerCut { keeps });
    }

    /// A disk hangs. One time in three its node is a machine that then loses power.
    fn freeze(&mut self, now: u64, node: usize, until: u64) {
        let after = self.after();
        self.add(now, Fault::Freeze { node, frozen: true, after });
        self.add(until, Fault::Freeze { node, frozen: false, after: 0 });
        if self.rng.random_range(0..3) == 0 {
            let keeps = self.keeps();
            self.add(now + (until - now) / 2, Fault::Crash { node, keeps });
            self.add(until + 200, Fault::Restart { node });
        }
    }

    fn narrow(&mut self, now: u64) {
        let (node, until) = (self.node(), self.until(now));
        let bytes_per_ms = self.rng.random_range(20..1_000);
        self.add(now, Fault::Narrow { node, bytes_per_ms });
        self.add(until, Fault::Narrow { node, bytes_per_ms: 0 });
    }

    /// The lead goes from one node to another while a third is down, and back once it has returned.
    fn move_the_lead(&mut self, now: u64, away: usize) {
        let (first, second) = ((away + 1) % self.nodes, (away + 2) % self.nodes);
        let fault = if self.rng.random_bool(0.7) {
            Fault::Stop { node: away }
        } else {
            Fault::Crash { node: away, keeps: 100 }
        };
        self.add(now, Fault::Transfer { to: first });
        self.add(now + 500, fault);
        self.add(now + 2_500, Fault::Transfer { to: second });
        self.add(now + 3_500, Fault::Restart { node: away });
        self.add(now + 5_500, Fault::Transfer { to: first });
    }

    /// A node is invited, and one time in two gets the vote of another one that is removed. It may crash meanwhile.
    fn invite(&mut self, now: u64, node: usize) {
        let for_ms = self.rng.random_range(4_000..12_000);
        self.add(now, Fault::Invite { for_ms });
        if self.rng.random_bool(0.5) {
            let away_ms = self.rng.random_range(100..4_000);
            self.add(now + 2_000, Fault::Replace { node, away_ms });
        }
        if self.rng.random_bool(0.3) {
            let (guest, at) = (self.nodes, now + self.rng.random_range(100..4_000));
            self.add(at, Fault::Crash { node: guest, keeps: 100 });
            self.add(at + 1_000, Fault::Restart { node: guest });
        }
    }
}

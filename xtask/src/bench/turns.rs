//! What a fire costs each of two servers. They take turns over the same jobs, because the machine is not equally fast
//! at all times.

use super::proc::{Cpu, Spent};
use super::server::Server;
use super::sink::Sink;
use super::table::{Row, Table};
use super::{now_ms, percentile, sleep_until_ms};
use crate::Result;

/// The first seconds, in which caches are cold.
const COLD_MS: i64 = 3_000;

/// What is compared.
#[derive(Clone, Copy)]
pub struct Load {
    /// Jobs, which fire in turn.
    pub jobs: usize,
    /// Fires a second.
    pub rate: usize,
    /// For how many seconds.
    pub seconds: usize,
    /// How often each of the two is measured.
    pub turns: usize,
}

/// What one server used.
pub struct Turn {
    /// For a fire, in microseconds.
    cpu: Cpu,
    /// For what is done once after its start, in all.
    once: Cpu,
}

/// What the two used, turn by turn.
pub struct Turns {
    count: usize,
    own: Side,
    reference: Side,
}

struct Side {
    name: &'static str,
    costs: Vec<Cpu>,
    once: Cpu,
}

/// Whether it is the turn of the one that is judged; else it is that of the reference. Each is the first as often as
/// the other.
pub fn in_turn(count: usize) -> impl Iterator<Item = bool> {
    (0..count).flat_map(|turn| [turn % 2 == 0, turn % 2 == 1])
}

/// Watches a server fire its jobs, which are due from `start` on.
pub async fn watch(server: &Server, sink: &Sink, load: Load, start: i64) -> Result<Turn> {
    let Load { rate, seconds, .. } = load;
    let left = start - now_ms();
    if left < 1_000 {
        return Err(format!("the server and its jobs were ready {left} ms before the first instant").into());
    }
    let from = start + COLD_MS;
    let until = from + i64::try_from(seconds * 1_000)?;
    sleep_until_ms(from).await;
    let before = Spent::by(server.pid())?;
    sleep_until_ms(until).await;
    let spent = Spent::by(server.pid())?.since(before);
    let fired = sink.report_of(from, until).await?.distinct;
    let due = u64::try_from(rate * seconds)?;
    if fired * 100 < due * 99 {
        return Err(format!("{fired} of {due} have fired").into());
    }
    Ok(Turn { cpu: spent.firing.per(fired), once: spent.once })
}

impl Turns {
    /// So many of each of the two, which are called by these names; the reference comes second.
    pub fn new(count: usize, names: [&'static str; 2]) -> Self {
        let [own, reference] = names.map(|name| Side { name, costs: Vec::new(), once: Cpu::default() });
        Self { count, own, reference }
    }

    /// Adds a turn of the one that is judged, or of the reference.
    pub fn add(&mut self, is_own: bool, turn: Turn) {
        let side = if is_own { &mut self.own } else { &mut self.reference };
        side.costs.push(turn.cpu);
        side.once = side.once.and(turn.once);
        eprintln!("turn {} of {}, {}: {}", side.costs.len(), self.count, side.name, turn.cpu);
    }

    /// Tells them. A fire may cost at most `times` what it costs the reference.
    pub fn tell(&self, table: &mut Table, times: f64) {
        let (own, reference) = (&self.own.costs, &self.reference.costs);
        let (cost, other) = (median(own), median(reference));
        let ratio = cost / other;
        table.judge(Row {
            measure: "CPU per fire, median".into(),
            result: format!("{cost:.1} µs"),
            reference: format!("{other:.1} µs"),
            ratio: format!("{ratio:.3}"),
            target: format!("≤ {times:.2}"),
            passed: ratio <= times,
        });
        table.tell("CPU per fire, least to most", spread(own), spread(reference));
        let mut ratios: Vec<_> =
            own.iter().zip(reference).map(|(own, other)| own.total() / other.total()).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let (least, most) = (percentile(&ratios, 0.0), percentile(&ratios, 1.0));
        table.tell("ratio of a turn, least to most", format!("{least:.3} to {most:.3}"), "");
        let a_turn =
            |side: &Side| format!("{:.2} s of CPU a turn", side.once.total() / 1e6 / self.count as f64);
        let measure = "check, search file and timetable, not counted above";
        table.tell(measure, a_turn(&self.own), a_turn(&self.reference));
    }
}

fn sorted(of: &[Cpu]) -> Vec<f64> {
    let mut all: Vec<_> = of.iter().map(|cpu| cpu.total()).collect();
    all.sort_unstable_by(f64::total_cmp);
    all
}

/// The middle one; of an even number, the mean of the two in the middle.
pub fn median(of: &[Cpu]) -> f64 {
    let sorted = sorted(of);
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    let at = |n: usize| sorted.get(n).copied().unwrap_or_default();
    f64::midpoint(at(lower), at(upper))
}

/// The least and the most.
pub fn spread(of: &[Cpu]) -> String {
    let sorted = sorted(of);
    format!("{:.1} to {:.1} µs", percentile(&sorted, 0.0), percentile(&sorted, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(us: f64) -> Cpu {
        Cpu { user_us: us, system_us: 0.0 }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |of: &[f64], expected: f64| {
            let of: Vec<_> = of.iter().map(|us| cpu(*us)).collect();
            assert!((median(&of) - expected).abs() < 1e-9, "{of:?}");
        };
        check(&[3.0], 3.0);
        check(&[5.0, 1.0, 3.0], 3.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0);
    }

    #[test]
    fn each_is_the_first_of_its_turn_as_often_as_the_other() {
        let all: Vec<_> = in_turn(4).collect();
        assert_eq!(all, [true, false, false, true, true, false, false, true]);
    }

    #[test]
    fn the_median_is_held_against_that_of_the_reference() {
        let check = |own: [f64; 3], passes: bool| {
            let mut turns = Turns::new(3, ["own", "reference"]);
            for (is_own, costs) in [(true, own), (false, [90.0, 100.0, 500.0])] {
                for us in costs {
                    turns.add(is_own, Turn { cpu: cpu(us), once: Cpu::default() });
                }
            }
            let mut table = Table::new("");
            turns.tell(&mut table, 1.1);
            assert_eq!(table.passed(), passes, "{own:?}");
        };
        check([109.0, 50.0, 900.0], true);
        check([111.0, 50.0, 900.0], false);
    }
}

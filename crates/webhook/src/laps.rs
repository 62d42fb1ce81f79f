//! How long each phase of an attempt takes.

use std::time::Duration;

use chronos_types::Phases;
use tokio::time::Instant;

/// What an attempt is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It looks the host's name up.
    Dns,
    /// It makes a connection.
    Connect,
    /// It shakes hands.
    Tls,
    /// It has begun to send, and no byte of the response has come.
    FirstByte,
    /// It reads the response.
    Body,
}

/// Measures the phases. One that comes again, because of a redirect, goes on counting.
#[derive(Debug, Default)]
pub(crate) struct Laps {
    /// What is under way, and since when.
    now: Option<(Phase, Instant)>,
    took: [Option<Duration>; 5],
}

impl Laps {
    /// A phase begins, and with that the one before is over. Where it is under way already, it goes on.
    pub(crate) fn enter(&mut self, phase: Phase) {
        if self.now.is_none_or(|(now, _)| now != phase) {
            self.turn_to(Some(phase));
        }
    }

    /// The attempt is over, whatever was under way.
    pub(crate) fn end(&mut self) -> Phases {
        self.turn_to(None);
        let [dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms] = self.took.map(|took| took.map(rounded));
        Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, body_ms }
    }

    fn turn_to(&mut self, phase: Option<Phase>) {
        if self.now.is_none() && phase.is_none() {
            return;
        }
        let at = Instant::now();
        if let Some((over, since)) = self.now {
            *self.took[over as usize].get_or_insert_default() += at - since;
        }
        self.now = phase.map(|phase| (phase, at));
    }
}

/// Whole milliseconds, to the nearest.
fn rounded(took: Duration) -> u32 {
    u32::try_from((took.as_micros() + 500) / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn phases_follow_each_other_and_one_that_comes_again_adds_up() {
        let after = |us| tokio::time::advance(Duration::from_micros(us));
        let mut laps = Laps::default();
        assert_eq!(laps.end(), Phases::default());
        after(7_000).await;
        for (phase, us) in [
            (Phase::Connect, 1_499),
            (Phase::FirstByte, 2_000),
            (Phase::FirstByte, 1_500),
            (Phase::Body, 400),
            (Phase::FirstByte, 10_000),
            (Phase::Body, 99),
        ] {
            laps.enter(phase);
            after(us).await;
        }
        let wanted =
            Phases { connect_ms: Some(1), first_byte_ms: Some(14), body_ms: Some(0), ..Phases::default() };
        assert_eq!(laps.end(), wanted);
        after(5_000).await;
        assert_eq!(laps.end(), wanted, "nothing is under way");
    }

    #[test]
    fn the_nearest_millisecond_counts() {
        for (us, ms) in [(0, 0), (499, 0), (500, 1), (1_499, 1), (1_500, 2)] {
            assert_eq!(rounded(Duration::from_micros(us)), ms, "{us}");
        }
        assert_eq!(rounded(Duration::MAX), u32::MAX);
    }
}

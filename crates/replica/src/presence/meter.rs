//! [`Meter`]: how many bytes pass in a second.

use std::time::Duration;

use tokio::time::Instant;

/// Over so long it is measured.
const SPAN: Duration = Duration::from_secs(2);

/// How many bytes pass in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    since: Instant,
    bytes: u64,
    /// Of the span before, bytes in a second.
    before: u64,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, before: 0 }
    }

    /// So many passed.
    pub(crate) fn add(&mut self, bytes: u64, now: Instant) {
        if now.saturating_duration_since(self.since) >= SPAN {
            (self.before, self.since, self.bytes) = (self.rate(now), now, 0);
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Bytes in a second.
    pub(crate) fn rate(&self, now: Instant) -> u64 {
        let span = now.saturating_duration_since(self.since);
        if span < SPAN {
            return self.before;
        }
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.bytes.saturating_mul(1_000) / ms.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_measured_over_two_seconds_and_falls_when_nothing_passes() {
        let begin = Instant::now();
        let mut meter = Meter::new(begin);
        let at = |ms| begin + Duration::from_millis(ms);
        for ms in (0..4_000).step_by(100) {
            meter.add(300_000, at(ms));
        }
        assert_eq!(meter.rate(at(3_900)), 3_000_000);
        assert_eq!(meter.rate(at(4_000)), 3_000_000);
        assert_eq!(meter.rate(at(62_000)), 100_000);
    }
}

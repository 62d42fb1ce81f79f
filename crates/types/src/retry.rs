//! Whether and when a failed attempt is made again.

use crate::DurationMs;

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    max_attempts: u32,
    initial_interval: DurationMs,
    max_interval: DurationMs,
    multiplier: f64,
    jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_interval: DurationMs::from_secs(1),
            max_interval: DurationMs::from_secs(60),
            multiplier: 2.0,
            jitter: 0.0,
        }
    }
}

impl RetryPolicy {
    /// Checks the parts.
    ///
    /// # Errors
    /// The name of every bad field, and what was expected of it.
    pub fn new(
        max_attempts: u32,
        initial_interval: DurationMs,
        max_interval: DurationMs,
        multiplier: f64,
        jitter: f64,
    ) -> Result<Self, Vec<(&'static str, String)>> {
        let mut errors = Vec::new();
        if !(1..=100).contains(&max_attempts) {
            errors.push(("max_attempts", format!("{max_attempts} is out of range; expected 1 to 100")));
        }
        if max_interval < initial_interval {
            let message = format!(
                "{max_interval} is less than initial_interval ({initial_interval}); expected at least that"
            );
            errors.push(("max_interval", message));
        }
        if !(1.0..=100.0).contains(&multiplier) {
            errors.push(("multiplier", format!("{multiplier:?} is out of range; expected 1.0 to 100.0")));
        }
        if !(0.0..=1.0).contains(&jitter) {
            errors.push(("jitter", format!("{jitter:?} is out of range; expected 0.0 to 1.0")));
        }
        if errors.is_empty() {
            Ok(Self { max_attempts, initial_interval, max_interval, multiplier, jitter })
        } else {
            Err(errors)
        }
    }

    /// Attempts in all, the first included.
    #[must_use]
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// Wait after the first failed attempt.
    #[must_use]
    pub fn initial_interval(&self) -> DurationMs {
        self.initial_interval
    }

    /// The longest wait.
    #[must_use]
    pub fn max_interval(&self) -> DurationMs {
        self.max_interval
    }

    /// Factor from one wait to the next.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }

    /// The share of a wait by which it is made longer or shorter at random.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The wait after the failed attempt number `attempt` (from 1). `draw` is from 0.0 to 1.0 and places
    /// the wait within its jitter. The result is never longer than the longest wait.
    #[must_use]
    pub fn backoff(&self, attempt: u32, draw: f64) -> DurationMs {
        let cap = self.max_interval.as_millis() as f64;
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let plain = (self.initial_interval.as_millis() as f64 * self.multiplier.powi(exponent)).min(cap);
        let drawn = plain * (1.0 + self.jitter * (2.0 * draw.clamp(0.0, 1.0) - 1.0));
        // Within 0 and the cap, so the cast keeps the value.
        DurationMs::from_millis(drawn.clamp(0.0, cap) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_is_the_seeds_sequence() {
        let s = DurationMs::from_secs;
        let policy = RetryPolicy::new(5, s(10), s(300), 2.0, 0.0).expect("good");
        let waits: Vec<_> = (1..=6).map(|n| policy.backoff(n, 0.5).as_millis() / 1000).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300]);
        assert_eq!(policy.backoff(u32::MAX, 0.5), s(300));
        let jittered = RetryPolicy::new(5, s(10), s(300), 2.0, 0.5).expect("good");
        assert_eq!((jittered.backoff(1, 0.0), jittered.backoff(1, 1.0)), (s(5), s(15)));
    }

    #[test]
    fn a_bad_policy_names_every_field() {
        let s = DurationMs::from_secs;
        let errors = RetryPolicy::new(0, s(10), s(1), 0.5, f64::NAN).expect_err("bad");
        let fields: Vec<_> = errors.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["max_attempts", "max_interval", "multiplier", "jitter"]);
    }
}

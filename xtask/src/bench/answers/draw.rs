//! Numbers that look drawn, and follow from a seed alone: the same data each time (splitmix64).

/// What numbers are drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The numbers of one thing, `n`, of a kind: they depend on nothing else.
    pub fn of(kind: u64, n: usize) -> Self {
        let mut draw = Self(kind.wrapping_mul(0xA076_1D64_78BD_642F) ^ n as u64);
        draw.next();
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `most`, which is not 0.
    pub fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or_default()
    }

    /// Whether something is so that is so in `of` of a thousand cases.
    pub fn permille(&mut self, of: usize) -> bool {
        self.below(1_000) < of
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A number below `most`, the small ones far more often than the large: half of all are in the first hundredth
    /// or so.
    pub fn skewed(&mut self, most: usize) -> usize {
        let (a, b, c) = (self.below(most), self.below(most), self.below(most));
        let share = |n: usize| n as f64 / most.max(1) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `most`")]
        let n = (share(a) * share(b) * share(c) * share(a) * most as f64) as usize;
        n.min(most.saturating_sub(1))
    }

    /// Random bits for an identifier.
    pub fn bits(&mut self) -> [u8; 10] {
        let mut bits = [0; 10];
        bits[..8].copy_from_slice(&self.next().to_be_bytes());
        bits[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_one_something_else() {
        let drawn = |kind, n| {
            let mut draw = Draw::of(kind, n);
            (0..8).map(|_| draw.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1, 5), drawn(1, 5));
        assert_ne!(drawn(1, 5), drawn(1, 6));
        assert_ne!(drawn(1, 5), drawn(2, 5));
    }

    #[test]
    fn most_of_what_is_skewed_is_small() {
        let mut draw = Draw::of(3, 0);
        let all: Vec<_> = (0..10_000).map(|_| draw.skewed(2_000)).collect();
        assert!(all.iter().filter(|n| **n < 40).count() > 4_000);
        assert!(all.iter().any(|n| *n > 1_000) && all.iter().all(|n| *n < 2_000));
    }
}

//! [`Counts`]: of each second of some two days, how many runs there are in it.

/// Seconds that are kept: a ring of them, larger than what is counted at a time. With four bytes each, 720 kB.
const KEPT: usize = 50 * 3_600;
const _: () = assert!(super::COUNTED < KEPT as i64);

/// How many runs there are in each second from one on. A job runs once a second at most, so a count has room for as many
/// jobs as there ever are.
#[derive(Debug)]
pub(super) struct Counts {
    seconds: Box<[u32]>,
    from: i64,
}

impl Counts {
    /// All zero.
    pub(super) fn new(from: i64) -> Self {
        Self { seconds: vec![0; KEPT].into(), from }
    }

    /// The first second that is kept.
    pub(super) fn from(&self) -> i64 {
        self.from
    }

    /// Forgets the seconds before this one.
    pub(super) fn forget_before(&mut self, second: i64) {
        for past in self.from..second.min(self.end()) {
            self.seconds[place(past)] = 0;
        }
        self.from = self.from.max(second);
    }

    pub(super) fn add(&mut self, second: i64) {
        if self.keeps(second) {
            let count = &mut self.seconds[place(second)];
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn take(&mut self, second: i64) {
        if self.keeps(second) {
            let count = &mut self.seconds[place(second)];
            *count = count.saturating_sub(1);
        }
    }

    /// The runs from one second on up to another, which is not included.
    pub(super) fn sum(&self, from: i64, to: i64) -> u64 {
        let (from, to) = (from.max(self.from), to.min(self.end()));
        if from >= to {
            return 0;
        }
        let (first, last) = (place(from), place(to - 1));
        let sum = |seconds: &[u32]| seconds.iter().map(|count| u64::from(*count)).sum::<u64>();
        if first <= last {
            sum(&self.seconds[first..=last])
        } else {
            sum(&self.seconds[first..]) + sum(&self.seconds[..=last])
        }
    }

    fn keeps(&self, second: i64) -> bool {
        (self.from..self.end()).contains(&second)
    }

    fn end(&self) -> i64 {
        self.from.saturating_add(KEPT as i64)
    }
}

/// Where a second stands.
fn place(second: i64) -> usize {
    second.rem_euclid(KEPT as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_kept_from_one_on_and_what_is_forgotten_leaves_no_trace() {
        let kept = KEPT as i64;
        // The ring begins anew in the middle of it.
        let from = 7 * kept - 3;
        let mut counts = Counts::new(from);
        for second in [from - 1, from, from + 1, from + 1, from + 3, from + kept - 1, from + kept] {
            counts.add(second);
        }
        let sum = |counts: &Counts, first: i64, last: i64| counts.sum(from + first, from + last);
        assert_eq!(sum(&counts, -100, kept + 100), 5);
        for (first, last, expected) in
            [(0, 1, 1), (0, 2, 3), (1, 2, 2), (2, 3, 0), (2, 4, 1), (4, kept, 1), (0, 0, 0), (3, 1, 0)]
        {
            assert_eq!(sum(&counts, first, last), expected, "{first}..{last}");
        }
        counts.take(from + 1);
        assert_eq!(sum(&counts, 0, 2), 2);
        counts.forget_before(from + 2);
        assert_eq!((counts.from(), sum(&counts, 0, kept)), (from + 2, 2));
        // The places of the seconds that were forgotten are those of seconds to come.
        assert_eq!(sum(&counts, kept, kept + 2), 0);
        counts.add(from + kept + 1);
        assert_eq!(sum(&counts, kept, kept + 2), 1);
        counts.forget_before(from + 10 * kept);
        assert_eq!(counts.sum(i64::MIN, i64::MAX), 0);
    }
}

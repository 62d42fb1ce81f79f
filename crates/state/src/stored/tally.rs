//! How often each of some numbers came: few of many, so that only those are kept which came at all.

use crate::error::StateError;

/// Numbers and how often each came, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(Vec<(u16, u64)>);

impl Tally {
    /// A number came so many times more.
    pub(crate) fn add(&mut self, number: u16, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(place) => self.0[place].1 = self.0[place].1.saturating_add(count),
            Err(place) => self.0.insert(place, (number, count)),
        }
    }

    /// All of another came too.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (number, count) in &other.0 {
            self.add(*number, *count);
        }
    }

    /// How often a number came.
    pub(crate) fn of(&self, number: u16) -> u64 {
        self.0.binary_search_by_key(&number, |(known, _)| *known).map_or(0, |place| self.0[place].1)
    }

    /// The numbers from one on, `many` of them at most, counted from that one.
    pub(crate) fn from(&self, first: u16, many: u16) -> impl Iterator<Item = (u16, u64)> + Clone {
        let begin = self.0.partition_point(|(number, _)| *number < first);
        let found = self.0[begin..].iter().map(move |(number, count)| (number - first, *count));
        found.take_while(move |(number, _)| *number < many)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many came in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Halves each count, without the remainder. What came once is forgotten.
    pub(crate) fn halve(&mut self) {
        self.0.retain_mut(|(_, count)| {
            *count /= 2;
            *count > 0
        });
    }

    /// The bytes that a column keeps: of each number how far it is from the one before, and its count.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(3 * self.0.len());
        let mut last = 0;
        for (number, count) in &self.0 {
            put(&mut bytes, u64::from(number - last));
            put(&mut bytes, *count);
            last = *number;
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub(crate) fn read(mut bytes: &[u8]) -> Result<Self, StateError> {
        let mut tally = Vec::with_capacity(bytes.len() / 2);
        let mut last = 0_u16;
        while !bytes.is_empty() {
            let gap = take(&mut bytes).and_then(|gap| u16::try_from(gap).ok());
            let number = gap.and_then(|gap| last.checked_add(gap));
            let (Some(number), Some(count)) = (number, take(&mut bytes)) else {
                return Err(StateError::Corrupt("a tally ends in the middle of a number".to_owned()));
            };
            tally.push((number, count));
            last = number;
        }
        Ok(Self(tally))
    }
}

/// Writes a number, seven bits in a byte, the lowest first.
pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Reads such a number, and goes on behind it.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut rest = bytes.as_slice();
            assert_eq!((take(&mut rest), rest), (Some(number), [].as_slice()), "{number}");
            assert_eq!(take(&mut &bytes[..bytes.len() - 1]), None, "{number}");
        }
        let mut tally = Tally::default();
        for (number, count) in [(700, 1), (3, 2), (u16::MAX, u64::MAX), (3, 5), (0, 9), (4, 0)] {
            tally.add(number, count);
        }
        assert_eq!(Tally::read(&tally.to_bytes()).ok(), Some(tally.clone()));
        assert_eq!((tally.of(3), tally.of(4), tally.of(700)), (7, 0, 1));
        assert_eq!(tally.from(3, 698).collect::<Vec<_>>(), [(0, 7), (697, 1)]);
        assert_eq!(tally.from(4, 696).count(), 0);
        assert_eq!(Tally::read(&[]).ok(), Some(Tally::default()));
        assert!(Tally::read(&[3]).is_err() && Tally::read(&[0x80]).is_err());
    }

    #[test]
    fn a_few_samples_are_a_few_bytes() {
        let mut tally = Tally::default();
        for number in 60..68 {
            tally.add(number, 100);
        }
        assert_eq!(tally.to_bytes().len(), 16);
    }

    #[test]
    fn what_is_halved_forgets_what_came_once() {
        let mut tally = Tally::default();
        for (number, count) in [(1, 1), (2, 2), (3, 7)] {
            tally.add(number, count);
        }
        tally.halve();
        assert_eq!((tally.of(1), tally.of(2), tally.of(3), tally.total()), (0, 1, 3, 4));
    }
}

//! Buckets of lengths of time: eight in each octave, so that a bucket is an eighth of its octave wide, and what is read
//! from it is off by a sixteenth at most. All is done in integers: a logarithm of a library may differ in its last bit.

/// How many buckets an octave has, as a power of two.
const BITS: u32 = 3;
/// How many buckets an octave has. Lengths below this have a bucket each.
const PER_OCTAVE: u64 = 1 << BITS;
/// How many buckets there are: for every length that there is.
pub(crate) const BUCKETS: u16 = 496;

/// The bucket that a length falls into.
pub(crate) fn bucket(length: u64) -> u16 {
    let octave = u64::BITS - length.leading_zeros();
    let Some(shift) = octave.checked_sub(BITS + 1) else { return low_bits(length) };
    // The length's first bit, which is always set, makes the step from one octave to the next.
    low_bits(u64::from(shift) * PER_OCTAVE + (length >> shift))
}

/// What is below the number of buckets, as their type.
fn low_bits(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(BUCKETS - 1)
}

/// The length that a bucket stands for: that in its middle.
pub(crate) fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket.min(BUCKETS - 1));
    let Some(shift) = (bucket / PER_OCTAVE).checked_sub(1) else { return bucket };
    let first = (bucket - shift * PER_OCTAVE) << shift;
    first + ((1 << shift) - 1) / 2
}

/// The length that so many in a hundred do not exceed, from the buckets in their order and how many there are in each.
/// None where there are none.
pub(crate) fn percentile(buckets: impl Iterator<Item = (u16, u64)> + Clone, of_100: u64) -> Option<u64> {
    let total = buckets.clone().fold(0_u64, |sum, (_, count)| sum.saturating_add(count));
    let rank = (u128::from(total) * u128::from(of_100)).div_ceil(100).max(1);
    let mut seen = 0;
    for (bucket, count) in buckets {
        seen += u128::from(count);
        if seen >= rank {
            return Some(middle(bucket));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_below_16_has_a_bucket_of_its_own() {
        for length in 0..16 {
            assert_eq!(u64::from(bucket(length)), length);
            assert_eq!(middle(bucket(length)), length);
        }
    }

    #[test]
    fn an_octave_has_eight_buckets_that_follow_those_of_the_octave_below() {
        let table: [(u64, u16); 12] = [
            (16, 16),
            (17, 16),
            (18, 17),
            (31, 23),
            (32, 24),
            (35, 24),
            (36, 25),
            (63, 31),
            (64, 32),
            (1_000, 63),
            (1_024, 64),
            (u64::MAX, BUCKETS - 1),
        ];
        for (length, expected) in table {
            assert_eq!(bucket(length), expected, "{length}");
        }
        for octave in 3..63_u32 {
            assert_eq!(bucket(1 << (octave + 1)) - bucket(1 << octave), 8, "{octave}");
            assert_eq!(bucket((1 << octave) - 1) + 1, bucket(1 << octave), "{octave}");
        }
    }

    #[test]
    fn a_longer_length_is_in_no_lower_bucket_and_the_middle_is_within_its_own() {
        let of = |exponent: u32| {
            let power = 1_u64 << exponent;
            [power, power + power / 3, power + power / 5 * 4]
        };
        let mut lengths: Vec<u64> = (0..64).flat_map(of).collect();
        lengths.sort_unstable();
        let mut last = 0;
        for length in lengths {
            let found = bucket(length);
            assert_eq!(bucket(middle(found)), found, "{length}");
            let off = middle(found).abs_diff(length);
            assert!(off <= length / 15, "{length} is read {off} off");
            assert!(found >= last, "{length}");
            last = found;
        }
        for number in 0..BUCKETS {
            assert_eq!(bucket(middle(number)), number);
        }
    }

    #[test]
    fn a_percentile_is_the_length_at_its_rank() {
        let of = |lengths: &[(u64, u64)], of_100| {
            percentile(lengths.iter().map(|(length, count)| (bucket(*length), *count)), of_100)
        };
        assert_eq!(of(&[], 50), None);
        assert_eq!(of(&[(7, 1)], 50), Some(7));
        assert_eq!(of(&[(1, 1), (2, 1)], 50), Some(1));
        assert_eq!(of(&[(1, 1), (2, 2)], 50), Some(2));
        assert_eq!(of(&[(1, 94), (3, 5), (9, 1)], 95), Some(3));
        assert_eq!(of(&[(1, 94), (3, 5), (9, 1)], 99), Some(3));
        assert_eq!(of(&[(1, 94), (3, 5), (9, 1)], 100), Some(9));
        assert_eq!(of(&[(1, u64::MAX), (3, 1)], 50), Some(1), "however many there are");
    }
}

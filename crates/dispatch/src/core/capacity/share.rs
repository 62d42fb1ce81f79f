//! How many slots there are, how many an attempt takes, and how many a class and a target may hold.

use super::class::{ByClass, Class};

/// Bytes of the requests under way, all together. Some hundred of the largest bodies (256 KiB) fit in, and a
/// node stays small beside them. Of each response at most 64 KiB are kept, so the slots bound these too.
const BYTES: usize = 64 << 20;

/// The slots as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) slots: usize,
}

impl Share {
    /// Slots that an attempt takes whose request has so many bytes: one for each part of [`BYTES`] that one
    /// slot stands for. So the bytes are bounded with the slots, and are shared by the same rules. One alone
    /// takes at most an eighth, which it gets in every class where nothing else is under way.
    pub(super) fn cost(self, bytes: usize) -> usize {
        let each = (BYTES / self.slots.max(1)).max(1);
        bytes.div_ceil(each).clamp(1, (self.slots / 8).max(1))
    }

    /// How many slots a target of this class may hold at most, its next attempt included.
    ///
    /// It is what is left of its class's part, and of the whole: a dynamic threshold. Of the last eighth a
    /// target gets a sixteenth at most, so that many who stop answering at the same moment, and are found out
    /// a second later, do not have everything by then.
    pub(super) fn most(self, class: Class, taken: &ByClass<usize>) -> usize {
        let free = self.slots.saturating_sub(taken.total());
        let whole = free.saturating_sub(self.slots / 8).max(free / 16).max(free.min(1));
        let part = match class {
            Class::Answering => whole,
            Class::Unknown => self.left_to_unknown(taken),
            Class::NotAnswering => self.slots.div_ceil(2).saturating_sub(taken[class]),
        };
        whole.min(part)
    }

    /// The unknown hold at most a quarter. As each of them may turn out not to answer, and keep its slots until
    /// it times out, they hold no more than is left beside them of three quarters: the last quarter is for
    /// those that answer. In a crowd that is dead they get fewer and fewer, so that some are left for long.
    fn left_to_unknown(self, taken: &ByClass<usize>) -> usize {
        let (unknown, silent) = (taken[Class::Unknown], taken[Class::NotAnswering]);
        let left = (self.slots * 3).div_ceil(4).saturating_sub(silent + 2 * unknown);
        left.min(self.slots.div_ceil(4).saturating_sub(unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_request_takes_several_slots_and_all_together_fit_into_the_bytes() {
        let kib = 1024;
        for (slots, bytes, cost) in [
            (1_024, 0, 1),
            (1_024, 64 * kib, 1),
            (1_024, 64 * kib + 1, 2),
            (1_024, 256 * kib, 4),
            (1_024, usize::MAX, 128),
            (100_000, 10 * kib, 16),
            (4, 6_000 * kib, 1),
            (1, usize::MAX, 1),
            (0, 1, 1),
        ] {
            assert_eq!(Share { slots }.cost(bytes), cost, "{slots} {bytes}");
        }
    }

    #[test]
    fn every_class_has_a_slot_where_nothing_is_under_way() {
        for slots in [1, 2, 3, 4, 7, 8, 64, 100, 1_024, 100_000] {
            let share = Share { slots };
            for class in Class::ALL {
                let most = share.most(class, &ByClass::default());
                assert!(most >= share.cost(usize::MAX), "{slots} {class:?} {most}");
            }
        }
    }
}

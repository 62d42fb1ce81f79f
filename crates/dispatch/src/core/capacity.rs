//! How many attempts run at once, and whose.
//!
//! A target (scheme, host, port) may hold no more slots than are still free. So one dead target
//! takes at most half of all slots, a second one a quarter, and there are always some left for a
//! target that answers: the dynamic threshold of Choudhury and Hahne (1998), made for buffers that
//! switches share.
//!
//! And a target holds at most [`FRESH`] attempts that have just begun. One that answers at once is
//! served faster over some connections than over five hundred; one that takes its time gets
//! the others as soon as its attempts are no longer fresh.
//!
//! Targets that wait are served in turn, not in the order of their attempts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chronos_types::ExecutionId;

/// Attempts of one target that have just begun. The bare client is fastest with 32 to 128 at once,
/// and half as fast with 512 (`cargo xtask bench burst`).
const FRESH: usize = 64;

#[derive(Debug, Default)]
struct Target {
    running: usize,
    fresh: usize,
    waiting: VecDeque<ExecutionId>,
}

impl Target {
    fn may_begin(&self, free: usize) -> bool {
        self.running < free && self.fresh < FRESH
    }

    fn begin(&mut self) {
        self.running += 1;
        self.fresh += 1;
    }
}

/// The slots.
#[derive(Debug)]
pub(super) struct Capacity {
    free: usize,
    targets: HashMap<Arc<str>, Target>,
    /// Targets with somebody waiting, in turn.
    turns: VecDeque<Arc<str>>,
    /// Those waiting, at all targets.
    waiting: usize,
}

impl Capacity {
    pub(super) fn new(slots: usize) -> Self {
        Self { free: slots, targets: HashMap::new(), turns: VecDeque::new(), waiting: 0 }
    }

    /// Takes a slot for an attempt, or puts it in line; says which.
    pub(super) fn enter(&mut self, origin: &Arc<str>, id: ExecutionId) -> bool {
        let target = self.targets.entry(Arc::clone(origin)).or_default();
        if target.waiting.is_empty() && target.may_begin(self.free) {
            target.begin();
            self.free -= 1;
            return true;
        }
        if target.waiting.is_empty() {
            self.turns.push_back(Arc::clone(origin));
        }
        target.waiting.push_back(id);
        self.waiting += 1;
        false
    }

    /// An attempt has been under way for a while.
    pub(super) fn grow_old(&mut self, origin: &Arc<str>) {
        if let Some(target) = self.targets.get_mut(origin) {
            target.fresh -= 1;
        }
    }

    /// Gives a slot back; `fresh` where it had not grown old.
    pub(super) fn leave(&mut self, origin: &Arc<str>, fresh: bool) {
        if let Some(target) = self.targets.get_mut(origin) {
            target.running -= 1;
            target.fresh -= usize::from(fresh);
            self.free += 1;
            if target.running == 0 && target.waiting.is_empty() {
                self.targets.remove(origin);
            }
        }
    }

    /// Takes an attempt out of the line.
    pub(super) fn forget(&mut self, origin: &Arc<str>, id: ExecutionId) {
        let Some(target) = self.targets.get_mut(origin) else { return };
        let waited = target.waiting.len();
        target.waiting.retain(|other| *other != id);
        self.waiting -= waited - target.waiting.len();
        if waited > 0 && target.waiting.is_empty() {
            self.turns.retain(|other| other != origin);
            if target.running == 0 {
                self.targets.remove(origin);
            }
        }
    }

    /// Takes a slot for the next in line whose target may have one.
    pub(super) fn next(&mut self) -> Option<ExecutionId> {
        for _ in 0..self.turns.len() {
            let origin = self.turns.pop_front()?;
            let Some(target) = self.targets.get_mut(&origin) else { continue };
            if !target.may_begin(self.free) {
                self.turns.push_back(origin);
                continue;
            }
            let id = target.waiting.pop_front();
            if !target.waiting.is_empty() {
                self.turns.push_back(origin);
            }
            if id.is_some() {
                self.waiting -= 1;
                target.begin();
                self.free -= 1;
                return id;
            }
        }
        None
    }

    /// Attempts that wait for a slot.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_targets_always_leave_room_for_another() {
        let mut capacity = Capacity::new(1024);
        let mut taken = Vec::new();
        for target in 0..8 {
            let origin: Arc<str> = format!("http://dead-{target}").into();
            let mut begun = 0;
            for n in 0..2000 {
                if capacity.enter(&origin, ExecutionId::floor(n)) {
                    capacity.grow_old(&origin);
                    begun += 1;
                }
            }
            taken.push(begun);
        }
        assert_eq!(taken, [512, 256, 128, 64, 32, 16, 8, 4]);
        let healthy: Arc<str> = "http://healthy".into();
        assert!(capacity.enter(&healthy, ExecutionId::floor(1)));
        capacity.leave(&healthy, true);
    }

    #[test]
    fn waiting_targets_take_turns() {
        let mut capacity = Capacity::new(2);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert!(capacity.enter(&a, ExecutionId::floor(1)));
        assert!(capacity.enter(&b, ExecutionId::floor(2)));
        for n in [11, 12, 13] {
            assert!(!capacity.enter(&a, ExecutionId::floor(n)));
        }
        assert!(!capacity.enter(&b, ExecutionId::floor(21)));
        capacity.leave(&a, true);
        capacity.leave(&b, true);
        assert_eq!(capacity.waiting(), 4);
        assert_eq!(capacity.next(), Some(ExecutionId::floor(11)));
        assert_eq!(capacity.next(), Some(ExecutionId::floor(21)));
        assert_eq!(capacity.next(), None);
        capacity.forget(&a, ExecutionId::floor(12));
        capacity.leave(&b, true);
        capacity.leave(&a, true);
        assert_eq!(capacity.next(), Some(ExecutionId::floor(13)));
    }

    #[test]
    fn a_target_gets_more_as_its_attempts_grow_old() {
        let mut capacity = Capacity::new(1024);
        let origin: Arc<str> = "http://slow".into();
        let begun = (0..300).filter(|n| capacity.enter(&origin, ExecutionId::floor(*n))).count();
        assert_eq!((begun, capacity.next()), (FRESH, None));
        capacity.grow_old(&origin);
        assert_eq!(capacity.next(), Some(ExecutionId::floor(64)));
        assert_eq!(capacity.next(), None);
        capacity.leave(&origin, false);
        assert_eq!(capacity.next(), None);
        capacity.leave(&origin, true);
        assert_eq!(capacity.next(), Some(ExecutionId::floor(65)));
    }
}

//! Everything that this node holds, and what it knows of whether attempts may begin.
//!
//! Only the data and plain answers from it. What is done with it is in `attempts`, `turns`, `outcome` and
//! `intake`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use chronos_state::JobSeq;
use chronos_types::{Concurrency, ExecutionId, NodeName};

use super::capacity::Capacity;
use super::entry::Entry;
use super::fence::Fence;
use super::heap::{Due, Heap};
use super::lane::Lane;
use super::specs::Specs;
use crate::closed::Closed;

/// Items of the heap that mean nothing any more, and are not worth to be looked for.
const FORGOTTEN: usize = 1_024;

/// The executions of this node that are not settled.
#[derive(Debug)]
pub(super) struct Executions {
    /// This node.
    pub(super) node: NodeName,
    pub(super) entries: HashMap<ExecutionId, Entry>,
    pub(super) heap: Heap,
    /// Jobs with executions whose instant has come.
    pub(super) lanes: HashMap<JobSeq, Lane>,
    pub(super) capacity: Capacity,
    pub(super) specs: Specs,
    pub(super) fence: Fence,
    /// A batch is being taken in. What comes later in it may undo what comes first.
    pub(super) taking_in: bool,
    /// Nothing more begins, because the node is about to stop.
    pub(super) closed: bool,
    /// What this node had not finished when it was started is taken in. What comes now is new.
    pub(super) recovered: bool,
    /// Executions that are, or were, [`State::Held`](super::entry::State::Held).
    pub(super) held: Vec<ExecutionId>,
    /// Some are [`State::Withheld`](super::entry::State::Withheld) that the state was not asked about.
    pub(super) has_withheld: bool,
    /// Attempts under way.
    pub(super) running: usize,
    /// Attempts under way that do not show as running yet, by the time at which they should.
    pub(super) unseen: VecDeque<Begun>,
    /// Attempts under way that are fresh, by the time at which they are not any more.
    pub(super) fresh: VecDeque<Begun>,
}

/// An attempt under way, at which something is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// When, on the monotonic clock.
    pub(super) at: Duration,
    pub(super) execution: ExecutionId,
    pub(super) attempt: u32,
}

impl Executions {
    pub(super) fn new(node: NodeName, max_concurrent: usize) -> Self {
        Self {
            node,
            entries: HashMap::new(),
            heap: Heap::default(),
            lanes: HashMap::new(),
            capacity: Capacity::new(max_concurrent),
            specs: Specs::default(),
            fence: Fence::new(),
            taking_in: false,
            closed: false,
            recovered: false,
            held: Vec::new(),
            has_withheld: false,
            running: 0,
            unseen: VecDeque::new(),
            fresh: VecDeque::new(),
        }
    }

    /// Whether attempts may begin now.
    pub(super) fn may_fire(&self) -> bool {
        !self.closed && !self.taking_in && self.fence.is_down()
    }

    /// Something is to happen to an execution then, and nothing before.
    pub(super) fn arm(&mut self, id: ExecutionId, due: Due) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.due = due;
            self.heap.push(due, id);
        }
    }

    /// Drops what the heap holds for nothing, where that is more than a half.
    pub(super) fn tidy(&mut self) {
        if self.heap.len() > 2 * self.entries.len() + FORGOTTEN {
            let entries = &self.entries;
            self.heap.retain(|due, id| entries.get(&id).is_some_and(|entry| entry.due == due));
        }
    }

    /// What is to be known of them where they are handed over.
    pub(super) fn closed(&self) -> Closed {
        let inherited = self.entries.iter().filter(|(_, entry)| entry.inherited).map(|(id, _)| *id);
        let busy = self.busy();
        Closed { keep: self.to_keep(&busy), busy, inherited: self.recovered.then(|| inherited.collect()) }
    }

    /// Executions that no other node may fire yet: those that have begun and are not settled, and those
    /// that may not begin beside them.
    fn to_keep(&self, busy: &HashSet<JobSeq>) -> HashSet<ExecutionId> {
        let keeps = |entry: &Entry| entry.has_begun() || busy.contains(&entry.fire.run.job);
        self.entries.iter().filter(|(_, entry)| keeps(entry)).map(|(id, _)| *id).collect()
    }

    /// Jobs that do not allow overlap and have a run that has begun and is not settled.
    fn busy(&self) -> HashSet<JobSeq> {
        // A replay goes by what its job says now, and not by its version.
        let policy = |entry: &Entry| entry.fire.policy.or(entry.prepared.as_ref().map(|job| job.concurrency));
        let overlaps = |entry: &Entry| policy(entry) == Some(Concurrency::Allow);
        // Also where it is over and that is not on record: whoever gets a run of the job gets all that are unfinished there.
        let begun = self.entries.values().filter(|entry| entry.has_begun());
        let busy = begun.filter(|entry| !overlaps(entry));
        busy.map(|entry| entry.fire.run.job).collect()
    }
}

//! [`Holds`]: what stays of the log for nodes that are on their way to its end.
//!
//! A copy of the state stands at a place of the log, and whoever gets it needs the entries behind that place. To send
//! it takes minutes over a slow link, and the log grows meanwhile. Were it cut as usual, the node would need another
//! copy then, and so on for as long as there is load. So the log stays for a copy that is on its way, and for a node
//! that gets nearer to its end. There are two bounds: a node that does not get nearer for a while is not waited for,
//! and no more than so many bytes are kept for anybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chronos_types::NodeName;
use tokio::time::Instant;

use crate::lock::lock;

/// What stays of a leader's log. Entries are named by their index.
pub(crate) struct Holds {
    inner: Mutex<Inner>,
    /// A node that does not get nearer to the end for this long is not waited for.
    patience: Duration,
}

#[derive(Default)]
struct Inner {
    /// The first entry that stays.
    first: u64,
    nodes: BTreeMap<u64, Hold>,
}

/// A node on its way.
struct Hold {
    name: NodeName,
    /// The first entry that it does not have, or will not have with its copy.
    needs: u64,
    moved: Instant,
    /// A copy that is on its way to it.
    copy: Option<Travel>,
}

/// How many bytes of a copy have left, of how many.
#[derive(Clone, Copy, Default)]
struct Travel {
    sent: u64,
    length: u64,
}

/// How far the log is cut.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The first entry that stays.
    pub first: u64,
    /// Whether less is cut than was asked for.
    pub is_held: bool,
    /// The nodes for which too much was kept. Each needs a copy of the state now, or one more.
    pub given_up: Vec<NodeName>,
}

impl Holds {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { inner: Mutex::default(), patience }
    }

    /// A copy goes to a node, and brings it all entries before `needs`. The log stays from there for as long as the
    /// guard lives, and a while longer. None where the log begins later already: such a copy would be in vain.
    pub(crate) fn copy(self: &Arc<Self>, id: u64, name: &NodeName, needs: u64) -> Option<CopyOnItsWay> {
        let mut inner = lock(&self.inner);
        if needs < inner.first {
            return None;
        }
        let copy = Some(Travel::default());
        inner.nodes.insert(id, Hold { name: name.clone(), needs, moved: Instant::now(), copy });
        Some(CopyOnItsWay { holds: self.clone(), id })
    }

    /// A node has all entries before `needs`.
    pub(crate) fn took(&self, id: u64, name: &NodeName, needs: u64) {
        let mut inner = lock(&self.inner);
        let hold = inner.nodes.entry(id).or_insert_with(|| Hold {
            name: name.clone(),
            needs: 0,
            moved: Instant::now(),
            copy: None,
        });
        if needs > hold.needs {
            (hold.needs, hold.moved) = (needs, Instant::now());
        }
    }

    /// Whether the log reaches back to this entry, and will while nothing is cut.
    pub(crate) fn reaches(&self, entry: u64) -> bool {
        lock(&self.inner).first <= entry
    }

    /// Cuts the log: everything before `wanted` goes, apart from what is held, and everything before `forced` goes in
    /// any case.
    pub(crate) fn cut(&self, wanted: u64, forced: u64) -> Cut {
        let mut inner = lock(&self.inner);
        inner.nodes.retain(|_, hold| hold.copy.is_some() || hold.moved.elapsed() < self.patience);
        let forced = forced.min(wanted);
        // Only those that still get nearer: the others have no copy on its way, and are not waited for anyway.
        let outrun = inner.nodes.extract_if(.., |_, hold| hold.needs < forced);
        let given_up = outrun.map(|(_, hold)| hold.name).collect();
        let held = inner.nodes.values().map(|hold| hold.needs).min().unwrap_or(wanted);
        inner.first = inner.first.max(wanted.min(held));
        Cut { first: inner.first, is_held: held < wanted, given_up }
    }

    /// How far the copies that are on their way have come, in words, each with the node that it goes to.
    pub(crate) fn copies(&self) -> Vec<(NodeName, String)> {
        let inner = lock(&self.inner);
        let on_its_way = |hold: &Hold| Some((hold.name.clone(), hold.copy?.words()));
        inner.nodes.values().filter_map(on_its_way).collect()
    }

    fn with(&self, id: u64, change: impl FnOnce(&mut Hold)) {
        if let Some(hold) = lock(&self.inner).nodes.get_mut(&id) {
            change(hold);
        }
    }
}

impl Travel {
    fn words(self) -> String {
        const MB: u64 = 1_000_000;
        match self.length {
            0 => "a copy of the state is being made for it".to_owned(),
            length => format!(
                "a copy of the state is on its way to it, {} of {} MB",
                self.sent / MB,
                length.div_ceil(MB)
            ),
        }
    }
}

/// Holds the log for a copy that is being made or sent.
pub(crate) struct CopyOnItsWay {
    holds: Arc<Holds>,
    id: u64,
}

impl CopyOnItsWay {
    /// The copy is there: `length` bytes, of which the node has so many already. It brings all entries before
    /// `needs`.
    pub(crate) fn begins(&self, needs: u64, had: u64, length: u64) {
        self.holds.with(self.id, |hold| {
            hold.needs = needs;
            hold.copy = Some(Travel { sent: had, length });
        });
    }

    /// What counts the bytes that leave.
    pub(crate) fn counter(&self) -> impl Fn(u64) + Send + use<> {
        let (holds, id) = (self.holds.clone(), self.id);
        move |bytes| {
            holds.with(id, |hold| {
                if let Some(copy) = &mut hold.copy {
                    copy.sent += bytes;
                }
            });
        }
    }
}

impl Drop for CopyOnItsWay {
    fn drop(&mut self) {
        self.holds.with(self.id, |hold| (hold.copy, hold.moved) = (None, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    /// The bound in bytes is far off.
    const FAR: u64 = 0;

    fn name(id: u64) -> NodeName {
        NodeName::unchecked(&format!("n{id}"))
    }

    fn holds() -> Arc<Holds> {
        Arc::new(Holds::new(PATIENCE))
    }

    fn cut(holds: &Holds, wanted: u64, forced: u64) -> (u64, bool) {
        let Cut { first, is_held, given_up } = holds.cut(wanted, forced);
        assert!(given_up.is_empty(), "{given_up:?}");
        (first, is_held)
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_stays_behind_a_copy_and_until_the_node_has_caught_up() {
        let holds = holds();
        let copy = holds.copy(2, &name(2), 100).expect("the log is there");
        assert_eq!(cut(&holds, 90, FAR), (90, false));
        assert_eq!(cut(&holds, 500, FAR), (100, true));
        copy.begins(130, 0, 5_000_000);
        copy.counter()(2_100_000);
        let words = "a copy of the state is on its way to it, 2 of 5 MB".to_owned();
        assert_eq!(holds.copies(), [(name(2), words)]);
        // However long it takes.
        tokio::time::advance(100 * PATIENCE).await;
        assert_eq!(cut(&holds, 600, FAR), (130, true));
        drop(copy);
        assert!(holds.copies().is_empty());
        for needs in [200, 300, 400] {
            tokio::time::advance(PATIENCE / 2).await;
            holds.took(2, &name(2), needs);
            assert_eq!(cut(&holds, 600, FAR), (needs, true));
        }
        holds.took(2, &name(2), 700);
        assert_eq!(cut(&holds, 650, FAR), (650, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_gets_no_nearer_is_waited_for_a_while() {
        let holds = holds();
        drop(holds.copy(2, &name(2), 100));
        holds.took(3, &name(3), 200);
        tokio::time::advance(PATIENCE / 2).await;
        assert_eq!(cut(&holds, 500, FAR), (100, true));
        // What it has already is nothing new.
        holds.took(3, &name(3), 150);
        holds.took(2, &name(2), 101);
        tokio::time::advance(PATIENCE / 2).await;
        assert_eq!(cut(&holds, 500, FAR), (101, true));
        tokio::time::advance(PATIENCE / 2).await;
        assert_eq!(cut(&holds, 500, FAR), (500, false));
    }

    #[tokio::test(start_paused = true)]
    async fn past_the_bound_it_is_given_up_by_name_and_the_next_copy_begins_where_the_log_does() {
        let holds = holds();
        let copy = holds.copy(2, &name(2), 100).expect("the log is there");
        holds.took(3, &name(3), 450);
        let Cut { first, is_held, given_up } = holds.cut(500, 101);
        assert_eq!((first, is_held, given_up), (450, true, vec![name(2)]));
        assert!(!holds.reaches(449) && holds.reaches(450));
        assert!(holds.copy(2, &name(2), 449).is_none(), "it would be in vain");
        // What is left of the old one says nothing any more.
        copy.begins(100, 0, 1);
        copy.counter()(1);
        drop(copy);
        assert_eq!(cut(&holds, 400, FAR), (450, false), "nothing comes back");
        let _next = holds.copy(2, &name(2), 450).expect("the log is there");
        assert_eq!(cut(&holds, 900, FAR), (450, true));
    }
}

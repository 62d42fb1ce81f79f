//! What was used lately, within a bound: two generations, the older one dropped when the newer one is full.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Values by their keys. What is used now and then stays; the rest makes room.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    /// Of the young ones together.
    weight: usize,
    /// Most that a generation weighs.
    most: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Keeps values of this weight together, at most.
    pub(crate) fn within(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, most: most / 2 }
    }

    /// Keeps a value. One that weighs more than a generation may is not kept.
    pub(crate) fn put(&mut self, key: K, value: V, weight: usize) {
        if self.weight + weight > self.most {
            self.old = mem::take(&mut self.young);
            self.weight = 0;
        }
        if weight <= self.most {
            self.weight += weight;
            if let Some((_, replaced)) = self.young.insert(key, (value, weight)) {
                self.weight -= replaced;
            }
        }
    }

    /// What is to be known of the value, where it is kept. It is kept for longer then.
    pub(crate) fn get<Q: Eq + Hash + ?Sized, R>(&mut self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
    {
        if let Some((value, _)) = self.young.get(key) {
            return Some(read(value));
        }
        let (key, (value, weight)) = self.old.remove_entry(key)?;
        let found = read(&value);
        self.put(key, value, weight);
        Some(found)
    }

    /// Takes the value out, where it is kept.
    pub(super) fn take<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some((value, weight)) = self.young.remove(key) {
            self.weight -= weight;
            return Some(value);
        }
        self.old.remove(key).map(|(value, _)| value)
    }

    /// Values kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_now_and_then_stays_and_the_rest_makes_room() {
        let mut recent = Recent::within(1_000);
        for n in 0..2_000 {
            recent.put(n, n, 1);
            if n % 50 == 0 {
                assert_eq!(recent.get(&0, |value| *value), Some(0), "after {n}");
            }
            assert!(recent.len() <= 1_000);
        }
        assert_eq!((recent.take(&1_999), recent.take(&1)), (Some(1_999), None));
    }

    #[test]
    fn what_weighs_more_makes_more_room() {
        let mut recent = Recent::within(100);
        for n in 0..10 {
            recent.put(n, (), 25);
            assert!(recent.len() <= 4);
        }
        recent.put(10, (), 51);
        assert!(recent.take(&10).is_none(), "it weighs more than a generation");
        recent.put(11, (), 50);
        assert_eq!(recent.take(&11), Some(()));
        assert_eq!(recent.take(&11), None);
        recent.put(12, (), 50);
        assert!(recent.take(&12).is_some());
    }
}

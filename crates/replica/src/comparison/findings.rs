//! Who differs from whom: a rule over what the members told, and nothing else.

use std::collections::BTreeMap;

/// The digests that a node has, by the entry of the log that asked for each.
pub(crate) type Told = BTreeMap<u64, String>;

/// What the digests of one entry show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Most members have the same, and this node has something else.
    Own {
        /// The entry.
        index: u64,
    },
    /// This member has something else than this node.
    Other {
        /// Its raft id.
        id: u64,
        /// The entry.
        index: u64,
        /// Whether most members have what this node has.
        is_decided: bool,
    },
}

/// What is found in what this node has, `own`, beside what others told, by their raft ids. Of `members`, this node
/// counted, more than half have to have the same; those that do not answer count as nothing for either side. Learners
/// count as voters do, because this is about what is on their disks.
pub(crate) fn find(members: usize, own: &Told, others: &BTreeMap<u64, Told>) -> Vec<Finding> {
    own.iter().flat_map(|(index, mine)| at_entry(members, *index, mine, others)).collect()
}

fn at_entry(members: usize, index: u64, mine: &str, others: &BTreeMap<u64, Told>) -> Vec<Finding> {
    let told = || others.iter().filter_map(|(id, told)| Some((*id, told.get(&index)?.as_str())));
    let have = |digest: &str| told().filter(|(_, other)| *other == digest).count();
    let is_most = |count: usize| count * 2 > members;
    if told().any(|(_, other)| other != mine && is_most(have(other))) {
        return vec![Finding::Own { index }];
    }
    let is_decided = is_most(have(mine) + 1);
    let differing = told().filter(|(_, other)| *other != mine);
    differing.map(|(id, _)| Finding::Other { id, index, is_decided }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first of these nodes finds: each has one digest, or has not come so far.
    fn found<const N: usize>(digests: [&str; N]) -> Vec<Finding> {
        let told = |digest: &&str| match *digest {
            "" => Told::new(),
            digest => Told::from([(7, digest.to_owned())]),
        };
        let others = (2..).zip(digests[1..].iter().map(told)).collect();
        find(N, &told(&digests[0]), &others)
    }

    fn other(id: u64, is_decided: bool) -> Finding {
        Finding::Other { id, index: 7, is_decided }
    }

    #[test]
    fn equal_states_and_those_that_nobody_told_are_no_finding() {
        assert_eq!(found(["a", "a", "a"]), []);
        assert_eq!(found(["a", "", ""]), []);
        assert_eq!(found(["", "b", "b"]), [], "it has not come so far itself");
        assert_eq!(found(["a"]), []);
    }

    #[test]
    fn a_minority_is_told_by_most_of_all_members() {
        assert_eq!(found(["a", "b", "b"]), [Finding::Own { index: 7 }]);
        assert_eq!(found(["b", "a", "b"]), [other(2, true)]);
        assert_eq!(found(["b", "b", "a"]), [other(3, true)]);
        assert_eq!(found(["b", "", "b", "a", "b"]), [other(4, true)], "one that is away is not waited for");
        assert_eq!(found(["a", "c", "b", "b", "b"]), [Finding::Own { index: 7 }]);
        assert_eq!(found(["b", "a", "c", "b", "b"]), [other(2, true), other(3, true)]);
    }

    #[test]
    fn without_a_majority_nobody_is_the_minority() {
        assert_eq!(found(["a", "b"]), [other(2, false)], "of two, who is right?");
        assert_eq!(found(["a", "b", ""]), [other(2, false)], "two of three that differ");
        assert_eq!(found(["a", "b", "c"]), [other(2, false), other(3, false)]);
        assert_eq!(found(["a", "a", "b", "b"]), [other(3, false), other(4, false)]);
        assert_eq!(
            found(["a", "b", "b", ""]),
            [other(2, false), other(3, false)],
            "two of four are no majority"
        );
    }

    #[test]
    fn each_entry_is_judged_by_itself() {
        let told =
            |pairs: &[(u64, &str)]| -> Told { pairs.iter().map(|(i, d)| (*i, (*d).to_owned())).collect() };
        let others = BTreeMap::from([(2, told(&[(5, "a"), (6, "x"), (7, "b")])), (3, told(&[(7, "b")]))]);
        let own = told(&[(4, "a"), (5, "a"), (6, "b"), (7, "b")]);
        assert_eq!(find(3, &own, &others), [Finding::Other { id: 2, index: 6, is_decided: false }]);
    }
}

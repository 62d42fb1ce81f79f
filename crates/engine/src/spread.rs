//! Which node fires a job's runs: the same answer on every node, and nothing to agree on.
//!
//! Rendezvous hashing (Thaler and Ravishankar, 1998): the node whose name weighs most together with
//! the job. A node that leaves gives away its own jobs and no others, and gets the same ones back.

use chronos_types::{JobId, NodeName};
use sha2::{Digest, Sha256};

/// The node among `live`, those that get runs, that fires a job; none where there is none.
#[must_use]
pub fn node_for(job: JobId, live: &[NodeName]) -> Option<&NodeName> {
    match live {
        [] => None,
        [only] => Some(only),
        several => several.iter().max_by_key(|name| (weight(job, name.as_str()), *name)),
    }
}

/// The same, but a job with unfinished executions stays with the node that holds them, while that is live, or one of
/// those that `stay`: they get no new runs, and keep what they have. The node that fires a run judges what the run
/// overlaps with, and it knows only what it holds itself.
#[must_use]
pub fn node_beside<'a>(
    job: JobId,
    holder: Option<&NodeName>,
    live: &'a [NodeName],
    stay: &'a [NodeName],
) -> Option<&'a NodeName> {
    let holder = holder.and_then(|holder| live.iter().chain(stay).find(|name| *name == holder));
    holder.or_else(|| node_for(job, live))
}

/// SHA-256, because it will be the same in every version and on every machine.
fn weight(job: JobId, name: &str) -> u64 {
    let digest = Sha256::new().chain_update(job.as_bytes()).chain_update(name).finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn nodes(count: usize) -> Vec<NodeName> {
        (1..=count).map(|n| NodeName::unchecked(&format!("chronos-{n}"))).collect()
    }

    /// Jobs created a millisecond apart, as their identifiers would be.
    fn jobs() -> impl Iterator<Item = JobId> {
        (0..10_000_u16).map(|n| {
            let mut random = [0; 10];
            random[8..].copy_from_slice(&n.to_be_bytes());
            JobId::new(1_700_000_000_000 + i64::from(n), random)
        })
    }

    #[test]
    fn jobs_spread_evenly() {
        for count in [3, 5] {
            let live = nodes(count);
            let mut held = HashMap::new();
            for job in jobs() {
                *held.entry(node_for(job, &live).expect("a node")).or_insert(0_usize) += 1;
            }
            let even = 10_000 / count;
            for (node, jobs) in held {
                assert!(
                    jobs.abs_diff(even) < even / 20,
                    "{node} of {count} has {jobs}, an even share is {even}"
                );
            }
        }
    }

    #[test]
    fn a_node_that_leaves_gives_away_its_own_jobs_only() {
        let before = nodes(5);
        for gone in &before {
            let after: Vec<NodeName> = before.iter().filter(|name| *name != gone).cloned().collect();
            for job in jobs() {
                let (was, is) = (node_for(job, &before), node_for(job, &after));
                assert!(
                    was == is || was == Some(gone),
                    "{job} went from {was:?} to {is:?} though {gone} left"
                );
                assert_ne!(is, Some(gone));
            }
        }
    }

    #[test]
    fn the_order_of_names_does_not_matter() {
        let (live, mut turned) = (nodes(5), nodes(5));
        turned.reverse();
        assert!(jobs().all(|job| node_for(job, &live) == node_for(job, &turned)));
    }

    #[test]
    fn the_answer_never_changes() {
        let job = JobId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("an id");
        // The first eight bytes of SHA-256 over the job's sixteen and the name, by Python's hashlib.
        let weights = [
            ("a", 0xdf18_cb2a_1bb6_2dde),
            ("b", 0x9c67_17af_bc7d_9947),
            ("chronos-1", 0x271a_17ca_0541_8d3f),
        ];
        for (name, expected) in weights {
            assert_eq!(weight(job, name), expected, "{name}");
        }
        let live = weights.map(|(name, _)| NodeName::unchecked(name));
        assert_eq!(node_for(job, &live), Some(&live[0]));
    }

    #[test]
    fn a_job_stays_beside_its_unfinished_executions_while_their_node_is_live() {
        let live = nodes(3);
        for job in jobs().take(100) {
            let home = node_for(job, &live);
            for node in &live {
                assert_eq!(node_beside(job, Some(node), &live, &[]), Some(node));
            }
            let other = NodeName::unchecked("other");
            assert_eq!(node_beside(job, Some(&other), &live, &[]), home, "it is gone");
            let stay = [other.clone()];
            assert_eq!(node_beside(job, Some(&other), &live, &stay), Some(&other));
            assert_eq!(node_beside(job, None, &live, &stay), home);
        }
        assert_eq!(node_for(jobs().next().expect("a job"), &[]), None);
    }
}

//! Copies of the state: damaged on their way, broken off, and slower than the log grows.

use super::*;
use crate::types::MAX_BATCH_BYTES;

/// A log that is cut all the time.
const SHORT: LogLimits = LogLimits {
    snapshot_entries: 10,
    keep_entries: 5,
    hold_bytes: 1 << 30,
    hold_for: Duration::from_secs(60),
};

impl Cluster {
    /// One, two and three, with such logs, and with a state of some megabytes.
    async fn with_logs(log: LogLimits) -> Self {
        let mut cluster = Self::default();
        for name in ["one", "two", "three"] {
            cluster
                .start_with(name, |config| {
                    config.bootstrap = name == "one";
                    config.log = log;
                })
                .await;
        }
        cluster.formed(3).await;
        let leader = cluster.node(&cluster.roles("one").0);
        for number in 1..=40 {
            let batch = put_job(number, &format!("{number:09}").repeat(10_000));
            leader.propose(batch).await.expect("accepted");
        }
        cluster
    }

    /// A fourth, which has nothing.
    async fn join_fourth(&mut self, log: LogLimits) {
        self.start_with("four", |config| {
            config.bootstrap = false;
            config.log = log;
        })
        .await;
    }

    /// Until the fourth has all that the leader has.
    async fn fourth_has_all(&self, leader: &Node) {
        let has_all = || async {
            let applied = self.node("four").replica.status().applied;
            applied.is_some() && applied == leader.replica.status().last_log
        };
        until("the fourth has everything", has_all).await;
        assert_eq!(self.node("four").jobs(), leader.jobs());
    }
}

impl Node {
    fn last(&self) -> u64 {
        self.replica.status().last_log.expect("a log")
    }

    /// How many copies it has sent, by what came of them: arrived, and failed.
    fn copies_sent(&self) -> [u64; 2] {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("written to memory");
        ["done", "failed"].map(|outcome| {
            let name = format!("snapshots_sent_total{{outcome=\"{outcome}\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&name)).expect("a counter");
            value.parse().expect("a number")
        })
    }

    fn copies_got(&self) -> usize {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Writes until its log is cut behind this entry.
    async fn write_until_cut(&self, entry: u64, write: impl AsyncFn()) {
        let begun = Instant::now();
        while self.replica.status().purged < Some(entry) {
            assert!(begun.elapsed() < PATIENCE, "the log is not cut at {entry}: {:?}", self.replica.status());
            write().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_for_a_copy_on_its_way_and_no_longer() {
    let mut cluster = Cluster::with_logs(SHORT).await;
    let leader = cluster.roles("one").0;
    cluster.hub.hold_bodies(true);
    cluster.join_fourth(SHORT).await;
    until("a copy is on its way", || async { cluster.hub.count("four", "snapshot") > 0 }).await;

    // The log grows by many times what it keeps.
    let leader = cluster.node(&leader);
    let begun = leader.last();
    for number in 41..=140 {
        leader.put(number).await.expect("accepted");
    }
    leader.until(|now| now.snapshot.is_some_and(|id| id.index > begun + 80)).await;
    cluster.hub.hold_bodies(false);
    cluster.fourth_has_all(leader).await;
    assert_eq!(cluster.node("four").copies_got(), 1, "the log was cut behind the first copy");
    assert_eq!(cluster.hub.count("four", "snapshot"), 1);

    let number = std::cell::Cell::new(141);
    let write = async || drop(leader.put(number.replace(number.get() + 1)).await.expect("accepted"));
    leader.write_until_cut(begun + 80, write).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_its_bound_the_log_is_cut_and_the_next_copy_follows() {
    // Twice the state is the bound then.
    let log = LogLimits { hold_bytes: 0, ..SHORT };
    let mut cluster = Cluster::with_logs(log).await;
    let leader = cluster.roles("one").0;
    cluster.hub.hold_bodies(true);
    cluster.join_fourth(log).await;
    until("a copy is on its way", || async { cluster.hub.count("four", "snapshot") > 0 }).await;

    let leader = cluster.node(&leader);
    let begun = leader.last();
    // It is there already: that makes the log grow and not the state.
    let text = "x".repeat(1 << 20);
    let write = async || drop(leader.propose(put_job(1, &text)).await.expect("accepted"));
    // The copy stands at this entry or at one before it.
    leader.write_until_cut(begun + 1, write).await;
    cluster.hub.hold_bodies(false);
    cluster.fourth_has_all(leader).await;
    assert!(cluster.hub.count("four", "snapshot") > 1, "the first copy was in vain");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_breaks_goes_on_where_it_stopped_though_the_state_has_changed() {
    let mut cluster = Cluster::with_logs(SHORT).await;
    let leader = cluster.roles("one").0;
    // One attempt carries no more than a megabyte of nearly four.
    cluster.hub.break_bodies(Some(4));
    cluster.join_fourth(SHORT).await;
    let (leader, fourth) = (cluster.node(&leader), cluster.node("four"));
    let begun = Instant::now();
    let mut number = 40;
    while fourth.copies_got() == 0 {
        assert!(begun.elapsed() < PATIENCE, "it never gets a whole copy");
        number += 1;
        leader.put(number).await.expect("accepted");
    }
    cluster.fourth_has_all(leader).await;
    assert_eq!(fourth.copies_got(), 1);
    assert!(number > 60, "the state has changed meanwhile: {number} jobs");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_whose_answer_is_lost_counts_as_sent_once_the_node_says_what_it_has_applied() {
    let mut cluster = Cluster::with_logs(SHORT).await;
    let leader = cluster.roles("one").0;
    let [done, failed] = cluster.node(&leader).copies_sent();
    cluster.hub.swallow_answers(1);
    cluster.join_fourth(SHORT).await;
    until("the fourth has a copy", || async { cluster.node("four").copies_got() > 0 }).await;
    let leader = cluster.node(&leader);
    leader.put(41).await.expect("accepted");
    cluster.fourth_has_all(leader).await;
    assert_eq!(cluster.hub.count("four", "snapshot"), 1, "it is not sent again");
    assert_eq!(leader.copies_sent(), [done + 1, failed]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_never_reaches_the_node_is_sent_again() {
    let mut cluster = Cluster::with_logs(SHORT).await;
    let leader = cluster.roles("one").0;
    let [done, failed] = cluster.node(&leader).copies_sent();
    cluster.hub.swallow_bodies(1);
    cluster.join_fourth(SHORT).await;
    let leader = cluster.node(&leader);
    cluster.fourth_has_all(leader).await;
    assert_eq!(cluster.hub.count("four", "snapshot"), 2);
    assert_eq!(leader.copies_sent(), [done + 1, failed + 1]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_other_node_could_take_never_comes_into_the_log() {
    let cluster = Cluster::of_three().await;
    let leader = cluster.node(&cluster.roles("one").0);
    let batch = put_job(1, &"x".repeat(MAX_BATCH_BYTES));
    let refused = leader.propose(batch).await.expect_err("refused");
    assert!(matches!(refused, ProposeError::TooLarge { limit: MAX_BATCH_BYTES, .. }), "{refused}");
    // What comes after it does not wait for it.
    leader.put(2).await.expect("accepted");
    assert_eq!(leader.jobs(), 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_was_damaged_on_its_way_is_thrown_away_and_sent_anew() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let away = others[0].clone();
    cluster.kill(&away).await;
    for number in 1..=10 {
        cluster.node(&leader).put(number).await.expect("accepted");
    }
    let node = cluster.node(&leader);
    let last = node.replica.status().applied.expect("applied");
    node.log().raft.trigger().snapshot().await.expect("asked for");
    node.until(|now| now.snapshot.is_some_and(|id| id.index >= last)).await;
    node.log().raft.trigger().purge_log(last).await.expect("asked for");
    node.until(|now| now.purged.is_some_and(|id| id.index >= last)).await;
    let before = cluster.hub.count(&away, "snapshot");
    cluster.hub.heal();
    cluster.hub.flip_bodies(2);
    cluster.start(&away, away == "one").await;
    let back = cluster.node(&away);
    tokio::time::timeout(PATIENCE, back.joined()).await.expect("in time");
    back.replica.barrier().await.expect("a leader vouches for it");
    assert_eq!(back.jobs(), 10);
    assert_eq!(back.replaced.load(Ordering::Relaxed), 1, "what was damaged was never installed");
    assert!(cluster.hub.count(&away, "snapshot") >= before + 3);
    cluster.stop().await;
}

//! Nodes whose storage stands still: who leads then, what they say, and that they can be stopped.

use std::sync::atomic::Ordering;

use super::*;
use crate::progress::STANDSTILL;

/// A part of the storage that hangs until what is returned is dropped.
type Hang = fn(&Node) -> Sender<()>;

impl Node {
    fn hang_log(&self) -> Sender<()> {
        self.log().storage.log.hang()
    }

    fn hang_state(&self) -> Sender<()> {
        hang(|hang| self.log().storage.state.cast(move |_| hang()).expect("the thread lives"))
    }

    /// Waits until its storage has owed something for so long.
    async fn stuck_for(&self, time: Duration) {
        let stuck = || async { self.log().storage.health.progress().stuck() >= time };
        until("its storage to stand still", stuck).await;
    }

    fn says(&self, words: &str) -> bool {
        self.replica.is_ready().is_err_and(|why| why.contains(words))
    }
}

impl Cluster {
    /// Waits until another node than this one leads, and answers which.
    async fn leader_besides(&self, other: &str) -> String {
        let leads = || self.nodes.iter().find(|(name, node)| *name != other && node.replica.is_leader());
        until("another node to lead", || async { leads().is_some() }).await;
        leads().expect("it leads").0.clone()
    }

    /// A write that a leader has begun comes to nothing that it could tell, and then others lead and take writes, while
    /// it says what is wrong with it. Once `heal` is called it is as good as the others.
    async fn goes_on_without(&self, leader: &str, words: &str, write: Batch, heal: impl FnOnce()) {
        let stuck = self.node(leader);
        let began = Instant::now();
        let unknown = stuck.propose(write).await.expect_err("it is not applied");
        assert!(matches!(unknown, ProposeError::Unknown(_)), "{unknown:?}");
        let new = self.leader_besides(leader).await;
        println!("another node leads after {:.1?}", began.elapsed());
        until("it to know that it does not lead", || async { !stuck.replica.is_leader() }).await;
        self.node(&new).write(3).await;
        assert!(stuck.says(words), "{:?}", stuck.replica.is_ready());
        heal();
        until("it to do its part again", || async { stuck.replica.is_ready().is_ok() }).await;
        // The write had been begun, and was not lost.
        until("it to have all", || async { stuck.jobs() == 3 }).await;
        let membership = self.node(&new).replica.membership();
        membership.transfer(Some(named(leader))).await.expect("it may lead again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_storage_hangs_has_another_node_lead() {
    let hangs: [(Hang, &str); 2] = [
        (Node::hang_log, "the disk of this node has not taken a write for"),
        (Node::hang_state, "this node has not applied a committed write for"),
    ];
    for (hang, words) in hangs {
        let cluster = Cluster::of_three().await;
        let (leader, _) = cluster.roles("one");
        cluster.node(&leader).write(1).await;
        let hung = hang(cluster.node(&leader));
        cluster.goes_on_without(&leader, words, put_job(2, ""), || drop(hung)).await;
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_is_full_has_another_node_lead() {
    let cluster = Cluster::of_three().await;
    let (leader, _) = cluster.roles("one");
    cluster.node(&leader).write(1).await;
    let room = cluster.node(&leader).log().storage.log.room.clone();
    room.store(0, Ordering::Relaxed);
    let large = put_job(2, &"x".repeat(1 << 20));
    let free = || room.store(i64::MAX, Ordering::Relaxed);
    cluster.goes_on_without(&leader, "the disk is full", large, free).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_hears_that_the_lead_is_free_the_others_miss_the_leader() {
    let cluster = Cluster::of_three().await;
    let (leader, _) = cluster.roles("one");
    cluster.node(&leader).write(1).await;
    cluster.hub.lose("transfer_leader");
    let hung = cluster.node(&leader).hang_log();
    let pending = cluster.node(&leader).replica.submit(put_job(2, "")).await.expect("handed over");
    let new = cluster.leader_besides(&leader).await;
    cluster.node(&new).write(3).await;
    drop((hung, pending));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_falls_silent_is_replaced() {
    let cluster = Cluster::of_three().await;
    let (leader, _) = cluster.roles("one");
    let lead = &cluster.node(&leader).log().lead;
    lead.fall_silent(true);
    let new = cluster.leader_besides(&leader).await;
    lead.fall_silent(false);
    cluster.node(&new).write(1).await;
    cluster.formed(3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_hangs_keeps_the_lead_where_the_others_are_no_majority() {
    let cluster = Cluster::of_three_that_wait_for_their_leader().await;
    let (leader, others) = cluster.roles("one");
    let stuck = cluster.node(&leader);
    let term = stuck.replica.status().term;
    cluster.hub.isolate(&others[0]);
    let hung = stuck.hang_log();
    let pending = stuck.replica.submit(put_job(1, "")).await.expect("handed over");
    stuck.stuck_for(3 * STANDSTILL).await;
    assert!(stuck.replica.is_leader(), "nobody else can");
    drop((hung, pending));
    stuck.write(1).await;
    assert_eq!(stuck.replica.status().term, term);
    cluster.hub.heal();
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_follows_says_that_its_leader_commits_nothing() {
    let cluster = Cluster::of_three_that_wait_for_their_leader().await;
    let (leader, others) = cluster.roles("one");
    // Of three disks one goes on.
    let hung = [cluster.node(&leader).hang_log(), cluster.node(&others[0]).hang_log()];
    let pending = cluster.node(&leader).replica.submit(put_job(1, "")).await.expect("handed over");
    outside(cluster.node(&others[1]), "the leader has committed nothing for").await;
    assert!(cluster.node(&leader).replica.is_leader(), "nobody else can");
    drop((hung, pending));
    cluster.node(&others[1]).write(1).await;
    cluster.formed(3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lacks_what_is_committed_says_how_much() {
    let cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let behind = cluster.node(&others[0]);
    cluster.hub.starve(&others[0]);
    let large = "x".repeat(2_000);
    for number in 1..=3 {
        let write = cluster.node(&leader).proposer.propose_all(put_job(number, &large).items);
        assert!(is_created(&write.await.expect("a majority takes it")[0]));
    }
    outside(behind, "entries behind what is committed").await;
    cluster.hub.heal();
    until("it to be ready again", || async { behind.replica.is_ready().is_ok() }).await;
    assert_eq!(behind.jobs(), 3);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_hangs_does_not_stand_for_election() {
    let cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let stuck = cluster.node(&others[0]);
    let hung = stuck.hang_log();
    cluster.node(&leader).write(1).await;
    stuck.stuck_for(2 * STANDSTILL).await;
    let asked = |name: &str| cluster.hub.count_from(name, "pre_vote");
    let before = (asked(&others[0]), asked(&others[1]));
    // Both miss their leader, and hear no answer. So the other one stands again and again.
    others.iter().for_each(|name| cluster.hub.deafen(name));
    until("the other one to stand", || async { asked(&others[1]) >= before.1 + 8 }).await;
    assert_eq!(asked(&others[0]), before.0, "it stood for election");
    drop(hung);
    cluster.hub.heal();
    cluster.formed(3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_whose_disk_hangs_refuses_writes_and_loses_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    node.put(1).await.expect("accepted");
    let hung = node.hang_log();
    let unknown = node.put(2).await.expect_err("not written");
    assert!(matches!(unknown, ProposeError::Unknown(_)), "{unknown:?}");
    let refused = node.put(3).await.expect_err("refused");
    let words = "the disk of this node has not taken a write for";
    assert!(matches!(&refused, ProposeError::Busy(why) if why.contains(words)), "{refused:?}");
    assert!(node.replica.is_leader() && node.says(words), "{:?}", node.replica.is_ready());
    drop(hung);
    node.write(4).await;
    assert_eq!(node.jobs(), 3, "1, 2 and 4");
    assert_eq!(node.replica.is_ready(), Ok(()));
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_storage_hangs_can_be_stopped() {
    let stop = async |hang: Hang| {
        let directory = tempfile::tempdir().expect("a directory");
        let node = Node::start(directory.path()).await;
        let hung = hang(&node);
        let pending = node.replica.submit(put_job(1, "")).await.expect("handed over");
        node.stuck_for(STANDSTILL).await;
        let stopped = tokio::time::timeout(PATIENCE, node.replica.shutdown()).await;
        stopped.expect("it does not wait for ever");
        drop((hung, pending));
    };
    tokio::join!(stop(Node::hang_log), stop(Node::hang_state));
}

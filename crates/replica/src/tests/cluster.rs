//! Several nodes: they form one cluster, lose nothing, and change who belongs to it.

mod comparison;
mod copies;
mod founding;
mod members;
mod presence;
mod standstill;
mod versions;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Instant;

use chronos_state::{Command, Plan, Proposal};
use tempfile::TempDir;

use super::*;
use crate::state::position::position_of;
use crate::{ChangeError, MAX_ROWS_TOGETHER, MemberStatus, RaftStatus, Role, salvage};

const PATIENCE: Duration = Duration::from_secs(20);

/// Nodes with real files on a network in memory.
#[derive(Default)]
struct Cluster {
    hub: Hub,
    directories: BTreeMap<String, TempDir>,
    nodes: BTreeMap<String, Node>,
}

impl Cluster {
    /// One, two and three, each told of all, in this order; the first founds it.
    async fn of_three() -> Self {
        Self::of_three_with(|_| ()).await
    }

    /// The same, for what is to be seen while a leader goes on: no machine that is slow for a moment brings another one.
    async fn of_three_that_wait_for_their_leader() -> Self {
        Self::of_three_with(|config| config.election_timeout_ms = 60_000).await
    }

    async fn of_three_with(change: impl Fn(&mut ReplicaConfig)) -> Self {
        let mut cluster = Self::default();
        for name in ["one", "two", "three"] {
            let with_founder = |config: &mut ReplicaConfig| {
                config.bootstrap = name == "one";
                change(config);
            };
            cluster.start_with(name, with_founder).await;
        }
        cluster.formed(3).await;
        cluster
    }

    async fn start(&mut self, name: &str, bootstrap: bool) {
        self.start_with(name, |config| config.bootstrap = bootstrap).await;
    }

    async fn start_with(&mut self, name: &str, change: impl FnOnce(&mut ReplicaConfig)) {
        let directory = self
            .directories
            .entry(name.to_owned())
            .or_insert_with(|| tempfile::tempdir().expect("a directory"));
        let with_join = |config: &mut ReplicaConfig| {
            config.join = ["one:1", "two:1", "three:1"].map(str::to_owned).into();
            change(config);
        };
        let node = Node::start_in(&self.hub, directory.path(), name, with_join).await.expect("it starts");
        let replica = node.replica.clone();
        tokio::spawn(async move {
            // It fires nothing.
            replica.presence().asked_to_leave().await;
            replica.membership().leave().await
        });
        self.nodes.insert(name.to_owned(), node);
    }

    /// Until so many are members and those here know it, with a leader, and the version is what all of them can follow, and
    /// this binary. No change of the voters is under way
    /// then: that takes a majority of those of before too, which may be all of them.
    async fn formed(&self, members: usize) {
        for (name, node) in &self.nodes {
            let reached = || async {
                let status = node.replica.status();
                let settled = node.log().figures().membership_config.get_joint_config().len() == 1;
                let follows = status.members.iter().map(|member| member.follows).min().unwrap_or(0);
                let voters = status.members.iter().filter(|member| member.role != Role::Learner).count();
                status.members.len() == members
                    && voters == members.min(3)
                    && settled
                    && status.leader.is_some()
                    && status.version >= follows.clamp(1, VERSION)
                    && node.replica.is_ready().is_ok()
            };
            until(&format!("{name} sees {members} members"), reached).await;
        }
    }

    fn node(&self, name: &str) -> &Node {
        &self.nodes[name]
    }

    /// The leader whom the node of this name knows, and the others that are here.
    fn roles(&self, seen_by: &str) -> (String, Vec<String>) {
        let leader = self.node(seen_by).replica.status().leader.expect("a leader").to_string();
        let others = self.nodes.keys().filter(|name| **name != leader).cloned().collect();
        (leader, others)
    }

    /// Stops a node without a goodbye to the others.
    async fn kill(&mut self, name: &str) {
        self.hub.isolate(name);
        let node = self.nodes.remove(name).expect("a node");
        node.replica.shutdown().await;
    }

    async fn stop(self) {
        for node in self.nodes.values() {
            node.replica.shutdown().await;
        }
    }
}

impl Node {
    /// Writes by way of the leader, as a client that tries again does.
    async fn write(&self, number: i64) {
        let begun = Instant::now();
        loop {
            match self.proposer.propose_all(put_job(number, "").items).await {
                Ok(outcomes) => {
                    let outcome = &outcomes[0];
                    assert!(is_created(outcome) || is_name_taken(outcome), "{outcome:?}");
                    return;
                }
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn member(&self, name: &str) -> Option<MemberStatus> {
        self.replica.status().members.into_iter().find(|member| member.name == name)
    }

    fn names(&self) -> Vec<String> {
        self.replica.status().members.into_iter().map(|member| member.name.to_string()).collect()
    }
}

async fn until<F: Future<Output = bool>>(what: &str, reached: impl Fn() -> F) {
    let begun = Instant::now();
    while !reached().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until a node that is not ready says so in these words.
async fn outside(node: &Node, words: &str) {
    let begun = Instant::now();
    loop {
        let said = node.replica.is_ready();
        if said.as_ref().is_err_and(|why| why.contains(words)) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "it was to say {words:?}, and says {said:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_form_one_cluster_whatever_the_order_of_their_starts() {
    for order in [["one", "two", "three"], ["three", "two", "one"], ["two", "one", "three"]] {
        let mut cluster = Cluster::default();
        for name in order {
            cluster.start(name, name == "one").await;
        }
        cluster.formed(3).await;
        let ids: Vec<_> = cluster.nodes.values().map(|node| node.replica.status().cluster).collect();
        assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        for node in cluster.nodes.values() {
            node.joined().await;
        }
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_takes_writes_and_shows_them_at_once() {
    let cluster = Cluster::of_three().await;
    let mut number = 0;
    for _ in 0..20 {
        for node in cluster.nodes.values() {
            number += 1;
            node.write(number).await;
            assert_eq!(node.jobs(), number.cast_unsigned(), "what was written here is read here");
        }
    }
    // And what was written elsewhere, after a barrier.
    for node in cluster.nodes.values() {
        number += 1;
        node.write(number).await;
        for other in cluster.nodes.values() {
            other.replica.barrier().await.expect("a leader vouches for it");
            assert_eq!(other.jobs(), number.cast_unsigned());
        }
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_takes_as_many_plans_at_once_as_another_node_gathers_and_fewer_of_the_rest() {
    let cluster = Cluster::of_three().await;
    let (_, others) = cluster.roles("one");
    let asked = cluster.node(&others[0]);
    let plan = || Command::Plan(Plan { steps: Vec::new() }).into();
    let plans: Vec<Proposal> = std::iter::repeat_with(plan).take(MAX_ROWS_TOGETHER).collect();
    let accepted = asked.replica.forward(&plans).await.expect("accepted");
    assert_eq!(accepted.outcomes.len(), MAX_ROWS_TOGETHER);
    let jobs: Vec<Proposal> = (0..=1_000).flat_map(|number| put_job(number, "").items).collect();
    let refused = asked.replica.forward(&jobs).await.expect_err("refused");
    assert_eq!(refused, ProposeError::TooManyRows { rows: 1_001 });
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_catches_up_has_what_its_leader_could_not_get_agreed_on() {
    let cluster = Cluster::of_three().await;
    let (name, others) = cluster.roles("one");
    let (leader, behind) = (cluster.node(&name), cluster.node(&others[0]));
    cluster.hub.starve(&others[0]);
    cluster.hub.starve(&others[1]);
    let long = "a".repeat(2_000);
    let before = leader.log().figures().last_log_index;
    let put = |number| Box::pin(leader.proposer.propose_all(put_job(number, &long).items));
    let (mut first, mut second) = (put(1), put(2));
    assert!(futures::poll!(&mut first).is_pending());
    until("it to be in the log", || async { leader.log().figures().last_log_index > before }).await;
    assert!(futures::poll!(&mut second).is_pending(), "it waits in a line");
    behind.replica.barrier().await.expect("a leader vouches for it");
    assert_eq!(behind.jobs(), 0, "none of it is acknowledged");
    let mut catches_up = Box::pin(behind.proposer.catch_up());
    assert!(futures::poll!(&mut catches_up).is_pending());
    cluster.hub.heal();
    catches_up.await.expect("caught up");
    let jobs = behind.jobs();
    let written = futures::join!(first, second);
    assert!(written.0.is_ok() && written.1.is_ok(), "{written:?}");
    assert_eq!(jobs, 2);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_leader_and_the_rest_goes_on() {
    let mut cluster = Cluster::of_three().await;
    for number in 1..=10 {
        cluster.node("two").write(number).await;
    }
    let (leader, others) = cluster.roles("one");
    cluster.kill(&leader).await;
    for number in 11..=20 {
        cluster.node(&others[0]).write(number).await;
    }
    let survivor = cluster.node(&others[1]);
    survivor.replica.barrier().await.expect("there is a leader");
    assert_eq!(survivor.jobs(), 20);

    cluster.hub.heal();
    cluster.start(&leader, leader == "one").await;
    let back = cluster.node(&leader);
    back.joined().await;
    back.replica.barrier().await.expect("there is a leader");
    assert_eq!(back.jobs(), 20);
    assert_eq!(back.names().len(), 3, "as the one that it was");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_says_so_refuses_and_comes_back() {
    let cluster = Cluster::of_three().await;
    for cut in ["two", &cluster.roles("one").0] {
        let node = cluster.node(cut);
        node.write(1).await;
        until("the fence to be lifted", || async { !node.replica.presence().view().borrow().fenced }).await;
        cluster.hub.isolate(cut);
        let mut view = node.replica.presence().view();
        tokio::time::timeout(PATIENCE, view.wait_for(|view| view.fenced))
            .await
            .expect("in time")
            .expect("a view");
        outside(node, "reach").await;
        let refused = match node.replica.is_leader() {
            true => node.put(1_000).await.expect_err("refused"),
            false => node.replica.forward(&put_job(1_000, "").items).await.expect_err("refused"),
        };
        assert!(matches!(refused, ProposeError::NoLeader { .. }), "{refused:?}: nothing was written");
        assert!(matches!(node.replica.barrier().await, Err(ProposeError::NoLeader { .. })));

        let other = cluster.nodes.iter().find(|(name, _)| *name != cut).expect("another").1;
        other.write(2).await;
        let leads = || async {
            cluster.nodes.values().any(|node| node.replica.presence().view().borrow().silent == [cut])
        };
        until("the leader misses it", leads).await;

        cluster.hub.heal();
        let mut view = node.replica.presence().view();
        tokio::time::timeout(PATIENCE, view.wait_for(|view| !view.fenced))
            .await
            .expect("in time")
            .expect("a view");
        let seen = || async {
            cluster.nodes.values().any(|node| node.replica.presence().view().borrow().live.len() == 3)
        };
        until("all are live", seen).await;
        node.write(3).await;
        node.replica.barrier().await.expect("a leader vouches for it");
        assert_eq!(node.jobs(), 3, "and not the one that was refused");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hears_and_is_not_heard_is_fenced_before_others_take_over() {
    let cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let (mute, leader) = (others[0].as_str(), cluster.node(&leader));
    let fenced = || cluster.node(mute).replica.presence().view().borrow().fenced;
    until("the fence to be lifted", || async { !fenced() }).await;
    cluster.hub.mute(mute);
    let heard = cluster.hub.count(mute, "append");
    let mut view = leader.replica.presence().view();
    let gone = view.wait_for(|view| view.silent == [mute]);
    drop(tokio::time::timeout(PATIENCE, gone).await.expect("in time").expect("a view"));
    assert!(fenced());
    assert!(cluster.hub.count(mute, "append") > heard + 5, "it hears the leader all the while");

    cluster.hub.heal();
    until("the fence to be lifted again", || async { !fenced() }).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_longer_than_the_log_gets_the_state() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let away = others[0].clone();
    cluster.node(&leader).put(1).await.expect("accepted");
    let has_all = || async {
        let (all, here) = [&leader, &away].map(|name| cluster.node(name).log().figures()).into();
        here.last_applied.map(|id| id.index) == all.last_log_index
    };
    until("it has everything", has_all).await;
    cluster.kill(&away).await;
    // Some megabytes that do not compress into one page.
    for number in 2..=40 {
        let batch = put_job(number, &format!("{number:09}").repeat(10_000));
        cluster.node(&leader).propose(batch).await.expect("accepted");
    }
    let node = cluster.node(&leader);
    node.log().raft.trigger().snapshot().await.expect("asked for");
    node.until(|now| now.snapshot.is_some_and(|id| id.index > 40)).await;
    let last = node.replica.status().snapshot.expect("a snapshot");
    node.log().raft.trigger().purge_log(last).await.expect("asked for");
    node.until(|now| now.purged.is_some_and(|id| id.index == last)).await;

    // The connection breaks again and again, and each attempt goes on where the last one stopped.
    cluster.hub.break_bodies(Some(4));
    cluster.start(&away, away == "one").await;
    let back = cluster.node(&away);
    // Nor does it end where there is no space for it: that is waited for.
    let room = back.log().storage.state.call(|state| state.room.clone()).await.expect("the node lives");
    room.store(0, Ordering::Relaxed);
    cluster.hub.heal();
    until("it to wait for space", || async { back.log().storage.health.disk_full().borrow().is_some() })
        .await;
    assert_eq!(back.jobs(), 1);
    // Where there is just enough for the state, it is not written a second time before it is durable.
    room.store(1, Ordering::Relaxed);
    until("the state is there", || async { back.jobs() == 40 }).await;
    let wal = cluster.directories[&away].path().join("state.db-wal");
    let written = || std::fs::metadata(&wal).expect("a write-ahead log").len();
    let before = written();
    until("it to try again", || async { room.load(Ordering::Relaxed) < -2 }).await;
    assert_eq!(back.replaced.load(Ordering::Relaxed), 0, "it is not durable yet");
    assert_eq!(written(), before);
    room.store(i64::MAX, Ordering::Relaxed);
    tokio::time::timeout(PATIENCE, back.joined()).await.expect("in time");
    back.replica.barrier().await.expect("a leader vouches for it");
    assert_eq!(back.jobs(), 40);
    assert!(back.replaced.load(Ordering::Relaxed) > 0);
    // A power cut takes what is not synced, and the log does not reach back any more.
    let after = tempfile::tempdir().expect("a directory");
    let file = after.path().join("state.db");
    std::fs::copy(cluster.directories[&away].path().join("state.db"), &file).expect("a copy");
    let stands_at = position_of(&file).expect("a state").last_log_id.map(|id| id.index);
    assert!(stands_at >= Some(last), "{stands_at:?}, and the snapshot was made at {last}");
    assert!(cluster.hub.count(&away, "snapshot") > 2, "one attempt carries no more than a megabyte");
    back.write(41).await;
    assert_eq!(back.jobs(), 41);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_has_in_its_log_only_is_in_what_is_made_of_it() {
    let cluster = Cluster::of_three().await;
    let (leader, _) = cluster.roles("one");
    let node = cluster.node(&leader);
    for number in 1..=5 {
        node.write(number).await;
    }
    // It does not know yet that nobody hears it: what comes now is in its log and cannot be committed.
    cluster.hub.isolate(&leader);
    let log = &node.log().storage.log;
    let before = log.edges().1;
    let pending = node.replica.submit(put_job(6, "")).await.expect("handed over");
    until("it to be in the log", || async { log.edges().1 > before }).await;
    let last = log.edges().1.expect("an entry");
    log.in_step().durable(last.index).await.expect("the log lives");
    assert_eq!(node.jobs(), 5, "it is not applied");
    let (left, target) = (copy_files(cluster.directories[&leader].path()), tempfile::tempdir());
    let salvaged =
        salvage(left.path(), target.expect("a directory").path(), &named("new")).expect("restored");
    assert_eq!(salvaged.counts.jobs, 6);
    drop(pending);
    cluster.stop().await;
}

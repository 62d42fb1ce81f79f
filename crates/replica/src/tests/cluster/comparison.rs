//! Nodes whose states differ: a minority neither fires nor leads and says so, and without a majority all say so.

use rusqlite::Connection;

use super::*;
use crate::{ComparePace, View};

/// So that a test takes seconds.
const QUICK: ComparePace = ComparePace { step: Duration::from_millis(50), rest: Duration::from_millis(50) };
/// So that nothing is compared in a test.
const NEVER: ComparePace = ComparePace { step: Duration::from_secs(3_600), rest: Duration::from_secs(3_600) };

impl Cluster {
    /// So many of one, two, three and four, which compare their states all the time. They have a job.
    async fn comparing(count: usize) -> Self {
        let mut cluster = Self::default();
        for name in &["one", "two", "three", "four"][..count] {
            cluster.start_at(name, QUICK).await;
        }
        cluster.formed(count).await;
        cluster.node("one").write(1).await;
        for node in cluster.nodes.values() {
            until("it has the job", || async { node.jobs() == 1 }).await;
        }
        cluster
    }

    async fn start_at(&mut self, name: &str, pace: ComparePace) {
        let founds = name == "one";
        self.start_with(name, |config| (config.bootstrap, config.compare) = (founds, pace)).await;
    }

    /// Has the state of a node lose a row, as if its disk had: one that nothing else in the file tells of.
    fn change_state(&self, name: &str) {
        let state = Connection::open(self.directories[name].path().join("state.db")).expect("a state");
        state.busy_timeout(PATIENCE).expect("set");
        assert_eq!(state.execute("DELETE FROM due", []).expect("changed"), 1);
    }

    /// Until some more pieces of the state were compared, on all nodes.
    async fn compared(&self) {
        for (name, node) in &self.nodes {
            let newest = || node.log().storage.digests.newest().map_or(0, |piece| piece.index);
            let before = newest();
            until(&format!("{name} compares"), || async { newest() > before + 5 }).await;
        }
    }

    /// What a node says of the states.
    fn problems(&self, name: &str) -> Vec<String> {
        self.node(name).replica.presence().report().problems
    }

    fn view(&self, name: &str) -> View {
        self.node(name).replica.presence().view().borrow().clone()
    }

    /// Until a node says of itself that it differs, and fires nothing.
    async fn stands_aside(&self, name: &str) {
        outside(self.node(name), &minority(name)).await;
        until("its fence to be up", || async { self.view(name).fenced }).await;
        assert_eq!(self.problems(name), [self.node(name).replica.is_ready().expect_err("not ready")]);
    }

    /// Until the leader gives others what this node was to fire, and says why.
    async fn is_given_up(&self, name: &str) {
        let silent = || async { self.nodes.keys().any(|node| self.view(node).silent == [name]) };
        until("its runs to go to others", silent).await;
        for node in self.nodes.keys().filter(|node| *node != name) {
            until("the others to know", || async { !self.problems(node).is_empty() }).await;
            let problems = self.problems(node);
            assert!(problems.len() == 1 && problems[0].starts_with(&minority(name)), "{problems:?}");
            assert_eq!(self.node(node).replica.is_ready(), Ok(()), "{node}");
        }
    }
}

fn minority(name: &str) -> String {
    format!("the state of {name} is not that of most nodes, as was found at log entry ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_states_are_found_equal_also_after_restarts_and_on_nodes_that_came_by_a_copy() {
    let mut cluster = Cluster::comparing(3).await;
    // It gets a copy of the state, and no vote.
    cluster.start_at("four", QUICK).await;
    cluster.formed(4).await;
    let (leader, others) = cluster.roles("one");
    for name in [&leader, &others[0]] {
        cluster.nodes.remove(name).expect("a node").replica.shutdown().await;
        cluster.start_at(name, QUICK).await;
        cluster.formed(4).await;
    }
    for number in 2..=40 {
        cluster.node("four").write(number).await;
    }
    cluster.compared().await;
    for name in ["one", "two", "three", "four"] {
        assert_eq!(cluster.problems(name), [""; 0], "{name}");
        assert!(!cluster.view(name).fenced, "{name}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_state_differs_fires_nothing_and_never_leads_until_it_has_joined_anew() {
    let mut cluster = Cluster::comparing(3).await;
    let (leader, others) = cluster.roles("one");
    let [bad, good] = [others[0].clone(), others[1].clone()];
    cluster.change_state(&bad);
    cluster.stands_aside(&bad).await;
    cluster.is_given_up(&bad).await;
    cluster.node(&good).write(2).await;
    let asked = cluster.node(&good).replica.membership().transfer(Some(named(&bad))).await;
    asked.expect_err("it is not to lead");
    assert_ne!(cluster.node(&good).replica.status().leader, Some(named(&bad)));

    // It votes: with the leader gone, the other one is elected.
    cluster.nodes.remove(&leader).expect("a node").replica.shutdown().await;
    until("the other one leads", || async { cluster.node(&good).replica.is_leader() }).await;
    cluster.node(&good).write(3).await;
    cluster.start_at(&leader, QUICK).await;

    // It knows it after a restart, before anything is compared again.
    cluster.nodes.remove(&bad).expect("a node").replica.shutdown().await;
    cluster.start_at(&bad, NEVER).await;
    cluster.node(&bad).joined().await;
    cluster.stands_aside(&bad).await;

    // The operator removes it, and has it join anew.
    cluster.node(&good).replica.membership().remove(&named(&bad)).await.expect("it is removed");
    until("nobody complains any more", || async { cluster.problems(&good).is_empty() }).await;
    cluster.nodes.remove(&bad).expect("a node").replica.shutdown().await;
    cluster.directories.remove(&bad);
    cluster.start_at(&bad, QUICK).await;
    cluster.formed(3).await;
    cluster.compared().await;
    until("its fence to be down", || async { !cluster.view(&bad).fenced }).await;
    assert_eq!(cluster.problems(&bad), [""; 0]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_state_differs_does_not_wait_until_it_is_missed() {
    let mut cluster = Cluster::default();
    for name in ["one", "two", "three"] {
        let settings = |config: &mut ReplicaConfig| {
            (config.bootstrap, config.compare) = (name == "one", QUICK);
            config.reassign_after = Duration::from_secs(3_600);
        };
        cluster.start_with(name, settings).await;
    }
    cluster.formed(3).await;
    cluster.node("one").write(1).await;
    let bad = cluster.roles("one").1[0].clone();
    until("it to fire", || async { cluster.node(&bad).jobs() == 1 && !cluster.view(&bad).fenced }).await;
    cluster.change_state(&bad);
    cluster.stands_aside(&bad).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_state_differs_has_another_one_lead() {
    let cluster = Cluster::comparing(3).await;
    let (bad, others) = cluster.roles("one");
    cluster.change_state(&bad);
    cluster.stands_aside(&bad).await;
    until("another one leads", || async {
        cluster.node(&others[0]).replica.status().leader != Some(named(&bad))
    })
    .await;
    cluster.is_given_up(&bad).await;
    cluster.node(&others[0]).write(2).await;
    assert!(!cluster.node(&bad).replica.is_leader());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_differ_both_say_so_and_go_on() {
    let cluster = Cluster::comparing(2).await;
    cluster.change_state("two");
    for (name, other) in [("one", "two"), ("two", "one")] {
        until("it says so", || async { !cluster.problems(name).is_empty() }).await;
        let problems = cluster.problems(name);
        let said = format!("the states of {name} and {other} differ, as was found at log entry ");
        assert!(problems.len() == 1 && problems[0].starts_with(&said), "{problems:?}");
        assert!(
            problems[0].contains("no majority says which of them is right, so both go on"),
            "{problems:?}"
        );
    }
    cluster.compared().await;
    cluster.node("two").write(2).await;
    for name in ["one", "two"] {
        assert_eq!(cluster.node(name).replica.is_ready(), Ok(()));
        assert!(!cluster.view(name).fenced, "{name}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_whose_state_differs_is_no_more_counted_on_than_a_voter() {
    let cluster = Cluster::comparing(4).await;
    let members = cluster.node("one").replica.status().members;
    let learner = members.into_iter().find(|member| member.role == Role::Learner).expect("a learner");
    cluster.change_state(learner.name.as_str());
    cluster.stands_aside(learner.name.as_str()).await;
    cluster.is_given_up(learner.name.as_str()).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_differs_is_cured_by_that_of_another_node() {
    let mut cluster = Cluster::comparing(3).await;
    let (leader, others) = cluster.roles("one");
    let bad = others[0].clone();
    cluster.change_state(&bad);
    cluster.stands_aside(&bad).await;
    cluster.hub.isolate(&bad);
    let gone = cluster.nodes.remove(&bad).expect("a node");
    gone.replica.shutdown().await;
    let has = gone.log().figures().last_log_index;
    drop(gone);
    let node = cluster.node(&leader);
    node.write(2).await;
    // Until it needs an entry that is cut away.
    node.until(|now| now.last_applied.map(|id| id.index) > has).await;
    let last = node.replica.status().applied.expect("applied");
    node.log().raft.trigger().snapshot().await.expect("asked for");
    node.until(|now| now.snapshot.is_some_and(|id| id.index >= last)).await;
    node.log().raft.trigger().purge_log(last).await.expect("asked for");
    node.until(|now| now.purged.is_some_and(|id| id.index >= last)).await;
    cluster.hub.heal();
    cluster.start_at(&bad, QUICK).await;
    until("it is ready", || async { cluster.node(&bad).replica.is_ready().is_ok() }).await;
    until("its fence to be down", || async { !cluster.view(&bad).fenced }).await;
    cluster.compared().await;
    assert_eq!(cluster.problems(&bad), [""; 0]);
    cluster.stop().await;
}

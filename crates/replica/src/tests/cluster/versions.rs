//! A node that cannot follow the cluster's version takes no part, and says why.

use super::*;

const SENTENCE: &str =
    "can follow cluster versions up to 0, and this cluster is at version 1; start a newer Chronos on it";

/// Until the node stops, with its reason.
async fn stops(node: &Node) -> String {
    let fault = tokio::time::timeout(PATIENCE, node.replica.fault()).await.expect("it stops");
    assert_eq!(node.replica.is_ready(), Err(fault.clone()));
    fault
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_follow_is_refused_at_joining_and_stops() {
    let mut cluster = Cluster::of_three().await;
    for node in cluster.nodes.values() {
        let status = node.replica.status();
        assert_eq!(status.version, 1, "{status:?}");
        assert!(status.members.iter().all(|member| member.follows == VERSION), "{status:?}");
    }
    cluster.start_with("four", |config| (config.bootstrap, config.follows) = (false, 0)).await;
    assert_eq!(stops(cluster.node("four")).await, format!("four {SENTENCE}"));

    // One that waits to be invited.
    cluster
        .start_with("five", |config| {
            (config.bootstrap, config.follows, config.join) = (false, 0, Vec::new());
        })
        .await;
    let refused = cluster.node("two").replica.membership().add("five:1").await.expect_err("refused");
    assert_eq!(refused.to_string(), format!("five {SENTENCE}"));
    assert_eq!(stops(cluster.node("five")).await, format!("five {SENTENCE}"));
    assert_eq!(cluster.node("one").names(), ["one", "three", "two"]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_comes_back_and_cannot_follow_stops_and_the_others_go_on() {
    let mut cluster = Cluster::of_three().await;
    let back = cluster.roles("one").1[0].clone();
    cluster.nodes.remove(&back).expect("a node").replica.shutdown().await;
    cluster.start_with(&back, |config| config.follows = 0).await;
    assert_eq!(stops(cluster.node(&back)).await, format!("{back} {SENTENCE}"));
    cluster.nodes.remove(&back).expect("a node").replica.shutdown().await;

    let leader = cluster.roles(cluster.nodes.keys().next().expect("another")).0;
    assert_eq!(cluster.node(&leader).member(&back).expect("a member").follows, VERSION);
    cluster.node(&leader).write(1).await;
    cluster.start_with(&back, |config| config.follows = VERSION + 1).await;
    let known = || async { cluster.node(&leader).member(&back).is_some_and(|it| it.follows == VERSION + 1) };
    until("its new version is known", known).await;
    cluster.formed(3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_a_later_version_is_not_proposed() {
    let cluster = Cluster::of_three().await;
    for node in cluster.nodes.values() {
        let later = chronos_state::Command::RaiseVersion { to: 2 };
        let refused = node.proposer.propose(later.into()).await.expect_err("refused");
        assert_eq!(refused, ProposeError::NotInUse { since: 2, version: 1 });
    }
    let logged = cluster.node("one").replica.status().last_log;
    cluster.node("one").write(1).await;
    assert!(cluster.node("one").replica.status().last_log > logged, "other writes are taken");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_cannot_read_what_a_member_answers_stops_and_the_others_go_on() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    cluster.node(&others[0]).write(1).await;
    cluster.hub.answer_newer(&others[0], "append");
    let fault = cluster.node(&leader).replica.fault().await;
    let said =
        "the answer to append is of format 2, and this Chronos knows formats up to 1; start a newer Chronos";
    assert_eq!(fault, format!("{}: {said}", others[0]));
    cluster.hub.heal();
    cluster.kill(&leader).await;
    cluster.node(&others[1]).write(2).await;
    assert_eq!(cluster.node(&others[1]).jobs(), 2);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_cannot_read_what_its_leader_answers_stops_and_the_others_go_on() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let said = "is of format 2, and this Chronos knows formats up to 1; start a newer Chronos";
    cluster.hub.answer_newer(&leader, "propose");
    cluster.node(&others[0]).proposer.propose_all(put_job(1, "").items).await.expect_err("it cannot know");
    let fault = cluster.node(&others[0]).replica.fault().await;
    assert_eq!(fault, format!("the leader of the cluster: the answer to propose {said}"));
    cluster.hub.heal();
    cluster.kill(&others[0]).await;
    cluster.node(&others[1]).write(2).await;
    cluster.stop().await;
}

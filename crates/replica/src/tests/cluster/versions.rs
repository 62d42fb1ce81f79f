//! A node that cannot follow the cluster's version takes no part, and says why.

use super::*;

/// What a node that is too old is told.
fn sentence(node: &str) -> String {
    format!(
        "{node} can follow cluster versions up to 0, and this cluster is at version {VERSION}; start a newer Chronos on \
         it"
    )
}

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
        assert_eq!(status.version, VERSION, "{status:?}");
        assert!(status.members.iter().all(|member| member.follows == VERSION), "{status:?}");
    }
    cluster.start_with("four", |config| (config.bootstrap, config.follows) = (false, 0)).await;
    assert_eq!(stops(cluster.node("four")).await, sentence("four"));

    // One that waits to be invited.
    cluster
        .start_with("five", |config| {
            (config.bootstrap, config.follows, config.join) = (false, 0, Vec::new());
        })
        .await;
    let refused = cluster.node("two").replica.membership().add("five:1").await.expect_err("refused");
    assert_eq!(refused.to_string(), sentence("five"));
    assert_eq!(stops(cluster.node("five")).await, sentence("five"));
    assert_eq!(cluster.node("one").names(), ["one", "three", "two"]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_comes_back_and_cannot_follow_stops_and_the_others_go_on() {
    let mut cluster = Cluster::of_three().await;
    let back = cluster.roles("one").1[0].clone();
    cluster.nodes.remove(&back).expect("a node").replica.shutdown().await;
    cluster.start_with(&back, |config| config.follows = 0).await;
    assert_eq!(stops(cluster.node(&back)).await, sentence(&back));
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
async fn the_version_rises_when_the_last_member_can_follow_and_what_it_brings_is_used_from_then_on() {
    let mut cluster = Cluster::default();
    for name in ["one", "two", "three"] {
        cluster
            .start_with(name, |config| {
                // Alone for a moment, one that follows more would raise the version at once.
                (config.bootstrap, config.follows) = (name == "one", 1);
            })
            .await;
    }
    cluster.formed(3).await;
    let asked = |number| {
        let by = Some(chronos_types::By::anonymous(None, None));
        Proposal { by, ..put_job(number, "").items.remove(0) }
    };
    for name in ["one", "two", "three"] {
        let asks = if name == "one" { "two" } else { "one" };
        assert_eq!(cluster.node(asks).replica.status().version, 1, "{name} cannot follow");
        let refused = cluster.node(asks).proposer.propose(asked(1)).await.expect_err("refused");
        assert_eq!(refused, ProposeError::NotInUse { since: chronos_state::AUTHORS_SINCE, version: 1 });
        cluster.node(asks).write(1).await;
        cluster.nodes.remove(name).expect("a node").replica.shutdown().await;
        cluster.start_with(name, |config| (config.bootstrap, config.follows) = (false, VERSION)).await;
        let known = || async { cluster.node(asks).member(name).is_some_and(|it| it.follows == VERSION) };
        until("its new version is known", known).await;
    }
    cluster.formed(3).await;
    for (number, (name, node)) in (2..).zip(&cluster.nodes) {
        // The leader raises it once it knows that all can follow, and each applies that in its own time.
        until(&format!("{name} has the new version"), || async { node.replica.status().version == VERSION })
            .await;
        // A leader that is slow to answer is asked again.
        let taken = || async {
            let outcome = node.proposer.propose(asked(number)).await;
            outcome.is_ok_and(|outcome| is_created(&outcome) || is_name_taken(&outcome))
        };
        until(&format!("a proposal of {name} is taken"), taken).await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_a_later_version_is_not_proposed() {
    let cluster = Cluster::of_three().await;
    for node in cluster.nodes.values() {
        let later = chronos_state::Command::RaiseVersion { to: VERSION + 1 };
        let refused = node.proposer.propose(later.into()).await.expect_err("refused");
        assert_eq!(refused, ProposeError::NotInUse { since: VERSION + 1, version: VERSION });
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

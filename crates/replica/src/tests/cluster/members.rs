//! How members come and go, move, and take over the lead.

use std::path::Path;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_removed_knows_it_and_another_takes_its_place() {
    let mut cluster = Cluster::of_three().await;
    cluster.start("four", false).await;
    cluster.formed(4).await;
    let (leader, _) = cluster.roles("one");
    let voters: Vec<String> = {
        let members = cluster.node("one").replica.status().members;
        members
            .into_iter()
            .filter(|member| member.role == Role::Voter)
            .map(|member| member.name.to_string())
            .collect()
    };
    let (removed, asked) = (&voters[0], &voters[1]);
    assert_eq!(cluster.node("four").member("four").map(|member| member.role), Some(Role::Learner));
    cluster.node("four").write(1).await;

    cluster.node(asked).replica.membership().remove(&named(removed)).await.expect("it is removed");
    let gone = cluster.node(&leader).replica.status();
    assert!(gone.members.iter().all(|member| member.name.as_str() != *removed), "{gone:?}");
    let told = || async {
        let ready = cluster.node(removed).replica.is_ready();
        ready.is_err_and(|why| why.contains("removed from the cluster"))
    };
    until("the removed one knows", told).await;
    let votes = || async { cluster.node(&leader).member("four").is_some_and(|it| it.role == Role::Voter) };
    until("the learner has a vote", votes).await;
    let unknown =
        cluster.node(asked).replica.membership().remove(&named("nobody")).await.expect_err("refused");
    assert_eq!(unknown, ChangeError::NotFound(named("nobody")));

    // It stays removed when it is started anew, and an empty one takes its place.
    let removed = removed.clone();
    cluster.nodes.remove(&removed).expect("a node").replica.shutdown().await;
    cluster.start(&removed, removed == "one").await;
    cluster.node(&removed).joined().await;
    let why = cluster.node(&removed).replica.is_ready().expect_err("not ready");
    assert!(why.contains("removed from the cluster"), "{why}");
    cluster.nodes.remove(&removed).expect("a node").replica.shutdown().await;
    cluster.directories.remove(&removed);
    cluster.start(&removed, removed == "one").await;
    cluster.formed(4).await;
    cluster.node(&removed).replica.barrier().await.expect("a leader vouches for it");
    assert_eq!(cluster.node(&removed).jobs(), 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_taken_in_and_did_not_hear_of_it_asks_again() {
    let mut cluster = Cluster::of_three().await;
    cluster.hub.deafen("four");
    cluster.start("four", false).await;
    let known = || async { cluster.node("one").member("four").is_some() };
    until("it is taken in", known).await;
    cluster.hub.heal();
    cluster.formed(4).await;
    cluster.node("four").write(1).await;
    assert_eq!(cluster.node("four").jobs(), 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_its_data_does_not_come_back_under_its_old_name() {
    let mut cluster = Cluster::of_three().await;
    // Also the one that is told to found a cluster: it must not found a second.
    for name in ["two", "one"] {
        let cluster_id = cluster.node("three").replica.status().cluster;
        cluster.kill(name).await;
        cluster.hub.heal();
        cluster.directories.remove(name);
        cluster.start(name, name == "one").await;
        let refused = || async {
            let ready = cluster.node(name).replica.is_ready();
            ready.is_err_and(|why| {
                why.contains(&format!("a node named {name} is already a member; remove it first"))
            })
        };
        until("it is refused", refused).await;
        cluster.node("three").replica.membership().remove(&named(name)).await.expect("it is removed");
        cluster.formed(3).await;
        assert_eq!(cluster.node(name).replica.status().cluster, cluster_id);
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_goes_where_it_is_sent_and_a_leader_that_leaves_hands_it_over() {
    let mut cluster = Cluster::of_three().await;
    for to in ["two", "three", "one", "three"] {
        cluster.node("one").replica.membership().transfer(Some(named(to))).await.expect("it is handed over");
        until("all know", || async {
            cluster.nodes.values().all(|node| node.replica.status().leader == Some(named(to)))
        })
        .await;
        cluster.node("one").write(1).await;
    }
    let unknown =
        cluster.node("one").replica.membership().transfer(Some(named("nobody"))).await.expect_err("refused");
    assert_eq!(unknown, ChangeError::NotFound(named("nobody")));

    cluster.node("three").replica.membership().leave().await.expect("the leader leaves");
    let left = cluster.nodes.remove("three").expect("a node");
    left.replica.shutdown().await;
    cluster.formed(2).await;
    cluster.node("two").write(2).await;
    let status: RaftStatus = cluster.node("two").replica.status();
    assert_eq!(status.members.len(), 2, "{status:?}");

    // The last voter cannot.
    cluster.node("two").replica.membership().leave().await.expect("one of two leaves");
    let refused = cluster.node("one").replica.membership().leave().await.expect_err("the last one stays");
    assert!(matches!(refused, ChangeError::Refused(_)), "{refused:?}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_is_not_sent_to_a_node_that_does_not_answer() {
    let cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    cluster.hub.isolate(&others[0]);
    let replica = &cluster.node(&leader).replica;
    until("it is not heard from", || async {
        let members = replica.status().members;
        let lost = members.iter().find(|member| member.name == named(&others[0])).expect("it is a member");
        lost.last_contact_ms.is_some_and(|ms| ms > 1_500)
    })
    .await;
    let refused = replica.membership().transfer(Some(named(&others[0]))).await.expect_err("refused");
    assert!(matches!(&refused, ChangeError::Refused(why) if why.contains("has not answered")), "{refused:?}");
    assert_eq!(cluster.hub.count(&others[0], "transfer_leader"), 0, "it was asked all the same");
    cluster.node(&leader).write(1).await;
    assert!(replica.status().is_leader);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_over_first() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let stopping = cluster.nodes.remove(&leader).expect("a node");
    stopping.replica.shutdown().await;
    // Of three, two made it the leader.
    let next = |name: &String| cluster.node(name).replica.leadership().borrow().leader.clone();
    assert!(others.iter().any(|name| next(name) != Some(named(&leader))), "it leads when it has stopped");
    cluster.node(&others[1]).write(1).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_moved_is_found_where_it_is_now() {
    let mut cluster = Cluster::of_three().await;
    let moved = cluster.roles("one").1[0].clone();
    cluster.nodes.remove(&moved).expect("a node").replica.shutdown().await;
    let elsewhere = format!("{moved}:2");
    cluster
        .start_with(&moved, |config| {
            config.advertise = elsewhere.clone();
            config.version = "2".into();
        })
        .await;
    let leader = cluster.roles(cluster.nodes.keys().find(|name| **name != moved).expect("another")).0;
    let known = || async {
        let member = cluster.node(&leader).member(&moved).expect("a member");
        member.address.as_ref() == Some(&elsewhere)
            && member.version == "2"
            && cluster.node(&moved).replica.is_ready().is_ok()
    };
    until("the new address is known", known).await;
    cluster.node(&moved).write(1).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_was_put_back_to_how_it_was_gets_again_what_it_lacks() {
    let mut cluster = Cluster::of_three().await;
    let (leader, others) = cluster.roles("one");
    let back = others[0].clone();
    cluster.node(&leader).write(1).await;
    until("it has the first", || async { cluster.node(&back).jobs() == 1 }).await;

    let before = tempfile::tempdir().expect("a directory");
    let put = |from: &Path, to: &Path| {
        for file in std::fs::read_dir(from).expect("a directory").map(|file| file.expect("a file").path()) {
            std::fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("copied");
        }
    };
    cluster.kill(&back).await;
    put(cluster.directories[&back].path(), before.path());
    cluster.hub.heal();
    cluster.start(&back, back == "one").await;
    cluster.node(&leader).write(2).await;
    until("it has the second", || async { cluster.node(&back).jobs() == 2 }).await;

    // Meanwhile the same node leads, and remembers what this one had.
    cluster.kill(&back).await;
    cluster.directories.insert(back.clone(), before);
    cluster.hub.heal();
    cluster.start(&back, back == "one").await;
    cluster.node(&leader).write(3).await;
    until("it has all again", || async { cluster.node(&back).jobs() == 3 }).await;
    assert_eq!(cluster.node(&leader).replica.status().leader, Some(named(&leader)));
    cluster.stop().await;
}

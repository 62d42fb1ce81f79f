//! Who founds a cluster, who is taken in, and who counts as removed: by whose word.

use super::*;
use crate::messages::payload::{Change, Changed};

impl Cluster {
    /// A node answers under another name of its host too.
    fn also_at(&self, name: &str, alias: &str) {
        let node = self.node(name);
        let caller =
            Caller { node: name.into(), address: format!("{alias}:1"), cluster: node.log().cluster.clone() };
        self.hub.serve(&format!("{alias}:1"), &caller, node.replica.service());
    }

    /// Of three, and a fourth that was taken in and whose copy of the state does not arrive.
    async fn with_one_that_waits_for_the_log() -> Self {
        let mut cluster = Self::of_three().await;
        cluster.hub.break_bodies(Some(0));
        cluster.start("four", false).await;
        outside(cluster.node("four"), "has agreed; waiting for the log").await;
        cluster
    }
}

impl Node {
    /// Makes a change, where this node leads.
    async fn carry_out(&self, change: Change) -> Result<Changed, ChangeError> {
        self.replica.parts.membership.changes.carry_out(change).await
    }
}

fn addresses(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}:1")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_waits_until_most_say_that_there_is_no_cluster() {
    let mut cluster = Cluster::default();
    cluster.start("one", true).await;
    outside(cluster.node("one"), "once most of the 3 nodes to join say that there is none").await;
    assert!(cluster.node("one").replica.status().members.is_empty());
    cluster.start("two", false).await;
    cluster.formed(2).await;
    cluster.start("three", false).await;
    cluster.formed(3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_that_lost_its_data_founds_no_second_cluster_while_it_reaches_nobody() {
    let mut cluster = Cluster::of_three().await;
    cluster.kill("one").await;
    cluster.directories.remove("one");
    cluster.start("one", true).await;
    outside(cluster.node("one"), "most of the 3 nodes").await;
    cluster.hub.heal();
    outside(cluster.node("one"), "is already a member; remove it first").await;
    assert!(cluster.node("one").replica.status().members.is_empty());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_hears_of_its_cluster_also_from_nodes_that_have_just_started() {
    let mut cluster = Cluster::of_three().await;
    let starting = MemberState::Joining("it is starting".to_owned());
    for node in cluster.nodes.values() {
        node.replica.parts.membership.joiner.state.send_replace(starting.clone());
    }
    cluster.start("four", true).await;
    cluster.formed(4).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_that_reaches_itself_under_another_name_counts_itself_once() {
    let mut cluster = Cluster::default();
    cluster.start_with("one", |config| config.join = addresses(&["uno", "two"])).await;
    outside(cluster.node("one"), "most of the 3 nodes to join").await;
    cluster.also_at("one", "uno");
    outside(cluster.node("one"), "most of the 2 nodes to join").await;
    assert!(cluster.node("one").replica.status().members.is_empty());
    cluster.start("two", false).await;
    cluster.formed(2).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_counts_another_that_has_two_names_once() {
    let mut cluster = Cluster::default();
    cluster.start("two", false).await;
    cluster.also_at("two", "deux");
    let join = addresses(&["two", "deux", "three", "four"]);
    cluster.start_with("one", |config| config.join = join).await;
    outside(cluster.node("one"), "most of the 4 nodes to join").await;
    assert!(cluster.node("one").replica.status().members.is_empty());
    cluster.start("three", false).await;
    cluster.formed(3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_with_nobody_but_itself_to_join_founds() {
    let mut cluster = Cluster::default();
    cluster.start_with("one", |config| config.join = addresses(&["uno"])).await;
    outside(cluster.node("one"), "most of the 2 nodes to join").await;
    cluster.also_at("one", "uno");
    cluster.formed(1).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_just_joining_keeps_no_other_from_being_taken_in() {
    let mut cluster = Cluster::with_one_that_waits_for_the_log().await;
    let join = addresses(&["four", "one", "two", "three"]);
    cluster
        .start_with("five", |config| {
            config.bootstrap = false;
            config.join = join;
        })
        .await;
    let taken_in = || async { cluster.node("one").member("five").is_some() };
    until("it is taken in", taken_in).await;
    cluster.hub.break_bodies(None);
    cluster.formed(5).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_that_hears_of_a_cluster_founds_none_though_most_know_of_none() {
    let mut cluster = Cluster::with_one_that_waits_for_the_log().await;
    for name in ["five", "six"] {
        cluster
            .start_with(name, |config| {
                config.bootstrap = false;
                config.join = Vec::new();
            })
            .await;
    }
    cluster.start_with("seven", |config| config.join = addresses(&["four", "five", "six"])).await;
    let seven = cluster.node("seven");
    outside(seven, "four:1: no leader is known").await;
    // It has asked them all, and begun anew.
    until("it to go on", || async { cluster.hub.count("six", "join") > 1 }).await;
    assert!(seven.replica.status().members.is_empty());

    cluster.hub.break_bodies(None);
    tokio::time::timeout(PATIENCE, seven.joined()).await.expect("in time");
    let ids = ["one", "seven"].map(|name| cluster.node(name).replica.status().cluster);
    assert!(ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_tells_no_member_that_it_was_removed() {
    let mut cluster = Cluster::of_three().await;
    cluster.start("four", false).await;
    cluster.formed(4).await;
    let four = &cluster.node("four").replica.parts.membership.joiner;
    let update = Change::Update { id: four.log.id(), member: four.member.clone() };

    // Its attempt to remove one comes to nothing.
    let (name, others) = cluster.roles("one");
    let leader = cluster.node(&name);
    cluster.hub.isolate(&name);
    let changes = leader.replica.parts.membership.changes.clone();
    let leaves = Change::Leave { name: named("four") };
    let removal = tokio::spawn(async move { changes.carry_out(leaves).await.map(drop) });
    until("it to have begun", || async { leader.member("four").is_none() }).await;
    removal.abort();
    let told = leader.carry_out(update.clone()).await.map(drop);
    assert_eq!(told, Err(ChangeError::NoLeader), "it cannot know");

    let voters = others.iter().filter(|name| *name != "four").map(|name| cluster.node(name));
    for voter in voters {
        let deposed =
            || async { voter.replica.status().leader.is_some_and(|leader| leader != name.as_str()) };
        until("another leads", deposed).await;
    }
    cluster.hub.heal();
    cluster.formed(4).await;
    // Of one that was removed, a leader can tell.
    cluster.node("one").replica.membership().remove(&named("four")).await.expect("it is removed");
    let leader = cluster.roles("one").0;
    let told = cluster.node(&leader).carry_out(update).await.map(drop);
    assert_eq!(told, Err(ChangeError::NotFound(named("four"))));
    cluster.stop().await;
}

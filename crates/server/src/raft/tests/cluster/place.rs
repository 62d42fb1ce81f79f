//! Who founds a cluster, who is taken in, and who counts as removed: by whose word.

use super::*;

impl Cluster {
    /// A node answers under another name of its host too.
    fn also_at(&self, name: &str, alias: &str) {
        let raft = &self.node(name).raft;
        self.hub.serve(&format!("{alias}:1"), &raft.shared.caller, raft.service());
    }
}

fn addresses(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}:1")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_that_reaches_itself_under_another_name_counts_itself_once() {
    let mut cluster = Cluster::default();
    cluster.start_with("one", |config| config.join = addresses(&["uno", "two"])).await;
    outside(cluster.node("one"), "most of the 3 nodes to join").await;
    cluster.also_at("one", "uno");
    outside(cluster.node("one"), "most of the 2 nodes to join").await;
    assert!(cluster.node("one").raft.status().members.is_empty());
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
    assert!(cluster.node("one").raft.status().members.is_empty());
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

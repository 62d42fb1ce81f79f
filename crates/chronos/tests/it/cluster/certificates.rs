//! Nodes show each other who they are, and follow the certificates in their files while they run

use crate::support::tls::{Authority, Identity};
use crate::support::*;

/// Gives a node a certificate, in the files that its keys name.
fn give(cluster: &Cluster, n: usize, authority: &Authority, identity: &Identity) {
    let (certificate, key) = identity.pem();
    for (name, pem) in [("cert", certificate), ("key", key), ("ca", authority.pem())] {
        let _ = cluster.setup(n).file(&format!("peer-{name}.pem"), &pem);
    }
}

/// Two nodes, of which the first is a cluster, and their authority.
fn two(authority: &Authority, second: &[&str]) -> Cluster {
    let cluster = CHRONOS.calm_cluster(2).over_tls().key_of(1, "cluster.raft.join", "[]");
    give(&cluster, 1, authority, &authority.sign());
    give(&cluster, 2, authority, &authority.sign_names(second));
    cluster
}

#[tokio::test]
async fn a_node_whose_certificate_names_another_is_not_taken_in_until_it_has_its_own() {
    let authority = Authority::new();
    let mut cluster = two(&authority, &["elsewhere.example"]);
    cluster.revive(1).await;
    cluster.revive(2).await;
    until("the second node to be told why", || async {
        let ready = cluster.node(2).root("/ready").await;
        let reason = ready.json()["reason"].as_str().unwrap_or_default().to_owned();
        assert_eq!(ready.status, 503, "{ready:?}");
        reason.contains("names neither n2 nor 127.0.0.1").then_some(())
    })
    .await;
    // By its own name it is known once the cluster has taken it in.
    give(&cluster, 2, &authority, &authority.sign_names(&["n2"]));
    cluster.node(2).logged("the certificates for other nodes were replaced").await;
    cluster.whole().await;
}

#[tokio::test]
async fn names_do_not_count_where_that_is_written() {
    let authority = Authority::new();
    let mut cluster = two(&authority, &["elsewhere.example"]).key("cluster.raft.tls.peer_names", "any");
    cluster.revive(1).await;
    cluster.revive(2).await;
    cluster.whole().await;
}

#[tokio::test]
async fn a_cluster_goes_over_to_another_authority_while_it_works() {
    let (old, new) = (Authority::new(), Authority::new());
    let mut cluster = two(&old, &["127.0.0.1"]);
    cluster.revive(1).await;
    cluster.revive(2).await;
    cluster.whole().await;
    let replaced = "the certificates for other nodes were replaced";
    // First all trust both, then they show the new one.
    let both = format!("{}{}", old.pem(), new.pem());
    for n in [1, 2] {
        let _ = cluster.setup(n).file("peer-ca.pem", &both);
    }
    for n in [1, 2] {
        cluster.node(n).logged(replaced).await;
    }
    for n in [1, 2] {
        let (certificate, key) = new.sign().pem();
        let _ = cluster.setup(n).file("peer-key.pem", &key);
        let _ = cluster.setup(n).file("peer-cert.pem", &certificate);
    }
    for n in [1, 2] {
        until("the new certificate to be in use", || async {
            (cluster.node(n).log().matches(replaced).count() >= 2).then_some(())
        })
        .await;
    }
    cluster.node(2).create(&manual("after", json!({"url": "http://127.0.0.1:9/"}))).await;
    cluster.whole().await;
    // What is not trusted any more ends its connections, and the node is cut off.
    let _ = cluster.setup(1).file("peer-ca.pem", &Authority::new().pem());
    let ended = "a connection with another node is closed: its certificate is not valid any more";
    cluster.node(1).logged(ended).await;
    until("the node to be cut off", || async {
        (cluster.node(1).root("/ready").await.status == 503).then_some(())
    })
    .await;
}

//! Keys in a cluster: every node knows them, each configuration is compared, and an end is one everywhere

use hyper::Method;

use super::{api_keys, ask, create, is_over, raised, token_of};
use crate::support::*;

#[tokio::test]
async fn a_key_is_good_on_every_node_and_over_on_every_node() {
    let cluster =
        CHRONOS.calm_cluster(3).token(&token_of("viewer")).key("auth.api_keys", &api_keys()).up().await;
    raised(cluster.node(1)).await;
    let (token, id) = create(cluster.node(1), &json!({"name": "ci", "role": "viewer"})).await;
    // At once, also where it is not known yet.
    for node in cluster.running() {
        ask(node, Method::GET, "/api/v1/jobs", &token).await.ok(200);
    }
    ask(cluster.node(2), Method::DELETE, &format!("/api/v1/keys/{id}"), &token_of("admin")).await.ok(200);
    for node in cluster.running() {
        is_over(node, &token).await;
    }
}

#[tokio::test]
async fn it_is_told_where_the_configurations_of_nodes_differ() {
    let cluster = CHRONOS.calm_cluster(3).token(&token_of("viewer")).key("auth.api_keys", &api_keys());
    let one_less = api_keys().replace("the viewer", "another name");
    let cluster = cluster.key_of(3, "auth.api_keys", &one_less).up().await;
    let status = async || {
        ask(cluster.node(1), Method::GET, "/api/v1/cluster/status", &token_of("admin")).await.ok(200)
    };
    until("the difference to be told", || async {
        let status = status().await;
        let told =
            status["keys_differ"].as_array()?.iter().filter_map(|line| line.as_str()).collect::<Vec<_>>();
        let is_told =
            |line: &&str| line.contains("is in the configuration of n1 as another one than in that of n3");
        (told.len() == 1 && told.iter().all(is_told)).then_some(())
    })
    .await;
}

//! Any node answers.

use crate::support::*;

#[tokio::test]
async fn a_node_shows_what_was_written_through_it() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for round in 0..10 {
        for n in 1..=3 {
            let (node, name) = (cluster.node(n), format!("job-{round}-{n}"));
            let job = node.create(&manual(&name, json!({"url": "http://127.0.0.1:9/"}))).await;
            assert_eq!(node.get(&format!("/jobs/{name}")).await.ok(200)["id"], job["id"]);
        }
    }
}

#[tokio::test]
async fn a_consistent_read_knows_what_any_node_acknowledged() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for round in 0..10 {
        for n in 1..=3 {
            let name = format!("job-{round}-{n}");
            cluster.node(n).create(&manual(&name, json!({"url": "http://127.0.0.1:9/"}))).await;
            let elsewhere = cluster.node(n % 3 + 1);
            elsewhere.get(&format!("/jobs/{name}?consistent=true")).await.ok(200);
        }
    }
}

#[tokio::test]
async fn a_name_is_taken_whichever_node_is_asked() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let job = manual("one", json!({"url": "http://127.0.0.1:9/"}));
    let all = cluster.running().map(|node| node.post("/jobs", &job));
    let mut statuses: Vec<_> =
        futures::future::join_all(all).await.into_iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

#[tokio::test]
async fn a_change_finds_what_any_node_acknowledged() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for round in 0..10 {
        for n in 1..=3 {
            let name = format!("job-{round}-{n}");
            let job = manual(&name, json!({"url": receiver.url("/")}));
            let (one, two, three) = (cluster.node(n), cluster.node(n % 3 + 1), cluster.node((n + 1) % 3 + 1));
            one.create(&job).await;
            let changed = two.patch(&format!("/jobs/{name}"), &json!({"description": "x"})).await.ok(200);
            assert_eq!(changed["description"], "x");
            one.patch(&format!("/jobs/{name}"), &json!({"description": "y"})).await.ok(200);
            let back = three.act(&format!("/jobs/{name}/rollback/2")).await.ok(200);
            assert_eq!(back["description"], "x");
            let mut often = manual(&format!("{name}-run"), json!({"url": receiver.url("/")}));
            often["concurrency"] = json!("allow");
            one.create(&often).await;
            let run = two.act(&format!("/jobs/{name}-run/trigger")).await.ok(202);
            let replay = format!("/jobs/{name}-run/executions/{}/replay", run["id"].as_str().unwrap());
            three.act(&replay).await.ok(202);
            one.create(&manual(&format!("{name}-gone"), json!({"url": receiver.url("/")}))).await;
            assert_eq!(three.delete(&format!("/jobs/{name}-gone")).await.status, 204);
        }
    }
}

#[tokio::test]
async fn every_node_says_in_words_what_is_wrong_with_whom() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    let problems = |status: &Value, n: usize| {
        let nodes = status["nodes"].as_array().unwrap();
        let node = nodes.iter().find(|node| node["id"] == json!(format!("n{n}"))).unwrap();
        let problems = node["problems"].as_array().unwrap().iter();
        problems.map(|problem| problem.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for node in cluster.running() {
        until("each to do its part", || async {
            let status = node.get("/cluster/status").await.ok(200);
            (1..=3).all(|n| problems(&status, n).is_empty()).then_some(())
        })
        .await;
        let status = node.get("/cluster/status").await.ok(200);
        for member in status["nodes"].as_array().unwrap() {
            assert!(member["fires"] == true && member["disk_full"] == false, "{member:#}");
            assert!(member["entries_behind"].is_u64(), "{member:#}");
            assert!(member["clock_skew_ms"].as_i64().unwrap().abs() < 2_000, "{member:#}");
        }
    }
    let leader = cluster.leader().await;
    let metrics = cluster.node(leader).root("/metrics").await.body;
    for n in 1..=3 {
        let skew = format!("chronos_clock_skew_seconds{{node=\"n{n}\"}} ");
        assert!(metrics.lines().any(|line| line.starts_with(&skew)), "{metrics}");
    }
    let dead = leader % 3 + 1;
    cluster.kill(dead).await;
    for node in cluster.running() {
        until("it to say that one is not heard from", || async {
            let status = node.get("/cluster/status").await.ok(200);
            let said = problems(&status, dead).concat();
            (said.starts_with(&format!("n{dead} has not been heard from for ")) && said.contains("runs"))
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn every_node_tells_when_the_leader_last_heard_of_each() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    for node in cluster.running() {
        until("the leader to hear of all", || async {
            let status = node.get("/cluster/status").await.ok(200);
            let nodes = status["nodes"].as_array()?;
            (nodes.len() == 3 && nodes.iter().all(|node| node["last_contact_ms"].is_u64())).then_some(())
        })
        .await;
    }
}

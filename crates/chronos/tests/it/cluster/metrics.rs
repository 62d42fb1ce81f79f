//! What the nodes of a cluster say of themselves and of each other to whoever watches over them.

use crate::support::*;

/// The metrics of a node.
async fn read(node: &Server) -> String {
    node.root("/metrics").await.body
}

/// The value of a metric, named with its labels.
fn value(text: &str, name: &str) -> Option<f64> {
    let of = |line: &str| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
    text.lines().find_map(of).map(|value| value.parse().unwrap())
}

#[track_caller]
fn some(text: &str, name: &str) -> f64 {
    value(text, name).unwrap_or_else(|| panic!("{name} is missing:\n{text}"))
}

#[tokio::test]
async fn each_node_says_where_it_stands_and_the_leader_how_the_others_do() {
    let receiver = Receiver::start().await;
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let leader = cluster.leader().await;
    cluster.node(leader).run(&manual("job", json!({"url": receiver.url("/")}))).await;
    let (mut sent, mut received) = ([0.0; 2], [0.0; 2]);
    for n in 1..=3 {
        let text = until("it to have applied all", || async {
            let text = read(cluster.node(n)).await;
            (value(&text, "chronos_apply_lag_entries") == Some(0.0)).then_some(text)
        })
        .await;
        assert_eq!(some(&text, "chronos_raft_has_leader"), 1.0, "{text}");
        assert_eq!(some(&text, "chronos_raft_leader"), f64::from(u8::from(n == leader)), "{text}");
        for at_least_once in [
            "chronos_raft_term",
            "chronos_raft_leader_changes_total",
            "chronos_log_entries",
            "chronos_log_commits_total",
            "chronos_log_fsync_duration_seconds_count",
            "chronos_apply_duration_seconds_count",
        ] {
            assert!(some(&text, at_least_once) >= 1.0, "{at_least_once}:\n{text}");
        }
        sent[0] += some(&text, "chronos_snapshots_sent_total{outcome=\"done\"}");
        sent[1] += some(&text, "chronos_snapshots_sent_bytes_total");
        received[0] += some(&text, "chronos_snapshots_received_total{outcome=\"done\"}");
        received[1] += some(&text, "chronos_snapshots_received_bytes_total");
        let behind =
            |member: usize| value(&text, &format!("chronos_raft_entries_behind{{member=\"n{member}\"}}"));
        if n != leader {
            assert_eq!([1, 2, 3].map(behind), [None; 3], "only a leader knows");
            continue;
        }
        assert!(some(&text, "chronos_commit_duration_seconds_count") >= 1.0, "{text}");
        assert!(some(&text, "chronos_raft_elections_total") >= 1.0, "{text}");
        for member in 1..=3 {
            let heartbeats = format!("chronos_peer_round_trip_seconds_count{{member=\"n{member}\"}}");
            if member == n {
                assert_eq!((behind(member), value(&text, &heartbeats)), (None, None), "it is no other");
            } else {
                assert!(behind(member).is_some(), "{text}");
                assert!(some(&text, &heartbeats) >= 1.0, "{text}");
            }
        }
    }
    // The first node that joins gets a copy of the state.
    assert!(sent[0] >= 1.0 && received[0] >= 1.0, "{sent:?} {received:?}");
    assert!(sent[1] >= 4_096.0 && received[1] >= 4_096.0, "{sent:?} {received:?}");
}

#[tokio::test]
async fn elections_are_counted_where_a_node_stands_and_leaders_where_they_are_heard_of() {
    let cluster = CHRONOS.calm_cluster(3).up().await;
    let leader = cluster.leader().await;
    let next = leader % 3 + 1;
    let mut before = Vec::new();
    for node in cluster.running() {
        let text = read(node).await;
        before.push([
            some(&text, "chronos_raft_elections_total"),
            some(&text, "chronos_raft_leader_changes_total"),
        ]);
    }
    let to = json!({"to": format!("n{next}")});
    cluster.node(1).post("/cluster/transfer-leadership", &to).await.ok(200);
    for (n, [elections, changes]) in (1..).zip(before) {
        let text = until("it to have heard of the new leader", || async {
            let text = read(cluster.node(n)).await;
            let heard = some(&text, "chronos_raft_leader_changes_total") > changes;
            let leads = some(&text, "chronos_raft_leader") == 1.0;
            (heard && leads == (n == next)).then_some(text)
        })
        .await;
        let stood = some(&text, "chronos_raft_elections_total") > elections;
        assert_eq!(stood, n == next, "n{n}: {text}");
        assert_eq!(text.contains("chronos_raft_entries_behind{"), n == next, "{text}");
    }
}

#[tokio::test]
async fn a_member_that_is_gone_is_behind_and_is_forgotten_when_it_is_removed() {
    let mut cluster = CHRONOS.cluster(3).key("cluster.reassign_after", "1s").up().await;
    let leader = cluster.leader().await;
    let (dead, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    cluster.kill(dead).await;
    let node = cluster.node(leader);
    for n in 0..20 {
        node.create(&manual(&format!("job-{n}"), json!({"url": "http://127.0.0.1:9/"}))).await;
    }
    let text = read(node).await;
    let behind = some(&text, &format!("chronos_raft_entries_behind{{member=\"n{dead}\"}}"));
    assert!(behind >= 20.0, "{text}");
    until("the other to keep up", || async {
        let behind = value(&read(node).await, &format!("chronos_raft_entries_behind{{member=\"n{other}\"}}"));
        (behind == Some(0.0)).then_some(())
    })
    .await;
    assert_eq!(node.delete(&format!("/cluster/nodes/n{dead}")).await.status, 204);
    until("nothing to be said of it", || async {
        (!read(node).await.contains(&format!("member=\"n{dead}\""))).then_some(())
    })
    .await;
    // Without a majority there is no leader.
    cluster.kill(other).await;
    let node = cluster.node(leader);
    until("it to hear no majority", || async {
        (value(&read(node).await, "chronos_raft_has_leader") == Some(0.0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn rows_and_bytes_of_log_and_state_are_measured() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.start().await;
    server.run(&manual("job", json!({"url": receiver.url("/")}))).await;
    for _ in 0..2 {
        server.run_again("job").await;
    }
    let text = until("the executions to be counted", || async {
        let text = read(&server).await;
        (value(&text, "chronos_executions_on_record") == Some(3.0)).then_some(text)
    })
    .await;
    for file in ["log.db", "log.db-wal", "state.db", "state.db-wal"] {
        let name = format!("chronos_file_bytes{{file=\"{file}\"}}");
        let length = std::fs::metadata(server.setup().data().join(file)).unwrap().len();
        assert!(some(&text, &name) <= length as f64, "{name} is more than {length}:\n{text}");
        assert!(some(&text, &name) > 0.0, "{text}");
    }
    assert!(some(&text, "chronos_log_entries") >= 4.0, "{text}");
}

#[tokio::test]
async fn every_metric_is_in_the_manual() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let cluster = CHRONOS.calm_cluster(2).up().await;
    for node in cluster.running() {
        let text = read(node).await;
        let names: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert!(names.len() > 30, "{names:?}");
        let is_told = |name: &str| {
            let ends = ["`", "{", "_total`", "_total{"];
            ends.iter().any(|end| manual.contains(&format!("`{name}{end}")))
        };
        let missing: Vec<_> = names.iter().filter(|name| !is_told(name)).collect();
        assert!(missing.is_empty(), "docs/operations.md says nothing of {missing:?}");
    }
}

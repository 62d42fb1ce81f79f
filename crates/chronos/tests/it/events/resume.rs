//! Who comes back misses nothing and hears nothing twice

use chronos_client::EventQuery;
use chronos_client::api::StreamEvent;

use super::*;

#[tokio::test]
async fn what_was_missed_is_told_once_and_then_it_goes_on_live() {
    let server = server().await;
    let mut stream = listen(&server, types(&[])).await;
    let first = begun(&server, &mut stream).await;
    let create = async |name: String| {
        server.create(&manual(&name, json!({"url": "http://127.0.0.1:9/"}))).await;
    };
    for n in 0..300 {
        create(format!("job-{n}")).await;
    }
    let mut heard = Vec::new();
    for _ in 0..100 {
        heard.push(next(&mut stream).await);
    }
    let last = stream.last_id().unwrap().to_owned();
    assert_eq!(heard.last().unwrap().id.as_ref(), Some(&last));
    drop(stream);
    let mut stream = listen(&server, after(&last)).await;
    for n in 300..310 {
        create(format!("job-{n}")).await;
    }
    for _ in 100..310 {
        heard.push(next(&mut stream).await);
    }
    let names: Vec<_> = heard.iter().filter_map(|heard| name_of(&heard.event)).collect();
    assert_eq!(names, (0..310).map(|n| format!("job-{n}")).collect::<Vec<_>>());
    // What is told later is what was told live, to the byte.
    let mut again = listen(&server, after(&first)).await;
    for wanted in &heard {
        assert_eq!(next(&mut again).await, *wanted);
    }
}

#[tokio::test]
async fn an_id_that_leads_nowhere_is_answered_with_a_reset() {
    let server = server().await;
    let mut stream = listen(&server, types(&[])).await;
    let first = begun(&server, &mut stream).await;
    let (cluster, index, _) = place(&first);
    let other = "0123456789abcdef0123456789abcdef";
    // Before the first event on record something may have been forgotten.
    for (id, reason) in
        [(format!("{other}-{index}-0"), "other_cluster"), (format!("{cluster}-1-0"), "too_old")]
    {
        let mut stream = listen(&server, after(&id)).await;
        let heard = next(&mut stream).await;
        let StreamEvent::Reset(reset) = &heard.event else { panic!("{heard:?}") };
        assert_eq!((reset.kind.as_str(), reset.reason.as_str()), ("reset", reason));
        assert!(place(heard.id.as_deref().unwrap()) >= place(&first), "{heard:?}");
        // It goes on from now.
        server.create(&manual(reason, json!({"url": "http://127.0.0.1:9/"}))).await;
        let heard = next(&mut stream).await;
        assert_eq!(name_of(&heard.event), Some(reason));
    }
}

#[tokio::test]
async fn an_id_ahead_of_the_node_is_waited_for() {
    let server = server().await;
    let mut stream = listen(&server, types(&[])).await;
    let (cluster, index, _) = place(&begun(&server, &mut stream).await);
    let ahead = (cluster.clone(), index + 20, 0);
    let mut waits = listen(&server, after(&format!("{cluster}-{}-0", ahead.1))).await;
    for n in 0..30 {
        server.create(&manual(&format!("job-{n}"), json!({"url": "http://127.0.0.1:9/"}))).await;
    }
    let mut places = Vec::new();
    for _ in 0..30 {
        places.push(place(&next(&mut stream).await.id.unwrap()));
    }
    for wanted in places.iter().filter(|place| **place > ahead) {
        assert_eq!(place(&next(&mut waits).await.id.unwrap()), *wanted);
    }
}

#[tokio::test]
async fn a_client_that_comes_back_to_another_node_misses_nothing_and_hears_nothing_twice() {
    let receiver = Receiver::start().await;
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    for node in cluster.running() {
        raised(node).await;
    }
    let leader = cluster.leader().await;
    let [second, third] = [leader % 3 + 1, (leader + 1) % 3 + 1];
    let query = types(&["execution.*"]);
    let mut stream = listen(cluster.node(leader), query.clone()).await;
    for n in 0..10 {
        let (name, url) = (format!("job-{n}"), receiver.url(&format!("/job-{n}")));
        cluster
            .node(second)
            .create(&json!({"name": name, "schedule": "@every 1s", "webhook": {"url": url}}))
            .await;
    }
    let mut heard = Vec::new();
    while heard.len() < 30 {
        heard.push(next(&mut stream).await);
    }
    cluster.kill(leader).await;
    // What was on its way still comes, and then the connection breaks.
    while let Ok(Some(more)) = soon("the end", stream.next()).await {
        heard.push(more);
    }
    let last = stream.last_id().unwrap().to_owned();
    let again = EventQuery { after: Some(last), ..query.clone() };
    let mut stream = listen(cluster.node(second), again).await;
    let before = heard.len();
    while heard.len() < before + 60 {
        heard.push(next(&mut stream).await);
    }
    // The same from the beginning, by the third: each event once, at the same place, with the same words.
    let first = heard[0].id.clone().unwrap();
    let mut whole = listen(cluster.node(third), EventQuery { after: Some(first), ..query }).await;
    for event in &heard[1..] {
        let told = next(&mut whole).await;
        assert_eq!(told, *event);
        assert!(!matches!(told.event, StreamEvent::Reset(_)), "{told:?}");
    }
    // And each run that is over was told to be over once.
    let mut over: Vec<_> = heard
        .iter()
        .filter_map(|heard| match &heard.event {
            StreamEvent::Execution(event) if event.kind == "execution.succeeded" => Some(&event.execution_id),
            _ => None,
        })
        .collect();
    let count = over.len();
    over.sort();
    over.dedup();
    assert_eq!(over.len(), count);
    assert!(count > 60, "{count}");
}

#[tokio::test]
async fn what_happens_to_the_cluster_is_told_by_each_node() {
    let mut cluster = CHRONOS.calm_cluster(3).up().await;
    for node in cluster.running() {
        raised(node).await;
    }
    let leader = cluster.leader().await;
    let other = leader % 3 + 1;
    let mut stream = listen(cluster.node(other), types(&["cluster.*"])).await;
    // It is noticed by a difference between two looks.
    let victim = (leader + 1) % 3 + 1;
    let gone = async {
        loop {
            let heard = next(&mut stream).await;
            assert_eq!(heard.id, None);
            let StreamEvent::Cluster(event) = heard.event else { panic!("{heard:?}") };
            if event.kind == "cluster.node_unready" && event.node == Some(format!("n{victim}")) {
                return;
            }
        }
    };
    let path = format!("/cluster/nodes/n{victim}");
    until("a look", || async {
        let metrics = cluster.node(other).root("/metrics").await.body;
        metrics.contains("chronos_event_listeners 1\n").then_some(())
    })
    .await;
    tokio::join!(gone, async {
        // Whenever the first look is, one comes later that is another.
        cluster.kill(victim).await;
    });
    assert_eq!(cluster.node(leader).delete(&path).await.status, 204);
    loop {
        let heard = next(&mut stream).await;
        let StreamEvent::Cluster(event) = heard.event else { panic!("{heard:?}") };
        if event.kind == "cluster.node_left" {
            assert_eq!(event.node, Some(format!("n{victim}")));
            return;
        }
    }
}

//! A slow or dead target never delays the jobs of another

use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn hundreds_of_runs_of_a_dead_target_delay_nobody() {
    let healthy = Receiver::start().await;
    // Takes connections, and never says a word.
    let dead = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", dead.local_addr().unwrap());
    let server =
        CHRONOS.with(&[("dispatcher.max_concurrent", "100"), ("dispatcher.http.timeout", "1h")]).await;
    let mut hanging = manual("hanging", json!({"url": url}));
    hanging["concurrency"] = "allow".into();
    server.create(&hanging).await;
    let mut taken = Vec::new();
    for _ in 0..300 {
        server.trigger("hanging").await;
    }
    // As many as one target may hold: half of the half of those that do not answer. The others wait in line.
    for _ in 0..25 {
        taken.push(soon("a connection to the dead target", dead.accept()).await.unwrap());
    }
    for n in 0..20 {
        let name = format!("healthy-{n}");
        server.create(&manual(&name, json!({"url": healthy.url(&format!("/{n}"))}))).await;
        assert_eq!(server.run_again(&name).await["status"], "success");
    }
    let scheduled =
        json!({"name": "scheduled", "schedule": "@every 1s", "webhook": {"url": healthy.url("/s")}});
    server.create(&scheduled).await;
    healthy.wait_for("/s", 2).await;
    let hanging = server.executions("hanging", 300).await;
    let unfinished = |e: &&Value| matches!(e["status"].as_str(), Some("pending" | "running"));
    assert_eq!(hanging.iter().filter(unfinished).count(), 300, "the dead target's runs hang all the while");
    let samples = server.root("/metrics").await.body;
    assert!(samples.contains("chronos_executions_waiting 275"), "{samples}");
}

#[tokio::test]
async fn eleven_dead_targets_leave_slots_for_one_that_answers() {
    let healthy = Receiver::start().await;
    let server =
        CHRONOS.with(&[("dispatcher.max_concurrent", "100"), ("dispatcher.http.timeout", "1h")]).await;
    let mut job = manual("healthy", json!({"url": healthy.url("/")}));
    job["concurrency"] = "allow".into();
    server.create(&job).await;
    assert_eq!(server.run_again("healthy").await["status"], "success");
    let mut dead = Vec::new();
    for n in 0..11 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let name = format!("dead-{n}");
        let mut job = manual(&name, json!({"url": format!("http://{}/", listener.local_addr().unwrap())}));
        job["concurrency"] = "allow".into();
        server.create(&job).await;
        for _ in 0..30 {
            server.trigger(&name).await;
        }
        dead.push(listener);
    }
    let taken = |samples: &str, class: &str| {
        let name = format!("chronos_slots_taken{{target=\"{class}\"}} ");
        let value = samples.lines().find_map(|line| line.strip_prefix(&name));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    until("the dead targets to be known", || async {
        let samples = server.root("/metrics").await.body;
        let (unknown, silent) = (taken(&samples, "unknown"), taken(&samples, "not_answering"));
        // Those that were unknown when they began may be beyond the half; a quarter is left in any case.
        (unknown == 0 && (40..=75).contains(&silent)).then_some(())
    })
    .await;
    // Five at once: none waits for another.
    let gate = Gate::closed();
    healthy.script("/", [Answer::ok().after(&gate)]);
    for _ in 0..5 {
        server.trigger("healthy").await;
    }
    healthy.wait_for("/", 6).await;
    gate.open();
}

#[tokio::test]
async fn max_concurrent_bounds_the_attempts_at_once_and_the_rest_follow() {
    let receiver = Receiver::start().await;
    let server = CHRONOS.with(&[("dispatcher.max_concurrent", "4")]).await;
    let gate = Gate::closed();
    let mut job = manual("job", json!({"url": receiver.url("/")}));
    job["concurrency"] = "allow".into();
    server.create(&job).await;
    // Once it has answered, it is not held back as one that nobody knows.
    assert_eq!(server.run_again("job").await["status"], "success");
    receiver.script("/", [Answer::ok().after(&gate)]);
    for _ in 0..10 {
        server.trigger("job").await;
    }
    receiver.wait_for("/", 3).await;
    // A target gets at most as many slots as are still free: two of four.
    assert_eq!(receiver.calls("/").len(), 3);
    gate.open();
    receiver.wait_for("/", 11).await;
    for execution in server.executions("job", 11).await {
        let end = server.finished("job", execution["id"].as_str().unwrap()).await;
        assert_eq!(end["status"], "success");
    }
}

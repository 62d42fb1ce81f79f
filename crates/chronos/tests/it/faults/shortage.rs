//! What this machine has too little of is not the target's fault: nobody's run fails for it, and the API answers

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test]
async fn few_open_files_make_calls_wait_and_none_of_them_fail() {
    let receiver = Receiver::start().await;
    receiver.respond(|_| Answer::ok().late(Duration::from_secs(2)));
    let server = CHRONOS.setup().open_files(256).start().await;
    let mut jobs = Vec::new();
    for n in 0..8 {
        let name = format!("slow-{n}");
        let mut job = manual(&name, json!({"url": receiver.url("/")}));
        job["concurrency"] = "allow".into();
        job["retry_policy"] = json!({"max_attempts": 1});
        server.create(&job).await;
        jobs.push(name);
    }
    for n in 0..400 {
        server.trigger(&jobs[n % jobs.len()]).await;
    }
    // The API answers all the while.
    server.get("/executions").await.ok(200);
    receiver.wait_for("/", 400).await;
    for job in &jobs {
        for execution in server.executions(job, 50).await {
            let end = server.finished(job, execution["id"].as_str().unwrap()).await;
            assert_eq!((&end["status"], &end["attempts"]), (&json!("success"), &json!(1)), "{end:#}");
        }
    }
    let limited = server
        .logged(
            "fewer attempts at once than dispatcher.max_concurrent: each takes an open file, and this process may \
             have too few (ulimit -n; LimitNOFILE= of systemd)",
        )
        .await;
    assert_eq!((&limited["limit"], &limited["slots"]), (&json!(256), &json!(72)), "{limited}");
    assert!(server.root("/metrics").await.body.contains("chronos_slots 72\n"));
}

#[tokio::test]
async fn connections_to_many_targets_are_given_up_before_there_are_no_files_left() {
    let server = CHRONOS.setup().open_files(256).start().await;
    let mut receivers = Vec::new();
    for n in 0..200 {
        let receiver = Receiver::start().await;
        let job = manual(&format!("job-{n}"), json!({"url": receiver.url("/")}));
        assert_eq!(server.run(&job).await["status"], "success");
        receivers.push(receiver);
    }
    let samples = server.root("/metrics").await.body;
    let idle = samples.lines().find_map(|line| line.strip_prefix("chronos_idle_connections "));
    assert!((1..=24).contains(&idle.unwrap().parse::<usize>().unwrap()), "{samples}");
    assert!(samples.contains("chronos_attempts_postponed_total 0\n"), "{samples}");
}

#[tokio::test]
async fn idle_clients_make_room_for_others() {
    let server = CHRONOS.setup().open_files(256).start().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut stream = soon("a connection", TcpStream::connect(server.address())).await.unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        soon("an answer", stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200");
        idle.push(stream);
    }
    server.root("/ready").await.ok(200);
}

#[tokio::test]
async fn a_call_that_found_no_file_free_is_made_when_there_is_one() {
    let receiver = Receiver::start().await;
    // So each call needs a connection of its own.
    receiver.respond(|_| Answer::ok().header("Connection", "close"));
    let server = CHRONOS.start().await;
    let job = json!({"name": "job", "schedule": "@every 1s", "concurrency": "allow",
        "webhook": {"url": receiver.url("/")}, "retry_policy": {"max_attempts": 1}});
    server.create(&job).await;
    let none = Rlimit { current: Some(3), maximum: getrlimit(Resource::Nofile).maximum };
    let usual = prlimit(Some(server.pid()), Resource::Nofile, none).unwrap();
    server.logged("calls wait: this machine has no descriptor, port or memory for more").await;
    prlimit(Some(server.pid()), Resource::Nofile, usual).unwrap();
    let calls = receiver.calls("/").len();
    receiver.wait_for("/", calls + 2).await;
    for execution in server.executions("job", 2).await {
        let end = server.finished("job", execution["id"].as_str().unwrap()).await;
        assert_eq!((&end["status"], &end["attempts"]), (&json!("success"), &json!(1)), "{end:#}");
    }
    let samples = server.root("/metrics").await.body;
    assert!(!samples.contains("chronos_attempts_postponed_total 0\n"), "{samples}");
}

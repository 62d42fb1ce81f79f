//! What is told, and how it is written

use chronos_client::EventQuery;
use chronos_client::api::StreamEvent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// One who listens, and reads what comes as it is written.
struct Raw {
    socket: TcpStream,
    text: String,
}

impl Raw {
    async fn listen(server: &Server, query: &str) -> Self {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        let request = format!(
            "GET /api/v1/events?{query} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        Self { socket, text: String::new() }
    }

    /// All that has come, once a text has come so often.
    async fn read_until(&mut self, what: &str, count: usize) -> String {
        let mut part = [0; 4096];
        while self.text.matches(what).count() < count {
            let length = soon("to hear more", self.socket.read(&mut part)).await.unwrap();
            assert!(length > 0, "it ended: {}", self.text);
            self.text.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        self.text.clone()
    }
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens() {
    let (receiver, server) = (Receiver::start().await, server().await);
    let mut stream = listen(&server, types(&[])).await;
    let first = begun(&server, &mut stream).await;
    let status = server.get("/cluster/status").await.ok(200);
    assert_eq!(place(&first).0, status["cluster_id"].as_str().unwrap());

    receiver.script("/a", [Answer::status(503), Answer::ok(), Answer::status(404)]);
    let mut job = manual("a", json!({"url": receiver.url("/a")}));
    job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "1ms"});
    let job = server.create(&job).await;
    let run = server.run_again("a").await;
    let failed = server.run_again("a").await;
    server.patch("/jobs/a", &json!({"name": "b"})).await.ok(200);
    assert_eq!(server.delete("/jobs/b").await.status, 204);

    let mut heard = Vec::new();
    for _ in 0..8 {
        heard.push(next(&mut stream).await);
    }
    let told: Vec<_> = heard.iter().map(|heard| heard.event.kind()).collect();
    assert_eq!(
        told,
        [
            "job.created",
            "execution.triggered",
            "execution.retrying",
            "execution.succeeded",
            "execution.triggered",
            "execution.failed",
            "job.changed",
            "job.deleted",
        ]
    );
    let mut last = place(&first);
    for event in &heard {
        let place = place(event.id.as_deref().unwrap());
        assert!(place > last, "{place:?} after {last:?}");
        last = place;
    }
    let StreamEvent::Execution(retrying) = &heard[2].event else { panic!("{heard:?}") };
    assert_eq!((retrying.status.as_str(), retrying.attempts), ("retrying", 1));
    assert_eq!((retrying.status_code, retrying.error_kind.as_deref()), (Some(503), Some("status")));
    let StreamEvent::Execution(succeeded) = &heard[3].event else { panic!("{heard:?}") };
    assert_eq!(json!(succeeded.execution_id), run["id"]);
    assert_eq!(json!(succeeded.job_id), job["id"]);
    assert_eq!((succeeded.job_name.as_deref(), succeeded.trigger.as_str()), (Some("a"), "manual"));
    assert_eq!((json!(succeeded.status), json!(succeeded.attempts)), (json!("success"), json!(2)));
    assert_eq!(json!(succeeded.duration_ms), run["duration_ms"]);
    assert_eq!(json!(succeeded.scheduled_time), run["scheduled_time"]);
    let StreamEvent::Execution(event) = &heard[5].event else { panic!("{heard:?}") };
    assert_eq!((json!(event.execution_id), event.status_code), (failed["id"].clone(), Some(404)));
    let StreamEvent::Job(deleted) = &heard[7].event else { panic!("{heard:?}") };
    assert_eq!(
        (json!(deleted.job_id), deleted.job_name.as_str(), deleted.job_version),
        (job["id"].clone(), "b", 2)
    );
}

#[tokio::test]
async fn events_are_written_as_browsers_read_them_and_a_word_comes_while_nothing_happens() {
    let server = server().await;
    let mut raw = Raw::listen(&server, "type=job.*").await;
    let head = raw.read_until("retry: 2000\n\n", 1).await.to_lowercase();
    for line in ["http/1.1 200 ok", "content-type: text/event-stream", "cache-control: no-store"] {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
    assert!(!head.contains("content-encoding"), "{head}");
    // Where it begins.
    raw.read_until(":\nid: ", 1).await;
    server.create(&manual("a", json!({"url": "http://127.0.0.1:9/"}))).await;
    let told = raw.read_until("}\n\n", 1).await;
    let event = told.split("\n\n").find(|event| event.contains("event: ")).unwrap();
    let mut lines = event.lines().skip_while(|line| !line.starts_with("id: "));
    let id = lines.next().unwrap();
    assert_eq!(lines.next(), Some("event: job.created"));
    let data: Value = serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&data["type"], &data["job_name"]), (&json!("job.created"), &json!("a")));
    let time = data["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    // Within 15 s, with how far all was told.
    let quiet = raw.read_until(":\nid: ", 2).await;
    let last = quiet.rsplit(":\nid: ").next().unwrap().lines().next().unwrap();
    assert!(place(last) >= place(id.strip_prefix("id: ").unwrap()), "{quiet}");
}

#[tokio::test]
async fn a_digest_sums_up_what_came_of_each_topic() {
    let (receiver, server) = (Receiver::start().await, server().await);
    let mut whole = listen(&server, types(&[])).await;
    let first = begun(&server, &mut whole).await;
    let mut digest = listen(&server, EventQuery { digest: Some("1s".into()), ..after(&first) }).await;
    let job = server.create(&manual("a", json!({"url": receiver.url("/")}))).await;
    for _ in 0..5 {
        server.run_again("a").await;
    }
    let heard = kinds(&mut whole, 11).await;
    let (mut count, mut types, mut topics) = (0, std::collections::BTreeMap::new(), Vec::new());
    while count < 11 {
        let heard = next(&mut digest).await;
        let StreamEvent::Digest(digest) = heard.event else { panic!("{heard:?}") };
        assert_eq!(digest.kind, format!("{}.digest", digest.topic));
        assert_eq!(digest.count, digest.types.values().sum::<u64>());
        assert_eq!(
            (&digest.job_ids, digest.has_more_jobs),
            (&vec![job["id"].as_str().unwrap().to_owned()], false)
        );
        count += digest.count;
        topics.push((heard.id.is_some(), digest.topic));
        for (kind, count) in digest.types {
            *types.entry(kind).or_insert(0) += count;
        }
    }
    let mut wanted = std::collections::BTreeMap::new();
    heard.into_iter().for_each(|kind| *wanted.entry(kind).or_insert(0) += 1);
    assert_eq!(types, wanted);
    assert!(topics.len() < 11, "each was told alone: {topics:?}");
    // The last one has the id from which to go on: nothing is left.
    assert!(topics.last().unwrap().0, "{topics:?}");
    let mut rest = listen(&server, after(digest.last_id().unwrap())).await;
    server.create(&manual("last", json!({"url": receiver.url("/")}))).await;
    assert_eq!(name_of(&next(&mut rest).await.event), Some("last"));
}

/// A client would take the connection for a dead one.
#[tokio::test]
async fn a_word_comes_while_events_are_summed_up_for_long() {
    let server = server().await;
    let mut raw = Raw::listen(&server, "type=job.*&digest=60s").await;
    raw.read_until(":\nid: ", 1).await;
    server.create(&manual("told", json!({"url": "http://127.0.0.1:9/"}))).await;
    let told = raw.read_until("}\n\n", 1).await;
    let last = told.split("\nevent: job.digest").next().unwrap().rsplit("id: ").next().unwrap().to_owned();
    server.create(&manual("waits", json!({"url": "http://127.0.0.1:9/"}))).await;
    // How far all was told: the second job was not.
    let quiet = raw.read_until(":\nid: ", 2).await;
    let word = quiet.rsplit(":\nid: ").next().unwrap().lines().next().unwrap();
    assert_eq!(word, last, "{quiet}");
    assert!(!quiet.contains("waits"), "{quiet}");
}

#[tokio::test]
async fn who_listens_does_not_hold_up_the_end_of_the_server() {
    let mut server = server().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(listen(&server, types(&[])).await);
    }
    begun(&server, &mut streams[0]).await;
    server.terminate();
    for mut stream in streams.drain(..) {
        while let Some(heard) = soon("the end", stream.next()).await.unwrap() {
            assert_eq!(name_of(&heard.event), Some("first"));
        }
    }
    assert!(server.ended().await.success());
}

//! Requests and answers of any size: what one of them takes of the server is bounded

use std::collections::BTreeSet;

use hyper::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::*;

/// The bytes of a page, but for its envelope.
const PAGE: usize = 1 << 20;

/// Goes through a list page by page. Answers how many rows each page has, and every row once.
async fn walk(server: &Server, path: &str, field: &str) -> (Vec<usize>, Vec<Value>) {
    let (mut sizes, mut all, mut next) = (Vec::new(), Vec::new(), String::new());
    let gap = if path.contains('?') { '&' } else { '?' };
    loop {
        let reply = server.get(&format!("{path}{gap}limit=500{next}")).await;
        assert!(reply.body.len() < PAGE + 200, "{path}: a page of {} bytes", reply.body.len());
        let page = reply.ok(200);
        let rows = page[field].as_array().unwrap();
        sizes.push(rows.len());
        all.extend_from_slice(rows);
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return (sizes, all),
        }
    }
}

#[tokio::test]
async fn a_page_of_long_records_is_a_mebibyte_and_the_next_one_goes_on() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let webhook = json!({"url": receiver.url("/long"), "method": "POST", "body": "x".repeat(200 * 1024)});
    for n in 0..12 {
        server.create(&manual(&format!("job-{n}"), webhook.clone())).await;
    }
    let (sizes, jobs) = walk(&server, "/jobs", "jobs").await;
    assert_eq!(sizes, [5, 5, 2]);
    assert_eq!(jobs.iter().map(|job| job["name"].as_str().unwrap()).collect::<BTreeSet<_>>().len(), 12);

    for n in 0..6 {
        let change = json!({"description": format!("{n}")});
        server.patch("/jobs/job-0", &change).await.ok(200);
        server.run_again("job-0").await;
    }
    let (sizes, versions) = walk(&server, "/jobs/job-0/versions", "versions").await;
    assert_eq!(sizes, [5, 2]);
    let numbers: Vec<_> = versions.iter().map(|version| version["version"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [7, 6, 5, 4, 3, 2, 1]);
    for path in ["/jobs/job-0/executions?view=full", "/executions?view=full"] {
        let (sizes, executions) = walk(&server, path, "executions").await;
        assert_eq!(sizes, [5, 1], "{path}");
        let ids: BTreeSet<_> = executions.iter().map(|execution| execution["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 6, "{path}");
    }
}

#[tokio::test]
async fn a_hundred_bad_fields_are_listed_and_the_rest_are_counted() {
    let server = CHRONOS.start().await;
    let mut job = manual("job", json!({"url": "http://127.0.0.1:9/"}));
    for n in 0..300 {
        job[format!("colour-{n}")] = "red".into();
    }
    let problem = server.post("/jobs", &job).await.problem(400);
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100]["message"], "there are 200 more bad fields, which are not listed");
    assert!(problem["detail"].as_str().unwrap().starts_with("300 fields are bad: colour-0, "), "{problem:#}");
    let query: String = (0..300).map(|n| format!("colour-{n}&")).collect();
    let problem = server.get(&format!("/jobs?{query}")).await.problem(400);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 101);
}

#[tokio::test]
async fn filters_longer_than_anything_they_could_find_are_refused() {
    let server = CHRONOS.start().await;
    let tags: String = (0..65).map(|n| format!("tag.k{n}=v&")).collect();
    assert_eq!(server.get(&format!("/jobs?{tags}")).await.bad_fields(), ["tag.KEY"]);
    let most: String = (0..64).map(|n| format!("tag.k{n}=v&")).collect();
    server.get(&format!("/jobs?{most}")).await.ok(200);
    // As many as a head has room for, where SQLite would refuse the statement.
    let tags: String = (0..2_500).map(|n| format!("tag.k{n}=v&")).collect();
    assert_eq!(server.get(&format!("/jobs?{tags}")).await.bad_fields(), ["tag.KEY"]);
    server.get(&format!("/jobs?q={}", "_".repeat(256))).await.ok(200);
    for count in [257, 30_000] {
        assert_eq!(server.get(&format!("/jobs?q={}", "_".repeat(count))).await.bad_fields(), ["q"]);
    }
    assert_eq!(server.get(&format!("/jobs?cursor={}", "A".repeat(30_000))).await.bad_fields(), ["cursor"]);
}

#[tokio::test]
async fn a_body_of_countless_values_is_refused() {
    let server = CHRONOS.start().await;
    let body = format!("[{}0]", "0,".repeat(500_000));
    let kind = [("content-type", "application/json")];
    let problem = server.send(Method::POST, "/api/v1/jobs", &kind, body).await.problem(400);
    assert_eq!(problem["code"], "malformed_json");
    assert!(problem["detail"].as_str().unwrap().contains("more than 10000 values"), "{problem:#}");
}

#[tokio::test]
async fn eight_webhooks_are_tested_at_a_time_and_jobs_do_not_wait_for_them() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/held", (0..8).map(|_| Answer::ok().after(&gate)));
    let test = json!({"webhook": {"url": receiver.url("/held")}});
    let tests: Vec<_> = (0..8)
        .map(|_| {
            let (api, test) = (Api::new(server.address()), test.clone());
            tokio::spawn(async move { api.post("/webhooks/test", &test).await })
        })
        .collect();
    receiver.wait_for("/held", 8).await;
    let refused = server.post("/webhooks/test", &test).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    let problem = refused.problem(503);
    assert_eq!(problem["code"], "busy");
    assert_eq!(problem["detail"], "8 webhooks are being tested on this node already");
    let metrics = server.root("/metrics").await.body;
    assert!(metrics.contains("chronos_http_requests_refused_total{limit=\"tests\"} 1"), "{metrics}");
    let run = server.run(&manual("job", json!({"url": receiver.url("/job")}))).await;
    assert_eq!(run["status"], "success");
    gate.open();
    for test in tests {
        assert_eq!(test.await.unwrap().ok(200)["success"], true);
    }
    assert_eq!(server.post("/webhooks/test", &test).await.ok(200)["success"], true);
}

#[tokio::test]
async fn bodies_take_so_much_room_together_and_no_more() {
    let server = CHRONOS.start().await;
    let (length, sent) = (1 << 20, (1 << 20) - 1);
    let head = format!(
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let slow = tokio::sync::Mutex::new(Vec::new());
    let begin = || async {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; sent]).await.unwrap();
        slow.lock().await.push(stream);
    };
    for _ in 0..32 {
        begin().await;
    }
    let tries = std::cell::Cell::new(0);
    let created = || async {
        tries.set(tries.get() + 1);
        let job = manual(&format!("job-{}", tries.get()), json!({"url": "http://127.0.0.1:9/"}));
        server.post("/jobs", &job).await
    };
    let refused = until("the room to be taken", || async {
        let reply = created().await;
        if reply.status != 201 {
            return Some(reply);
        }
        // A slow body may have been refused for the room that this job took, and its own room is free again.
        begin().await;
        None
    });
    let refused = refused.await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.problem(503)["code"], "busy");
    // What has no body goes on.
    server.get("/jobs").await.ok(200);
    drop(slow);
    until("room again", || async { (created().await.status == 201).then_some(()) }).await;
}

/// The backups that lie in the data directory of a server.
fn backups(server: &Server) -> usize {
    let entries = std::fs::read_dir(server.setup().data()).unwrap().map(Result::unwrap);
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("backup-")).count()
}

#[tokio::test]
async fn one_backup_is_taken_at_a_time_and_it_ends_with_its_client() {
    let server = CHRONOS.start().await;
    for n in 0..40 {
        let webhook = json!({"url": "http://127.0.0.1:9/", "method": "POST", "body": "x".repeat(250_000)});
        server.create(&manual(&format!("job-{n}"), webhook)).await;
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut slow = socket.connect(server.address()).await.unwrap();
    slow.write_all(b"GET /api/v1/cluster/backup HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    // It has begun; the rest is not read, and is more than the buffers hold.
    slow.readable().await.unwrap();
    assert_eq!(backups(&server), 1);
    let refused = server.get("/cluster/backup").await;
    assert_eq!(refused.header("retry-after"), Some("1"));
    let problem = refused.problem(503);
    assert_eq!(problem["code"], "busy");
    let detail = problem["detail"].as_str().unwrap();
    for part in
        ["a backup is being taken from this node already", " s ago", " MiB are sent", "ask another node"]
    {
        assert!(detail.contains(part), "{detail} lacks {part:?}");
    }
    assert_eq!(backups(&server), 1);
    drop(slow);
    until("its file to be gone", || async { (backups(&server) == 0).then_some(()) }).await;
    until("a backup", || async { (server.get("/cluster/backup").await.status == 200).then_some(()) }).await;
    until("no file to be left", || async { (backups(&server) == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_backup_can_be_taken_as_soon_as_the_last_one_is_read() {
    let server = CHRONOS.start().await;
    for _ in 0..20 {
        assert_eq!(server.get("/cluster/backup").await.status, 200);
    }
}

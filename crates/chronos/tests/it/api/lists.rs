//! Lists: pages, cursors and filters

use std::collections::BTreeSet;

use crate::support::*;

async fn jobs(server: &Server, count: usize) {
    for n in 0..count {
        let mut job = manual(&format!("job-{n:02}"), json!({"url": "http://127.0.0.1:9/"}));
        job["tags"] = json!({"parity": if n % 2 == 0 { "even" } else { "odd" }, "all": "yes"});
        job["enabled"] = (n % 3 != 0).into();
        job["description"] = format!("Number {n}").into();
        server.create(&job).await;
    }
}

/// The names on every page of a list, in order.
async fn walk(server: &Server, path: &str, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let gap = if path.contains('?') { '&' } else { '?' };
        let page = server.get(&format!("{path}{gap}limit={limit}{cursor}")).await.ok(200);
        let items = page["jobs"].as_array().unwrap();
        assert!(items.len() <= limit);
        names.extend(items.iter().map(|job| job["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return names,
        }
    }
}

#[tokio::test]
async fn pages_hold_every_job_once() {
    let server = CHRONOS.start().await;
    jobs(&server, 23).await;
    for limit in [1, 7, 23, 500] {
        let names = walk(&server, "/jobs", limit).await;
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!((names.len(), different.len()), (23, 23), "{limit}: {names:?}");
    }
    let page = server.get("/jobs").await.ok(200);
    assert_eq!((page["jobs"].as_array().unwrap().len(), &page["next_cursor"]), (23, &Value::Null));
}

#[tokio::test]
async fn fifty_is_the_default_limit() {
    let server = CHRONOS.start().await;
    jobs(&server, 51).await;
    let page = server.get("/jobs").await.ok(200);
    assert_eq!(page["jobs"].as_array().unwrap().len(), 50);
    assert!(page["next_cursor"].is_string());
}

#[tokio::test]
async fn filters_choose_and_combine() {
    let server = CHRONOS.start().await;
    jobs(&server, 12).await;
    for (query, count) in [
        ("enabled=true", 8),
        ("enabled=false", 4),
        ("tag.parity=even", 6),
        ("tag.parity=odd&enabled=true", 4),
        ("tag.parity=even&tag.all=yes", 6),
        ("tag.parity=neither", 0),
        ("tag.unknown=x", 0),
        ("q=job-0", 10),
        ("q=JOB-1", 2),
        ("q=number%2011", 1),
        ("q=job-0&tag.parity=odd&enabled=true", 3),
        ("q=%25", 0),
        ("q=_", 0),
    ] {
        let names = walk(&server, &format!("/jobs?{query}"), 3).await;
        assert_eq!(names.len(), count, "{query}: {names:?}");
    }
}

#[tokio::test]
async fn a_cursor_survives_what_happens_between_two_pages() {
    let server = CHRONOS.start().await;
    jobs(&server, 6).await;
    let page = server.get("/jobs?limit=3").await.ok(200);
    let seen: Vec<_> = page["jobs"].as_array().unwrap().iter().map(|job| job["name"].clone()).collect();
    let last = seen[2].as_str().unwrap();
    server.delete(&format!("/jobs/{last}")).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/jobs?limit=500&cursor={cursor}")).await.ok(200);
    let rest: Vec<_> = rest["jobs"].as_array().unwrap().iter().map(|job| job["name"].clone()).collect();
    assert_eq!(rest.len(), 3, "none lost, none twice: {seen:?} {rest:?}");
    assert!(rest.iter().all(|name| !seen.contains(name)));
}

#[tokio::test]
async fn executions_are_listed_newest_first_over_all_jobs_and_by_status() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/bad", [Answer::status(400)]);
    let mut ids = Vec::new();
    for name in ["good", "bad"] {
        server.create(&manual(name, json!({"url": receiver.url(&format!("/{name}"))}))).await;
    }
    for name in ["good", "bad", "good"] {
        ids.push(server.run_again(name).await["id"].clone());
    }
    ids.reverse();
    let of = |page: &Value| -> Vec<Value> {
        page["executions"].as_array().unwrap().iter().map(|execution| execution["id"].clone()).collect()
    };
    assert_eq!(of(&server.get("/executions").await.ok(200)), ids);
    let failed = server.get("/executions?status=failed").await.ok(200);
    assert_eq!(of(&failed), ids[1..2]);
    let good = server.get("/jobs/good/executions").await.ok(200);
    assert_eq!(of(&good), [ids[0].clone(), ids[2].clone()]);
    assert_eq!(of(&server.get("/jobs/good/executions?status=failed").await.ok(200)).len(), 0);
    let mut walked = Vec::new();
    let mut path = "/executions?limit=1".to_owned();
    loop {
        let page = server.get(&path).await.ok(200);
        walked.extend(of(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/executions?limit=1&cursor={next}");
    }
    assert_eq!(walked, ids);
    server.get("/jobs/nobody/executions").await.problem(404);
}

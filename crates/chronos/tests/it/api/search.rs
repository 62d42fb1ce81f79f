//! Searching for jobs: what `q`, `host` and `timezone` find, from the first answer after a write on

use crate::support::*;

/// The names that are found, page after page, in order.
async fn found(server: &Server, query: &str) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/jobs?{query}&limit=2{cursor}")).await.ok(200);
        names.extend(
            page["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return names,
        }
    }
}

fn described(name: &str, description: &str, url: &str) -> Value {
    let mut job = manual(name, json!({"url": url}));
    job["description"] = description.into();
    job["tags"] = json!({"team": "Web", "kind": name});
    job
}

#[tokio::test]
async fn every_part_of_a_job_is_found_at_once_after_each_write() {
    let server = CHRONOS.start().await;
    for is_complete in [false, true] {
        if is_complete {
            search_is_complete(&server).await;
        }
        server
            .create(&described("nightly", "Резервная Копия", "https://api.example.com/Run?token=hidden&a=b"))
            .await;
        server.create(&described("second", "每日備份", "https://other.example.org/x")).await;
        for (q, names) in [
            ("NIGHT", &["nightly"][..]),
            ("%D1%80%D0%B5%D0%B7%D0%B5%D1%80%D0%B2", &["nightly"]),
            ("%E5%82%99%E4%BB%BD", &["second"]),
            ("team%3Dweb", &["nightly", "second"]),
            ("kind%3DSecond", &["second"]),
            ("API.example", &["nightly"]),
            ("/run?", &["nightly"]),
            ("a%3Db", &["nightly"]),
            ("%20%20second%20", &["second"]),
            ("se", &["second"]),
            ("ec", &[]),
            ("hidden", &[]),
            ("utc", &[]),
            ("nothing-has-this", &[]),
        ] {
            assert_eq!(found(&server, &format!("q={q}")).await, names, "{q}, {is_complete}");
        }
        server.patch("/jobs/nightly", &json!({"name": "renamed", "tags": {"team": "ops"}})).await.ok(200);
        assert_eq!(found(&server, "q=nightly").await, ["renamed"], "the tag says so still");
        server.patch("/jobs/renamed", &json!({"tags": {"kind": null}})).await.ok(200);
        assert_eq!(found(&server, "q=nightly").await, [""; 0]);
        assert_eq!(found(&server, "q=renamed").await, ["renamed"]);
        assert_eq!(found(&server, "q=team%3Dops").await, ["renamed"]);
        server.patch("/jobs/second", &json!({"description": "something else"})).await.ok(200);
        assert_eq!(found(&server, "q=%E5%82%99%E4%BB%BD").await, [""; 0]);
        assert_eq!(found(&server, "q=else").await, ["second"]);
        server.act("/jobs/second/disable").await.ok(200);
        assert_eq!(found(&server, "q=else&enabled=true").await, [""; 0]);
        assert_eq!(found(&server, "q=else&enabled=false&tag.team=Web").await, ["second"]);
        assert_eq!(found(&server, "q=else&tag.team=ops").await, [""; 0]);
        for name in ["renamed", "second"] {
            server.delete(&format!("/jobs/{name}")).await;
            assert_eq!(found(&server, &format!("q={name}")).await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn jobs_are_found_by_their_host_and_their_time_zone() {
    let server = CHRONOS.start().await;
    for (name, url, zone) in [
        ("a", "https://API.example.com:8443/a", "Europe/Berlin"),
        ("b", "http://api.example.com/b", "UTC"),
        ("c", "http://0x7f.1/c", "europe/berlin"),
        ("d", "http://xapi.example.com/d", "UTC"),
    ] {
        let mut job = manual(name, json!({"url": url}));
        job["timezone"] = zone.into();
        server.create(&job).await;
    }
    for is_complete in [false, true] {
        if is_complete {
            search_is_complete(&server).await;
        }
        for (query, names) in [
            ("host=api.example.com", &["a", "b"][..]),
            ("host=API.Example.COM", &["a", "b"]),
            ("host=example.com", &[]),
            ("host=127.0.0.1", &["c"]),
            ("timezone=Europe/Berlin", &["a", "c"]),
            ("timezone=utc", &["b", "d"]),
            ("timezone=Europe/Paris", &[]),
            ("host=api.example.com&timezone=UTC&q=/b", &["b"]),
        ] {
            assert_eq!(found(&server, query).await, names, "{query}, {is_complete}");
        }
    }
}

#[tokio::test]
async fn a_search_that_cannot_be_meant_is_refused_with_what_was_expected() {
    let server = CHRONOS.start().await;
    for (query, field) in [
        ("q=a%01b", "q"),
        ("host=", "host"),
        ("host=h:80", "host"),
        ("host=http://h/", "host"),
        ("timezone=", "timezone"),
        ("timezone=Mars/Olympus", "timezone"),
    ] {
        assert_eq!(server.get(&format!("/jobs?{query}")).await.bad_fields(), [field], "{query}");
    }
    // As a form sends it where nothing was typed.
    for query in ["q=", "q=%20%20"] {
        assert_eq!(found(&server, query).await, [""; 0], "{query}");
    }
    let long = format!("/jobs?q={}", "%C3%BC".repeat(128));
    server.get(&long).await.ok(200);
    assert_eq!(server.get(&format!("{long}x")).await.bad_fields(), ["q"]);
    for name in ["one", "two", "three"] {
        server.create(&manual(name, json!({"url": "http://h.example/"}))).await;
    }
    search_is_complete(&server).await;
    assert_eq!(found(&server, "q=").await, ["one", "two", "three"]);
    for list in ["q=h.example", "host=h.example", "timezone=UTC"] {
        let page = server.get(&format!("/jobs?{list}&limit=1")).await.ok(200);
        let cursor = page["next_cursor"].as_str().unwrap();
        for other in ["q=example", "host=example", "timezone=Europe/Berlin", "enabled=true"] {
            let refused = server.get(&format!("/jobs?{other}&cursor={cursor}")).await;
            assert_eq!(refused.bad_fields(), ["cursor"], "{list}, {other}");
        }
    }
}

//! Lists in every order and with every filter; and executions by their id alone

use hyper::Method;

use crate::support::*;

/// A server whose cluster keeps what became of runs.
async fn start() -> Server {
    let server = CHRONOS.start().await;
    until("the version to rise", || async {
        let status = server.get("/cluster/status").await.ok(200);
        (status["cluster_version"].as_u64().unwrap() >= 2).then_some(())
    })
    .await;
    server
}

/// A field of each row on all pages of a list.
async fn walk(server: &Server, path: &str, rows: &str, field: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let gap = if path.contains('?') { '&' } else { '?' };
        let page = server.get(&format!("{path}{gap}limit=2{cursor}")).await.ok(200);
        all.extend(page[rows].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn names(server: &Server, query: &str) -> Vec<String> {
    walk(server, &format!("/jobs?{query}"), "jobs", "name").await
}

async fn ids(server: &Server, query: &str) -> Vec<String> {
    walk(server, &format!("/executions?{query}"), "executions", "id").await
}

/// Four jobs: one succeeds, one fails, one runs, and one has never run.
async fn four(server: &Server, receiver: &Receiver, gate: &Gate) -> [String; 3] {
    receiver.script("/bad", [Answer::status(400)]);
    receiver.script("/held", [Answer::ok().after(gate)]);
    for (name, team) in [("good", "web"), ("bad", "ops"), ("held", "web"), ("idle", "ops")] {
        let mut job = manual(name, json!({"url": receiver.url(&format!("/{name}"))}));
        job["tags"] = json!({"team": team, "all": "yes"});
        job["timezone"] = if name == "idle" { "Europe/Berlin" } else { "UTC" }.into();
        if name == "idle" {
            job["webhook"]["url"] = "http://other.example/idle".into();
        }
        server.create(&job).await;
    }
    let mut executed = Vec::new();
    for name in ["good", "bad"] {
        executed.push(server.run_again(name).await["id"].as_str().unwrap().to_owned());
    }
    let held = server.trigger("held").await["id"].as_str().unwrap().to_owned();
    receiver.next("/held").await;
    server.execution_is("held", &held, "running").await;
    let [good, bad] = executed.try_into().unwrap();
    [good, bad, held]
}

#[tokio::test]
async fn jobs_are_listed_in_every_order() {
    let (receiver, server, gate) = (Receiver::start().await, start().await, Gate::closed());
    four(&server, &receiver, &gate).await;
    server.patch("/jobs/idle", &json!({"schedule": "@at 2098-01-01T00:00:00Z"})).await.ok(200);
    for name in ["held", "bad"] {
        server.act(&format!("/jobs/{name}/pause")).await.ok(200);
    }
    server.act("/jobs/good/disable").await.ok(200);
    for (sort, wanted) in [
        ("", ["good", "bad", "held", "idle"]),
        ("created", ["good", "bad", "held", "idle"]),
        ("-created", ["idle", "held", "bad", "good"]),
        ("name", ["bad", "good", "held", "idle"]),
        ("-name", ["idle", "held", "good", "bad"]),
        // Those that have no such value come last either way.
        ("next_run", ["idle", "good", "bad", "held"]),
        ("-next_run", ["idle", "good", "bad", "held"]),
        ("last_run", ["good", "bad", "held", "idle"]),
        ("-last_run", ["held", "bad", "good", "idle"]),
        ("failures", ["good", "bad", "held", "idle"]),
        ("duration", ["good", "bad", "held", "idle"]),
        ("-duration", ["good", "bad", "held", "idle"]),
        ("paused_at", ["held", "bad", "good", "idle"]),
        ("-paused_at", ["bad", "held", "good", "idle"]),
    ] {
        let query = if sort.is_empty() { String::new() } else { format!("sort={sort}") };
        assert_eq!(names(&server, &query).await, wanted, "{sort}");
    }
    for wrong in ["sort=colour", "sort=-", "sort=Name"] {
        let problem = server.get(&format!("/jobs?{wrong}")).await.problem(400);
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("name, created, next_run, last_run, failures, duration, paused_at"),
            "{problem:#}"
        );
    }
    gate.open();
}

#[tokio::test]
async fn jobs_are_found_by_what_became_of_their_runs() {
    let (receiver, server, gate) = (Receiver::start().await, start().await, Gate::closed());
    four(&server, &receiver, &gate).await;
    search_is_complete(&server).await;
    for (query, wanted) in [
        ("status=success", &["good"][..]),
        ("status=failed", &["bad"]),
        ("status=running", &["held"]),
        ("status=cancelled", &[]),
        ("running=true", &["held"]),
        ("running=false", &["good", "bad", "idle"]),
        ("never_ran=true", &["idle"]),
        ("never_ran=false", &["good", "bad", "held"]),
        ("late=true", &[]),
        ("late=false", &["good", "bad", "held", "idle"]),
        // Runs by hand do not count.
        ("failing=true", &[]),
        ("tag.team=web", &["good", "held"]),
        ("-tag.team=web", &["bad", "idle"]),
        ("tag.all=yes&-tag.team=web&-tag.team=ops", &[]),
        ("tag.team=ops&never_ran=true&sort=-name", &["idle"]),
        ("host=other.example&sort=-created", &["idle"]),
        ("timezone=utc&sort=name", &["bad", "good", "held"]),
        ("timezone=utc&running=true&sort=-last_run", &["held"]),
    ] {
        assert_eq!(names(&server, query).await, wanted, "{query}");
    }
    for wrong in ["status=pending", "status=skipped", "status=lost"] {
        let problem = server.get(&format!("/jobs?{wrong}")).await.problem(400);
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("running, retrying, success, failed, cancelled"), "{problem:#}");
    }
    gate.open();
}

#[tokio::test]
async fn a_job_whose_scheduled_runs_fail_is_failing() {
    let (receiver, server) = (Receiver::start().await, start().await);
    receiver.script("/bad", [Answer::status(400)]);
    let mut job = manual("bad", json!({"url": receiver.url("/bad")}));
    job["schedule"] = "@every 1s".into();
    server.create(&job).await;
    server.create(&manual("good", json!({"url": receiver.url("/good")}))).await;
    until("a run to fail", || async { (names(&server, "failing=true").await == ["bad"]).then_some(()) })
        .await;
    assert_eq!(names(&server, "failing=false").await, ["good"]);
    for sort in ["failures", "-failures"] {
        assert_eq!(names(&server, &format!("sort={sort}")).await, ["bad", "good"]);
    }
}

#[tokio::test]
async fn jobs_are_found_by_the_set_that_owns_them() {
    let server = start().await;
    let job = |name: &str| manual(name, json!({"url": "http://127.0.0.1:9/"}));
    server.create(&job("free")).await;
    for (set, names) in [("one", &["a", "b", "c"][..]), ("two", &["d"])] {
        let jobs: Vec<_> = names.iter().map(|name| job(name)).collect();
        server.post("/jobs/batch", &json!({"set": set, "apply_id": "first", "jobs": jobs})).await.ok(200);
    }
    assert_eq!(names(&server, "set=one").await, ["a", "b", "c"]);
    assert_eq!(names(&server, "set=one&sort=-name").await, ["c", "b", "a"]);
    assert_eq!(names(&server, "set=nobody").await, [""; 0]);
    assert_eq!(server.get("/jobs?set=a/b").await.bad_fields(), ["set"]);
    let facets = server.get("/facets?of=set").await.ok(200);
    let counts = json!([{"value": "one", "jobs": 3}, {"value": "two", "jobs": 1}]);
    assert_eq!((&facets["facets"], &facets["complete"]), (&counts, &json!(true)));
}

#[tokio::test]
async fn executions_are_found_by_every_filter() {
    let (receiver, server, gate) = (Receiver::start().await, start().await, Gate::closed());
    let [good, bad, held] = four(&server, &receiver, &gate).await;
    let replay = server.act(&format!("/executions/{good}/replay")).await.ok(202);
    let replay = replay["id"].as_str().unwrap().to_owned();
    server.finished("good", &replay).await;
    search_is_complete(&server).await;
    let node = server.execution("good", &good).await["node_id"].as_str().unwrap().to_owned();
    let host = "127.0.0.1";
    for (query, wanted) in [
        ("", &[&replay, &held, &bad, &good][..]),
        ("order=asc", &[&good, &bad, &held, &replay]),
        ("job=good", &[&replay, &good]),
        ("job=good&order=asc", &[&good, &replay]),
        ("status=running", &[&held]),
        ("status=failed", &[&bad]),
        ("error_kind=status", &[&bad]),
        ("error_kind=timeout", &[]),
        ("error_kind=status&status=success", &[]),
        ("trigger=manual", &[&held, &bad, &good]),
        ("trigger=replay", &[&replay]),
        ("trigger=schedule", &[]),
        (&format!("node={node}&trigger=replay"), &[&replay]),
        (&format!("node={node}&status=failed"), &[&bad]),
        ("node=nobody", &[]),
        (&format!("host={host}"), &[&replay, &held, &bad, &good]),
        (&format!("host={host}&status=failed"), &[&bad]),
        ("host=other.example", &[]),
        ("host=other.example&status=failed", &[]),
        ("tag.team=web", &[&replay, &held, &good]),
        ("tag.team=web&status=success&order=asc", &[&good, &replay]),
        ("tag.team=nobody", &[]),
        ("late=true", &[]),
        ("late=false&status=success", &[&replay, &good]),
    ] {
        let wanted: Vec<_> = wanted.iter().map(|id| (*id).clone()).collect();
        assert_eq!(ids(&server, query).await, wanted, "{query}");
    }
    for query in ["trigger=manual&order=asc", "status=success"] {
        let found = walk(&server, &format!("/jobs/good/executions?{query}"), "executions", "id").await;
        let wanted =
            if query.contains("asc") { vec![good.clone()] } else { vec![replay.clone(), good.clone()] };
        assert_eq!(found, wanted, "{query}");
    }
    server.get("/executions?job=nobody").await.problem(404);
    gate.open();
}

#[tokio::test]
async fn executions_are_listed_of_a_time_and_of_the_last_day_where_none_is_given() {
    let (receiver, server) = (Receiver::start().await, start().await);
    server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let (first, second) = (server.run_again("job").await, server.run_again("job").await);
    let id = |execution: &Value| execution["id"].as_str().unwrap().to_owned();
    let between = first["completed_at"].as_str().unwrap();
    for (query, wanted) in [
        (format!("from={between}"), vec![id(&second)]),
        (format!("to={between}"), vec![id(&first)]),
        (format!("from={between}&to=2099-01-01T00:00:00Z"), vec![id(&second)]),
        ("to=2020-01-01T00:00:00Z".to_owned(), vec![]),
        ("from=1970-01-01T00:00:00Z".to_owned(), vec![id(&second), id(&first)]),
    ] {
        assert_eq!(ids(&server, &query).await, wanted, "{query}");
        let of_job = format!("/jobs/job/executions?{query}");
        assert_eq!(walk(&server, &of_job, "executions", "id").await, wanted, "{query}");
    }
    let page = server.get("/executions").await.ok(200);
    assert!(page["window"]["from"].is_string() && page["window"]["to"].is_null(), "{page:#}");
    let page = server.get("/executions?to=2020-01-02T00:00:00Z").await.ok(200);
    let window = json!({"from": "2020-01-01T00:00:00.000Z", "to": "2020-01-02T00:00:00.000Z"});
    assert_eq!(page["window"], window, "a day before its end");
    for path in ["/executions?job=job", "/jobs/job/executions"] {
        assert!(server.get(path).await.ok(200)["window"].is_null(), "{path}");
    }
    for wrong in [
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
    ] {
        assert_eq!(server.get(&format!("/executions?{wrong}")).await.bad_fields(), ["from"], "{wrong}");
    }
}

#[tokio::test]
async fn an_operation_on_executions_keeps_the_time_that_their_list_is_of() {
    let server = start().await;
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    let begin = |filter: Value| {
        let server = &server;
        async move {
            let request = json!({"action": "cancel", "filter": filter});
            server.post("/executions/actions", &request).await.ok(202)["filter"].clone()
        }
    };
    let filter = begin(json!({"status": "pending", "to": "2020-01-02T00:00:00Z"})).await;
    assert_eq!(filter["from"], "2020-01-01T00:00:00.000Z");
    assert!(begin(json!({})).await["from"].is_string());
    for filter in [json!({"job": "job"}), json!({"from": "2020-01-01T00:00:00Z", "late": "true"})] {
        assert_eq!(begin(filter.clone()).await, filter);
    }
    for wrong in ["order", "view", "count", "limit"] {
        let request = json!({"action": "cancel", "filter": {wrong: "asc"}});
        let fields = server.post("/executions/actions", &request).await.bad_fields();
        assert_eq!(fields, [format!("filter.{wrong}")]);
    }
}

#[tokio::test]
async fn a_list_shows_summaries_unless_all_is_asked_for() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.create(&manual("job", json!({"url": receiver.url("/"), "method": "POST", "body": "sent"}))).await;
    let whole = server.run_again("job").await;
    assert!(whole["request"].is_object() && whole["attempt_log"].is_array(), "{whole:#}");
    for path in ["/executions", "/jobs/job/executions"] {
        for (view, is_full) in [("", false), ("?view=summary", false), ("?view=full", true)] {
            let page = server.get(&format!("{path}{view}")).await.ok(200);
            let listed = &page["executions"][0];
            if is_full {
                assert_eq!(listed, &whole, "{path}{view}");
                continue;
            }
            for field in ["request", "attempt_log"] {
                assert!(listed.get(field).is_none(), "{path}{view}: {listed:#}");
            }
            let response = &listed["response"];
            assert_eq!((&response["status_code"], response.get("body")), (&json!(200), None), "{path}{view}");
            assert_eq!(listed["attempts"], 1);
        }
    }
}

#[tokio::test]
async fn a_list_is_counted_where_that_is_asked_for() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    for n in 0..7 {
        let mut job = manual(&format!("job-{n}"), json!({"url": receiver.url("/")}));
        job["tags"] = json!({"parity": if n % 2 == 0 { "even" } else { "odd" }});
        server.create(&job).await;
    }
    server.run_again("job-0").await;
    server.run_again("job-1").await;
    search_is_complete(&server).await;
    for (path, count) in [
        ("/jobs?count=true", 7),
        ("/jobs?count=true&limit=2", 7),
        ("/jobs?count=true&limit=2&sort=-name&tag.parity=odd", 3),
        ("/jobs?count=true&limit=1&q=job-", 7),
        ("/jobs?count=true&host=nobody.example", 0),
        ("/executions?count=true&limit=1", 2),
        ("/executions?count=true&status=failed", 0),
        ("/jobs/job-0/executions?count=true", 1),
    ] {
        let page = server.get(path).await.ok(200);
        assert_eq!(page["total"], json!({"count": count, "exact": true}), "{path}");
    }
    // Of the list, not of what is left of it.
    let page = server.get("/jobs?count=true&limit=2&q=job-").await.ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = server.get(&format!("/jobs?count=true&limit=2&q=job-&cursor={cursor}")).await.ok(200);
    assert_eq!(next["total"], page["total"]);
    for path in ["/jobs", "/jobs?count=false", "/executions"] {
        assert!(server.get(path).await.ok(200)["total"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_the_same_filters_and_the_same_order_alone() {
    let (receiver, server) = (Receiver::start().await, start().await);
    for name in ["a", "b", "c"] {
        server.create(&manual(name, json!({"url": receiver.url("/")}))).await;
        server.run_again(name).await;
    }
    for (list, filters) in [
        (
            "/jobs",
            &["sort=name", "sort=-name", "sort=last_run", "never_ran=false", "-tag.a=b", "status=success"][..],
        ),
        ("/executions", &["order=asc", "trigger=manual", "late=false", "job=a", "from=2020-01-01T00:00:00Z"]),
    ] {
        for filter in filters.iter().filter(|filter| **filter != "job=a") {
            let page = server.get(&format!("{list}?{filter}&limit=1")).await.ok(200);
            let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{filter}: {page:#}"));
            for other in filters.iter().filter(|other| *other != filter).chain([&"consistent=true"]) {
                let refused = server.get(&format!("{list}?{other}&cursor={cursor}")).await;
                assert_eq!(refused.bad_fields(), ["cursor"], "{filter}, {other}");
            }
            server.get(&format!("{list}?limit=2&count=true&{filter}&cursor={cursor}")).await.ok(200);
        }
    }
}

#[tokio::test]
async fn an_id_is_enough_for_an_execution() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/", [Answer::ok().after(&gate), Answer::ok()]);
    let job = server.create(&manual("job", json!({"url": receiver.url("/")}))).await;
    let id = server.trigger("job").await["id"].as_str().unwrap().to_owned();
    receiver.next("/").await;
    let running = server.execution_is("job", &id, "running").await;
    assert_eq!(server.get(&format!("/executions/{id}?consistent=true")).await.ok(200), running);
    let key = [("idempotency-key", "once")];
    let cancel = format!("/executions/{id}/cancel");
    let first = server.call(Method::POST, &cancel, &key, &json!({})).await.ok(200);
    assert_eq!(first["status"], "cancelled");
    assert_eq!(server.call(Method::POST, &cancel, &key, &json!({})).await.ok(200), first, "a repeat");
    server.act(&cancel).await.problem(409);
    gate.open();

    let replay = format!("/executions/{id}/replay");
    let key = [("idempotency-key", "again")];
    let made = server.call(Method::POST, &replay, &key, &json!({})).await.ok(202);
    assert_eq!((&made["replay_of"], &made["job_id"]), (&json!(id), &job["id"]));
    assert_eq!(server.call(Method::POST, &replay, &key, &json!({})).await.ok(202)["id"], made["id"]);
    let made = made["id"].as_str().unwrap().to_owned();
    server.finished("job", &made).await;
    assert_eq!(server.executions("job", 2).await.len(), 2);

    // Also where the job is gone.
    server.delete("/jobs/job").await;
    assert_eq!(server.get(&format!("/executions/{made}")).await.ok(200)["status"], "success");
    for path in ["/executions/x", "/executions/00000000-0000-0000-0000-000000000000"] {
        let problem = server.get(path).await.problem(404);
        assert_eq!(problem["code"], "execution_not_found", "{path}");
        assert_eq!(server.act(&format!("{path}/cancel")).await.problem(404)["code"], "execution_not_found");
        assert_eq!(server.act(&format!("{path}/replay")).await.problem(404)["code"], "execution_not_found");
    }
}

#[tokio::test]
async fn the_commonest_tags_hosts_and_time_zones_are_counted() {
    let server = CHRONOS.start().await;
    let job = |name: &str, host: &str, zone: &str, tags: Value| {
        let mut job = manual(name, json!({"url": format!("http://{host}/{name}")}));
        job["timezone"] = zone.into();
        job["tags"] = tags;
        job
    };
    for (name, host, zone, tags) in [
        ("a", "one.example", "UTC", json!({"team": "web", "x": "c"})),
        ("b", "one.example", "Europe/Berlin", json!({"team": "web"})),
        ("c", "two.example", "UTC", json!({"team": "ops"})),
        ("d", "three.example", "UTC", json!({})),
    ] {
        server.create(&job(name, host, zone, tags)).await;
    }
    server.delete("/jobs/d").await;
    server.patch("/jobs/c", &json!({"webhook": {"url": "http://two.example/other"}})).await.ok(200);
    let facets = |of: &'static str| {
        let server = &server;
        until("all jobs to be counted", move || async move {
            let answer = server.get(&format!("/facets?of={of}")).await.ok(200);
            assert_eq!(answer["of"], of);
            (answer["complete"] == true).then(|| answer["facets"].clone())
        })
    };
    assert_eq!(
        facets("tag").await,
        json!([
            {"key": "team", "value": "web", "jobs": 2},
            {"key": "team", "value": "ops", "jobs": 1},
            {"key": "x", "value": "c", "jobs": 1},
        ])
    );
    let one = json!([{"value": "one.example", "jobs": 2}, {"value": "two.example", "jobs": 1}]);
    assert_eq!(facets("host").await, one);
    assert_eq!(
        facets("timezone").await,
        json!([{"value": "UTC", "jobs": 2}, {"value": "Europe/Berlin", "jobs": 1}])
    );
    for wrong in ["", "?of=", "?of=colour", "?of=tag&of=host", "?of=tag&limit=3"] {
        server.get(&format!("/facets{wrong}")).await.problem(400);
    }
}

//! What is counted and listed is what may be seen

use super::*;

/// A server with two jobs of a team and one of another, each of which ran: one failed.
async fn world() -> (Server, Receiver) {
    let (server, receiver) = (start().await, Receiver::start().await);
    let closed = format!("{}/missing", receiver.origin().replace("127.0.0.1", "localhost"));
    for (who, name) in [("web", "w1"), ("web", "w2"), ("ops", "o1")] {
        let url = if name == "o1" { closed.clone() } else { receiver.url("/w") };
        let mut job = job_of(who, name, &url);
        if name == "o1" {
            job["timezone"] = json!("Europe/Vienna");
            job["webhook"]["success_codes"] = json!([299]);
        }
        say(&server, who, Method::POST, "/jobs", &job).await.ok(201);
        ran(&server, who, name).await;
    }
    (server, receiver)
}

#[tokio::test]
async fn lists_totals_and_facets_are_of_what_may_be_seen() {
    let (server, _receiver) = world().await;
    for (who, expected) in [("web", &["w1", "w2"][..]), ("ops", &["o1"]), ("both", &["w1", "w2", "o1"])] {
        for sort in ["created", "-created", "name", "next_run", "last_run", "failures"] {
            let path = format!("/jobs?count=true&sort={sort}");
            let list = ask(&server, who, Method::GET, &path).await.ok(200);
            let mut found = names(&list);
            found.sort_unstable();
            let mut wanted = expected.to_vec();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{who} {sort}");
            assert_eq!(list["total"]["count"], expected.len(), "{who} {sort}");
        }
        let found = ask(&server, who, Method::GET, "/jobs?q=127.0.0.1&count=true").await.ok(200);
        assert_eq!(
            names(&found).len(),
            expected.iter().filter(|name| name.starts_with('w')).count(),
            "{who}"
        );
        let runs = ask(&server, who, Method::GET, "/executions?count=true").await.ok(200);
        assert_eq!(runs["total"]["count"], expected.len(), "{who}");
        let runs = runs["executions"].as_array().unwrap();
        assert!(runs.iter().all(|run| expected.contains(&run["job_name"].as_str().unwrap())), "{who}");
        let stats = ask(&server, who, Method::GET, "/stats").await.ok(200);
        let done = &stats["total"]["executions"];
        let count = done["success"].as_u64().unwrap() + done["failed"].as_u64().unwrap();
        assert_eq!(count, expected.len() as u64, "{who}: {stats:#}");
        for (of, each) in [("tag", 2), ("host", 1), ("timezone", 1)] {
            let facets = ask(&server, who, Method::GET, &format!("/facets?of={of}")).await.ok(200);
            let facets = facets["facets"].as_array().unwrap();
            let jobs: u64 = facets.iter().map(|facet| facet["jobs"].as_u64().unwrap()).sum();
            assert_eq!(jobs, each * expected.len() as u64, "{who} {of}: {facets:?}");
        }
    }
    let vienna = ask(&server, "web", Method::GET, "/jobs?timezone=Europe/Vienna").await.ok(200);
    assert_eq!(vienna["jobs"], json!([]));
}

#[tokio::test]
async fn what_is_to_run_is_of_what_may_be_seen() {
    let server = start().await;
    for (who, schedule) in [("web", "0 * * * *"), ("ops", "30 * * * *"), ("ops", "*/5 * * * *")] {
        let mut job = job_of(who, &format!("{who}-{}", schedule.len()), "http://127.0.0.1:9/");
        job["schedule"] = json!(schedule);
        say(&server, who, Method::POST, "/jobs", &job).await.ok(201);
    }
    for (who, a_day, job) in [("web", 24, "web-9"), ("ops", 24 * 13, "ops-"), ("both", 24 * 14, "")] {
        let density = until("the timetable to have all jobs", || async {
            let found = ask(&server, who, Method::GET, "/schedules/density?step=24h").await.ok(200);
            (found["complete"] == true).then_some(found)
        })
        .await;
        let counts = density["counts"].as_array().unwrap();
        assert_eq!(counts[1], a_day, "{who}: {density:#}");
        let coming = ask(&server, who, Method::GET, "/runs/upcoming?limit=20").await.ok(200);
        let runs = coming["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 20, "{who}");
        assert!(
            runs.iter().all(|run| run["job_name"].as_str().unwrap().starts_with(job)),
            "{who}: {coming:#}"
        );
    }
}

#[tokio::test]
async fn operations_are_seen_by_those_who_see_all_that_they_may_touch() {
    let (server, _receiver) = world().await;
    let all = json!({"action": "pause", "filter": {}});
    let mut made = Vec::new();
    for who in ["web", "both", "admin"] {
        let dry = json!({"action": "pause", "filter": {}, "dry_run": true});
        let count = say(&server, who, Method::POST, "/jobs/actions", &dry).await.ok(200);
        assert_eq!(count["total"]["count"], if who == "web" { 2 } else { 3 }, "{who}");
        let operation = say(&server, who, Method::POST, "/jobs/actions", &all).await.ok(202);
        made.push(operation["id"].as_str().unwrap().to_owned());
    }
    for (who, seen) in
        [("web", &[0][..]), ("runner", &[0]), ("ops", &[]), ("both", &[0, 1]), ("admin", &[0, 1, 2])]
    {
        let list = ask(&server, who, Method::GET, "/operations").await.ok(200);
        let listed: Vec<_> =
            list["operations"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        for (number, id) in made.iter().enumerate() {
            let is_seen = seen.contains(&number);
            assert_eq!(listed.contains(&id.as_str()), is_seen, "{who} {number}");
            let found = ask(&server, who, Method::GET, &format!("/operations/{id}")).await;
            assert_eq!(found.status, if is_seen { 200 } else { 404 }, "{who} {number}");
            if !is_seen && who != "watcher" {
                let path = format!("/operations/{id}/cancel");
                assert_eq!(
                    ask(&server, who, Method::POST, &path).await.problem(404)["code"],
                    "operation_not_found"
                );
            }
        }
    }
    // The first one touched no job of the others.
    let by_web = ask(&server, "admin", Method::GET, &format!("/operations/{}", made[0])).await.ok(200);
    assert_eq!(by_web["scope"], json!(["web"]), "{by_web:#}");
}

#[tokio::test]
async fn executions_of_a_job_that_is_deleted_stay_with_its_team() {
    let (server, _receiver) = world().await;
    let deleted = ask(&server, "web", Method::DELETE, "/jobs/w1").await;
    assert_eq!(deleted.status, 204);
    for (who, count) in [("web", 2), ("ops", 1), ("both", 3)] {
        let runs = ask(&server, who, Method::GET, "/executions?count=true").await.ok(200);
        assert_eq!(runs["total"]["count"], count, "{who}: {runs:#}");
    }
}

//! Many at once: a set has one scope, and neither a batch nor a prune crosses it

use super::*;

async fn batch(server: &Server, who: &str, body: &Value) -> Value {
    say(server, who, Method::POST, "/jobs/batch", body).await.ok(200)
}

fn outcomes(answer: &Value) -> Vec<&str> {
    answer["jobs"].as_array().unwrap().iter().map(|job| job["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_writes_within_the_scope_and_of_a_name_that_is_taken_no_more_is_told() {
    let server = start().await;
    let url = "http://127.0.0.1:9/hidden-path";
    let theirs = say(&server, "ops", Method::POST, "/jobs", &job_of("ops", "taken", url)).await.ok(201);
    let jobs = json!([
        job_of("web", "a", "http://127.0.0.1:9/"),
        job_of("ops", "b", "http://127.0.0.1:9/"),
        job_of("web", "taken", "http://127.0.0.1:9/"),
    ]);
    for dry_run in [true, false] {
        let reply =
            say(&server, "web", Method::POST, "/jobs/batch", &json!({"jobs": jobs, "dry_run": dry_run}))
                .await;
        let answer = reply.ok(200);
        assert_eq!(outcomes(&answer), ["created", "refused", "refused"], "{answer:#}");
        let told = answer.to_string();
        assert!(told.contains("tags.team") && told.contains("is taken"), "{told}");
        for hidden in [theirs["id"].as_str().unwrap(), "hidden-path", "ops-tier"] {
            assert!(!told.contains(hidden), "{told}");
        }
    }
    let conflict = say(&server, "web", Method::POST, "/jobs", &job_of("web", "taken", url)).await;
    let absent = say(&server, "admin", Method::POST, "/jobs", &job_of("web", "taken", url)).await;
    assert_eq!(conflict.problem(409), absent.problem(409));
    assert!(!conflict.body.contains(theirs["id"].as_str().unwrap()), "{conflict:?}");
    let kept = ask(&server, "ops", Method::GET, "/jobs/taken").await.ok(200);
    assert_eq!((&kept["version"], &kept["tags"]["team"]), (&json!(1), &json!("ops")));
}

#[tokio::test]
async fn a_set_has_one_scope() {
    let server = start().await;
    let job = |team, name| job_of(team, name, "http://127.0.0.1:9/");
    let put = |jobs: Value, adopt: bool| json!({"set": "s", "apply_id": "1", "adopt": adopt, "jobs": jobs});
    let made = batch(&server, "ops", &put(json!([job("ops", "o1"), job("ops", "o2")]), false)).await;
    assert_eq!(outcomes(&made), ["created", "created"]);
    // It is another team's, and not told of.
    for adopt in [false, true] {
        let refused = batch(&server, "web", &put(json!([job("web", "w")]), adopt)).await;
        assert_eq!(outcomes(&refused), ["refused"], "{refused:#}");
        assert!(!refused.to_string().contains("\"ops"), "{refused:#}");
    }
    let pruned =
        say(&server, "web", Method::POST, "/sets/s/prune", &json!({"apply_id": "2", "max": 10})).await;
    let absent =
        say(&server, "web", Method::POST, "/sets/none/prune", &json!({"apply_id": "2", "max": 10})).await;
    assert_eq!(
        (pruned.status, pruned.body.replace("\"s\"", "")),
        (absent.status, absent.body.replace("\"none\"", ""))
    );
    // Nor does one who sees both put a job of another team into it, by a batch or by a change.
    for who in ["both", "admin"] {
        let mixed = batch(&server, who, &put(json!([job("ops", "o1"), job("web", "w")]), false)).await;
        assert_eq!(outcomes(&mixed), ["unchanged", "refused"], "{who}: {mixed:#}");
        let moved = say(&server, who, Method::PATCH, "/jobs/o1", &json!({"tags": {"team": "web"}})).await;
        assert_eq!(moved.bad_fields(), ["tags.team"], "{who}");
    }
    let new = json!({"set": "t", "jobs": [job("web", "x"), job("ops", "y")]});
    let mixed = batch(&server, "both", &new).await;
    assert_eq!(outcomes(&mixed), ["created", "refused"], "{mixed:#}");
    // What is not named goes, within the set.
    let apply = json!({"set": "s", "apply_id": "2", "jobs": [job("ops", "o2")]});
    assert_eq!(outcomes(&batch(&server, "ops", &apply).await), ["unchanged"]);
    let pruned = say(&server, "ops", Method::POST, "/sets/s/prune", &json!({"apply_id": "2", "max": 10}))
        .await
        .ok(200);
    assert_eq!(pruned["deleted"], json!(["o1"]));
}

//! What is written is judged before and after: no key takes a job out of its scope, or touches one beyond it

use super::*;

#[tokio::test]
async fn a_job_is_created_within_the_scope_or_refused_with_the_tag_and_what_was_expected() {
    let server = start().await;
    let url = "http://127.0.0.1:9/";
    for (who, team, field) in [
        ("web", "ops", true),
        ("web", "", true),
        ("both", "other", true),
        ("web", "web", false),
        ("both", "ops", false),
    ] {
        let mut job = job_of(team, &format!("{who}-{team}"), url);
        if team.is_empty() {
            job["tags"] = json!({});
        }
        let reply = say(&server, who, Method::POST, "/jobs", &job).await;
        if field {
            assert_eq!(reply.bad_fields(), ["tags.team"], "{who} {team}");
            let problem = reply.problem(400);
            let told = problem["errors"][0]["message"].as_str().unwrap();
            assert!(told.contains("expected one of") && told.contains("\"web\""), "{told}");
        } else {
            reply.ok(201);
        }
    }
    // An admin creates what they like.
    let mut free = job_of("web", "free", url);
    free["tags"] = json!({});
    say(&server, "admin", Method::POST, "/jobs", &free).await.ok(201);
}

#[tokio::test]
async fn no_change_takes_a_job_out_of_the_scope() {
    let server = start().await;
    let job = job_of("web", "mine", "http://127.0.0.1:9/");
    say(&server, "admin", Method::POST, "/jobs", &job_of("ops", "mine", "http://127.0.0.1:9/")).await.ok(201);
    say(&server, "admin", Method::PUT, "/jobs/mine", &job).await.ok(200);
    let out = json!({"tags": {"team": "ops"}});
    let gone = json!({"tags": {"team": null}});
    for patch in [&out, &gone] {
        let refused = say(&server, "web", Method::PATCH, "/jobs/mine", patch).await;
        assert_eq!(refused.bad_fields(), ["tags.team"]);
    }
    let other = job_of("ops", "mine", "http://127.0.0.1:9/");
    let refused = say(&server, "web", Method::PUT, "/jobs/mine", &other).await;
    assert_eq!(refused.bad_fields(), ["tags.team"]);
    // Version 1 was of the other team.
    let back = ask(&server, "web", Method::POST, "/jobs/mine/rollback/1").await;
    assert_eq!(back.bad_fields(), ["tags.team"]);
    // The same in the background.
    let action = json!({"action": "patch", "patch": out, "names": ["mine"]});
    let made = say(&server, "web", Method::POST, "/jobs/actions", &action).await.ok(202);
    let path = format!("/operations/{}", made["id"].as_str().unwrap());
    let ended = until("the operation to end", || async {
        let found = ask(&server, "web", Method::GET, &path).await.ok(200);
        (found["state"] == "done").then_some(found)
    })
    .await;
    assert_eq!((&ended["done"], &ended["refused"]), (&json!(0), &json!(1)), "{ended:#}");
    assert!(ended["errors"][0].to_string().contains("tags.team"), "{ended:#}");
    assert_eq!(ask(&server, "web", Method::GET, "/jobs/mine").await.ok(200)["version"], 2);
    // One who has both may.
    say(&server, "both", Method::PATCH, "/jobs/mine", &out).await.ok(200);
    let none = ask(&server, "web", Method::GET, "/jobs/mine").await;
    assert_eq!(none.problem(404)["code"], "job_not_found");
}

#[tokio::test]
async fn a_key_is_made_with_a_scope_that_means_something() {
    let server = start().await;
    for (key, field) in [
        (json!({"name": "k", "role": "admin", "scope": ["web"]}), "scope"),
        (json!({"name": "k", "role": "editor", "scope": ["web", "web"]}), "scope"),
        (json!({"name": "k", "role": "editor", "scope": "web"}), "scope"),
        (json!({"name": "k", "role": "editor", "scope": [""]}), "scope"),
    ] {
        let refused = say(&server, "admin", Method::POST, "/keys", &key).await;
        assert_eq!(refused.bad_fields(), [field], "{key}");
    }
    let key = json!({"name": "made", "role": "editor", "scope": ["web"]});
    let made = say(&server, "admin", Method::POST, "/keys", &key).await.ok(201);
    assert_eq!(made["key"]["scope"], json!(["web"]));
    let listed = ask(&server, "admin", Method::GET, "/keys").await.ok(200);
    let scopes: Vec<_> = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["name"].as_str().unwrap(), &key["scope"]))
        .collect();
    assert!(
        scopes.contains(&("made", &json!(["web"]))) && scopes.contains(&("both", &json!(["ops", "web"])))
    );
    say(&server, "ops", Method::POST, "/jobs", &job_of("ops", "theirs", "http://127.0.0.1:9/")).await.ok(201);
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let jobs = server.send(Method::GET, "/api/v1/jobs", &[("authorization", &bearer)], "").await.ok(200);
    assert_eq!(jobs["jobs"], json!([]));
    let plain = CHRONOS
        .with(&[(
            "auth.api_keys",
            &api_keys().replace("[web, ops]", "[]").replace("[web]", "[]").replace("[ops]", "[]"),
        )])
        .await;
    let refused = say(&plain, "admin", Method::POST, "/keys", &key).await.problem(400);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("security.scope_tag"), "{refused:#}");
}

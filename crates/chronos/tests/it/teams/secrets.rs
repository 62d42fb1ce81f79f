//! Secrets that are for the jobs of some teams: who else names one is told that there is none

use super::*;

async fn put(server: &Server, name: &str, scope: &[&str]) -> Reply {
    let secret = json!({"value": "correct horse", "hosts": ["127.0.0.1"], "scope": scope});
    say(server, "admin", Method::PUT, &format!("/secrets/{name}"), &secret).await
}

/// A job of a team that sends a secret.
fn naming(team: &str, name: &str, secret: &str, receiver: &Receiver) -> Value {
    let mut job = job_of(team, name, &receiver.url(&format!("/{name}")));
    job["webhook"]["headers"] = json!({"X-Key": format!("{{{{secret.{secret}}}}}")});
    job
}

const FIELD: &str = "webhook.headers.X-Key";

#[tokio::test]
async fn a_secret_is_named_by_jobs_of_its_scope_alone() {
    let (receiver, server) = (Receiver::start().await, start().await);
    let made = put(&server, "webs", &["web"]).await.ok(201);
    assert_eq!(made["scope"], json!({"tag": "team", "values": ["web"]}));
    put(&server, "all", &[]).await.ok(201);
    let say = |who: &'static str, method: Method, path: &'static str, body: Value| {
        let server = &server;
        async move { super::say(server, who, method, path, &body).await }
    };
    say("web", Method::POST, "/jobs", naming("web", "w", "webs", &receiver)).await.ok(201);
    say("ops", Method::POST, "/jobs", naming("ops", "o", "all", &receiver)).await.ok(201);
    // Of another team it is as if there were none, and who sees both is told for whom it is.
    let told = |reply: Reply| {
        assert_eq!(reply.bad_fields(), [FIELD]);
        reply.problem(400)["errors"][0]["message"].as_str().unwrap().to_owned()
    };
    let absent = told(say("ops", Method::POST, "/jobs", naming("ops", "x", "none", &receiver)).await);
    let beyond = told(say("ops", Method::POST, "/jobs", naming("ops", "x", "webs", &receiver)).await);
    assert_eq!(beyond, absent.replace("none", "webs"));
    for who in ["both", "admin"] {
        let why = told(say(who, Method::POST, "/jobs", naming("ops", "x", "webs", &receiver)).await);
        assert!(why.contains("expected one of \"web\" in tags.team"), "{why}");
    }
    // A job is judged by the tags that it gets, whatever else stays.
    let moved = say("both", Method::PATCH, "/jobs/w", json!({"tags": {"team": "ops"}})).await;
    assert!(told(moved).contains("not for this job"));
    let batch =
        json!({"jobs": [naming("ops", "b", "webs", &receiver), naming("ops", "c", "all", &receiver)]});
    let items = say("ops", Method::POST, "/jobs/batch", batch).await.ok(200)["jobs"].clone();
    assert_eq!((&items[0]["outcome"], &items[1]["outcome"]), (&json!("refused"), &json!("created")));
    // Neither can it be tried.
    let test = |who, name, secret| {
        let webhook = naming("ops", name, secret, &receiver)["webhook"].clone();
        say(who, Method::POST, "/webhooks/test", json!({"webhook": webhook}))
    };
    assert_eq!(told(test("ops", "t", "webs").await), beyond);
    test("web", "t", "webs").await.ok(200);
    assert!(receiver.calls("/x").is_empty());
}

#[tokio::test]
async fn a_secret_is_sent_to_jobs_of_its_scope_alone() {
    let (receiver, server) = (Receiver::start().await, start().await);
    put(&server, "shared", &[]).await.ok(201);
    for (team, name) in [("web", "w"), ("ops", "o")] {
        say(&server, "admin", Method::POST, "/jobs", &naming(team, name, "shared", &receiver)).await.ok(201);
        assert_eq!(ran(&server, "both", name).await["status"], "success");
    }
    // It is asked when a run begins, also of a job that named it before.
    put(&server, "shared", &["web"]).await.ok(200);
    assert_eq!(put(&server, "shared", &["web"]).await.ok(200)["version"], 2, "it is as it was");
    assert_eq!(ran(&server, "both", "w").await["status"], "success");
    let failed = ran(&server, "ops", "o").await;
    assert_eq!(
        (&failed["status"], &failed["error_kind"]),
        (&json!("failed"), &json!("secret")),
        "{failed:#}"
    );
    let why = failed["last_error"].as_str().unwrap();
    assert!(why.contains("\"shared\" is not for this job") && !why.contains("web"), "{failed:#}");
    assert_eq!((receiver.calls("/w").len(), receiver.calls("/o").len()), (2, 1));
    // A job that changes hands does not take the secret of a version with it.
    let moved = json!({"tags": {"team": "ops"}, "webhook": {"headers": {"X-Key": null}}});
    let run = ask(&server, "web", Method::GET, "/jobs/w/executions").await.ok(200);
    let path = format!("/executions/{}/replay", run["executions"][0]["id"].as_str().unwrap());
    say(&server, "both", Method::PATCH, "/jobs/w", &moved).await.ok(200);
    assert_eq!(ask(&server, "ops", Method::POST, &path).await.bad_fields(), ["headers.X-Key"]);
    assert_eq!(receiver.calls("/w").len(), 2);
}

#[tokio::test]
async fn what_is_no_scope_is_refused_by_the_field() {
    let server = start().await;
    for scope in [json!("web"), json!(["web", "web"]), json!([""]), json!([1])] {
        let secret = json!({"value": "correct horse", "hosts": ["*"], "scope": scope});
        let refused = say(&server, "admin", Method::PUT, "/secrets/a", &secret).await;
        assert_eq!(refused.bad_fields(), ["scope"], "{secret}");
    }
    let open = CHRONOS.start().await;
    let secret = json!({"value": "correct horse", "hosts": ["*"], "scope": ["web"]});
    let refused = open.put("/secrets/a", &secret).await;
    assert_eq!(refused.bad_fields(), ["scope"]);
    assert!(refused.problem(400).to_string().contains("security.scope_tag"));
}

//! Credentials, planted wherever one can stand

use hyper::Method;

use super::credentials::{Credential, Credentials};
use super::outputs::Asker;
use super::targets::{Targets, WAYS};
use crate::support::*;

/// When the signing secrets before are good until.
const LATER: &str = "9999-12-31T00:00:00Z";
/// The kinds of webhooks: where each has its credentials.
pub const KINDS: [&str; 7] =
    ["bearer", "basic", "api-key", "named", "fetching", "fetching-by-name", "own-header"];

/// What jobs are made of.
pub struct Plant<'a> {
    pub credentials: &'a Credentials,
    pub targets: &'a Targets,
}

pub(super) fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

impl Plant<'_> {
    pub(super) fn text(&self, name: &str) -> String {
        self.credentials.text(name)
    }

    fn in_query(&self, name: &str) -> String {
        percent(&self.text(name))
    }

    /// A webhook of a kind that calls the target in a way.
    pub fn webhook(&self, kind: &str, way: &str) -> Value {
        let url = |rest: &str| self.targets.main.url(&format!("/{way}/{rest}"));
        let token_url = |rest: &str| self.targets.main.url(rest);
        let mut webhook = match kind {
            "bearer" => json!({
                "url": url(&format!(
                    "x?a=1&access_token={}&api_key={}&password={}",
                    self.in_query("access_token of a query"),
                    self.in_query("api_key of a query"),
                    self.in_query("password of a query")
                )),
                "auth": {"type": "bearer", "token": self.text("the token of bearer")},
                "headers": {
                    "X-Token": self.text("the header X-Token"),
                    "Cookie": format!("a=b; session={}", self.text("a cookie")),
                    "X-Hub-Signature-256": self.text("a header of a signature"),
                    "X-Plain": "shown",
                },
                "signing": {
                    "secret": self.credentials.value("the signing secret"),
                    "previous": {"secret": self.credentials.value("the signing secret before"), "expires_at": LATER},
                },
                "method": "POST",
                "body": "{\"shown\": \"{{.ExecutionID}}\"}",
            }),
            "basic" => json!({
                "url": url("x"),
                "auth": {"type": "basic", "username": "shown", "password": self.text("the password of basic")},
            }),
            "api-key" => json!({
                "url": url("x"),
                "auth": {"type": "api_key", "api_key": self.text("the API key"), "header": "X-Mine"},
                "headers": {
                    "X-Client-Secret": self.text("a header of a secret"),
                    "X-Password": self.text("a header of a password"),
                },
            }),
            "own-header" => json!({
                "url": url("x"),
                "headers": {
                    "Authorization": format!("Custom {}", self.text("a header of its own")),
                    "X-Session": self.text("a header of a session"),
                    "X-Jwt-Assertion": self.text("a header of an assertion"),
                },
            }),
            "named" => json!({
                "url": url("{{secret.path}}/x?shown={{secret.query}}&key={{secret.key}}"),
                "method": "PUT",
                "headers": {"X-Plain": "is {{secret.header}}", "X-Token": "is {{secret.token}}"},
                "auth": {"type": "bearer", "token": "{{secret.bearer}}"},
                "signing": {"secret": "{{secret.signing}}"},
                "body": "{\"t\": \"{{secret.body}}\", \"id\": \"{{.JobID}}\"}",
            }),
            "fetching" => json!({
                "url": url("x"),
                "auth": {
                    "type": "oauth2_client_credentials",
                    "token_url": token_url(&format!("/token?api_key={}", self.in_query("api_key of a token endpoint"))),
                    "client_id": "shown",
                    "client_secret": self.text("the client secret"),
                    "parameters": {"audience": "shown", "password": self.text("a parameter of a token endpoint")},
                },
            }),
            "fetching-by-name" => json!({
                "url": url("x"),
                "auth": {
                    "type": "oauth2_client_credentials",
                    "token_url": token_url("/token"),
                    "client_id": "shown",
                    "client_secret": "{{secret.client}}",
                    "client_auth_method": "post",
                },
            }),
            other => panic!("{other} is no kind"),
        };
        webhook["max_redirects"] = u8::from(way == "elsewhere").into();
        webhook
    }

    /// A job of each kind that calls the target in each way.
    pub fn jobs(&self) -> Vec<Value> {
        let of = |kind: &'static str| WAYS.map(|way| job(&format!("{kind}-{way}"), self.webhook(kind, way)));
        KINDS.into_iter().flat_map(of).collect()
    }

    /// Writes the named secrets, and one anew.
    pub async fn secrets(&self, admin: &Asker) {
        let signing = self.credentials.value("a named signing secret");
        let hosts = json!(["127.0.0.1"]);
        let old = json!({"value": self.text("a secret before it was changed"), "hosts": hosts});
        admin.put("/secrets/header", &old).await.ok(201);
        for name in ["path", "query", "key", "header", "token", "bearer", "body", "run", "client"] {
            let value = self.text(&format!("the secret {name}"));
            let secret = json!({"value": value, "hosts": hosts, "description": "shown"});
            assert!(admin.put(&format!("/secrets/{name}"), &secret).await.status < 300);
        }
        for (name, value) in [
            ("signing", signing),
            ("client-key", self.credentials.value("a client's private key")),
            ("client-certificate", self.credentials.value("a client's certificate")),
        ] {
            admin.put(&format!("/secrets/{name}"), &json!({"value": value, "hosts": hosts})).await.ok(201);
        }
        let gone = json!({"value": self.text("a secret that was deleted"), "hosts": hosts});
        admin.put("/secrets/gone", &gone).await.ok(201);
        assert_eq!(admin.act(Method::DELETE, "/secrets/gone").await.status, 204);
    }

    /// Writes jobs in every way there is.
    pub async fn write_jobs(&self, editor: &Asker) {
        let answer = editor.post("/jobs/batch", &json!({"jobs": self.jobs()})).await.ok(200);
        assert_eq!(answer["counts"]["refused"], 0, "{answer:#}");
        let plain =
            |token: &str| json!({"url": self.targets.main.url("/echo/x"), "headers": {"X-Token": token}});
        let named = |name: &str, credential: &str| job(name, plain(&self.text(credential)));

        // Of a set, and pruned from it.
        for (apply, name) in [("first", "a job that was pruned"), ("second", "a job of a set")] {
            let batch =
                json!({"jobs": [named(&name.replace(' ', "-"), name)], "set": "all", "apply_id": apply});
            editor.post("/jobs/batch", &batch).await.ok(200);
        }
        editor.post("/sets/all/prune", &json!({"apply_id": "second", "max": 1})).await.ok(200);
        let dry = json!({"jobs": [named("dry", "a dry run")], "dry_run": true});
        editor.post("/jobs/batch", &dry).await.ok(200);
        let atomic = json!({"jobs": [named("atomic", "a batch that is atomic")], "atomic": true});
        editor.post("/jobs/batch", &atomic).await.ok(200);

        // Alone, with versions, and deleted.
        let once = [("idempotency-key", "once")];
        for _ in 0..2 {
            let created = editor.say(Method::POST, "/jobs", &once, &named("created", "a creation")).await;
            created.ok(201);
        }
        editor.put("/jobs/created", &named("created", "a version by PUT")).await.ok(200);
        let patch = json!({"webhook": {"headers": {"X-Token": self.text("a version by PATCH")}}});
        let headers = [("idempotency-key", "twice"), ("chronos-note", "shown")];
        for _ in 0..2 {
            editor.say(Method::PATCH, "/jobs/created", &headers, &patch).await.ok(200);
        }
        editor.act(Method::POST, "/jobs/created/rollback/1").await.ok(200);
        editor.act(Method::POST, "/jobs/created/disable").await.ok(200);
        editor.act(Method::POST, "/jobs/created/enable").await.ok(200);
        editor.post("/jobs", &named("deleted", "a job that was deleted")).await.ok(201);
        assert_eq!(editor.act(Method::DELETE, "/jobs/deleted").await.status, 204);

        // Those for which the target is another one.
        let auth = |credential: &str| json!({"type": "bearer", "token": self.text(credential)});
        let certificate = json!({"cert": "{{secret.client-certificate}}", "key": "{{secret.client-key}}"});
        let closed = format!("http://127.0.0.1:{}/", closed_port());
        let query = format!("{closed}?access_token={}", self.in_query("what goes to a closed port"));
        let nobody = format!("http://nobody.invalid/?key={}", self.in_query("what goes to no host"));
        let refused = json!({
            "type": "oauth2_client_credentials",
            "token_url": self.targets.main.url(&format!("/no-token?key={}", self.in_query("what gets no token"))),
            "client_id": "shown",
            "client_secret": self.text("a client secret that is refused"),
        });
        for (name, webhook) in [
            (
                "proxied",
                json!({"url": self.targets.behind_proxy.url("/echo/x"), "auth": auth("what goes by a proxy")}),
            ),
            (
                "proxied-nowhere",
                json!({"url": format!("http://127.0.0.2:{}/", closed_port()), "auth": auth("what a proxy cannot pass on")}),
            ),
            ("closed", json!({"url": query, "auth": auth("the token for a closed port")})),
            ("nobody", json!({"url": nobody, "auth": auth("the token for no host")})),
            ("refused", json!({"url": self.targets.main.url("/echo/x"), "auth": refused})),
            (
                "mutual",
                json!({
                    "url": self.targets.mutual.url("/echo/x"),
                    "auth": auth("what goes with a certificate"),
                    "client_certificate": certificate,
                    "tls_skip_verify": true,
                }),
            ),
        ] {
            editor.post("/jobs", &job(name, webhook)).await.ok(201);
        }
    }

    /// Runs all, with what single runs send of their own, and tests webhooks.
    pub async fn run(&self, operator: &Asker, editor: &Asker) {
        for job in self.jobs() {
            let name = job["name"].as_str().unwrap();
            let execution = operator.run(name).await;
            assert_ne!(execution["error_kind"], "secret", "{execution:#}");
            assert_ne!(execution["error_kind"], "auth", "{execution:#}");
            if name.ends_with("-echo") || name.ends_with("-again") {
                assert_eq!(execution["status"], "success", "{execution:#}");
            }
        }
        for (name, status) in [
            ("proxied", "success"),
            ("proxied-nowhere", "failed"),
            ("closed", "failed"),
            ("nobody", "failed"),
            ("refused", "failed"),
            ("mutual", "success"),
            ("created", "success"),
            ("a-job-of-a-set", "success"),
            ("atomic", "success"),
        ] {
            let execution = operator.run(name).await;
            assert_eq!(execution["status"], status, "{execution:#}");
        }
        let own = json!({
            "headers": {"X-Token": self.text("a header of one run"), "X-Plain": "{{secret.run}}"},
            "body": "{\"t\": \"{{secret.run}}\"}",
        });
        let headers = |key: &'static str| [("idempotency-key", key), ("chronos-note", "shown")];
        let mut run = Value::Null;
        for _ in 0..2 {
            run =
                operator.say(Method::POST, "/jobs/api-key-echo/trigger", &headers("run"), &own).await.ok(202);
        }
        operator.finished(&run).await;
        let own = json!({"headers": {"Authorization": self.text("a header of a replay")}});
        let path = format!("/executions/{}/replay", run["id"].as_str().unwrap());
        let replay = operator.say(Method::POST, &path, &headers("replay"), &own).await.ok(202);
        operator.finished(&replay).await;

        let patch = json!({"webhook": {"headers": {"X-Api-Token": self.text("a patch of many")}}});
        let asked = json!({"action": "patch", "names": ["created", "atomic"], "patch": patch});
        let operation = editor.say(Method::POST, "/jobs/actions", &headers("patch"), &asked).await.ok(202);
        let path = format!("/operations/{}", operation["id"].as_str().unwrap());
        until("the operation to be done", || async {
            (editor.get(&path).await.ok(200)["state"] == "done").then_some(())
        })
        .await;
        operator.run("created").await;
        let replays = json!({"action": "replay", "filter": {"job": "api-key-echo"}});
        operator.post("/executions/actions", &replays).await.ok(202);

        for kind in KINDS {
            for way in WAYS {
                editor.post("/webhooks/test", &json!({"webhook": self.webhook(kind, way)})).await.ok(200);
            }
        }
        let headers = json!({"X-Token": self.text("a test call")});
        let test = json!({"webhook": {"url": self.targets.main.url("/echo/x"), "headers": headers}});
        editor.post("/webhooks/test", &test).await.ok(200);
        let job = editor.get("/jobs/bearer-echo").await.ok(200);
        let test = json!({"webhook": job["webhook"], "job": "bearer-echo"});
        assert_eq!(editor.post("/webhooks/test", &test).await.ok(200)["success"], true);
    }
}

/// A job that runs when it is told to, and is tried twice.
pub(super) fn job(name: &str, webhook: Value) -> Value {
    let mut job = manual(name, webhook);
    job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "1ms"});
    job["concurrency"] = "allow".into();
    job
}

/// What may not be any text.
pub fn add_keys(credentials: &Credentials) {
    for name in ["the signing secret", "the signing secret before", "a named signing secret"] {
        credentials.add(Credential::key(name, "whsec_"));
    }
    for name in ["the encryption key", "the encryption key after it"] {
        credentials.add(Credential::key(name, ""));
    }
}

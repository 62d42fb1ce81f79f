//! Credentials where none can stand, and beside what is wrong: what is refused does not repeat them

use hyper::Method;

use super::outputs::Asker;
use super::plant::{Plant, job, percent};
use super::targets::Written;
use crate::support::*;

/// It was not done, for it could not be understood or may not be.
#[track_caller]
fn refused(reply: &Reply) {
    assert!((400..500).contains(&reply.status), "{reply:#?}");
}

impl Plant<'_> {
    /// What is refused: credentials where none can stand, and beside what is wrong.
    pub async fn refuse(&self, admin: &Asker) {
        let url = self.targets.main.url("/echo/x");
        let count = std::cell::Cell::new(0);
        let secret = || {
            count.set(count.get() + 1);
            self.text(&format!("refused {}", count.get()))
        };
        let good = |webhook: Value| job("never", webhook);
        let headers = |headers: Value| good(json!({"url": url, "headers": headers}));
        let auth = |auth: Value| good(json!({"url": url, "auth": auth}));
        let jobs = vec![
            good(json!({"url": format!("http://user:{}@127.0.0.1/", percent(&secret()))})),
            good(json!({"url": format!("http://{}@127.0.0.1/", percent(&secret()))})),
            good(json!({"url": format!("ftp://127.0.0.1/?access_token={}", percent(&secret()))})),
            good(json!({"url": format!("http://127.0.0.1:99999/?access_token={}", percent(&secret()))})),
            good(json!({"url": format!("127.0.0.1/?access_token={}", percent(&secret()))})),
            good(json!({"url": format!("http://127.0.0.1/#access_token={}", percent(&secret()))})),
            good(json!({"url": url, "password": secret()})),
            good(json!({"url": [secret()]})),
            headers(json!({"X-Token": format!("{}\n", secret())})),
            headers(json!({"X-Token": [secret()]})),
            headers(json!({"X-Token": {"value": secret()}})),
            headers(json!(format!("X-Token: {}", secret()))),
            headers(json!([format!("X-Token: {}", secret())])),
            headers(json!({"Transfer-Encoding": "a", "X-Token": secret()})),
            headers(json!({"X-Token": secret(), "x-token": secret()})),
            auth(json!(secret())),
            auth(json!([secret()])),
            auth(json!({"type": "bearer", "token": [secret()]})),
            auth(json!({"type": "bearer", "token": {"value": secret()}})),
            auth(json!({"type": "bearer", "token": format!("{}\n", secret())})),
            auth(json!({"type": "bearer", "api_key": secret()})),
            auth(json!({"type": "nothing", "token": secret()})),
            auth(json!({"token": secret()})),
            auth(json!({"type": "basic", "username": "a:b", "password": secret()})),
            auth(json!({"type": "basic", "password": [secret()]})),
            auth(json!({"type": "api_key", "api_key": secret(), "header": "no name"})),
            auth(json!({"type": "oauth2_client_credentials", "client_secret": secret(), "client_id": "a"})),
            auth(json!({
                "type": "oauth2_client_credentials", "client_id": "a", "client_secret": [secret()],
                "token_url": format!("http://user:{}@127.0.0.1/", percent(&secret())),
                "parameters": {"password": [secret()]},
            })),
            good(json!({"url": url, "signing": {"secret": secret()}})),
            good(json!({"url": url, "signing": secret()})),
            good(json!({"url": url, "signing": {"secret": format!("whsec_{}", secret())}})),
            good(json!({"url": url, "signing": {
                "secret": self.credentials.value("the signing secret"), "previous": {"secret": secret()},
            }})),
            good(
                json!({"url": url, "client_certificate": {"cert": "{{secret.client-certificate}}", "key": secret()}}),
            ),
            good(json!({"url": url, "client_certificate": secret()})),
            good(json!({"url": url, "body": {"token": secret()}})),
        ];
        for job in &jobs {
            refused(&admin.post("/jobs", job).await);
            refused(&admin.put("/jobs/created", job).await);
            admin.patch("/jobs/created", &json!({"webhook": job["webhook"]})).await;
            admin.post("/webhooks/test", &json!({"webhook": job["webhook"]})).await;
            let patch =
                json!({"action": "patch", "names": ["created"], "patch": {"webhook": job["webhook"]}});
            admin.post("/jobs/actions", &patch).await;
        }
        let batch = json!({"jobs": jobs});
        admin.post("/jobs/batch", &batch).await;
        admin.post("/jobs/batch", &json!({"jobs": jobs, "atomic": true})).await;
        for (path, body) in [
            ("/jobs/created/trigger", json!({"headers": format!("X-Token: {}", secret())})),
            ("/jobs/created/trigger", json!({"headers": {"X-Token": [secret()]}})),
            ("/jobs/created/trigger", json!({"headers": {"X-Token": format!("{}\n", secret())}})),
            ("/jobs/created/trigger", json!({"token": secret()})),
            (
                "/jobs/created/trigger",
                json!({"headers": {"X-Plain": "{{secret.nothing}}", "X-Token": secret()}}),
            ),
            ("/keys", json!({"name": "a", "role": "viewer", "token": secret()})),
            ("/schedules/preview", json!({"schedule": "@daily", "token": secret()})),
        ] {
            refused(&admin.post(path, &body).await);
        }
        for body in [
            json!({"value": secret(), "hosts": ["h:80"]}),
            json!({"value": secret()}),
            json!({"value": [secret()], "hosts": ["h"]}),
            json!({"value": {"a": secret()}, "hosts": ["h"]}),
            json!({"value": secret().repeat(1_000), "hosts": ["h"]}),
            json!({"value": "", "hosts": ["h"], "token": secret()}),
            json!(secret()),
            json!([secret()]),
        ] {
            refused(&admin.put("/secrets/refused", &body).await);
        }
        // What is no JSON.
        let json = [("content-type", "application/json")];
        for text in [
            format!("{{\"name\": \"a\", \"webhook\": {{\"auth\": {{\"token\": \"{}", secret()),
            format!("{{\"token\": {}}}", secret()),
            secret(),
            format!("\"{}\" x", Written::Json.text(&secret())),
            format!("{{\"token\": \"{}\\x\"}}", secret()),
        ] {
            refused(&admin.send(Method::POST, "/api/v1/jobs", &json, &text).await);
            refused(&admin.send(Method::PUT, "/api/v1/secrets/refused", &json, &text).await);
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let text = format!("token={}", percent(&secret()));
        refused(&admin.send(Method::POST, "/api/v1/jobs", &form, &text).await);
        admin.send(Method::POST, "/session", &json, &json!({"token": secret()}).to_string()).await;
        admin.send(Method::POST, "/session", &json, &json!({"token": [secret()]}).to_string()).await;
        // Where no token is to be shown.
        for path in ["/api/v1/jobs", "/api/v1/events", "/metrics", "/nothing"] {
            let path = format!("{path}?access_token={}", percent(&secret()));
            admin.send(Method::GET, &path, &[], "").await;
        }
        let bad = secret();
        for value in [format!("Bearer {bad}"), format!("Basic {bad}"), bad.clone()] {
            let stranger = admin.with("");
            refused(&stranger.send(Method::GET, "/api/v1/jobs", &[("authorization", &value)], "").await);
        }
        let cookie = format!("chronos_session={}", secret());
        let stranger = admin.with("");
        refused(&stranger.send(Method::GET, "/api/v1/jobs", &[("cookie", &cookie)], "").await);
        refused(&stranger.send(Method::GET, "/api/v1/jobs", &[("x-api-key", &secret())], "").await);
    }
}

//! All that can be read: every route that the document has, with everything that is there

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;

use super::outputs::Asker;
use crate::support::*;

/// Routes that answer in a way of their own: a stream that does not end, and a backup, which is looked at as files are.
const APART: [&str; 2] = ["/api/v1/events", "/api/v1/cluster/backup"];

/// Further questions, with parameters.
const QUESTIONS: [&str; 20] = [
    "/jobs?limit=500&sort=-last_run",
    "/jobs?q=echo",
    "/jobs?failing=true",
    "/jobs?host=127.0.0.1",
    "/jobs/bearer-echo?consistent=true",
    "/jobs/created/versions?limit=100",
    "/executions?view=full&limit=500&from=1970-01-01T00:00:00Z",
    "/executions?status=failed&limit=500",
    "/executions?error_kind=status",
    "/executions?trigger=replay&view=full",
    "/facets?of=host",
    "/facets?of=set",
    "/stats?job=bearer-echo",
    "/audit?limit=500",
    "/audit?what=job.update",
    "/operations?limit=100",
    "/secrets?limit=100",
    "/jobs?nothing=1",
    "/jobs/nobody",
    "/nothing",
];

fn texts(page: &Value, list: &str, field: &str) -> Vec<String> {
    let all = page[list].as_array().unwrap_or_else(|| panic!("no {list} in {page:#}"));
    all.iter()
        .map(|one| one[field].as_str().unwrap_or_else(|| panic!("no {field} in {one:#}")).to_owned())
        .collect()
}

/// What is put into the places of a path, by the place and what stands before it.
async fn places(admin: &Asker) -> BTreeMap<&'static str, Vec<String>> {
    let jobs = texts(&admin.get("/jobs?limit=500").await.ok(200), "jobs", "name");
    let mut executions = Vec::new();
    let mut path = "/executions?limit=500&from=1970-01-01T00:00:00Z".to_owned();
    loop {
        let page = admin.get(&path).await.ok(200);
        executions.extend(texts(&page, "executions", "id"));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/executions?limit=500&from=1970-01-01T00:00:00Z&cursor={cursor}");
    }
    let operations = texts(&admin.get("/operations").await.ok(200), "operations", "id");
    let secrets = texts(&admin.get("/secrets?limit=100").await.ok(200), "secrets", "name");
    assert!(jobs.len() > 100 && executions.len() > 100, "{} {}", jobs.len(), executions.len());
    assert!(!operations.is_empty() && secrets.len() > 5, "{operations:?} {secrets:?}");
    BTreeMap::from([
        ("/jobs/{job}", jobs),
        ("/executions/{id}", executions),
        ("/operations/{id}", operations),
        ("/secrets/{name}", secrets),
    ])
}

/// Asks for all of it.
pub async fn read_all(admin: &Asker) {
    let document = admin.get("/openapi.json").await.ok(200);
    let places = places(admin).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() || APART.contains(&path.as_str()) {
            continue;
        }
        for asked in filled(path, &places) {
            let reply = admin.send(Method::GET, &asked, &[], "").await;
            // Some of what is asked for has parameters that are required.
            assert!(reply.status == 200 || reply.status == 400, "{reply:?}");
        }
    }
    for question in QUESTIONS {
        admin.get(question).await;
    }
    for page in ["/metrics", "/health", "/ready", "/api/docs/", "/"] {
        admin.send(Method::GET, page, &[], "").await;
    }
    let preview = json!({"schedule": "0 0 * * *", "job": "bearer-echo"});
    admin.post("/schedules/preview", &preview).await.ok(200);
}

/// A path with all that can stand in its places.
fn filled(path: &str, places: &BTreeMap<&str, Vec<String>>) -> BTreeSet<String> {
    if !path.contains('{') {
        return BTreeSet::from([path.to_owned()]);
    }
    let own = places.iter().filter_map(|(place, values)| {
        let (before, behind) = path.split_once(place)?;
        let name = &place[..place.find('{').unwrap()];
        Some(values.iter().map(move |value| format!("{before}{name}{value}{behind}")))
    });
    let filled: BTreeSet<_> = own.flatten().collect();
    // An execution below a job is asked for by its own path as well.
    if path.ends_with("/jobs/{job}/executions/{id}") {
        return BTreeSet::new();
    }
    assert!(!filled.is_empty() && filled.iter().all(|path| !path.contains('{')), "{path} is to be read");
    filled
}

/// Nothing is found by a credential, whole or in part.
pub async fn nothing_is_found_by(admin: &Asker, value: &str) {
    for part in [value, &value[..10], &value[value.len() - 10..]] {
        let part: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
        // What was asked for is no leak where the answer repeats it.
        let (path, bearer) = (format!("/api/v1/jobs?q={part}"), admin.bearer());
        let headers = [("authorization", bearer.as_str())];
        let page = admin.api.client().request(Method::GET, &path, &headers, "").await.unwrap();
        let page: Value = serde_json::from_slice(&page.body).unwrap();
        assert_eq!(page["jobs"], json!([]), "{part}");
    }
}

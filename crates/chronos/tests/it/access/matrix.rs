//! Every route, asked by each role and by nobody: `docs/roles.md` has the table

use std::fmt::Write as _;
use std::path::Path;

use hyper::Method;

use super::{ROLES, api_keys, ask, configured, raised, token_of};
use crate::support::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/roles.md");
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../http/src");
/// Set to `write`, the table is written. The test fails all the same.
const SWITCH: &str = "CHRONOS_GOLDEN";

/// What is served and is not in `/api/v1/openapi.json`, as the table calls it, and a path of it.
const BESIDE: [(&str, &str, &str); 13] = [
    ("GET", "/api/docs", "/api/docs"),
    ("GET", "/api/docs/", "/api/docs/"),
    ("GET", "/api/docs/{*file}", "/api/docs/index.css"),
    ("DELETE", "/api/v1/jobs/actions", "/api/v1/jobs/actions"),
    ("GET", "/api/v1/jobs/actions", "/api/v1/jobs/actions"),
    ("PATCH", "/api/v1/jobs/actions", "/api/v1/jobs/actions"),
    ("PUT", "/api/v1/jobs/actions", "/api/v1/jobs/actions"),
    ("DELETE", "/api/v1/jobs/batch", "/api/v1/jobs/batch"),
    ("GET", "/api/v1/jobs/batch", "/api/v1/jobs/batch"),
    ("PATCH", "/api/v1/jobs/batch", "/api/v1/jobs/batch"),
    ("PUT", "/api/v1/jobs/batch", "/api/v1/jobs/batch"),
    ("GET", "/api/v1/openapi.json", "/api/v1/openapi.json"),
    ("GET", "/metrics", "/metrics"),
];
/// So many pages stand beside the document in the source: `.route(` of `openapi.json`, three of its page, and two of jobs
/// whose names are paths.
const ROUTES_BESIDE: usize = 6;

/// Each route: its method, how the table calls it, and a path of it.
fn routes(document: &Value) -> Vec<(String, String, String)> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let parts = path.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part });
            let mut asked = parts.collect::<Vec<_>>().join("/");
            if path == "/api/v1/events" {
                // Else it would be told what happens, for ever.
                asked += "?job=nobody";
            }
            routes.push((method.to_uppercase(), path.clone(), asked));
        }
    }
    let owned = |(method, path, asked): &(&str, &str, &str)| {
        ((*method).to_owned(), (*path).to_owned(), (*asked).to_owned())
    };
    routes.extend(BESIDE.iter().map(owned));
    routes.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    routes.push(("GET".into(), "any other path".into(), "/nothing/here".into()));
    routes
}

/// A row of the table: who may.
async fn row(server: &Server, (method, path, asked): &(String, String, String)) -> String {
    let mut row = format!("| `{method}` | {path} |");
    let known = Method::from_bytes(method.as_bytes()).unwrap();
    let nobody = server.send(known.clone(), asked, &[], "").await;
    let mut replies = vec![nobody];
    for role in ROLES {
        replies.push(ask(server, known.clone(), asked, &token_of(role)).await);
    }
    for (reply, who) in replies.iter().zip(["nobody"].into_iter().chain(ROLES)) {
        let what = format!("{method} {asked} by {who}: {reply:?}");
        assert!(reply.status < 500, "{what}");
        match reply.status {
            401 => {
                assert_eq!(reply.problem(401)["code"], "unauthenticated", "{what}");
                assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer "), "{what}");
                assert_eq!(who, "nobody", "{what}");
                row += " no |";
            }
            403 => {
                assert_eq!(reply.problem(403)["code"], "forbidden", "{what}");
                assert!(reply.header("www-authenticate").unwrap().contains("insufficient_scope"), "{what}");
                row += " no |";
            }
            _ => row += " yes |",
        }
    }
    assert!(!row.contains(" yes | no |"), "a role may less than one before it: {row}");
    assert!(row.ends_with(" yes |"), "an admin may all: {row}");
    // What its role may, a key that is limited may too, or it is about all of the cluster.
    let reply = ask(server, known, asked, &token_of("limited editor")).await;
    let what = format!("{method} {asked} by one who is limited: {reply:?}");
    let editor = replies[3].status;
    if reply.status != 403 {
        assert_eq!(reply.status, editor, "{what}");
        return row + " yes |";
    }
    let said = reply.problem(403)["detail"].clone();
    let is_of_all = said.as_str().is_some_and(|said| said.starts_with("the key is limited to a scope"));
    assert_eq!(is_of_all, editor != 403, "{what}");
    row + " no |"
}

#[tokio::test]
async fn each_route_is_asked_by_each_role_and_by_nobody_and_the_table_in_the_documentation_says_who_may() {
    let limited = configured("limited", "editor", &token_of("limited editor"));
    let limited = limited.replace("role:", "scope: [web], role:");
    let keys = format!("{}, {limited}]", api_keys().trim_end_matches(']'));
    let server = CHRONOS.with(&[("auth.api_keys", &keys), ("security.scope_tag", "team")]).await;
    raised(&server).await;
    let document = server.get("/openapi.json").await.ok(200);
    let mut table = String::new();
    for route in routes(&document) {
        writeln!(table, "{}", row(&server, &route).await).unwrap();
    }
    let kept = std::fs::read_to_string(DOCUMENT).unwrap();
    let (head, rows) = kept.split_once("| --- | --- | --- | --- | --- | --- | --- | --- |\n").unwrap();
    let rows: String =
        rows.lines().take_while(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect();
    if rows == table {
        return;
    }
    if std::env::var(SWITCH).is_ok_and(|value| value == "write") {
        let rest = kept.split_once(&rows).map_or("", |(_, rest)| rest);
        let text = format!("{head}| --- | --- | --- | --- | --- | --- | --- | --- |\n{table}{rest}");
        std::fs::write(DOCUMENT, text).unwrap();
    }
    panic!(
        "docs/roles.md does not say who may ask for which route; it is, as {SWITCH}=write writes it:\n{table}"
    );
}

#[tokio::test]
async fn each_operation_says_in_the_document_which_role_it_needs_and_what_it_answers_others() {
    let document = CHRONOS.start().await.get("/openapi.json").await.ok(200);
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!((&schemes["key"]["scheme"], &schemes["session"]["in"]), (&json!("bearer"), &json!("cookie")));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let security =
                operation["security"].as_array().unwrap_or_else(|| panic!("{what} declares no role"));
            if *security == [json!({})] {
                assert!(["/health", "/ready", "/session"].contains(&path.as_str()), "{what} is open");
                continue;
            }
            let role = security[0]["key"][0].as_str().unwrap_or_else(|| panic!("{what}: {security:?}"));
            assert!(ROLES.contains(&role), "{what}: {role}");
            assert_eq!(*security, [json!({"key": [role]}), json!({"session": [role]})], "{what}");
            for status in ["401", "403", "429"] {
                assert!(operation["responses"][status].is_object(), "{what} does not describe {status}");
            }
        }
    }
}

#[test]
fn a_page_that_is_not_in_the_document_is_in_the_table_too() {
    fn count(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let of = |path: std::path::PathBuf| {
            if path.is_dir() {
                return count(&path);
            }
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            // What tests declare is served to nobody.
            let text = if is_source { std::fs::read_to_string(&path).unwrap() } else { String::new() };
            let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
            if is_test { 0 } else { text.matches(".route(").count() }
        };
        entries.map(of).sum()
    }
    assert_eq!(
        count(Path::new(SOURCES)),
        ROUTES_BESIDE,
        "a page is served that neither the document nor BESIDE has"
    );
}

//! OpenAPI, its page, and what operators look at

use std::collections::BTreeSet;

use crate::support::*;

/// Calls that this version answers.
const ROUTES: [(&str, &str); 30] = [
    ("get", "/api/v1/jobs"),
    ("post", "/api/v1/jobs"),
    ("get", "/api/v1/jobs/{job}"),
    ("put", "/api/v1/jobs/{job}"),
    ("patch", "/api/v1/jobs/{job}"),
    ("delete", "/api/v1/jobs/{job}"),
    ("post", "/api/v1/jobs/{job}/trigger"),
    ("post", "/api/v1/jobs/{job}/enable"),
    ("post", "/api/v1/jobs/{job}/disable"),
    ("post", "/api/v1/jobs/{job}/pause"),
    ("post", "/api/v1/jobs/{job}/resume"),
    ("post", "/api/v1/jobs/{job}/skip"),
    ("delete", "/api/v1/jobs/{job}/skip"),
    ("get", "/api/v1/jobs/{job}/versions"),
    ("post", "/api/v1/jobs/{job}/rollback/{version}"),
    ("get", "/api/v1/jobs/{job}/executions"),
    ("get", "/api/v1/jobs/{job}/executions/{id}"),
    ("post", "/api/v1/jobs/{job}/executions/{id}/cancel"),
    ("post", "/api/v1/jobs/{job}/executions/{id}/replay"),
    ("get", "/api/v1/executions"),
    ("get", "/api/v1/executions/{id}"),
    ("post", "/api/v1/executions/{id}/cancel"),
    ("post", "/api/v1/executions/{id}/replay"),
    ("get", "/api/v1/facets"),
    ("post", "/api/v1/schedules/preview"),
    ("get", "/api/v1/schedules/density"),
    ("get", "/api/v1/runs/upcoming"),
    ("post", "/api/v1/webhooks/test"),
    ("get", "/health"),
    ("get", "/ready"),
];

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.insert(reference.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn openapi_is_3_1_and_lists_every_call() {
    let server = CHRONOS.start().await;
    let document = server.get("/openapi.json").await.ok(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let paths = document["paths"].as_object().unwrap();
    for (method, path) in ROUTES {
        let operation = &paths.get(path).unwrap_or_else(|| panic!("{path} is not documented"))[method];
        assert!(operation["responses"].is_object(), "{method} {path} is not documented");
        let says = operation["summary"].is_string() || operation["description"].is_string();
        assert!(says, "{method} {path} has no words");
        // Every variable of the path is described.
        for variable in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = operation["parameters"].as_array().unwrap();
            let known = |p: &Value| p["name"] == variable && p["in"] == "path" && p["required"] == true;
            assert!(parameters.iter().any(known), "{method} {path} does not describe {variable}");
        }
    }
    let body = |path: &str| &document["paths"][path]["post"]["requestBody"];
    assert_eq!(body("/api/v1/cluster/nodes")["required"], true);
    let may_be_left_out = body("/api/v1/cluster/transfer-leadership");
    assert!(
        may_be_left_out["content"].is_object() && may_be_left_out["required"] != true,
        "{may_be_left_out:#}"
    );
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads elsewhere"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let ids: Vec<_> = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "operation ids are unique");
}

#[tokio::test]
async fn the_docs_page_needs_nothing_from_outside() {
    let server = CHRONOS.start().await;
    let way = server.root("/api/docs").await;
    let path = way.header("location").unwrap_or("/api/docs").to_owned();
    let page = server.root(&path).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && !policy.contains("http"), "{policy}");
    let mut assets: Vec<_> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.body.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assets.push("swagger-initializer.js");
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is elsewhere");
        let asset = match asset.strip_prefix('/') {
            Some(absolute) => format!("/{absolute}"),
            None => format!("{path}{}", asset.trim_start_matches("./")),
        };
        let loaded = server.root(&asset).await;
        assert_eq!(loaded.status, 200, "{asset}");
        if asset.ends_with("initializer.js") {
            assert!(loaded.body.contains("/api/v1/openapi.json"), "{}", loaded.body);
        }
    }
    server.root(&format!("{path}nothing.js")).await.problem(404);
}

#[tokio::test]
async fn a_node_says_that_it_is_alive_and_ready() {
    let server = CHRONOS.start().await;
    let alive = server.root("/health").await.ok(200);
    assert!(alive.is_object(), "{alive}");
    let ready = until("it to be ready", || async {
        Some(server.root("/ready").await).filter(|reply| reply.status == 200)
    });
    assert!(ready.await.json().is_object());
}

#[tokio::test]
async fn metrics_have_their_names() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/bad", [Answer::status(500)]);
    server.call_webhook("good", json!({"url": receiver.url("/good")})).await;
    server.call_webhook("bad", json!({"url": receiver.url("/bad")})).await;
    let mut idle = manual("idle", json!({"url": receiver.url("/")}));
    idle["enabled"] = false.into();
    server.create(&idle).await;
    // Jobs are counted every so often.
    let reply = until("the jobs to be counted", || async {
        let reply = server.root("/metrics").await;
        assert_eq!(reply.status, 200);
        let counted = ["chronos_jobs{enabled=\"true\"} 2", "chronos_jobs{enabled=\"false\"} 1"];
        counted.iter().all(|line| reply.body.contains(line)).then_some(reply)
    })
    .await;
    let kind = reply.header("content-type").unwrap();
    assert!(kind.contains("text/plain") || kind.contains("openmetrics-text"), "{kind}");
    let samples = &reply.body;
    for line in [
        "chronos_jobs{enabled=\"true\"} 2",
        "chronos_jobs{enabled=\"false\"} 1",
        "chronos_executions_total{status=\"success\"} 1",
        "chronos_executions_total{status=\"failed\"} 1",
        "chronos_executions_total{status=\"skipped\"} 0",
        "chronos_attempts_total{outcome=\"success\"} 1",
        "chronos_attempts_total{outcome=\"status\"} 3",
        "chronos_executions_running 0",
        "chronos_slots 1024",
        "chronos_slots_taken{target=\"not_answering\"} 0",
        "chronos_slots_awaited{target=\"unknown\"} 0",
        "chronos_attempts_postponed_total 0",
        "chronos_execution_duration_seconds_count 2",
        "chronos_schedule_lateness_seconds_count 2",
    ] {
        assert!(samples.lines().any(|sample| sample == line), "no {line:?} in\n{samples}");
    }
    for name in ["chronos_execution_duration_seconds", "chronos_schedule_lateness_seconds", "chronos_jobs"] {
        assert!(
            samples.contains(&format!("# TYPE {name} ")) && samples.contains(&format!("# HELP {name} ")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn metrics_are_where_they_were_configured() {
    let server = CHRONOS.with(&[("metrics.path", "/internal/metrics")]).await;
    // There from the first request on; jobs, for one, are not before they were counted.
    let samples = server.root("/internal/metrics").await.body;
    assert!(samples.contains("chronos_executions_total"), "{samples}");
    server.root("/metrics").await.problem(404);
}

#[tokio::test]
async fn a_node_serves_https_where_it_has_a_certificate() {
    let setup = CHRONOS.setup();
    let (certificate, key) = tls::Identity::self_signed().pem();
    let (certificate, key) = (setup.file("cert.pem", &certificate), setup.file("key.pem", &key));
    let server = setup
        .key("server.http.tls.cert_file", certificate.to_str().unwrap())
        .key("server.http.tls.key_file", key.to_str().unwrap())
        .start()
        .await;
    // Chronos itself is the client at hand that speaks TLS: a second one calls the first.
    let other = CHRONOS.start().await;
    let webhook = json!({"url": format!("https://{}/health", server.address()), "tls_skip_verify": true});
    let execution = other.call_webhook("https", webhook).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let plain = json!({"url": format!("http://{}/health", server.address())});
    assert_eq!(other.call_webhook("http", plain).await["status"], "failed");
}

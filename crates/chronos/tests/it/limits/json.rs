//! JSON: serde_json reads it

use hyper::Method;

use crate::support::*;

async fn post(server: &Server, body: String) -> Reply {
    server.send(Method::POST, "/api/v1/jobs", &[("content-type", "application/json")], body).await
}

#[tokio::test]
async fn values_stand_32_deep_at_most() {
    let server = CHRONOS.start().await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // It is read, and is no job.
    assert_eq!(post(&server, nested(32)).await.problem(400)["code"], "invalid");
    for depth in [33, 129, 10_000] {
        let problem = post(&server, nested(depth)).await.problem(400);
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(problem["code"], "malformed_json");
        assert!(detail.contains("more than 32 values inside each other at line 1"), "{detail}");
    }
}

#[tokio::test]
async fn numbers_are_what_a_double_holds_and_are_read_exactly() {
    let server = CHRONOS.start().await;
    let job = |name: &str, field: &str, number: &str| {
        format!(
            r#"{{"name": "{name}", "schedule": "{NEVER}", "webhook": {{"url": "http://127.0.0.1:9/"}},
                "retry_policy": {{"{field}": {number}}}}}"#
        )
    };
    for (n, number) in ["51.248178375505404", "97.45365320034685", "1.1", "1e2", "1.0000000000000002"]
        .into_iter()
        .enumerate()
    {
        let created = post(&server, job(&format!("job-{n}"), "multiplier", number)).await.ok(201);
        let read = server.get(&format!("/jobs/job-{n}")).await;
        assert_eq!(created["retry_policy"]["multiplier"].as_f64(), number.parse().ok(), "{number}");
        // To the byte, but for another way to write it.
        let written = number.replace("1e2", "100.0");
        assert!(read.body.contains(&format!("\"multiplier\":{written},")), "{number}: {}", read.body);
    }
    let beyond = post(&server, job("beyond", "multiplier", "1e999")).await.problem(400);
    assert!(beyond["detail"].as_str().unwrap().contains("number out of range"), "{beyond:#}");
    for number in ["18446744073709551616", "-9223372036854775809", "1e300", "2.5"] {
        let refused = post(&server, job("beyond", "max_attempts", number)).await;
        assert_eq!(refused.bad_fields(), ["retry_policy.max_attempts"], "{number}");
        assert!(refused.body.contains("expected a whole number from 1 to 100"), "{}", refused.body);
    }
    // Without a fraction it is a whole number, however it is written.
    for (n, number) in ["3.0", "30e-1", "3"].into_iter().enumerate() {
        let created = post(&server, job(&format!("whole-{n}"), "max_attempts", number)).await.ok(201);
        assert_eq!(created["retry_policy"]["max_attempts"], 3, "{number}");
    }
}

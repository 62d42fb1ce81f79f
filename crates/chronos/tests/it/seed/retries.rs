//! "Retry Behavior", and the rule on `Retry-After`

use jiff::Timestamp;

use crate::support::*;

/// The waits between the attempts on record, in milliseconds: from the end of one to the start of
/// the next.
fn waits(execution: &Value) -> Vec<i64> {
    let log = execution["attempt_log"].as_array().unwrap();
    let start = |attempt: &Value| {
        let text = attempt["started_at"].as_str().unwrap();
        text.parse::<Timestamp>().unwrap().as_millisecond()
    };
    let wait = |pair: &[Value]| start(&pair[1]) - start(&pair[0]) - pair[0]["duration_ms"].as_i64().unwrap();
    log.windows(2).map(wait).collect()
}

#[tokio::test]
async fn retry_sequence_doubles_and_ends_as_failed() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let mut example = pasted(
        r#"{
  "retry_policy": {
    "max_attempts": 5,
    "initial_interval": "10s",
    "max_interval": "5m",
    "multiplier": 2.0
  },
  "webhook": {
    "url": "https://api.example.com/endpoint"
  }
}"#,
        &receiver,
    );
    let job = server.create_from("as-written", &example).await;
    assert_eq!(job["retry_policy"]["max_attempts"], 5);
    assert_eq!(job["retry_policy"]["initial_interval"], "10s");
    assert_eq!(job["retry_policy"]["max_interval"], "5m");
    assert_eq!(job["retry_policy"]["multiplier"], 2.0);
    // The same a thousand times faster.
    example["retry_policy"]["initial_interval"] = "10ms".into();
    example["retry_policy"]["max_interval"] = "300ms".into();
    receiver.script("/endpoint", [Answer::status(500)]);
    server.create_from("faster", &example).await;
    let execution = server.run_again("faster").await;
    assert_eq!(execution["status"], "failed");
    assert_eq!(execution["attempts"], 5);
    let numbers: Vec<_> = receiver.calls("/endpoint").iter().map(Call::attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let waits = waits(&execution);
    for (wait, least) in waits.iter().zip([10, 20, 40, 80]) {
        assert!(*wait >= least, "no wait is shorter than the policy's: {waits:?}");
    }
    let log = execution["attempt_log"].as_array().unwrap();
    let numbers: Vec<_> = log.iter().map(|attempt| attempt["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_execution_that_waits_for_its_retry_says_so() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/later", [Answer::status(502)]);
    let mut job = manual("later", json!({"url": receiver.url("/later")}));
    job["retry_policy"] = json!({"initial_interval": "1h", "max_interval": "1h"});
    server.create(&job).await;
    let id = server.trigger("later").await["id"].as_str().unwrap().to_owned();
    let waiting = server.execution_is("later", &id, "retrying").await;
    assert_eq!((&waiting["attempts"], &waiting["error_kind"]), (&json!(1), &json!("status")));
    assert!(waiting["last_error"].as_str().unwrap().contains("502"));
    assert_eq!(waiting["response"]["status_code"], 502);
    assert_eq!(waiting["completed_at"], Value::Null);
    // What is left of a schedule of 1 s and 2 s would have been over by now: 1 h is honoured.
    assert_eq!(receiver.calls("/later").len(), 1);
}

#[tokio::test]
async fn a_retry_policy_omitted_is_three_attempts_one_second_doubled() {
    let server = CHRONOS.start().await;
    let job = server.create(&manual("plain", json!({"url": "http://127.0.0.1/"}))).await;
    let policy = &job["retry_policy"];
    assert_eq!(policy["max_attempts"], 3);
    assert_eq!(policy["initial_interval"], "1s");
    assert_eq!(policy["max_interval"], "1m");
    assert_eq!(policy["multiplier"], 2.0);
    let mut partial = manual("partial", json!({"url": "http://127.0.0.1/"}));
    partial["retry_policy"] = json!({"max_attempts": 7});
    let job = server.create(&partial).await;
    assert_eq!(job["retry_policy"]["max_attempts"], 7);
    assert_eq!(job["retry_policy"]["initial_interval"], "1s", "a field omitted takes its default");
}

/// Fails once with this answer, then succeeds; the wait between, with a policy of 1 ms to `most`.
async fn wait_after(answer: Answer, most: &str) -> i64 {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/busy", [answer, Answer::ok()]);
    let mut job = manual("busy", json!({"url": receiver.url("/busy")}));
    job["retry_policy"] = json!({"initial_interval": "1ms", "max_interval": most});
    let execution = server.run(&job).await;
    assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(2)));
    waits(&execution)[0]
}

#[tokio::test]
async fn retry_after_in_seconds_is_honoured() {
    let (too_many, unavailable) = tokio::join!(
        wait_after(Answer::status(429).header("Retry-After", "1"), "1m"),
        wait_after(Answer::status(503).header("Retry-After", "1"), "1m"),
    );
    assert!(too_many >= 1000 && unavailable >= 1000, "{too_many} {unavailable}");
}

#[tokio::test]
async fn retry_after_as_a_date_is_honoured() {
    let answer = Answer::status(503)
        .header("Date", "Tue, 01 Jan 2030 00:00:00 GMT")
        .header("Retry-After", "Tue, 01 Jan 2030 00:00:01 GMT");
    let wait = wait_after(answer, "1m").await;
    assert!(wait >= 1000, "{wait}");
}

#[tokio::test]
async fn retry_after_is_capped_by_max_interval() {
    // An hour would outlast the test.
    wait_after(Answer::status(429).header("Retry-After", "3600"), "20ms").await;
}

#[tokio::test]
async fn retry_after_does_not_shorten_the_backoff() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    let answer = Answer::status(503).header("Retry-After", "0");
    receiver.script("/busy", [answer, Answer::ok()]);
    let mut job = manual("busy", json!({"url": receiver.url("/busy")}));
    job["retry_policy"] = json!({"initial_interval": "200ms"});
    let execution = server.run(&job).await;
    assert!(waits(&execution)[0] >= 200, "{execution:#}");
}

#[tokio::test]
async fn retry_after_of_another_status_is_not_heeded() {
    wait_after(Answer::status(500).header("Retry-After", "3600"), "1m").await;
}

#[tokio::test]
async fn backoff_jitter_is_kept_with_the_policy_and_never_exceeds_the_cap() {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    receiver.script("/jitter", [Answer::status(500)]);
    let mut job = manual("jitter", json!({"url": receiver.url("/jitter")}));
    job["retry_policy"] =
        json!({"max_attempts": 4, "initial_interval": "40ms", "max_interval": "40ms", "jitter": 0.5});
    let execution = server.run(&job).await;
    assert_eq!(execution["attempts"], 4);
    assert!(waits(&execution).iter().all(|wait| *wait >= 20), "{execution:#}");
    let job = server.get("/jobs/jitter").await.ok(200);
    assert_eq!(job["retry_policy"]["jitter"], 0.5);
}

//! Calls that fail, each in its way.

use std::time::Duration;

use chronos_client::{Client, Error, Method, Tcp};
use chronos_testkit::{Answer, Receiver, closed_port, json};

use crate::client;

#[tokio::test]
async fn a_problem_names_what_is_wrong() {
    let server = Receiver::start().await;
    let problem = json!({
        "type": "urn:chronos:problem:invalid", "title": "Bad Request", "status": 400, "code": "invalid",
        "detail": "one field is wrong", "errors": [{"field": "webhook.url", "message": "is missing"}],
    });
    let answer = Answer::status(400).header("Content-Type", "application/problem+json");
    server.respond(move |_| answer.clone().body(problem.to_string()));
    let error = client(&server).cluster_status().await.unwrap_err();
    let found = error.problem().expect("a problem");
    assert_eq!((found.status, found.code.as_str()), (400, "invalid"));
    assert_eq!(found.errors[0].field, "webhook.url");
    assert_eq!(error.to_string(), "Bad Request: one field is wrong (invalid)");
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_not_taken_for_one() {
    let server = Receiver::start().await;
    for (answer, says) in [
        (Answer::status(502).body("<html>Bad Gateway"), "Bad Gateway"),
        (Answer::redirect(307, "http://elsewhere/"), "no body"),
        (Answer::status(200).body("{\"jobs\": 1}"), "invalid type"),
    ] {
        server.script("/api/v1/jobs", [answer]);
        let error = client(&server).jobs(&Default::default()).await.unwrap_err();
        assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn it_is_said_whether_anything_was_sent() {
    let nobody = Client::new(format!("127.0.0.1:{}", closed_port()), Tcp).unwrap();
    let error = nobody.health().await.unwrap_err();
    assert!(matches!(error, Error::Unreached { .. }), "{error:?}");
    let server = Receiver::start().await;
    for answer in [Answer::reset(), Answer::cut_short(), Answer::silence(), Answer::stalled()] {
        server.script("/health", [answer]);
        let impatient = client(&server).patience(Duration::from_millis(300));
        let error = impatient.health().await.unwrap_err();
        assert!(matches!(error, Error::Unanswered { .. }), "{error:?}");
    }
    assert_eq!(server.calls("/health").len(), 4, "nothing is sent twice");
}

#[tokio::test]
async fn what_is_no_http_is_not_sent() {
    let server = Receiver::start().await;
    let error = client(&server).request(Method::GET, "/", &[("X", "a\nb")], "").await.unwrap_err();
    assert!(matches!(error, Error::Unsendable(_)), "{error:?}");
    assert_eq!(server.connections(), 0);
}

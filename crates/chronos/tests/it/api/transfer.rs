//! How answers travel: compressed for those that ask for it, and not at all where the client has them

use std::io::Read as _;

use chronos_client::Answer as Answered;
use flate2::read::GzDecoder;
use hyper::Method;

use crate::support::*;

const GZIP: (&str, &str) = ("accept-encoding", "br, gzip;q=0.8");

/// What is answered to a request with these headers, to the byte.
async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Answered {
    server.client().request(method, path, headers, "").await.unwrap()
}

fn unzipped(answer: &Answered) -> Vec<u8> {
    assert_eq!(answer.header("content-encoding"), Some("gzip"), "{answer:?}");
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()), "{answer:?}");
    let mut whole = Vec::new();
    GzDecoder::new(&answer.body[..]).read_to_end(&mut whole).unwrap();
    whole
}

async fn with_a_long_job(server: &Server) {
    let mut job = manual("long", json!({"url": "http://127.0.0.1:1/"}));
    job["description"] = "x".repeat(4000).into();
    server.create(&job).await;
}

#[tokio::test]
async fn long_texts_are_compressed_for_those_that_take_it() {
    let server = CHRONOS.start().await;
    with_a_long_job(&server).await;
    for path in ["/api/v1/jobs", "/api/v1/jobs/long", "/api/v1/openapi.json", "/api/docs/swagger-ui.css"] {
        let plain = ask(&server, Method::GET, path, &[]).await;
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
        let short = ask(&server, Method::GET, path, &[GZIP]).await;
        assert_eq!(unzipped(&short), plain.body, "{path}");
        assert!(short.body.len() * 2 < plain.body.len(), "{path}: {} bytes", short.body.len());
        assert_eq!(short.header("vary"), Some("accept-encoding"), "{path}");
        assert_eq!(short.header("content-type"), plain.header("content-type"), "{path}");
        let head = ask(&server, Method::HEAD, path, &[GZIP]).await;
        assert!(head.body.is_empty());
        for name in ["content-encoding", "content-length", "vary", "etag"] {
            assert_eq!(head.header(name), short.header(name), "{name} of {path}");
        }
        let refused = ask(&server, Method::GET, path, &[("accept-encoding", "gzip;q=0, br")]).await;
        assert_eq!((refused.header("content-encoding"), &refused.body), (None, &plain.body), "{path}");
    }
    let metrics = unzipped(&ask(&server, Method::GET, "/metrics", &[GZIP]).await);
    assert!(metrics.ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn short_answers_streams_and_problems_are_sent_as_they_are() {
    let server = CHRONOS.start().await;
    with_a_long_job(&server).await;
    for path in ["/health", "/api/v1/jobs/nobody", "/api/v1/cluster/backup"] {
        let answer = ask(&server, Method::GET, path, &[GZIP]).await;
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, None), "{path}");
    }
    // The head of a backup says how long it is, as before.
    let backup = ask(&server, Method::GET, "/api/v1/cluster/backup", &[GZIP]).await;
    assert_eq!(backup.header("content-length"), Some(backup.body.len().to_string().as_str()));
}

#[tokio::test]
async fn the_tag_of_a_job_is_its_version_in_every_coding() {
    let server = CHRONOS.start().await;
    with_a_long_job(&server).await;
    let plain = ask(&server, Method::GET, "/api/v1/jobs/long", &[]).await;
    let short = ask(&server, Method::GET, "/api/v1/jobs/long", &[GZIP]).await;
    unzipped(&short);
    let tag = short.header("etag").unwrap();
    assert_eq!(plain.header("etag"), Some(tag));
    let patch = json!({"description": "short"});
    server.call(Method::PATCH, "/jobs/long", &[("if-match", tag)], &patch).await.ok(200);
    server.call(Method::PATCH, "/jobs/long", &[("if-match", tag)], &patch).await.problem(412);
}

#[tokio::test]
async fn documents_are_not_sent_to_those_that_have_them() {
    let server = CHRONOS.start().await;
    for path in ["/api/v1/openapi.json", "/api/docs/", "/api/docs/swagger-ui.css"] {
        let first = ask(&server, Method::GET, path, &[]).await;
        let tag = first.header("etag").unwrap().to_owned();
        // In every coding it is the same text.
        assert!(tag.starts_with("W/\""), "{tag}");
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        let opaque = tag.strip_prefix("W/").unwrap();
        for known in [&tag, "*", opaque, &format!("\"other\", {tag}")] {
            let again = ask(&server, Method::GET, path, &[("if-none-match", known), GZIP]).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path} with {known}");
            assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        }
        let other = ask(&server, Method::GET, path, &[("if-none-match", "W/\"other\"")]).await;
        assert_eq!((other.status.as_u16(), &other.body), (200, &first.body), "{path}");
    }
    let bad = server.send(Method::GET, "/api/v1/openapi.json", &[("if-none-match", "1")], "").await;
    assert_eq!(bad.bad_fields(), ["If-None-Match"]);
}

#[tokio::test]
async fn a_job_is_sent_also_to_those_that_have_its_version() {
    let server = CHRONOS.start().await;
    let job = server.create(&manual("job", json!({"url": "http://127.0.0.1:1/"}))).await;
    for path in ["/jobs/job".to_owned(), format!("/jobs/{}", job["id"].as_str().unwrap()), "/jobs".into()] {
        for known in [&etag(&job), &format!("W/{}", etag(&job)), "*"] {
            let reply = server.call(Method::GET, &path, &[("if-none-match", known)], &Value::Null).await;
            reply.ok(200);
        }
    }
}

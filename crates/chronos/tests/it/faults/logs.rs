//! Logging is best effort: whatever becomes of its reader, webhooks are called, and what nobody got is counted

use futures::future::join_all;

use crate::support::*;

/// A webhook that fails at once, so that its attempts are logged.
fn failing() -> Value {
    let mut job = manual("failing", json!({"url": format!("http://127.0.0.1:{}/", closed_port())}));
    job["concurrency"] = "allow".into();
    job["retry_policy"] = json!({"max_attempts": 1});
    job
}

/// The value of a metric without labels; 0 where there is none.
async fn metric(server: &Server, name: &str) -> u64 {
    let samples = server.root("/metrics").await.body;
    let line = samples.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Fails attempts until log lines are dropped.
async fn until_lines_are_dropped(server: &Server) {
    until("log lines to be dropped", || async {
        for run in join_all((0..32).map(|_| server.run_again("failing"))).await {
            assert_eq!(run["status"], "failed");
        }
        (metric(server, "chronos_log_lines_dropped_total").await > 0).then_some(())
    })
    .await;
}

async fn deliver(server: &Server, receiver: &Receiver) {
    let before = receiver.calls("/").len();
    assert_eq!(server.run_again("healthy").await["status"], "success");
    assert_eq!(receiver.calls("/").len(), before + 1);
}

async fn start(format: &str, log_to: LogTo) -> (Receiver, Server) {
    let receiver = Receiver::start().await;
    // So that it says much.
    let setup = CHRONOS.setup().key("logging.level", "trace").key("logging.format", format);
    let server = setup.log_to(log_to).start().await;
    server.create(&failing()).await;
    server.create(&manual("healthy", json!({"url": receiver.url("/")}))).await;
    (receiver, server)
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nobody_up_and_says_later_what_it_lacks() {
    let (receiver, mut server) = start("json", LogTo::Nobody).await;
    until_lines_are_dropped(&server).await;
    deliver(&server, &receiver).await;
    let dropped = metric(&server, "chronos_log_lines_dropped_total").await;
    server.read_log();
    let said = server.logged("log lines were dropped: their reader was gone, or slower than they came").await;
    assert!(said["lines"].as_u64().unwrap() >= dropped, "{said} {dropped}");
    for line in server.log().lines() {
        let parsed: Result<Value, _> = line.parse();
        assert!(parsed.is_ok(), "no whole line of JSON: {line}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_log_whose_reader_is_gone_holds_nobody_up() {
    for format in ["json", "pretty"] {
        let (receiver, mut server) = start(format, LogTo::Gone).await;
        until_lines_are_dropped(&server).await;
        deliver(&server, &receiver).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn it_ends_in_order_though_nobody_reads_its_log() {
    let (receiver, mut server) = start("pretty", LogTo::Nobody).await;
    until_lines_are_dropped(&server).await;
    deliver(&server, &receiver).await;
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_is_an_exit_code_though_nobody_hears_the_sentence() {
    let refused = CHRONOS.setup().yaml("a: [").log_to(LogTo::Gone).refused().await;
    assert_eq!(refused.code, Some(2));
}

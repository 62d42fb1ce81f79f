//! What comes from outside and is not as it should be: variables, arguments, signals, closed streams

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::process::Signal;
use tokio::process::Command;

use crate::support::*;

/// No UTF-8.
fn bad() -> &'static OsStr {
    OsStr::from_bytes(b"/nowhere/\xff\xfe")
}

#[tokio::test]
async fn variables_of_others_may_hold_anything() {
    let setup = CHRONOS.setup().variable("SOMEBODY", bad()).variable(bad(), "else");
    // tokio panics at these.
    let mut server = setup.variable("TOKIO_WORKER_THREADS", "many").start().await;
    server.stop().await;
    let setup = CHRONOS.setup().variable("TOKIO_WORKER_THREADS", bad());
    setup.start().await.root("/health").await.ok(200);
}

#[tokio::test]
async fn what_is_no_text_and_has_to_be_is_named() {
    let refused = CHRONOS.setup().variable("CHRONOS_LOGGING__LEVEL", bad()).refused().await;
    refused.names(&["CHRONOS_LOGGING__LEVEL", "UTF-8"]);
    let refused = CHRONOS.setup().variable(OsStr::from_bytes(b"CHRONOS_\xff"), "1").refused().await;
    refused.names(&["CHRONOS_", "UTF-8"]);
    let refused = CHRONOS.setup().variable("CHRONOS_CONFIG", bad()).refused().await;
    refused.names(&["/nowhere/", "No such file"]);
    for arguments in [&["server", "--config"][..], &["cluster", "restore"], &[]] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(CHRONOS.path());
        command.args(arguments).arg(bad()).env_clear().current_dir(directory.path()).kill_on_drop(true);
        let output = soon("chronos to refuse", command.output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn the_longest_durations_are_only_long() {
    let receiver = Receiver::start().await;
    let forever = "876000h";
    let mut server = CHRONOS
        .setup()
        .key("cluster.reassign_after", forever)
        .key("scheduler.misfire_threshold", forever)
        .key("scheduler.catch_up_window", forever)
        .key("dispatcher.http.timeout", forever)
        .key("history.max_age", forever)
        .start()
        .await;
    let mut job = manual("long", json!({"url": receiver.url("/"), "timeout": "24h"}));
    job["timeout"] = "24h".into();
    job["retry_policy"] = json!({"max_attempts": 2, "initial_interval": "24h", "max_interval": "24h"});
    assert_eq!(server.run(&job).await["status"], "success");
    receiver.script("/", [Answer::status(503).header("Retry-After", &u32::MAX.to_string())]);
    let id = server.trigger("long").await["id"].as_str().unwrap().to_owned();
    server.execution_is("long", &id, "retrying").await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn a_hang_up_changes_nothing_and_the_log_says_so() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    server.signal(Signal::HUP);
    server
        .logged("SIGHUP changes nothing: the configuration is read at the start only; restart the node")
        .await;
    server.signal(Signal::HUP);
    let job = manual("after", json!({"url": receiver.url("/")}));
    assert_eq!(server.run(&job).await["status"], "success");
    server.stop().await;
}

#[tokio::test]
async fn a_command_whose_output_nobody_reads_does_its_work() {
    let mut server = CHRONOS.start().await;
    server.create(&manual("kept", json!({"url": "http://127.0.0.1:9/"}))).await;
    let backup = server.get_bytes("/cluster/backup").await;
    server.stop().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("backup"), backup).unwrap();
    let mut command = Command::new(CHRONOS.path());
    command.args(["cluster", "restore", "backup"]).env_clear().current_dir(directory.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    drop(child.stdout.take());
    let output = soon("the restore", child.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(directory.path().join("chronos-data/state.db").exists());
    for arguments in [&["--help"][..], &["--version"], &["server", "--help"]] {
        let mut command = Command::new(CHRONOS.path());
        command.args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = soon("its end", child.wait_with_output()).await.unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
    }
}

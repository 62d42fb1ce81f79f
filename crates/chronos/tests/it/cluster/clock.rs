//! `chronos cluster clock`, as a person at a terminal sees it

use std::net::SocketAddr;
use std::process::Output;

use tokio::process::Command;

use crate::support::*;

async fn clock(node: SocketAddr, say: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(CHRONOS.path());
    command.args(["cluster", "clock"]).args(say).current_dir(directory.path()).kill_on_drop(true);
    command.env_clear().env("CHRONOS_SERVER__HTTP__ADDRESS", node.to_string());
    soon("an answer", command.output()).await.unwrap()
}

#[tokio::test]
async fn the_time_is_shown_and_a_word_on_it_is_taken_or_refused() {
    let server = CHRONOS.start().await;
    // The first command sets the cluster's time.
    server.create(&manual("job", json!({"url": "http://127.0.0.1:9/"}))).await;
    for say in [&[][..], &["right"]] {
        let shown = clock(server.address(), say).await;
        assert!(shown.status.success(), "{shown:?}");
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(text.starts_with("the cluster's time is 20"), "{text}");
        assert!(text.contains("and the clock of this node says 20"), "{text}");
    }
    let refused = clock(server.address(), &["set-back"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("the clock of the leader is not behind the cluster's time"), "{text}");
    let nobody = SocketAddr::from(([127, 0, 0, 1], closed_port()));
    let refused = clock(nobody, &[]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains(&nobody.to_string()) && text.lines().count() == 1, "{text}");
}

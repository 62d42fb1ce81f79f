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

#[tokio::test]
async fn a_node_that_serves_what_the_configuration_does_not_say_is_named() {
    let server = CHRONOS.start().await;
    let directory = tempfile::tempdir().unwrap();
    let ask = async |node: SocketAddr, identity: Option<&(String, String)>| {
        let mut command = Command::new(CHRONOS.path());
        command.args(["cluster", "clock"]).current_dir(directory.path()).kill_on_drop(true);
        command.env_clear().env("CHRONOS_SERVER__HTTP__ADDRESS", node.to_string());
        if let Some((certificate, key)) = identity {
            std::fs::write(directory.path().join("own.crt"), certificate).unwrap();
            std::fs::write(directory.path().join("own.key"), key).unwrap();
            command.env("CHRONOS_SERVER__HTTP__TLS__CERT_FILE", "own.crt");
            command.env("CHRONOS_SERVER__HTTP__TLS__KEY_FILE", "own.key");
        }
        let output = soon("an answer", command.output()).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&node.to_string()) && said.lines().count() == 1, "{said}");
        said
    };
    let (one, other) = (tls::Identity::self_signed().pem(), tls::Identity::self_signed().pem());
    let said = ask(server.address(), Some(&one)).await;
    assert!(said.contains("does not speak TLS; expected HTTPS, since server.http.tls is set"), "{said}");
    let setup = CHRONOS.setup();
    let (cert_file, key_file) = (setup.file("server.crt", &one.0), setup.file("server.key", &one.1));
    let setup = setup.key("server.http.tls.cert_file", cert_file.to_str().unwrap());
    let server = setup.key("server.http.tls.key_file", key_file.to_str().unwrap()).start().await;
    let said = ask(server.address(), Some(&other)).await;
    assert!(said.contains("its certificate is another than that in server.http.tls.cert_file"), "{said}");
    let said = ask(server.address(), None).await;
    assert!(said.contains("it may serve HTTPS"), "{said}");
}

//! "TLS Configuration"

use crate::support::tls::{Authority, Identity};
use crate::support::*;

#[tokio::test]
async fn self_signed_is_refused() {
    let receiver = Receiver::tls(&Identity::self_signed()).await;
    let server = CHRONOS.start().await;
    let execution = server.call_webhook("strict", json!({"url": receiver.url("/secret")})).await;
    assert_eq!(execution["status"], "failed");
    assert_eq!(execution["error_kind"], "tls", "{execution:#}");
    assert_eq!(execution["attempts"], 3, "TLS errors are retried");
    assert_eq!(execution["response"]["status_code"], 0);
    assert!(receiver.calls("/secret").is_empty(), "nothing is said to a server that is not trusted");
}

#[tokio::test]
async fn tls_skip_verify_takes_any_certificate() {
    let receiver = Receiver::tls(&Identity::self_signed()).await;
    let server = CHRONOS.start().await;
    let example = pasted(
        r#"{
  "webhook": {
    "url": "https://self-signed.example.com",
    "tls_skip_verify": true
  }
}"#,
        &receiver,
    );
    server.create_from("skip", &example).await;
    let execution = server.run_again("skip").await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    assert_eq!(receiver.next("/").await.method, "GET");
    // A connection made without a check is not used by those who want one.
    let strict = server.call_webhook("strict", json!({"url": receiver.url("/")})).await;
    assert_eq!(strict["error_kind"], "tls", "{strict:#}");
}

#[tokio::test]
async fn ca_file_is_trusted() {
    let authority = Authority::new();
    let receiver = Receiver::tls(&authority.sign()).await;
    let setup = CHRONOS.setup();
    let ca_file = setup.file("ca.crt", &authority.pem());
    let yaml = "
# chronos.yaml
dispatcher:
  http:
    tls:
      ca_file: /etc/chronos/ca.crt
";
    let yaml = yaml.replace("/etc/chronos/ca.crt", ca_file.to_str().unwrap());
    let server = setup.yaml(&yaml).start().await;
    let execution = server.call_webhook("internal", json!({"url": receiver.url("/")})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let by_name = format!("https://localhost:{}/", receiver.port());
    let execution = server.call_webhook("by-name", json!({"url": by_name})).await;
    assert_eq!(execution["status"], "success", "{execution:#}");
    let stranger = Receiver::tls(&Authority::new().sign()).await;
    let execution = server.call_webhook("stranger", json!({"url": stranger.url("/")})).await;
    assert_eq!(execution["error_kind"], "tls", "another authority is not trusted: {execution:#}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let receiver = Receiver::tls(&authority.sign()).await;
    let setup = CHRONOS.setup();
    let ca_file = setup.file("ca.crt", &authority.pem());
    let server = setup.key("dispatcher.http.tls.ca_file", ca_file.to_str().unwrap()).start().await;
    // Also this machine, but not a name in the certificate.
    let url = format!("https://127.0.0.2:{}/", receiver.port());
    let execution = server.call_webhook("other", json!({"url": url})).await;
    let kind = execution["error_kind"].as_str().unwrap();
    assert!(matches!(kind, "tls" | "connect"), "{execution:#}");
    assert!(receiver.calls("/").is_empty());
}

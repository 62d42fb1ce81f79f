//! "Authentication"

use crate::support::*;

/// Runs an example once; answers the request that it made.
async fn sent(example: &str) -> Call {
    let (receiver, server) = (Receiver::start().await, CHRONOS.start().await);
    server.create_from("auth", &pasted(example, &receiver)).await;
    assert_eq!(server.run_again("auth").await["status"], "success");
    receiver.next("/endpoint").await
}

#[tokio::test]
async fn bearer_token_is_sent() {
    let call = sent(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "auth": {
      "type": "bearer",
      "token": "eyJhbGciOiJIUzI1NiIs..."
    }
  }
}"#,
    )
    .await;
    assert_eq!(call.sent("Authorization"), "Bearer eyJhbGciOiJIUzI1NiIs...");
}

#[tokio::test]
async fn basic_auth_is_sent_in_base64() {
    let call = sent(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "auth": {
      "type": "basic",
      "username": "api_user",
      "password": "api_password"
    }
  }
}"#,
    )
    .await;
    // printf api_user:api_password | base64
    assert_eq!(call.sent("Authorization"), "Basic YXBpX3VzZXI6YXBpX3Bhc3N3b3Jk");
}

#[tokio::test]
async fn api_key_is_sent_in_its_header() {
    let call = sent(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "auth": {
      "type": "api_key",
      "api_key": "your-api-key-here",
      "header": "X-API-Key"
    }
  }
}"#,
    )
    .await;
    assert_eq!(call.sent("X-API-Key"), "your-api-key-here");
    let other = sent(
        r#"{"webhook": {"url": "https://api.example.com/endpoint",
            "auth": {"type": "api_key", "api_key": "k", "header": "X-Other"}}}"#,
    )
    .await;
    assert_eq!((other.header("X-Other"), other.header("X-API-Key")), (Some("k"), None));
}

#[tokio::test]
async fn default_api_key_header_is_x_api_key() {
    let call = sent(
        r#"{"webhook": {"url": "https://api.example.com/endpoint",
            "auth": {"type": "api_key", "api_key": "your-api-key-here"}}}"#,
    )
    .await;
    assert_eq!(call.sent("X-API-Key"), "your-api-key-here");
}

#[tokio::test]
async fn custom_headers_carry_other_schemes() {
    let call = sent(
        r#"{
  "webhook": {
    "url": "https://api.example.com/endpoint",
    "headers": {
      "Authorization": "CustomScheme token123",
      "X-Signature": "sha256=abc123"
    }
  }
}"#,
    )
    .await;
    assert_eq!(call.sent("Authorization"), "CustomScheme token123");
    assert_eq!(call.sent("X-Signature"), "sha256=abc123");
}

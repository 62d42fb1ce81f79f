//! `chronos.yaml` as people write it

use crate::support::*;

#[tokio::test]
async fn a_section_whose_keys_are_all_commented_out_is_as_if_it_were_not_there() {
    let yaml = "
cluster:
  # node_id: n1
server:
  http:
    # address: 127.0.0.1:9090
    tls:
      # cert_file: server.crt
      # key_file: server.key
dispatcher:
  http:
    egress:
      deny:
      # - 10.0.0.0/8
auth:
logging:
  level:
";
    let server = CHRONOS.setup().yaml(yaml).start().await;
    assert_eq!(server.get("/cluster/status").await.ok(200)["node_id"], "chronos-1");
}

#[tokio::test]
async fn a_text_without_quotes_is_the_text() {
    for name in ["no", "0012", "1e3", "12:30:45"] {
        let server = CHRONOS.setup().yaml(&format!("cluster:\n  node_id: {name}\n")).start().await;
        assert_eq!(server.get("/cluster/status").await.ok(200)["node_id"], name);
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_line_and_in_our_words() {
    for (yaml, parts) in [
        (
            "logging:\n  level: info\n  format: json\n  level: debug\n",
            &["line 4", "logging.level", "\"info\" in line 2", "\"debug\"", "expected once"][..],
        ),
        ("logging:\n\tlevel: info\n", &["line 2", "is not YAML", "a tab"]),
        ("metrics: { path: !env METRICS }\n", &["line 1", "!env", "expected a value without one"]),
        (
            "dispatcher:\n  http:\n    timeout: 30\n",
            &["line 3", "dispatcher.http.timeout", "\"30\"", "\"30s\""],
        ),
        ("metrics: /m\n", &["line 1", "metrics", "\"/m\"", "expected keys"]),
        (
            "dispatcher:\n  max_concurrent: 010\n",
            &["line 2", "dispatcher.max_concurrent", "\"010\"", "a whole number"],
        ),
        ("cluster:\n  bootstrap: yes\n", &["line 2", "cluster.bootstrap", "\"yes\"", "true or false"]),
        (
            "dispatcher:\n  http:\n    tls:\n      ca_file: 1\n      key: x\n",
            &["line 5", "tls.key: unknown key"],
        ),
        ("logging: { level: info }\n---\nlogging: { level: debug }\n", &["a second document"]),
    ] {
        let refused = CHRONOS.setup().yaml(yaml).refused().await;
        refused.names(&[&["chronos.yaml"], parts].concat());
        for word in ["Policy", "struct", "invalid type", "budget", "mapping", "scalar"] {
            assert!(!refused.stderr.contains(word), "{word}: {}", refused.stderr);
        }
    }
}

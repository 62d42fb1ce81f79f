//! `chronos.yaml`: what the parser of YAML takes

use crate::support::*;

#[tokio::test]
async fn a_file_of_anything_but_some_keys_is_refused_in_a_sentence() {
    let nested = format!("cluster: {}{}\n", "[".repeat(100), "]".repeat(100));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let before = n - 1;
        laughs += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{before}"); 10].join(", "));
    }
    for (yaml, part) in [
        (nested.as_str(), ""),
        (&laughs, ""),
        ("logging: { level: info }\n---\nlogging: { level: warn }\n", ""),
        ("logging: { level: info }\nlogging: { level: warn }\n", "logging"),
        ("logging: { level: info, level: warn }\n", "level"),
        ("logging:\n\tlevel: info\n", ""),
        ("logging: *nowhere\n", ""),
        ("logging: { level: info\n", ""),
        ("- logging\n", "expected keys"),
        ("logging\n", "expected keys"),
    ] {
        let refused = CHRONOS.setup().yaml(yaml).refused().await;
        refused.names(&["chronos.yaml", part]);
        assert!(refused.stderr.len() < 2_048, "{}", refused.stderr);
    }
    let other = CHRONOS.setup().yaml("");
    let file = other.data().parent().unwrap().join("chronos.yaml");
    std::fs::write(file, b"logging: { level: \xff }\n").unwrap();
    other.refused().await.names(&["chronos.yaml", "UTF-8"]);
}

#[tokio::test]
async fn a_file_may_begin_with_a_byte_order_mark_and_repeat_itself_by_aliases() {
    let yaml =
        "\u{feff}logging: { level: info }\nscheduler: { misfire_threshold: &t 2m, catch_up_window: *t }\n";
    let server = CHRONOS.setup().yaml(yaml).start().await;
    server.root("/health").await.ok(200);
}

//! Nothing is guessed: a key decides what its text is read as, and what could be meant in two ways is refused.

use std::path::Path;

use super::super::{Config, load};
use super::with;

#[test]
fn a_section_whose_keys_are_all_commented_out_is_as_if_it_were_not_there() {
    for yaml in [
        "server:\n",
        "server:\n  # http:\n  #   address: 127.0.0.1:1\n",
        "server:\n  http:\n    # address: 127.0.0.1:1\nlogging:\n",
        "server: null",
        "server: {}",
        "server: { http: { tls: } }",
        "server:\n  http:\n    tls:\n      # cert_file: x\n",
        "cluster:\n  raft:\n    join:\n      # - n1:7000\n    tls:\n",
        "cluster: { bootstrap: , data_dir: , raft: { address: , advertise: null } }",
        "dispatcher:\n  http:\n    egress:\n      deny:\n      # - 10.0.0.0/8\n",
        "auth:\n",
        "---\n# nothing\n...\n",
        "null",
        "\u{feff}server:\n",
        "server:\r\n  # http:\r\n",
    ] {
        assert_eq!(with(yaml, &[]), Ok(Config::default()), "{yaml:?}");
    }
    let set = [("CHRONOS_SERVER__HTTP__ADDRESS", "127.0.0.1:1")];
    for yaml in ["server:\n", "server:\n  http:\n", "server: null"] {
        let config = with(yaml, &set).expect(yaml);
        assert_eq!(config.server.http.address.port(), 1, "{yaml:?}");
    }
}

#[test]
fn so_many_keys_may_be_listed() {
    use crate::config::Auth;
    let listed = |count: usize| {
        let hash = |n: usize| format!("{n:08x}{:056}", 0);
        let key = |n: usize| format!("{{ name: k{n}, role: viewer, key_sha256: \"{}\" }}", hash(n));
        let keys: Vec<_> = (0..count).map(key).collect();
        with(&format!("auth: {{ api_keys: [{}] }}", keys.join(", ")), &[])
    };
    match listed(100).expect("keys").auth {
        Some(Auth::Keys(keys)) => assert_eq!(keys.len(), 100),
        other => panic!("{other:?}"),
    }
    let refused = listed(101).expect_err("refused");
    assert!(refused.contains("auth.api_keys") && refused.contains("at most 100"), "{refused}");
}

#[test]
fn keys_are_asked_for_where_auth_has_keys_and_a_bad_one_is_named() {
    use crate::config::{Auth, MetricsAuth};
    for yaml in ["auth: {}", "auth: { api_keys: }", "auth: { api_keys: [] }"] {
        assert_eq!(with(yaml, &[]).expect(yaml).auth, Some(Auth::Keys(Vec::new())), "{yaml}");
    }
    with("{ auth: {}, server: { http: { address: \"0.0.0.0:80\" } } }", &[]).expect("keys open no door");
    let open = with("metrics: { auth: none }", &[]).expect("metrics").metrics.auth;
    assert_eq!(open, Some(MetricsAuth::None));
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (key, says) in [
        ("{ name: a, role: viewer }", "key_sha256"),
        ("{ name: a, role: viewer, key_sha256: s3cret }", "64 hexadecimal digits"),
        (&format!("{{ name: a, role: root, key_sha256: {hash} }}"), "viewer, operator, editor, admin"),
        (&format!("{{ role: viewer, key_sha256: {hash} }}"), "name"),
        (&format!("{{ name: a, role: viewer, key_sha256: {hash}, per_second: 0 }}"), "per_second"),
        (&format!("{{ name: a, role: viewer, key_sha256: {hash}, expires_at: soon }}"), "expires_at"),
        (&format!("{{ name: a, role: viewer, key_sha256: {hash}, scopes: [x] }}"), "unknown key"),
        (&format!("{{ name: a, role: viewer, key_sha256: {hash}, scope: x }}"), "a list of values"),
        (&format!("{{ name: a, role: viewer, key_sha256: {hash}, scope: [x, x] }}"), "twice"),
        (&format!("{{ name: a, role: viewer, key_sha256: {hash}, scope: [x] }}"), "security.scope_tag"),
        (
            &format!(
                "{{ name: a, role: viewer, key_sha256: {hash} }}, {{ name: b, role: admin, key_sha256: {hash} }}"
            ),
            "\"b\"",
        ),
    ] {
        let refused = with(&format!("auth: {{ api_keys: [{key}] }}"), &[]).expect_err(key);
        assert!(refused.contains("auth.api_keys") && refused.contains(says), "{key}: {refused}");
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    let limited = |role: &str, tag: &str| {
        let key = format!("{{ name: a, role: {role}, key_sha256: {hash}, scope: [web, ops] }}");
        with(&format!("{{ auth: {{ api_keys: [{key}] }}, security: {{ scope_tag: {tag} }} }}"), &[])
    };
    let config = limited("editor", "team").expect("a key of two teams");
    assert_eq!(config.security.scope_tag.as_deref(), Some("team"));
    assert!(limited("admin", "team").expect_err("an admin").contains("another role"));
    let refused = limited("editor", "\"a b\"").expect_err("no tag");
    assert!(refused.contains("security.scope_tag") && refused.contains("letters, digits"), "{refused}");
}

#[test]
fn a_text_is_the_text_in_a_variable_and_in_the_file() {
    for text in [
        "no",
        "yes",
        "on",
        "true",
        "null",
        "0012",
        "1e3",
        "0x1F",
        ".5",
        "1_000",
        "12:30:45",
        "2026-11-26",
        "-",
    ] {
        let quoted = format!("cluster: {{ node_id: \"{text}\" }}");
        for found in [with("", &[("CHRONOS_CLUSTER__NODE_ID", text)]), with(&quoted, &[])] {
            assert_eq!(found.expect(text).cluster.node_id.as_str(), text);
        }
    }
    for text in ["no", "true", "0012", "1e3", "0x1F", ".5", "12:30:45", "2026-11-26"] {
        let config = with(&format!("cluster:\n  node_id: {text}\n"), &[]).expect(text);
        assert_eq!(config.cluster.node_id.as_str(), text, "without quotes too");
    }
    let config = with("", &[("CHRONOS_SERVER__HTTP__ADDRESS", "[::1]:8080")]).expect("an address");
    assert_eq!(config.server.http.address.to_string(), "[::1]:8080");
    for path in ["/a #1", "/a: b", "/[x]", "{x}", "/x # y", "null", "/'x'", "\"x\"", "/a\\b", "[a, b]"] {
        let config = with("", &[("CHRONOS_CLUSTER__DATA_DIR", path)]).expect(path);
        assert_eq!(config.cluster.data_dir, Path::new(path));
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for (key, value, expected) in [
        ("cluster.bootstrap", "yes", "true or false"),
        ("cluster.bootstrap", "on", "true or false"),
        ("cluster.bootstrap", "1", "true or false"),
        ("dispatcher.max_concurrent", "010", "a whole number from 1 to 100000"),
        ("dispatcher.max_concurrent", "1e3", "a whole number"),
        ("dispatcher.max_concurrent", "0x10", "a whole number"),
        ("dispatcher.max_concurrent", "1_000", "a whole number"),
        ("dispatcher.max_concurrent", "+7", "a whole number"),
        ("dispatcher.max_concurrent", "7.0", "a whole number"),
        ("dispatcher.max_concurrent", " 7", "a whole number"),
        ("cluster.max_voters", "05", "1, 3, 5"),
        ("history.max_bytes", "1e10", "a size"),
        ("history.max_bytes", "010GiB", "a size"),
        ("logging.level", "off", "one of error"),
        ("scheduler.misfire_threshold", "1:30", "a duration"),
        ("server.http.address", "127.1:8080", "host:port"),
        ("server.http.address", "0x7f.0.0.1:8080", "host:port"),
        ("server.http.address", "010.0.0.1:8080", "host:port"),
        ("server.http.address", "2130706433:8080", "host:port"),
        ("server.http.address", "127.0.0.1:+80", "host:port"),
        ("server.http.address", "localhost:http", "host:port"),
        ("server.http.address", "127.0.0.1:65536", "host:port"),
        ("server.http.address", ":8080", "host:port"),
        ("server.http.address", "8080", "host:port"),
        ("server.http.address", "::1:8080", "host:port"),
        ("metrics.path", "/a/../b", "a free path"),
    ] {
        let name = format!("CHRONOS_{}", key.replace('.', "__").to_uppercase());
        let error = with("", &[(name.as_str(), value)]).expect_err(value);
        let shown = format!("{value:?}");
        for part in [key, &name, &shown, expected] {
            assert!(error.contains(part), "{key}={value}: {error} lacks {part}");
        }
        // The same in the file, with quotes and without.
        let bare = (!value.starts_with(' ')).then(|| value.to_owned());
        for written in [Some(shown.clone()), bare].into_iter().flatten() {
            let mut yaml = String::new();
            for (depth, part) in key.split('.').enumerate() {
                yaml = format!("{yaml}\n{}{part}:", "  ".repeat(depth));
            }
            let yaml = format!("{yaml} {written}\n");
            let error = with(&yaml, &[]).expect_err(&yaml);
            for part in [key, &shown, expected, "chronos.yaml, line "] {
                assert!(error.contains(part), "{yaml}: {error} lacks {part}");
            }
        }
    }
}

#[test]
fn whatever_is_refused_is_named_with_its_key_its_value_and_what_was_expected() {
    let keys = [
        "cluster.node_id",
        "cluster.data_dir",
        "cluster.bootstrap",
        "cluster.max_voters",
        "cluster.reassign_after",
        "cluster.raft.address",
        "cluster.raft.advertise",
        "cluster.raft.join",
        "cluster.raft.tls",
        "cluster.raft.heartbeat_interval",
        "cluster.raft.election_timeout",
        "server.http.address",
        "server.http.tls",
        "scheduler.misfire_threshold",
        "scheduler.catch_up_window",
        "dispatcher.max_concurrent",
        "dispatcher.http.timeout",
        "dispatcher.http.max_response_body",
        "dispatcher.http.tls.ca_file",
        "dispatcher.http.proxy",
        "dispatcher.http.proxy.url",
        "dispatcher.http.no_proxy",
        "dispatcher.http.egress.mode",
        "dispatcher.http.egress.deny",
        "dispatcher.http.egress.allow",
        "history.max_per_job",
        "history.min_per_job",
        "history.max_age",
        "history.max_bytes",
        "audit.max_age",
        "audit.log",
        "auth",
        "security.allowed_hosts",
        "security.trusted_proxies",
        "security.cors_origins",
        "security.encryption_keys",
        "metrics.path",
        "logging.level",
        "logging.format",
        "server",
        "cluster.raft",
    ];
    let long = "x".repeat(2_000);
    let mut refused = 0;
    for key in keys {
        let name = format!("CHRONOS_{}", key.replace('.', "__").to_uppercase());
        for value in
            ["", " ", "\t", "no", "-1", "0", "1e3", "[", "{", "[]", "{}", "null", "ä", "a b", "\\", &long]
        {
            let Err(error) = with("", &[(name.as_str(), value)]) else { continue };
            refused += 1;
            // What is missing has no value. A long one is not shown to its end.
            let shown = format!("{value:?}");
            let is_missing = error.contains(": is missing; ");
            let shown = if is_missing { "" } else { &shown[..shown.len().min(40) - 1] };
            for part in [&name, key, shown, "expected "] {
                assert!(error.contains(part), "{key}={value:?}: {error:?} lacks {part:?}");
            }
            assert!(error.len() < 1_000 && error.lines().count() == 1, "{error:?}");
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn a_path_that_would_be_another_in_the_working_directory_is_refused() {
    let too_long = format!("/{}", "x".repeat(500));
    for path in [
        "",
        " ",
        " /data",
        "/data ",
        "/data\n",
        "~",
        "~/data",
        "$HOME/data",
        "${DATA}",
        "file:///data",
        &too_long,
    ] {
        let error = with("", &[("CHRONOS_CLUSTER__DATA_DIR", path)]).expect_err(path);
        assert!(
            error.starts_with("environment variable CHRONOS_CLUSTER__DATA_DIR: cluster.data_dir: "),
            "{error}"
        );
        let shown = format!("{path:?}");
        assert!(error.contains(shown.trim_end_matches('"')), "{error}");
        assert!(error.contains("expected "), "{error}");
    }
    for key in
        ["SERVER__HTTP__TLS__CERT_FILE", "DISPATCHER__HTTP__TLS__CA_FILE", "CLUSTER__RAFT__TLS__KEY_FILE"]
    {
        let tls = "cluster: { raft: { tls: { cert_file: a, key_file: b, ca_file: c } } }\n\
                   server: { http: { tls: { cert_file: a, key_file: b } } }\n";
        let name = format!("CHRONOS_{key}");
        let error = with(tls, &[(name.as_str(), "")]).expect_err(key);
        assert!(
            error.contains(key) && error.contains("\"\" is empty; expected the path of a file"),
            "{error}"
        );
    }
    let error = with("cluster: { data_dir: ~ }", &[]).expect_err("no shell");
    assert!(error.contains("cluster.data_dir: \"~\" begins with ~"), "{error}");
}

#[test]
fn a_file_that_is_no_yaml_of_ours_is_refused_in_our_own_words() {
    for (yaml, parts) in [
        (
            "server: { http: { address: \"127.0.0.1:1\" } }\nlogging:\nserver: {}\n",
            &["line 3", "server: given twice", "in line 1", "{}"][..],
        ),
        (
            "cluster:\n  node_id: a\n  node_id: b\n",
            &["line 3", "cluster.node_id: given twice, as \"a\" in line 2 and as \"b\"; expected once"],
        ),
        ("cluster:\n  node_id: a\n---\ncluster:\n", &["line 4", "second document"]),
        ("cluster:\n\tnode_id: a\n", &["line 2", "not YAML", "tab"]),
        ("server: {\n", &["line 1", "\"server: {\"", "not YAML", "not closed"]),
        ("server: \"x\n", &["line 1", "not YAML", "quote"]),
        ("cluster: { node_id: !env NODE }", &["the tag !env", "expected a value without one"]),
        ("cluster: { node_id: *name }", &["not YAML", "alias"]),
        ("cluster: &all { raft: *all }", &["alias"]),
        ("? [a, b]\n: c\n", &["a key that is no text"]),
        ("1: 2\n", &["1: unknown key", "expected one of cluster"]),
        ("cluster:\n  <<: { node_id: a }\n", &["line 2", "cluster.<<: unknown key"]),
        (
            "server.http.address: 127.0.0.1:1\n",
            &["server.http.address: unknown key", "expected one of cluster"],
        ),
        ("Server:\n  http:\n", &["Server: unknown key"]),
        ("server: [http]\n", &["server: [\"http\"]", "expected keys"]),
        ("server:\n- http\n", &["server: [\"http\"]", "expected keys"]),
        (
            "cluster: { data_dir: { a: b } }",
            &["cluster.data_dir: {a: \"b\"}", "expected the path of a directory"],
        ),
        ("cluster: { node_id: [a] }", &["cluster.node_id: [\"a\"]", "expected a name"]),
        ("cluster: { bootstrap: [] }", &["cluster.bootstrap: []", "true or false"]),
        ("cluster: { raft: { join: [~, \"\"] } }", &["cluster.raft.join: \"~\"; expected host:port"]),
        ("server: { http: { tls: {} } }", &["server.http.tls.cert_file: is missing; expected a file"]),
        (
            "server:\n  http:\n    tls:\n      cert_file: x\n",
            &["line 3", "server.http.tls.key_file: is missing"],
        ),
        ("cluster:\n  node_id: \"a\\0b\"\n", &["cluster.node_id: \"a\\0b\""]),
        ("cluster:\n  node_id: a\u{0}b\n", &["line 2", "'\\0'"]),
        ("# \u{7}\n", &["line 1", "the character"]),
        ("server:\n  http:\n    address: [::1]:8080\n", &["line 3", "not YAML", "into quotes"]),
        ("server:\n  http:\n    address: *:8080\n", &["line 3", "not YAML", "into quotes"]),
        ("cluster:\n  data_dir: [a] b\n", &["line 2", "not YAML", "behind the value", "into quotes"]),
        ("cluster:\n  node_id: a\n  - b\n", &["line 3", "not YAML", "expected a key and a colon"]),
        ("metrics:\n  path: @m\n", &["line 2", "not YAML", "into quotes"]),
        ("metrics:\n  path: a: b\n", &["line 2", "not YAML", "into quotes"]),
        ("cluster:\n    node_id: a\n  data_dir: b\n", &["line 3", "not YAML", "indented"]),
        ("hello", &["\"hello\"; expected keys such as \"server:\" at the top"]),
    ] {
        let error = with(yaml, &[]).expect_err(yaml);
        for part in parts {
            assert!(error.contains(part), "{yaml:?}: {error:?} lacks {part:?}");
        }
        for word in ["Policy", "struct ", "invalid type", "serde", "budget", "mapping", "scalar"] {
            assert!(!error.contains(word), "{yaml:?}: {error:?} says {word:?}");
        }
        assert_eq!(error.lines().count(), 1, "{error:?}");
    }
    let deep = format!("{}x{}", "[".repeat(100), "]".repeat(100));
    assert!(with(&format!("cluster: {deep}"), &[]).expect_err("deep").contains("more than 32 levels"));
    // Ten times ten times ... of it.
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        laughs += &format!("a{n}: &a{n} [{}]\n", [format!("*a{}", n - 1).as_str(); 10].join(", "));
    }
    assert!(with(&laughs, &[]).expect_err("many").contains("more than 10000 values"));
}

#[test]
fn an_anchor_and_a_tag_of_yaml_itself_are_what_they_are() {
    let yaml = "cluster: { node_id: &name !!str 0012, raft: { address: \"127.0.0.1:1\", advertise: \"a:1\" } }\n\
                metrics: { path: /m }\nlogging: &log { level: debug }\n";
    let config = with(yaml, &[]).expect("a configuration");
    assert_eq!(config.cluster.node_id.as_str(), "0012");
    let yaml = "scheduler: { misfire_threshold: &t 2m, catch_up_window: *t }";
    let config = with(yaml, &[]).expect("a configuration");
    assert_eq!(config.scheduler.catch_up_window, config.scheduler.misfire_threshold);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::os::unix::fs::symlink("nowhere.yaml", path("link.yaml")).expect("a link");
    std::fs::write(path("latin1.yaml"), b"cluster:\n  node_id: caf\xe9\n").expect("a file");
    std::fs::write(path("large.yaml"), "#".repeat((1 << 20) + 1)).expect("a file");
    for (name, parts) in [
        ("missing.yaml", &["No such file", "expected a YAML file"][..]),
        ("link.yaml", &["is a link to nowhere.yaml, which is not there", "expected a YAML file"]),
        (".", &["is a directory", "expected a YAML file"]),
        ("latin1.yaml", &["line 2", "is not UTF-8", "expected YAML in UTF-8"]),
        ("large.yaml", &["more than 1048576 bytes"]),
    ] {
        let file = path(name);
        let error = load(Some(&file), std::iter::empty()).expect_err(name).to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
        for part in parts {
            assert!(error.contains(part), "{name}: {error} lacks {part}");
        }
    }
}

#[test]
fn variables_of_others_that_begin_as_ours_are_passed_over_by_name() {
    let environment = [
        ("CHRONOS_SERVICE_HOST", "10.0.0.1"),
        ("CHRONOS_SERVICE_PORT", "8080"),
        ("CHRONOS_PORT", "tcp://10.0.0.1:8080"),
        ("CHRONOS_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("CHRONOS_URL", "http://elsewhere:8080"),
        ("CHRONOS_API_KEY", "secret"),
        ("CHRONOS_CONTEXT", "prod"),
        ("CHRONOS_OUTPUT", "json"),
        ("CHRONOS_FORCE_TTY", ""),
        ("CHRONOS_CONFIG", "chronos.yaml"),
        ("CHRONOS_LOGGING__LEVEL", "debug"),
    ];
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let loaded = load(None, environment).expect("a configuration");
    assert_eq!(loaded.config.logging.level, tracing::Level::DEBUG);
    let names = [
        "CHRONOS_API_KEY",
        "CHRONOS_CONTEXT",
        "CHRONOS_FORCE_TTY",
        "CHRONOS_OUTPUT",
        "CHRONOS_PORT",
        "CHRONOS_PORT_8080_TCP_ADDR",
        "CHRONOS_SERVICE_HOST",
        "CHRONOS_SERVICE_PORT",
        "CHRONOS_URL",
    ];
    assert_eq!(loaded.passed_over, names);
    for (variables, parts) in [
        (
            &[("CHRONOS_PORT", "8080")][..],
            &["CHRONOS_PORT: port: unknown key", "expected one of cluster", "with __"][..],
        ),
        (&[("CHRONOS_SERVER_PORT", "8080")], &["server_port: unknown key"]),
        (&[("CHRONOS_VERSION", "1")], &["version: unknown key"]),
        (&[("CHRONOS_", "1")], &["CHRONOS_: it names no key"]),
        (&[("CHRONOS_SERVER__", "1")], &["CHRONOS_SERVER__: it names no key"]),
        (
            &[("CHRONOS_AUTH", "none"), ("CHRONOS_Auth", "none")],
            &["CHRONOS_AUTH and CHRONOS_Auth both set auth"],
        ),
    ] {
        let error = with("", variables).expect_err("a refusal");
        for part in parts {
            assert!(error.contains(part), "{variables:?}: {error} lacks {part}");
        }
    }
}

#[test]
fn a_node_that_listens_for_no_others_is_told_what_is_in_vain() {
    for (key, value, shown) in [
        ("join", "[n2:7000]", "[\"n2:7000\"]"),
        ("advertise", "n1:7000", "\"n1:7000\""),
        ("tls", "{ cert_file: a, key_file: b, ca_file: c }", "{cert_file: \"a\", ...}"),
    ] {
        let path = format!("cluster.raft.{key}");
        let error = with(&format!("cluster: {{ raft: {{ {key}: {value} }} }}"), &[]).expect_err(key);
        assert!(error.contains(&format!("chronos.yaml, line 1: {path}: {shown}")), "{error}");
        assert!(error.contains("expected cluster.raft.address"), "{error}");
        let name = format!("CHRONOS_CLUSTER__RAFT__{}", key.to_uppercase());
        let error = with("", &[(name.as_str(), value)]).expect_err(key);
        assert!(error.starts_with(&format!("environment variable {name}: {path}: {shown}")), "{error}");
    }
    let error = with("cluster: { bootstrap: false }", &[]).expect_err("nobody reaches it");
    assert!(error.contains("cluster.bootstrap: false") && error.contains("cluster.raft.address"), "{error}");
    for fine in ["{ join: [] }", "{ tls: none }", "{ join: , advertise: , tls: }"] {
        assert!(with(&format!("cluster: {{ bootstrap: true, raft: {fine} }}"), &[]).is_ok(), "{fine}");
    }
}

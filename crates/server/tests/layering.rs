//! Who may import whom inside this crate (the code map of ARCHITECTURE.md), read from the source:
//! between crates the manifests say it, between modules nothing but this.
//!
//! A module that is not in the table is refused as well, so that a new one has to be thought about.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module, and what of this crate it may name: a module with all in it, or one item of one.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // Asks the world; asked by everybody.
    ("env", &[]),
    // Carries messages; knows nothing of what they say.
    ("peer", &["env"]),
    ("telemetry", &[]),
    // Knows keys and values; of others only the types that a value parses into.
    ("config", &["dispatch::Network", "raft::LogLimits", "telemetry::LogFormat"]),
    // The log and the state machine, and nothing of what they are for.
    ("raft", &["env", "peer"]),
    // How nodes call each other.
    ("peer", &["env"]),
    ("proposer", &["env", "raft"]),
    ("store", &["env", "proposer"]),
    ("spread", &[]),
    // The loops. They meet in the state and nowhere else.
    ("dispatch", &["env", "proposer", "raft::View", "store", "telemetry"]),
    ("reassign", &["env", "proposer", "raft::View", "spread", "store", "telemetry"]),
    ("scheduler", &["env", "proposer", "raft::View", "spread", "store", "telemetry"]),
    ("retention", &["env", "proposer", "store", "telemetry"]),
    // Looks after the nodes; whoever asks for that needs no other module.
    ("cluster", &["env", "peer", "raft"]),
    // Asks for the first due instant and whether the node fires, tests a webhook, and otherwise
    // proposes and reads.
    (
        "http",
        &[
            "cluster",
            "config::Tls",
            "dispatch::Handle",
            "dispatch::Tester",
            "dispatch::TestOutcome",
            "env",
            "proposer",
            "scheduler::first_due",
            "store",
            "telemetry",
        ],
    ),
    (
        "node",
        &[
            "cluster",
            "config",
            "dispatch",
            "env",
            "http",
            "peer",
            "proposer",
            "raft",
            "reassign",
            "retention",
            "scheduler",
            "store",
            "telemetry",
        ],
    ),
    // A user of the door, like the binary.
    ("dev", &["Node", "node", "scheduler::first_due"]),
];

/// A text, and the only files or directories of `src` where it may stand.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("openraft::", &["raft"], "every type of openraft stays in raft/"),
    ("rusqlite", &["raft"], "the state is asked through chronos-state"),
    ("axum", &["http"], "the API is in http/"),
    ("SystemTime::now", &["env"], "the time of day comes from Env"),
    ("Timestamp::now", &["env"], "the time of day comes from Env"),
    ("Zoned::now", &["env"], "the time of day comes from Env"),
    ("std::time::Instant", &["env"], "tokio's Instant can be virtual, std's cannot"),
    ("timerfd", &["env"], "timers come from Env"),
    ("getrandom", &["env"], "randomness comes from Env"),
    ("new_v4", &[], "randomness comes from Env"),
    ("now_v7", &[], "the clock and randomness come from Env"),
    ("spawn_blocking", &["env"], "blocking work goes through Env"),
    ("block_in_place", &[], "blocking work goes through Env"),
    ("thread::spawn", &["env", "raft/blocking.rs"], "threads begin in env/ and raft/blocking"),
    ("thread::Builder", &["env", "raft/blocking.rs"], "threads begin in env/ and raft/blocking"),
    ("thread::sleep", &["env", "raft/blocking.rs"], "nothing else may hold up a thread"),
];

struct Source {
    /// Below `src`.
    path: PathBuf,
    code: String,
}

impl Source {
    /// The module at the top: `dispatch` for `dispatch/owner/attempt.rs`.
    fn module(&self) -> String {
        let first = self.path.iter().next().expect("a path has a part");
        Path::new(first).file_stem().expect("a name").to_string_lossy().into_owned()
    }

    fn is_below(&self, place: &str) -> bool {
        self.path.starts_with(place) || self.path == Path::new(place).with_extension("rs")
    }
}

/// The crate's own sources, without comments and without what is there for tests only.
fn sources() -> Vec<Source> {
    fn walk(directory: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(directory).expect("src can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name");
            if path.is_dir() {
                if name != "tests" {
                    walk(&path, root, found);
                }
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).expect("a source");
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let code: Vec<&str> = code.take_while(|line| *line != "mod tests {").collect();
                let path = path.strip_prefix(root).expect("below src").to_owned();
                found.push(Source { path, code: code.join("\n") });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 10, "the sources of this crate were not found below {}", root.display());
    found
}

/// What a source names of its own crate: `dispatch::Client`, `raft`, ...
fn imports(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut prefixes = vec!["crate::"];
    // In a module at the top, `super` is the crate. Indented, it belongs to a module inside.
    let is_top = source.path.iter().count() == 1;
    if is_top {
        prefixes.push("\nuse super::");
    }
    let code = format!("\n{}", source.code);
    for prefix in prefixes {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            tree(&code[at + prefix.len()..], "", &mut found);
        }
    }
    found
}

/// Flattens a path or a tree of paths (`a::{b, c::d}`); answers how much of the text it took.
fn tree(text: &str, prefix: &str, found: &mut Vec<String>) -> usize {
    let name = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let here = match (&text[..name], prefix) {
        ("" | "self", _) => prefix.to_owned(),
        (name, "") => name.to_owned(),
        (name, _) => format!("{prefix}::{name}"),
    };
    let rest = &text[name..];
    if let Some(inner) = rest.strip_prefix("::") {
        return name + 2 + tree(inner, &here, found);
    }
    if !rest.starts_with('{') || name != 0 {
        if !here.is_empty() {
            found.push(here);
        }
        return name;
    }
    let mut at = 1;
    loop {
        at += rest[at..].find(|c: char| !c.is_whitespace() && c != ',').expect("a tree ends");
        if rest[at..].starts_with('}') {
            return at + 1;
        }
        at += tree(&rest[at..], prefix, found).max(1);
    }
}

#[test]
fn modules_import_only_what_the_design_lets_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == module) else {
            wrong.push(format!("{module} is new: say in MAY_IMPORT what it may name"));
            continue;
        };
        for import in imports(&source) {
            let own = import.split("::").next() == Some(&module);
            let within = |place: &&str| import == **place || import.starts_with(&format!("{place}::"));
            if !own && !allowed.iter().any(within) {
                let path = source.path.display();
                wrong.push(format!("src/{path} names crate::{import}; {module} may name only {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "the import direction of ARCHITECTURE.md is broken:\n{}", wrong.join("\n"));
}

#[test]
fn the_world_is_asked_in_its_own_places_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (text, places, why) in ONLY_IN {
            if source.code.contains(text) && !places.iter().any(|place| source.is_below(place)) {
                wrong.push(format!("src/{} has {text:?}: {why}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "use crate::a;\nuse crate::b::{self, C, d::{E, F}};\nuse super::g::H;\nlet x = crate::i::J::new();\n\
                pub(crate) fn k() {}\nuse crate::{l, m::N};\nuse crate::{\n    o::P,\n    q,\n};\n    use super::inner;";
    let mut found = imports(&Source { path: "top.rs".into(), code: code.into() });
    found.sort();
    assert_eq!(
        found,
        ["a", "b", "b::C", "b::d::E", "b::d::F", "g::H", "i::J::new", "l", "m::N", "o::P", "q"]
    );
}

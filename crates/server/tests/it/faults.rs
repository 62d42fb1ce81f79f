//! A loop of a node that ends is a fault of the node: it says so, with the name of the loop.

use std::path::Path;
use std::time::Duration;

use chronos_env::{Bug, Env};
use chronos_server::{Node, config::Config};
use futures::future::join_all;

/// How long a node may take to start and to say what is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(directory: &Path, env: Env) -> Result<Node, String> {
    let mut config = Config::default();
    config.cluster.data_dir = directory.to_owned();
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    config.cluster.raft.address = Some(([127, 0, 0, 1], 0).into());
    Node::start(config, env).await.map_err(|error| error.to_string())
}

/// What a node with a bug says of it.
async fn fault_of(bug: Bug) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = async {
        match start(directory.path(), Env::real().with_bug(bug)).await {
            Ok(node) => node.fault().await,
            // It cannot even start without that loop.
            Err(error) => error,
        }
    };
    let fault = tokio::time::timeout(PATIENCE, fault).await;
    fault.unwrap_or_else(|_| panic!("{bug:?} goes unnoticed"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_any_loop_is_a_fault_with_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = start(directory.path(), Env::real()).await.expect("a node");
    // All of them, whoever adds one.
    let names = node.loops();
    node.stop().await;
    for known in
        ["dispatcher", "planner", "retention", "reassignment", "proposals", "reports", "api", "peers"]
    {
        assert!(names.contains(&known), "{known} is not among {names:?}");
    }
    let check = async |name: &'static str| {
        let panicked = fault_of(Bug::LoopPanics(name)).await;
        assert!(panicked.ends_with(&format!("the loop {name:?} panicked: planted")), "{panicked}");
        let returned = fault_of(Bug::LoopReturns(name)).await;
        assert!(returned.ends_with(&format!("the loop {name:?} has ended")), "{returned}");
    };
    join_all(names.into_iter().map(check)).await;
}

/// Tasks that are not loops, by file: they end by themselves, and a panic costs no more than what they are for.
const SHORT_TASKS: [(&str, usize); 10] = [
    // A connection that came in.
    ("env/src/accept.rs", 1),
    // The threads of a pool. A question that panics ends the question, and whoever asked is told.
    ("env/src/pool.rs", 1),
    // A question to the name servers.
    ("env/src/real/names/questions.rs", 1),
    // A worker, on a thread or on a task. Whoever has it is told of its panic.
    ("env/src/worker.rs", 2),
    // A connection that is being made.
    ("peer/src/client.rs", 1),
    // A connection that is kept.
    ("peer/src/connection.rs", 1),
    // A name that is looked up.
    ("peer/src/dial.rs", 1),
    // The rest of a body that was refused.
    ("peer/src/handler.rs", 1),
    // An attempt; a question; the wait for the state.
    ("dispatch/src/runtime/executor.rs", 3),
    // The closing of idle connections, until there are none. Where it is not done they are still few.
    ("webhook/src/pool.rs", 1),
];

/// The crates that a node is made of.
const CRATES: [&str; 13] = [
    "api", "dispatch", "engine", "env", "http", "peer", "replica", "schedule", "search", "server", "state",
    "types", "webhook",
];

/// How many tasks each file of a folder starts by other means than `Loops`, apart from tests.
fn tasks(folder: &Path, found: &mut Vec<(String, usize)>, root: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        if path.is_dir() && name != "tests" {
            tasks(&path, found, root);
        } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests.rs" {
            let text = std::fs::read_to_string(&path).expect("a file");
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let starts = |line: &&str| {
                let line = line.trim_start();
                line.contains("spawn(") && !line.contains("Worker::spawn(") && !line.contains("fn spawn(")
            };
            let count =
                code.lines().filter(|line| !line.trim_start().starts_with("//")).filter(starts).count();
            if count > 0 {
                let file = path.strip_prefix(root).expect("it is in there").to_string_lossy().into_owned();
                found.push((file, count));
            }
        }
    }
}

#[test]
fn no_loop_is_started_by_other_means() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of the crates");
    let mut found = Vec::new();
    for name in CRATES {
        tasks(&root.join(name).join("src"), &mut found, root);
    }
    let mut known: Vec<_> = SHORT_TASKS.map(|(file, count)| (file.to_owned(), count)).into();
    // That of `Loops` itself.
    known.push(("env/src/loops.rs".to_owned(), 1));
    found.sort();
    known.sort();
    assert_eq!(
        found, known,
        "a task that goes on is started by `Loops`; one that ends by itself is listed above"
    );
}

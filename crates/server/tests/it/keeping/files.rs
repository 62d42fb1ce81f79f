//! Who may read the files of a node.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chronos_testkit::{Receiver, json, manual};

use super::start;
use crate::clock::step::StepClock;

/// The names and modes of the files in a directory.
fn modes(directory: &Path) -> Vec<(String, u32)> {
    let mut modes: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    modes.sort_unstable();
    modes
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_may_read_the_files_of_a_node() {
    // As most machines have it: others may read what is made.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let receiver = Receiver::start().await;
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("data");
    let (node, api) = start(&StepClock::new(), &directory, |_| {}).await;
    let mode = std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    api.run(&manual("a", json!({"url": receiver.url("/a")}))).await;
    let expected = ["lock", "log.db", "log.db-shm", "log.db-wal", "state.db", "state.db-shm", "state.db-wal"];
    // Beside them there is the file of the search, which is made when there is time for it.
    let are_private = || {
        let found = modes(&directory);
        assert!(found.iter().all(|(_, mode)| *mode == 0o600), "{found:?}");
        assert!(expected.iter().all(|name| found.iter().any(|(found, _)| found == name)), "{found:?}");
    };
    are_private();
    node.stop().await;

    // Files of before, which others can read, are put right at the start: those of the search too, whether or not it
    // came to make them.
    for name in ["search.db", "search.db-wal", "search.db-shm"] {
        std::fs::OpenOptions::new().append(true).create(true).open(directory.join(name)).unwrap();
    }
    for (name, _) in modes(&directory) {
        std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let (node, _) = start(&StepClock::new(), &directory, |_| {}).await;
    are_private();
    node.stop().await;
}

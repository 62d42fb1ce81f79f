//! How many threads a silent name server costs. It has a process of its own, because it counts all threads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use chronos_env::{Env, NameFiles};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// The name in a question, as its bytes.
fn name(question: &[u8]) -> Vec<u8> {
    question[12..].iter().copied().take_while(|&byte| byte != 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_nobody_answers_for_cost_no_thread() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let files = NameFiles {
        hosts: directory.path().join("hosts"),
        resolv_conf: directory.path().join("resolv.conf"),
        port: silent.local_addr().unwrap().port(),
    };
    std::fs::write(&files.resolv_conf, "nameserver 127.0.0.1\n").unwrap();
    std::fs::write(&files.hosts, "127.0.0.1 known.test\n").unwrap();
    let env = Env::real().with_name_files(files);
    let before = threads();
    let mut waiting = JoinSet::new();
    for n in 0..600 {
        let env = env.clone();
        waiting.spawn(async move { env.lookup(&format!("host{}.test:80", n % 30)).await });
    }
    let asked = async {
        let (mut names, mut buffer) = (BTreeSet::new(), [0; 512]);
        while names.len() < 30 {
            let bytes = silent.recv(&mut buffer).await.unwrap();
            names.insert(name(&buffer[..bytes]));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.expect("all names are asked about");
    assert_eq!(threads(), before);
    // Others are answered meanwhile.
    assert_eq!(env.lookup("known.test:80").await.unwrap(), [([127, 0, 0, 1], 80).into()]);
    assert_eq!(env.blocking(|| 1).await, 1);
    assert!(waiting.try_join_next().is_none(), "nobody has an answer yet");
}

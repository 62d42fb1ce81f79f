//! The search file: it is lost, damaged or cannot be made, and searches find what they should all the same

use std::path::{Path, PathBuf};

use crate::support::*;

const SECRETS: [&str; 4] = ["qxzjvkwtoken", "qxzjvkwheader", "qxzjvkwquery", "qxzjvkwbody"];

async fn filled() -> Server {
    let server = CHRONOS.start().await;
    let [token, header, query, body] = SECRETS;
    for n in 0..30 {
        let webhook = json!({
            "url": format!("https://h{n}.example.com/run?api_key={query}"),
            "headers": {"X-Auth-Token": header},
            "auth": {"type": "bearer", "token": token},
            "body": body,
        });
        let mut job = manual(&format!("job-{n:02}"), webhook);
        job["description"] = format!("Übung number {n}").into();
        server.create(&job).await;
    }
    server
}

async fn count(server: &Server, q: &str) -> usize {
    server.get(&format!("/jobs?q={q}&limit=500")).await.ok(200)["jobs"].as_array().unwrap().len()
}

/// What is to be found of [`filled`].
async fn check(server: &Server) {
    for (q, expected) in [("job-", 30), ("JOB-07", 1), ("%C3%BCbung", 30), ("h12.example", 1), ("nothing", 0)]
    {
        assert_eq!(count(server, q).await, expected, "{q}");
    }
}

fn file(server: &Server) -> PathBuf {
    server.setup().data().join("search.db")
}

/// Puts other bytes into the place of a file of SQLite, and of what belongs to it.
fn put(path: &Path, bytes: &[u8]) {
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
    }
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_search_file_that_is_lost_or_damaged_is_made_anew_and_nothing_is_missed_meanwhile() {
    let mut server = filled().await;
    search_is_complete(&server).await;
    check(&server).await;
    type Harm = fn(&Path);
    let harms: [(&str, Harm, bool); 4] = [
        ("nothing", |_| {}, false),
        ("deleted", |path| std::fs::remove_file(path).unwrap(), false),
        ("garbage", |path| put(path, &[7; 20_000]), true),
        ("foreign", |path| put(path, &std::fs::read(path.with_file_name("log.db")).unwrap()), true),
    ];
    for (harm, inflict, is_told) in harms {
        server.stop().await;
        inflict(&file(&server));
        server = server.again().await;
        check(&server).await;
        search_is_complete(&server).await;
        check(&server).await;
        let told = server.log().contains("the search file is thrown away and made anew");
        assert_eq!(told, is_told, "{harm}: {}", server.log());
    }
    // It is behind: a job changed that it knows nothing of.
    server.stop().await;
    let wal = server.setup().data().join("search.db-wal");
    let behind = (std::fs::read(file(&server)).unwrap(), std::fs::read(&wal).ok());
    server = server.again().await;
    server.patch("/jobs/job-07", &json!({"description": "changed"})).await.ok(200);
    server.delete("/jobs/job-08").await;
    server.create(&manual("new", json!({"url": "http://127.0.0.1:9/"}))).await;
    server.stop().await;
    put(&file(&server), &behind.0);
    if let Some(bytes) = behind.1 {
        std::fs::write(&wal, bytes).unwrap();
    }
    server = server.again().await;
    for _ in 0..2 {
        for (q, expected) in [("changed", 1), ("%C3%BCbung", 28), ("job-08", 0), ("127.0.0.1", 1)] {
            assert_eq!(count(&server, q).await, expected, "{q}");
        }
        search_is_complete(&server).await;
    }
}

#[tokio::test]
async fn a_search_file_that_cannot_be_made_stops_nothing() {
    let setup = CHRONOS.setup();
    // In its place is something that is not removed.
    std::fs::create_dir_all(setup.data().join("search.db").join("full")).unwrap();
    let (receiver, server) = (Receiver::start().await, setup.start().await);
    server.create(&manual("found", json!({"url": receiver.url("/")}))).await;
    server.logged("the search file is left alone for a while").await;
    assert_eq!((count(&server, "found").await, count(&server, "lost").await), (1, 0));
    assert_eq!(server.run_again("found").await["status"], "success");
    server.root("/ready").await.ok(200);
}

#[tokio::test]
async fn the_search_file_holds_no_secret_and_goes_with_no_backup() {
    let mut server = filled().await;
    search_is_complete(&server).await;
    for secret in SECRETS {
        assert_eq!(count(&server, secret).await, 0, "{secret}");
    }
    let backup = server.setup().data().join("backup");
    std::fs::write(&backup, server.get_bytes("/cluster/backup").await).unwrap();
    let fresh = CHRONOS.setup().key("cluster.node_id", "n1");
    server.stop().await;
    let mut bytes = std::fs::read(file(&server)).unwrap();
    bytes.extend(std::fs::read(server.setup().data().join("search.db-wal")).unwrap_or_default());
    assert!(bytes.len() > 4_096, "{}", bytes.len());
    // What all secrets have in common, three characters at a time: the file has no longer texts.
    for part in ["qxz", "xzj", "zjv", "jvk", "vkw"] {
        assert!(!bytes.windows(3).any(|found| found == part.as_bytes()), "{part}");
    }
    let restored = tokio::process::Command::new(CHRONOS.path())
        .args(["cluster", "restore"])
        .arg(&backup)
        .env_clear()
        .env("CHRONOS_CLUSTER__DATA_DIR", fresh.data())
        .env("CHRONOS_CLUSTER__NODE_ID", "n1")
        .output();
    let restored = soon("chronos cluster restore", restored).await.unwrap();
    assert!(restored.status.success(), "{restored:?}");
    assert!(!fresh.data().join("search.db").exists());
    let server = fresh.start().await;
    check(&server).await;
    search_is_complete(&server).await;
    check(&server).await;
}

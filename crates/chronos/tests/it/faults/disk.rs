//! A full disk: 503 with the reason, reads go on, and recovery without a restart

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::*;

/// A small file system of its own; needs root.
struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "chronos-test"])
            .arg(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&mount.stderr).into_owned();
        assert!(mount.status.success(), "this test mounts a tmpfs of 16 MiB, which takes root: {said}");
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = [7; 4096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server on it may just be ending.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn job(name: &str, size: usize) -> Value {
    manual(name, json!({"url": "http://127.0.0.1:9/", "body": "x".repeat(size)}))
}

#[tokio::test]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself() {
    let disk = SmallDisk::mount();
    let receiver = Receiver::start().await;
    let mut server = CHRONOS.setup().data_dir(&disk.path().join("data")).start().await;
    let mut acknowledged = vec![server.create(&job("before", 10)).await["name"].clone()];
    let schedule = json!({
        "name": "often", "schedule": "@every 1s", "concurrency": "allow", "missed_runs": "execute_all",
        "webhook": {"url": receiver.url("/")},
    });
    acknowledged.push(server.create(&schedule).await["name"].clone());
    receiver.next("/").await;

    let ballast = disk.fill();
    // The files have some room of their own; sooner or later it is used up.
    let mut n = 0;
    let refused = loop {
        let name = format!("during-{n}");
        let reply = server.post("/jobs", &job(&name, 100_000)).await;
        match reply.status {
            201 => acknowledged.push(name.into()),
            503 => break reply,
            _ => panic!("{reply:?}"),
        }
        n += 1;
    };
    let problem = refused.problem(503);
    assert!(problem["detail"].as_str().unwrap().contains("full"), "{problem:#}");
    let again = server.post("/jobs", &job("refused", 100_000)).await.problem(503);
    assert!(again["detail"].as_str().unwrap().contains("full"), "{again:#}");
    let not_ready = server.root("/ready").await;
    assert_eq!(not_ready.status, 503, "{not_ready:?}");
    assert!(not_ready.body.contains("full"), "{not_ready:?}");
    server.root("/health").await.ok(200);
    for name in &acknowledged {
        server.get(&format!("/jobs/{}", name.as_str().unwrap())).await.ok(200);
    }
    server.get("/jobs").await.ok(200);
    server.get("/executions").await.ok(200);

    std::fs::remove_file(ballast).unwrap();
    until("writes to be taken again", || async {
        let reply = server.post("/jobs", &job("after", 10)).await;
        assert!(matches!(reply.status, 201 | 409 | 503), "{reply:?}");
        (reply.status != 503).then_some(())
    })
    .await;
    server.root("/ready").await.ok(200);
    let fired = receiver.calls("/").len();
    receiver.wait_for("/", fired + 2).await;

    // It is all on the disk, too.
    server.kill().await;
    let server = server.again().await;
    acknowledged.push("after".into());
    for name in acknowledged {
        server.get(&format!("/jobs/{}", name.as_str().unwrap())).await.ok(200);
    }
    let fired = receiver.calls("/").len();
    receiver.wait_for("/", fired + 1).await;
    for call in receiver.calls("/") {
        server.execution("often", call.execution()).await;
    }
}

#[tokio::test]
async fn a_start_on_a_full_disk_is_refused_in_a_sentence() {
    let disk = SmallDisk::mount();
    disk.fill();
    let refused = CHRONOS.setup().data_dir(&disk.path().join("data")).refused().await;
    refused.names(&["cluster.data_dir", "full"]);
    // The same where its sentence goes to that disk, too.
    let log = LogTo::File(disk.path().join("log"));
    let refused = CHRONOS.setup().data_dir(&disk.path().join("data")).log_to(log).refused().await;
    assert_eq!(refused.code, Some(2));
}

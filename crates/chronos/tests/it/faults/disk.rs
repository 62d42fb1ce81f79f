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

    /// Takes all the space but so many bytes.
    fn leave(&self, bytes: u64) -> PathBuf {
        let path = self.path().join("ballast");
        let free = rustix::fs::statvfs(self.path()).unwrap();
        let length = free.f_bavail * free.f_frsize - bytes;
        std::fs::write(&path, vec![7; usize::try_from(length).unwrap()]).unwrap();
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

#[tokio::test]
async fn a_backup_that_would_leave_no_space_is_refused_before_it_takes_any() {
    let disk = SmallDisk::mount();
    let server = CHRONOS.setup().data_dir(&disk.path().join("data")).start().await;
    server.create(&job("before", 10)).await;
    // There is room for the copy, and for nothing that the node itself writes meanwhile.
    let ballast = disk.leave(2 << 20);
    let problem = server.get("/cluster/backup").await.problem(503);
    assert_eq!(problem["code"], "disk_full");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("a backup needs 4."), "{detail}");
    assert!(
        detail.contains(" MiB on the disk of this node, and ") && detail.contains(" are free; "),
        "{detail}"
    );
    let names = std::fs::read_dir(server.setup().data()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("backup-")).count(), 0);
    server.root("/ready").await.ok(200);
    server.create(&job("meanwhile", 10)).await;
    std::fs::remove_file(ballast).unwrap();
    assert!(!server.get_bytes("/cluster/backup").await.is_empty());
}

#[tokio::test]
async fn a_restore_for_which_there_is_no_space_says_what_it_needs() {
    let mut server = CHRONOS.start().await;
    server.create(&job("kept", 200_000)).await;
    let disk = SmallDisk::mount();
    let backup = server.setup().file("chronos.backup", "");
    std::fs::write(&backup, server.get_bytes("/cluster/backup").await).unwrap();
    server.stop().await;
    disk.leave(100_000);
    // From the backup, and from what the node left.
    for (n, from) in [backup, server.setup().data().to_owned()].into_iter().enumerate() {
        let data = disk.path().join(n.to_string());
        let restore = tokio::process::Command::new(CHRONOS.path())
            .args(["cluster", "restore"])
            .arg(&from)
            .env_clear()
            .env("CHRONOS_CLUSTER__DATA_DIR", &data)
            .output();
        let output = soon("chronos cluster restore", restore).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Refused { code: output.status.code(), stderr }.names(&[
            " needs ",
            data.to_str().unwrap(),
            " are free there",
        ]);
        assert!(!data.join("state.db").exists());
    }
}

#[tokio::test]
async fn a_node_without_space_for_the_state_joins_once_there_is() {
    let disk = SmallDisk::mount();
    // The first founds the cluster alone.
    let mut cluster = CHRONOS.calm_cluster(2).key_of(1, "cluster.raft.join", "[]").key_of(
        2,
        "cluster.data_dir",
        disk.path().join("data").to_str().unwrap(),
    );
    cluster.revive(1).await;
    for n in 0..12 {
        cluster.node(1).create(&job(&format!("job-{n}"), 250_000)).await;
    }
    // It would take the file, and go through the write-ahead log as well.
    let ballast = disk.leave(4 << 20);
    cluster.revive(2).await;
    until("the leader to say why the other has no state", || async {
        let log = cluster.node(1).log();
        let why = log.lines().find(|line| line.contains("the state of the leader needs "))?;
        why.contains(" are free there").then_some(())
    })
    .await;
    let metrics = cluster.node(1).root("/metrics").await.body;
    assert!(!metrics.contains("chronos_snapshots_sent_total{outcome=\"failed\"} 0"), "{metrics}");
    std::fs::remove_file(ballast).unwrap();
    cluster.whole().await;
}

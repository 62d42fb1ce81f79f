//! Sends the state to a node that the log does not reach back far enough for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{Env, ScratchFile, Worker};
use chronos_peer::{Body, Lane};
use futures::StreamExt as _;
use futures::stream;
use openraft::errors::{StreamingError, Unreachable};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::lock::lock;
use super::network::Peer;
use super::snapshot::LiveSnapshot;
use super::types::{LogId, SnapshotMeta, Types, Vote};
use super::wire::{self, To};

/// What is read from the disk, and sent, at a time.
const CHUNK: usize = 256 << 10;
/// How long a copy is kept after its last use, for a node whose connection broke.
const KEEP: Duration = Duration::from_secs(300);
const OFFSET_TIMEOUT: Duration = Duration::from_secs(5);

/// What is said before the bytes of a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SnapshotHead {
    /// The leader's vote.
    pub vote: Vote,
    /// Where the state in the copy stands.
    pub meta: SnapshotMeta,
    pub copy: CopyId,
    /// The bytes begin here.
    pub offset: u64,
}

/// Which copy: what it holds, and nothing of where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopyId {
    pub sha256: String,
    pub length: u64,
}

impl CopyId {
    /// Reads a whole file. Blocks.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut hash, mut length) = (Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
            length += read as u64;
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { sha256, length })
    }
}

/// A copy on its way.
struct Copy {
    file: Arc<ScratchFile>,
    meta: SnapshotMeta,
    id: CopyId,
    used: std::sync::Mutex<Instant>,
}

impl Copy {
    fn use_now(&self) {
        *lock(&self.used) = Instant::now();
    }

    fn is_idle(&self) -> bool {
        lock(&self.used).elapsed() > KEEP
    }
}

/// The copies under way. One at a time is made, and kept for a while: several nodes may need it,
/// and a transfer that broke goes on where it stopped.
pub(super) struct Outbox {
    kept: Mutex<Option<Arc<Copy>>>,
    env: Env,
}

impl Outbox {
    pub(super) fn new(env: Env) -> Self {
        Self { kept: Mutex::default(), env }
    }

    /// Sends a state that stands where `snapshot` says or later; answers with the other's vote.
    pub(super) async fn send(
        &self,
        peer: &Peer,
        vote: Vote,
        snapshot: LiveSnapshot,
    ) -> Result<Vote, StreamingError<Types>> {
        let failed = |error: &dyn std::fmt::Display| peer.failed("a snapshot", error);
        let copy = self.copy(snapshot).await.map_err(|error| failed(&error))?;
        let had: u64 = peer.ask(Lane::Log, "snapshot_offset", &copy.id, OFFSET_TIMEOUT).await?;
        let offset = if had <= copy.id.length { had } else { 0 };
        tracing::info!(to = peer.name.as_str(), bytes = copy.id.length, offset, "sending the state");
        let message = SnapshotHead { vote, meta: copy.meta.clone(), copy: copy.id.clone(), offset };
        let message = wire::encode(&To { to: peer.id, message }).map_err(|error| failed(&error))?;
        let body = read(&self.env, copy, offset).await.map_err(|error| failed(&error))?;
        let answer = peer.transport.upload(&peer.address()?, "snapshot", message, body).await;
        let answer = answer.map_err(|error| failed(&error))?;
        let vote = wire::decode(&answer).map_err(|error| failed(&error));
        Ok(vote.map_err(|error: Unreachable<Types>| error)?)
    }

    /// Forgets a copy that nobody has asked for lately.
    pub(super) async fn tidy(&self) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|copy| copy.is_idle() && Arc::strong_count(copy) == 1) {
            *kept = None;
        }
    }

    async fn copy(&self, snapshot: LiveSnapshot) -> io::Result<Arc<Copy>> {
        let mut kept = self.kept.lock().await;
        // openraft takes it that the other stands where the snapshot says, so older will not do.
        let enough = |copy: &Copy| index(&copy.meta) >= index(&snapshot.meta);
        if let Some(copy) = kept.as_ref().filter(|copy| enough(copy)) {
            copy.use_now();
            return Ok(copy.clone());
        }
        *kept = None;
        let (file, meta) = snapshot.snapshot.into_file(snapshot.meta).await?;
        let path = file.path().to_owned();
        let id = self.env.blocking(move || CopyId::of(&path)).await?;
        let copy = Arc::new(Copy { file, meta, id, used: std::sync::Mutex::new(Instant::now()) });
        *kept = Some(copy.clone());
        Ok(copy)
    }
}

fn index(meta: &SnapshotMeta) -> Option<u64> {
    meta.last_log_id.map(|id: LogId| id.index)
}

/// The bytes of a copy from an offset, read on a thread of their own as they are wanted.
async fn read(env: &Env, copy: Arc<Copy>, offset: u64) -> io::Result<Body> {
    let path = copy.file.path().to_owned();
    let open = move |file: &mut Option<File>| {
        let mut opened = File::open(path)?;
        opened.seek(SeekFrom::Start(offset))?;
        *file = Some(opened);
        Ok::<_, io::Error>(())
    };
    let worker = Worker::spawn(env, "snapshot-read", None, || {})?;
    worker.call(open).await??;
    let chunks = stream::try_unfold((worker, copy), |(worker, copy): (_, Arc<Copy>)| async move {
        copy.use_now();
        let chunk = worker.call(|file: &mut Option<File>| read_chunk(file)).await??;
        Ok::<_, io::Error>((!chunk.is_empty()).then_some((chunk, (worker, copy))))
    });
    Ok(chunks.boxed())
}

fn read_chunk(file: &mut Option<File>) -> io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK);
    if let Some(file) = file {
        file.take(CHUNK as u64).read_to_end(&mut chunk)?;
    }
    Ok(chunk.into())
}

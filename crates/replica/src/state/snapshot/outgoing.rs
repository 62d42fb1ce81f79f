//! Copies of the state for nodes that the log does not reach back far enough for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{Env, ScratchFile, Worker};
use chronos_peer::Body;
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::checksum::copy_id;
use super::source::SourcedSnapshot;
use crate::lock::lock;
use crate::messages::payload::CopyId;
use crate::types::{LogId, SnapshotMeta};

/// What is read from the disk, and sent, at a time.
const CHUNK: usize = 256 << 10;
/// How long a copy is kept after its last use, for a node whose connection broke.
const KEEP: Duration = Duration::from_secs(300);
/// Between looks whether the kept copy has served.
const TIDY: Duration = Duration::from_secs(60);

/// A copy on its way.
pub(crate) struct OutgoingCopy {
    pub id: CopyId,
    /// Where the state in it stands.
    pub meta: SnapshotMeta,
    file: Arc<ScratchFile>,
    used: std::sync::Mutex<Instant>,
}

impl OutgoingCopy {
    fn use_now(&self) {
        *lock(&self.used) = Instant::now();
    }

    fn is_idle(&self) -> bool {
        lock(&self.used).elapsed() > KEEP
    }
}

/// Makes the copies, one at a time, and keeps the last one for a while: several nodes may need it, and a
/// transfer that broke goes on where it stopped.
pub(crate) struct OutgoingCopies {
    kept: Mutex<Option<Arc<OutgoingCopy>>>,
    env: Env,
}

impl OutgoingCopies {
    pub(crate) fn new(env: Env) -> Self {
        Self { kept: Mutex::default(), env }
    }

    /// Removes copies that nobody has asked for lately; goes on for ever.
    pub(crate) async fn tidy(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TIDY).await;
            let mut kept = self.kept.lock().await;
            if kept.as_ref().is_some_and(|copy| copy.is_idle() && Arc::strong_count(copy) == 1) {
                *kept = None;
            }
        }
    }

    /// A copy of a state that stands where `snapshot` says, or later.
    pub(crate) async fn copy(&self, snapshot: SourcedSnapshot) -> io::Result<Arc<OutgoingCopy>> {
        let mut kept = self.kept.lock().await;
        // openraft assumes that the receiver stands where the snapshot says, so an older state will not do.
        let enough = |copy: &OutgoingCopy| index(&copy.meta) >= index(&snapshot.meta);
        if let Some(copy) = kept.as_ref().filter(|copy| enough(copy)) {
            copy.use_now();
            return Ok(copy.clone());
        }
        *kept = None;
        let (file, meta) = snapshot.snapshot.into_file(snapshot.meta).await?;
        let path = file.path().to_owned();
        let id = self.env.blocking(move || copy_id(&path)).await?;
        let copy = Arc::new(OutgoingCopy { id, meta, file, used: std::sync::Mutex::new(Instant::now()) });
        *kept = Some(copy.clone());
        Ok(copy)
    }

    /// A copy that arrived as something else than what was sent is not sent again.
    pub(crate) async fn forget(&self, id: &CopyId) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|copy| copy.id == *id) {
            *kept = None;
        }
    }

    /// The bytes of a copy from an offset on, read on a thread of their own as they are wanted.
    pub(crate) async fn read(&self, copy: Arc<OutgoingCopy>, offset: u64) -> io::Result<Body> {
        let path = copy.file.path().to_owned();
        let open = move |file: &mut Option<File>| {
            let mut opened = File::open(path)?;
            opened.seek(SeekFrom::Start(offset))?;
            *file = Some(opened);
            Ok::<_, io::Error>(())
        };
        let worker = Worker::spawn(&self.env, "snapshot-read", None, || {})?;
        worker.call(open).await??;
        let chunks =
            stream::try_unfold((worker, copy), |(worker, copy): (_, Arc<OutgoingCopy>)| async move {
                copy.use_now();
                let chunk = worker.call(|file: &mut Option<File>| read_chunk(file)).await??;
                Ok::<_, io::Error>((!chunk.is_empty()).then_some((chunk, (worker, copy))))
            });
        Ok(chunks.boxed())
    }
}

fn index(meta: &SnapshotMeta) -> Option<u64> {
    meta.last_log_id.map(|id: LogId| id.index)
}

fn read_chunk(file: &mut Option<File>) -> io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK);
    if let Some(file) = file {
        file.take(CHUNK as u64).read_to_end(&mut chunk)?;
    }
    Ok(chunk.into())
}

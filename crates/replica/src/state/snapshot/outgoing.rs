//! Copies of the state for nodes that the log does not reach back far enough for.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{Env, Worker};
use chronos_peer::Body;
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::Mutex;

use super::checksum::copy_id;
use super::copy::OutgoingCopy;
use super::source::{SnapshotSource, SourcedSnapshot};
use crate::log::holds::Holds;
use crate::log::tail::next;
use crate::messages::payload::CopyId;
use crate::types::SnapshotMeta;

/// What is read from the disk, and sent, at a time.
const CHUNK: usize = 256 << 10;
/// Between looks whether the kept copy has served.
const TIDY: Duration = Duration::from_secs(60);

/// Makes the copies, one at a time, and keeps the last one for a while: several nodes may need it, and a
/// transfer that broke goes on where it stopped.
pub(crate) struct OutgoingCopies {
    kept: Mutex<Option<Arc<OutgoingCopy>>>,
    holds: Arc<Holds>,
    env: Env,
}

impl OutgoingCopies {
    pub(crate) fn new(holds: Arc<Holds>, env: Env) -> Self {
        Self { kept: Mutex::default(), holds, env }
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

    /// The copy that is kept, if the log behind it is kept too, which begins with the entry `first`. None also while
    /// one is being made.
    pub(crate) fn kept(&self, first: u64) -> Option<Arc<OutgoingCopy>> {
        let kept = self.kept.try_lock().ok()?;
        let reached = |entry| first <= entry && self.holds.reaches(entry);
        kept.as_ref().filter(|copy| reached(behind(&copy.meta))).cloned()
    }

    /// A copy of a state that stands where `snapshot` says, or later.
    pub(crate) async fn copy(&self, snapshot: SourcedSnapshot) -> io::Result<Arc<OutgoingCopy>> {
        if let SnapshotSource::Kept(copy) = snapshot.snapshot {
            copy.use_now();
            return Ok(copy);
        }
        let mut kept = self.kept.lock().await;
        // openraft assumes that the receiver stands where the snapshot says, so an older state will not do.
        let enough = |copy: &OutgoingCopy| behind(&copy.meta) >= behind(&snapshot.meta);
        if let Some(copy) = kept.as_ref().filter(|copy| enough(copy)) {
            copy.use_now();
            return Ok(copy.clone());
        }
        *kept = None;
        let (file, meta) = snapshot.snapshot.into_file(snapshot.meta).await?;
        let path = file.path().to_owned();
        let id = self.env.blocking(move || copy_id(&path)).await?;
        let copy = Arc::new(OutgoingCopy::new(id, meta, file));
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
        let path = copy.path().to_owned();
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

/// The first entry behind a state.
fn behind(meta: &SnapshotMeta) -> u64 {
    next(meta.last_log_id.as_ref())
}

fn read_chunk(file: &mut Option<File>) -> io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK);
    if let Some(file) = file {
        file.take(CHUNK as u64).read_to_end(&mut chunk)?;
    }
    Ok(chunk.into())
}

//! Receives the state of another node into a file, and goes on where a broken transfer stopped.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::{Env, ScratchFile, Worker};
use chronos_peer::Body;
use chronos_state::{private, space};
use futures::StreamExt as _;
use tokio::sync::{Mutex, MutexGuard};

use super::checksum::copy_id;
use super::source::SnapshotDirectory;
use crate::messages::payload::CopyId;
use crate::state::fault::StateFault;
use crate::state::position::{mismatch, position_of};
use crate::types::SnapshotMeta;

/// A sender that sends nothing for this long is gone, and another may begin.
const IDLE: Duration = Duration::from_secs(10);

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// It has not come as a whole. What has come is kept where it can be, for the sender to go on.
    #[error("{0}")]
    Broken(String),
    /// It is not what was announced, and thrown away.
    #[error("{0}")]
    Damaged(String),
    /// It is of a version that this Chronos cannot follow.
    #[error("{0}")]
    Newer(String),
}

impl From<String> for CopyError {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// The one copy that is being received, or that was received in part.
pub(crate) struct IncomingCopy {
    directory: Arc<SnapshotDirectory>,
    partial: Mutex<Option<Partial>>,
    env: Env,
}

/// A copy that has come as a whole. Until this is dropped no other one is received, and the sender sees that this one
/// is at work.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub file: Arc<ScratchFile>,
    _slot: MutexGuard<'a, Option<Partial>>,
}

#[derive(Debug)]
struct Partial {
    id: CopyId,
    file: Arc<ScratchFile>,
    length: u64,
}

impl IncomingCopy {
    pub(crate) fn new(directory: Arc<SnapshotDirectory>, env: Env) -> Self {
        Self { directory, partial: Mutex::default(), env }
    }

    /// How much of this copy is here. Refused while one is being received or installed.
    pub(crate) fn offset(&self, id: &CopyId) -> Result<u64, String> {
        let partial = self.lock()?;
        Ok(partial.as_ref().filter(|partial| partial.id == *id).map_or(0, |partial| partial.length))
    }

    /// Takes the bytes of a copy from `offset` on. Resolves with the whole, checked and durable: it has the
    /// checksum that was announced, is a whole state, and stands where `meta` says.
    pub(crate) async fn receive(
        &self,
        id: CopyId,
        offset: u64,
        meta: &SnapshotMeta,
        mut body: Body,
    ) -> Result<Received<'_>, CopyError> {
        let mut slot = self.lock()?;
        let partial = match slot.as_mut() {
            Some(partial) if partial.id == id && partial.length == offset => partial,
            _ if offset > 0 => {
                return Err(format!("the first {offset} bytes of this copy are not here").into());
            }
            _ => slot.insert(Partial { id, file: Arc::new(self.directory.file()), length: 0 }),
        };
        let (path, length) = (partial.file.path().to_owned(), partial.id.length);
        let open = move |_: &mut Option<File>| {
            // A part of a chunk that failed may have been written.
            let file = private::options().create(true).write(true).truncate(false).open(&path)?;
            file.set_len(offset)?;
            // The rest of it, and the write-ahead log through which it becomes the state of this node.
            let needed = length.saturating_mul(2).saturating_sub(offset);
            space::check(space::directory_of(&path), "the state of the leader", needed)
                .map_err(io::Error::other)?;
            Ok::<_, io::Error>(file)
        };
        let failed = |error: io::Error| format!("the copy cannot be written: {error}");
        let worker = Worker::spawn(&self.env, "snapshot-write", None, || {}).map_err(failed)?;
        worker
            .call(move |slot| open(slot).and_then(|file| place(slot, file, offset)))
            .await
            .map_err(ended)?
            .map_err(failed)?;
        loop {
            let chunk = tokio::time::timeout(IDLE, body.next()).await;
            let chunk = chunk.map_err(|_| format!("no byte for {} s", IDLE.as_secs()))?;
            let Some(chunk) = chunk else { break };
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(_) if partial.length == partial.id.length => break,
                Err(error) => return Err(format!("the transfer broke: {error}").into()),
            };
            let length = chunk.len() as u64;
            if partial.length + length > partial.id.length {
                let expected = partial.id.length;
                *slot = None;
                let why = format!("the copy is longer than the {expected} bytes announced");
                return Err(CopyError::Damaged(why));
            }
            self.env.room().map_err(failed)?;
            worker.call(move |file| write(file, &chunk)).await.map_err(ended)?.map_err(failed)?;
            partial.length += length;
        }
        if partial.length < partial.id.length {
            let (at, of) = (partial.length, partial.id.length);
            return Err(format!("the transfer ended at byte {at} of {of}").into());
        }
        let path = partial.file.path().to_owned();
        let check = move |file: &mut Option<File>| {
            if let Some(file) = file.take() {
                file.sync_all()?;
            }
            copy_id(&path)
        };
        let found = worker.call(check).await.map_err(ended)?.map_err(failed)?;
        if found != partial.id {
            let why = format!("the copy has the checksum {}, expected {}", found.sha256, partial.id.sha256);
            *slot = None;
            return Err(CopyError::Damaged(why));
        }
        let path = partial.file.path().to_owned();
        // It may be what was sent and damaged all the same, where the sender's disk is. Not on the state's thread:
        // it takes seconds where there are a million executions.
        let read = move |_: &mut Option<File>| {
            let stands = position_of(&path)?;
            chronos_state::check(&path).map(|()| stands).map_err(StateFault::of_copy)
        };
        let read = worker.call(read).await.map_err(ended)?;
        // It is kept until here: where the connection breaks while it is read, it need not be sent again.
        let Some(whole) = slot.take() else { return Err("the copy is gone".to_owned().into()) };
        match read {
            Ok(stands) if stands == *meta => Ok(Received { file: whole.file, _slot: slot }),
            Ok(stands) => Err(CopyError::Damaged(mismatch(&stands, meta))),
            Err(newer @ StateFault::NewerCopy { .. }) => Err(CopyError::Newer(newer.to_string())),
            Err(error) => Err(CopyError::Damaged(format!("the copy cannot be read: {error}"))),
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Option<Partial>>, String> {
        self.partial.try_lock().map_err(|_| "a copy of the state is being received or installed".to_owned())
    }
}

fn place(slot: &mut Option<File>, mut file: File, offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    *slot = Some(file);
    Ok(())
}

fn write(file: &mut Option<File>, chunk: &Bytes) -> io::Result<()> {
    match file {
        Some(file) => file.write_all(chunk),
        None => Err(io::Error::other("the file is closed")),
    }
}

fn ended(error: chronos_env::Ended) -> String {
    error.to_string()
}

//! Takes what was written over or deleted out of the files of this node: it is in entries of the log that are kept, and in
//! pages that nothing uses any more.
//!
//! What a file system or a disk keeps of it beside the files cannot be reached from here.

use std::time::Duration;

use crate::log::handle::Log;
use crate::raft::Figures;

/// How long a snapshot may take, and the log until it is cut.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cuts the log and writes both files anew, once for each `mark`. Answers whether it was done now.
pub(crate) async fn clean(log: &Log, mark: &str) -> Result<bool, String> {
    let (state, wanted) = (&log.storage.state, mark.to_owned());
    let is_done = state.call(move |state| state.is_cleaned(&wanted)).await;
    if is_done.map_err(|ended| ended.to_string())?.map_err(|fault| fault.to_string())? {
        return Ok(false);
    }
    // All that is applied by now is in the snapshot, so that no entry up to here is needed.
    let upto = log.figures().last_applied.map(|id| id.index);
    if let Some(upto) = upto {
        let ended = |_| "raft has ended".to_owned();
        log.raft.trigger().snapshot().await.map_err(ended)?;
        let is_made = move |now: &Figures| now.snapshot.is_some_and(|id| id.index >= upto);
        let made = log.raft.wait(Some(PATIENCE)).metrics(is_made, "a snapshot").await;
        made.map_err(|error| format!("no snapshot was made: {error}"))?;
        log.raft.trigger().purge_log(upto).await.map_err(|_| "raft has ended".to_owned())?;
        let is_cut = move |now: &Figures| now.purged.is_some_and(|id| id.index >= upto);
        let cut = log.raft.wait(Some(PATIENCE)).metrics(is_cut, "the log is cut").await;
        cut.map_err(|error| format!("the log was not cut: {error}"))?;
    }
    log.storage.log.clean().await?;
    let mark = mark.to_owned();
    let cleaned = state.write(move |state| state.clean(&mark)).await;
    cleaned.map_err(|ended| ended.to_string())?.map_err(|fault| fault.to_string())?;
    Ok(true)
}

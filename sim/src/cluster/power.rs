//! What a power cut takes from `state.db`: the end of its write-ahead log. That log is synced only before a
//! checkpoint moves its pages into the file. `log.db` is synced with every commit, and loses nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The sizes of a write-ahead log's header and of a frame's header, and the offset of the page size. See
/// <https://www.sqlite.org/walformat.html>.
const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
const PAGE_SIZE_AT: u64 = 8;
/// The offset in the index at which it says up to which frame a checkpoint began to move pages into the
/// file (`nBackfillAttempted`). The frames up to there are synced. Where it is 0, the log has begun anew since
/// the last checkpoint, and only the file is durable.
const CHECKPOINTED_AT: u64 = 128;

/// Shortens the copy of a write-ahead log, so that `keeps` percent of the unsynced bytes are left. Returns how
/// many bytes it took.
pub(super) fn cut(from: &Path, to: &Path, keeps: u64) -> io::Result<u64> {
    let (log, index) = (to.join("state.db-wal"), from.join("state.db-shm"));
    if keeps >= 100 || !log.exists() || !index.exists() {
        return Ok(0);
    }
    let file = OpenOptions::new().read(true).write(true).open(log)?;
    let length = file.metadata()?.len();
    if length <= HEADER {
        return Ok(0);
    }
    let page = u64::from(u32::from_be_bytes(word(&file, PAGE_SIZE_AT)?));
    let frames = u64::from(u32::from_ne_bytes(word(&File::open(index)?, CHECKPOINTED_AT)?));
    let durable = HEADER + frames * (FRAME_HEADER + page);
    let loose = length.saturating_sub(durable);
    let left = durable.min(length) + loose * keeps / 100;
    file.set_len(left)?;
    Ok(length - left)
}

fn word(file: &File, at: u64) -> io::Result<[u8; 4]> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

//! What a power cut takes from `state.db`: the end of its write-ahead log. That log is synced before a checkpoint moves its
//! pages into the file, and where the server syncs it. `log.db` is synced with every commit, and loses nothing.

use std::collections::HashMap;
use std::ffi::{c_int, c_long};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd as _, RawFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The sizes of a write-ahead log's header and of a frame's header, and the offset of the page size. See
/// <https://www.sqlite.org/walformat.html>.
const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
const PAGE_SIZE_AT: u64 = 8;
/// What is another number each time the log begins anew.
const SALT_AT: u64 = 16;
/// The offset in the index at which it says up to which frame a checkpoint began to move pages into the
/// file (`nBackfillAttempted`). The frames up to there are synced. Where it is 0, the log has begun anew since
/// the last checkpoint, and only the file is durable.
const CHECKPOINTED_AT: u64 = 128;

/// A file: its device and its number there.
type Inode = (u64, u64);

/// What a write-ahead log was like when it was synced.
struct Synced {
    salt: [u8; 8],
    length: u64,
}

/// The write-ahead logs that were synced.
static SYNCED: LazyLock<Mutex<HashMap<Inode, Synced>>> = LazyLock::new(Mutex::default);

/// Replaces the C library's function, with which files are synced that SQLite does not sync by itself.
///
/// # Safety
/// As for fsync(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(file: c_int) -> c_int {
    note(file);
    // SAFETY: the call takes a number, whatever it stands for.
    let done: c_long = unsafe { libc::syscall(libc::SYS_fsync, file) };
    if done == 0 { 0 } else { -1 }
}

/// Notes how long a write-ahead log is now. What is none is passed over.
fn note(file: RawFd) {
    // SAFETY: the file stays its owner's: it is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(file) });
    if let (Ok(metadata), Ok(salt)) = (file.metadata(), salt(&file))
        && metadata.len() > HEADER
    {
        let mut synced = SYNCED.lock().unwrap_or_else(PoisonError::into_inner);
        synced.insert((metadata.dev(), metadata.ino()), Synced { salt, length: metadata.len() });
    }
}

fn salt(file: &File) -> io::Result<[u8; 8]> {
    let mut salt = [0; 8];
    file.read_exact_at(&mut salt, SALT_AT)?;
    Ok(salt)
}

/// How much of a write-ahead log was synced by itself, since it has begun anew.
fn synced(log: &File) -> io::Result<u64> {
    let metadata = log.metadata()?;
    let synced = SYNCED.lock().unwrap_or_else(PoisonError::into_inner);
    match synced.get(&(metadata.dev(), metadata.ino())) {
        Some(then) if then.salt == salt(log)? => Ok(then.length),
        _ => Ok(0),
    }
}

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
    let durable =
        (HEADER + frames * (FRAME_HEADER + page)).max(synced(&File::open(from.join("state.db-wal"))?)?);
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

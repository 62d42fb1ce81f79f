//! The seal at the end of a backup. It shows that the backup is whole and unchanged.
//!
//! A backup consists of the state, [`Info`] as JSON, the length of that JSON (4 bytes), a SHA-256 of
//! everything before it (32 bytes) and a mark (8 bytes). The seal stands at the end for two reasons:
//! `sqlite3` still opens the file, and a file that was cut short has no seal.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use chronos_types::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::copy::CopyBounds;
use crate::error::StateError;

/// What a backup says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Info {
    /// The format of the state in it: the version of the cluster.
    pub format: u32,
    /// When it was made.
    pub at: Millis,
    /// The version of the Chronos that made it.
    pub chronos: String,
    /// Jobs that are not deleted.
    pub jobs: u64,
    /// Executions, the unfinished ones too.
    pub executions: u64,
}

/// Begins the mark; the format of the seal follows.
const NAME: &[u8; 7] = b"CHRONOS";
const FORMAT: u8 = 1;
/// The bytes that follow the JSON.
const TAIL: u64 = 4 + 32 + 8;

/// Seals a state file and waits until it is on the disk.
pub(super) fn put(path: &Path, info: &Info, bounds: &CopyBounds) -> Result<(), StateError> {
    let json = serde_json::to_vec(info).map_err(StateError::encode)?;
    let length =
        u32::try_from(json.len()).map_err(|_| StateError::backup(path, "its description is too long"))?;
    let sealed = || {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut hash = Sha256::new();
        add(&mut hash, &mut file, bounds)?;
        let mut end = json;
        end.extend(length.to_be_bytes());
        hash.update(&end);
        end.extend(hash.finalize());
        end.extend(NAME);
        end.push(FORMAT);
        file.write_all(&end)?;
        file.sync_all()
    };
    sealed().map_err(StateError::file(path))
}

/// Reads all of a backup. Answers with its description and the length of the state in it.
pub(super) fn check(path: &Path, bounds: &CopyBounds) -> Result<(Info, u64), StateError> {
    let failed = StateError::file(path);
    let mut file = File::open(path).map_err(&failed)?;
    let size = file.metadata().map_err(&failed)?.len();
    let not_whole = || StateError::backup(path, "it is not a Chronos backup, or was cut short");
    let tail_at = size.checked_sub(TAIL).ok_or_else(not_whole)?;
    let tail = read_at::<{ TAIL as usize }>(&mut file, tail_at).map_err(&failed)?;
    let (length, rest) = tail.split_first_chunk::<4>().ok_or_else(not_whole)?;
    let (sum, mark) = rest.split_first_chunk::<32>().ok_or_else(not_whole)?;
    match mark.strip_prefix(NAME) {
        Some([FORMAT]) => {}
        Some([found]) => {
            return Err(StateError::backup(
                path,
                format!(
                    "it has backup format {found}, and this Chronos knows formats up to {FORMAT}; use a newer Chronos"
                ),
            ));
        }
        _ => return Err(not_whole()),
    }
    file.rewind().map_err(&failed)?;
    let mut hash = Sha256::new();
    add(&mut hash, &mut (&file).take(tail_at + 4), bounds).map_err(&failed)?;
    if hash.finalize()[..] != sum[..] {
        return Err(StateError::backup(path, "it is damaged: its SHA-256 is not the one it was sealed with"));
    }
    let length = u64::from(u32::from_be_bytes(*length));
    let state = tail_at.checked_sub(length).ok_or_else(not_whole)?;
    file.seek(SeekFrom::Start(state)).map_err(&failed)?;
    let info = serde_json::from_reader(BufReader::new(file.take(length)));
    let info = info.map_err(|_| {
        StateError::backup(path, "what it says about itself cannot be read by this Chronos; use a newer one")
    })?;
    Ok((info, state))
}

fn read_at<const N: usize>(file: &mut File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn add(hash: &mut Sha256, from: &mut impl Read, bounds: &CopyBounds) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if bounds.is_unwanted() {
            return Err(io::Error::other(StateError::Unwanted));
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

//! The checksum by which two nodes know that they mean the same copy of a state.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::messages::payload::CopyId;

/// Read at a time.
const CHUNK: usize = 256 << 10;

/// The id of the copy in a file, all of which is read. Blocks.
pub(crate) fn copy_id(path: &Path) -> io::Result<CopyId> {
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
    Ok(CopyId { sha256, length })
}

//! What `log.db` holds without its write-ahead log.
//!
//! SQLite reads the write-ahead log up to the first page of it that is not whole, for a loss of power leaves the
//! like. But pages that were damaged later may have been brought back into the file before. Then what is read is
//! old pages over newer ones. It shows in what never goes back.

use std::path::Path;

use chronos_state::wal;

use super::change::Found;
use super::check::Notes;
use super::error::LogError;
use crate::types::{LogId, Vote};

/// What the file alone says of what never goes back.
pub(super) struct Alone {
    vote: Option<Vote>,
    purged: Option<LogId>,
}

impl Alone {
    /// Reads the file alone, where there is a write-ahead log beside it, and where it can be read. Nobody may
    /// have it open.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut notes = Notes::read(&wal::file_alone(path)?).ok()?;
        Some(Self { vote: notes.vote().ok()?, purged: notes.purged().ok()? })
    }

    /// That no more is in the file than was found with the write-ahead log.
    pub(super) fn check(&self, found: &Found) -> Result<(), LogError> {
        let vote = |vote: Vote| (vote.leader_id, vote.committed);
        if self.vote.map(vote) > found.vote.map(vote) || self.purged > found.purged {
            let what = "its write-ahead log ends before what is in the file already";
            return Err(LogError::Damaged(what.to_owned()));
        }
        Ok(())
    }
}

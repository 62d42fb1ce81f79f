//! The threads on which the write-ahead logs of `log.db` and `state.db` go back into their files.

use std::io;
use std::path::Path;

use chronos_env::{Env, Worker};
use chronos_state::StateError;
use chronos_state::wal::{Backfill, Done};

/// Starts the thread for one file. Returns what the writer is to call whenever there is enough to do; the
/// thread ends when that is dropped.
pub(crate) fn start(
    env: &Env,
    name: &str,
    path: &Path,
) -> Result<(Done, impl FnMut() + Send + 'static + use<>), StateError> {
    let backfill = Backfill::open(path)?;
    let done = backfill.done();
    // Should it panic, the writer does the work itself.
    let thread = Worker::spawn(env, name, backfill, || {});
    let thread = thread.map_err(|error: io::Error| StateError::File { path: name.to_owned(), error })?;
    let ask = move || {
        let run = |backfill: &mut Backfill| {
            if let Err(error) = backfill.run() {
                // It may be a full disk. The writer does the same work, and waits for space where it must.
                tracing::debug!(%error, "a write-ahead log was not brought back into its file");
            }
        };
        let _ = thread.cast(run);
    };
    Ok((done, ask))
}

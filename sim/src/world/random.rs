//! Random bytes for identifiers.

use chronos_env::Random;

use crate::entropy;

/// Random bytes that follow from the seed.
#[derive(Debug)]
pub(super) struct SimRandom;

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // This fails only where bytes are read from a file, and that never happens on the thread of a run.
        let _ = entropy::fill(bytes);
    }
}

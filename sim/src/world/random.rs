//! Random bytes for identifiers.

use chronos_env::Random;

use crate::entropy;

/// What follows from the seed.
#[derive(Debug)]
pub(super) struct SimRandom;

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // On the thread of a run nothing is read, so nothing fails.
        let _ = entropy::fill(bytes);
    }
}

//! What all of these tests use.

pub use chronos_testkit::*;

/// The binary under test.
pub const CHRONOS: Chronos = Chronos::at(env!("CARGO_BIN_EXE_chronos"));

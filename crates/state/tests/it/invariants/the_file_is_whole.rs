//! The state file passes its own check: each row has its checksum, and each index its rows.

use std::path::Path;

use chronos_state::Batch;
use rusqlite::Connection;

use super::Invariant;
use crate::oracle::View;

pub struct Check;

impl Invariant for Check {
    fn check(&mut self, _: &Batch, _: &View, raw: &Connection) -> Result<(), String> {
        chronos_state::check(Path::new(raw.path().unwrap())).map_err(|error| error.to_string())
    }
}

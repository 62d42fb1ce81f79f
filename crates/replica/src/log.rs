//! The log: `log.db`, its newest entries in memory, and openraft, which orders it.

pub(crate) mod change;
pub(crate) mod codec;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod handle;
pub(crate) mod pending;
pub(crate) mod progress;
mod reader;
pub(crate) mod rows;
pub(crate) mod store;
pub(crate) mod tail;
pub(crate) mod upkeep;
pub(crate) mod writer;

//! The log: `log.db`, its newest entries in memory, and openraft, which orders it.

mod alone;
pub(crate) mod change;
mod check;
pub(crate) mod codec;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod handle;
pub(crate) mod holds;
pub(crate) mod in_step;
pub(crate) mod pending;
mod reader;
pub(crate) mod rows;
mod schema;
pub(crate) mod store;
pub(crate) mod tail;
pub(crate) mod time;
pub(crate) mod upkeep;
pub(crate) mod writer;

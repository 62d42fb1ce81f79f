//! What counts promises must see that one was broken.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod load;
mod records;

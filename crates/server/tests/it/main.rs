//! A node in this process: on a clock that a test sets, and its loops without the others.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]

mod clock;
mod faults;
mod keeping;
mod loops;
mod names;
mod upcoming;

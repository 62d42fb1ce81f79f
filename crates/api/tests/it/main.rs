//! The wire types from outside: what is refused, what is read, and what is shown.

mod doors;
mod jobs;
mod patches;

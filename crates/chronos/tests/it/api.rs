//! The REST API (PRODUCT sections 2 to 4), against the real server: what it answers, and what it
//! refuses and how.

mod concurrency;
mod conditions;
mod connections;
mod documents;
mod executions;
mod input;
mod jobs;
mod lists;
mod schedules;
mod validation;
mod versions;

//! The REST API (PRODUCT sections 2 to 4), against the real server: what it answers, and what it
//! refuses and how.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "api/concurrency.rs"]
mod concurrency;
#[path = "api/conditions.rs"]
mod conditions;
#[path = "api/connections.rs"]
mod connections;
#[path = "api/documents.rs"]
mod documents;
#[path = "api/executions.rs"]
mod executions;
#[path = "api/input.rs"]
mod input;
#[path = "api/jobs.rs"]
mod jobs;
#[path = "api/lists.rs"]
mod lists;
#[path = "api/schedules.rs"]
mod schedules;
#[path = "api/validation.rs"]
mod validation;
#[path = "api/versions.rs"]
mod versions;

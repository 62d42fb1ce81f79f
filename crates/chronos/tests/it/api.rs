//! The REST API, whose conventions are in `docs/api.md`: what it answers, and what it refuses and how.

mod authors;
mod batch;
mod bounds;
mod concurrency;
mod conditions;
mod connections;
mod documents;
mod executions;
mod filters;
mod input;
mod jobs;
mod lists;
mod openapi;
mod operations;
mod pauses;
mod repeats;
mod runs;
mod schedules;
mod search;
mod sets;
mod skips;
mod stats;
mod transfer;
mod validation;
mod versions;
mod windows;

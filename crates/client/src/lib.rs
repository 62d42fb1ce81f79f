//! A client of the REST API, version 1.
//!
//! [`Client`] has a method for every call of the API, which takes and gives the types of [`api`], and
//! [`Client::request`] for a request that has no method of its own. It connects through the [`Connect`]
//! that it is given: plain TCP ([`Tcp`]), TLS, or a simulated network.
//!
//! It never sends a request again that a server may have carried out, never follows a redirect, and does
//! not know who uses it.

mod answer;
mod client;
mod cluster;
mod connect;
mod connection;
mod error;
mod events;
mod executions;
mod jobs;
mod keys;
mod operations;
mod path;
mod query;
mod secrets;
mod stats;
mod tools;
mod upcoming;

pub use answer::Answer;
pub use chronos_api as api;
pub use chronos_types::{ErrorKind, Status, Trigger};
pub use client::Client;
pub use cluster::Backup;
pub use connect::{BoxFuture, Connect, Stream, Tcp};
pub use connection::Connection;
pub use error::Error;
pub use events::{EventStream, HeardEvent};
pub use http::{HeaderMap, Method, StatusCode};
pub use jobs::WriteOptions;
pub use query::{DensityQuery, EventQuery, ExecutionQuery, JobQuery, PageQuery, StatsQuery, UpcomingQuery};

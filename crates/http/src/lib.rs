//! The REST API, version 1: one file per page, and one map from errors to answers (`problem`).
//!
//! A page parses its request, calls a use case of the engine, and says what came of it. It puts no write
//! together, and it keeps no state of its own.

mod access;
mod app;
mod audit;
mod batch;
mod body;
mod caller;
mod cluster;
mod code;
mod compress;
mod connection;
mod cursor;
mod described;
mod docs;
mod encryption;
mod etag;
mod events;
mod executions;
mod facets;
mod guard;
mod head;
mod health;
mod job_actions;
mod job_list;
mod job_pauses;
mod jobs;
mod keys;
mod layers;
mod limits;
mod metrics;
mod on_record;
mod operations;
mod page;
mod params;
mod place;
mod problem;
mod query;
mod respond;
mod router;
mod runs;
mod schedules;
mod secrets;
mod serve;
mod session;
mod sets;
mod stats;
mod tls;
mod upcoming;
mod versions;
mod webhooks;
mod wording;

pub use app::App;
pub use cursor::Cursors;
pub use guard::{Guard, HostPattern, WebOrigin};
pub use limits::Limits;
pub use metrics::Metrics;
pub use router::router;
pub use serve::serve;
pub use tls::Tls;
pub use wording::Wording;

//! What all of these tests use.

pub use chronos_testkit::*;

/// The entity tag of a job, as the API is to make it from its version and its id.
pub fn etag(job: &Value) -> String {
    let id = job["id"].as_str().unwrap();
    format!("\"{}-{}\"", job["version"], &id[id.len() - 8..])
}

/// The binary under test.
pub const CHRONOS: Chronos = Chronos::at(env!("CARGO_BIN_EXE_chronos"));

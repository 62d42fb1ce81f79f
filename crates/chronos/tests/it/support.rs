//! What all of these tests use.

pub use chronos_testkit::*;

/// The entity tag of a job, as the API is to make it from its version and its id.
pub fn etag(job: &Value) -> String {
    let id = job["id"].as_str().unwrap();
    format!("\"{}-{}\"", job["version"], &id[id.len() - 8..])
}

/// A job as it is read, without what only a read tells.
pub fn without_stats(mut job: Value) -> Value {
    job.as_object_mut().expect("an object").remove("stats");
    job
}

/// The binary under test.
pub const CHRONOS: Chronos = Chronos::at(env!("CARGO_BIN_EXE_chronos"));

/// Waits until the node answers searches from its search file.
pub async fn search_is_complete(server: &Server) {
    until("the search file to have all jobs", || async {
        let metrics = server.root("/metrics").await;
        metrics.body.contains("chronos_search_complete 1\n").then_some(())
    })
    .await;
}

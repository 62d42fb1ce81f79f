//! A server, and inputs on which a property of it is tried.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::runtime::Runtime;

use super::schema::Schema;
use crate::support::*;

/// Attempts to find a smaller input that fails. Each asks the server some times.
const SHRINKS: u32 = 300;

/// A server that describes itself.
pub struct World {
    server: Server,
    document: Value,
    names: AtomicU32,
    /// Behind the server, so that it outlives that.
    runtime: Runtime,
}

impl World {
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (server, document) = runtime.block_on(async {
            let server = CHRONOS.start().await;
            let document = server.get("/openapi.json").await.ok(200);
            (server, document)
        });
        Self { server, document, names: AtomicU32::new(0), runtime }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn schema(&self, name: &str) -> Schema<'_> {
        Schema::named(&self.document, name)
    }

    /// A name that no job has.
    pub fn name(&self) -> String {
        format!("job-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// What comes of something that takes time.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Tries a property, which panics where it does not hold, on so many inputs.
    #[track_caller]
    pub fn holds<S: Strategy>(&self, inputs: &S, cases: u32, property: impl AsyncFn(S::Value)) {
        let config = Config {
            cases,
            rng_seed: RngSeed::Fixed(13),
            failure_persistence: None,
            max_shrink_iters: SHRINKS,
            ..Config::default()
        };
        let tried = TestRunner::new(config).run(inputs, |input| {
            self.wait(property(input));
            Ok(())
        });
        if let Err(error) = tried {
            panic!("{error}");
        }
    }
}

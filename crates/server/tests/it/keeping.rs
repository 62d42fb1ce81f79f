//! What is kept, through the public door: a clock that was wrong by a month costs no history, and can be set right;
//! what is kept has a bound in bytes; a job that runs seldom has a past; the audit has an age; and nobody else may read it.

mod audit;
mod bytes;
mod day;
mod files;
mod month;
mod past;

use std::path::Path;
use std::sync::Arc;

use chronos_env::Env;
use chronos_server::{Node, config::Config};
use chronos_testkit::Api;

use crate::clock::step::StepClock;

/// A node on a clock of its own, with its API.
async fn start(clock: &StepClock, directory: &Path, configure: impl FnOnce(&mut Config)) -> (Node, Api) {
    let mut config = Config::default();
    config.cluster.data_dir = directory.to_owned();
    config.server.http.address = ([127, 0, 0, 1], 0).into();
    config.cluster.raft.address = Some(([127, 0, 0, 1], 0).into());
    configure(&mut config);
    let node = Node::start(config, Env::with_clock(Arc::new(clock.clone()))).await.expect("a node");
    let api = Api::new(node.address());
    (node, api)
}

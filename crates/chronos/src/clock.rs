//! `chronos cluster clock`: says what is to be thought of the cluster's time, and shows it.

use chronos_client::api::{ClusterTime, TimeWord};
use chronos_server::config::Config;
use clap::ValueEnum;

use super::api;

/// What is said of the time.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Say {
    /// It is right, though it jumped: old records may be forgotten.
    Right,
    /// It is ahead, and is to be set back to the clock of the leader. Set that clock right first.
    SetBack,
}

/// Says it to the node that the configuration describes; where nothing is to be said, asks how the time stands.
/// Answers with what to show.
///
/// # Errors
/// The node did not do it. The error is one sentence for the person at the terminal.
pub(crate) async fn run(config: &Config, say: Option<Say>) -> Result<String, String> {
    let client = api::of_node(config, config.server.http.address)?;
    let time = match say {
        None => client.cluster_status().await.map(|status| status.time),
        Some(Say::Right) => client.set_clock(TimeWord::Right).await,
        Some(Say::SetBack) => client.set_clock(TimeWord::SetBack).await,
    };
    time.map(|time| shown(&time)).map_err(|error| error.to_string())
}

fn shown(time: &ClusterTime) -> String {
    let ClusterTime { at, clock, trimming_suspended, ahead, setting_back } = time;
    let mut text = format!(
        "the cluster's time is {}, and the clock of this node says {clock}",
        at.as_deref().unwrap_or("not set yet")
    );
    for why in [trimming_suspended, ahead].into_iter().flatten() {
        text = format!("{text}\n{why}");
    }
    if *setting_back {
        text += "\nthe time was set back, and what waits is being computed anew";
    }
    text
}

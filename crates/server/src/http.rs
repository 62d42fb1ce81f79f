//! stub, being written
use crate::{env::Env, store::Store, proposer::Proposer, dispatch::Tester, telemetry::Metrics};
pub(crate) struct App { pub proposer: Proposer, pub store: Store, pub tester: Tester, pub env: Env, pub metrics: Metrics, pub node_id: String, pub metrics_path: String }
pub(crate) fn tls(_: &crate::config::Tls) -> Result<(), String> { Ok(()) }
pub(crate) fn router(_: App) -> axum::Router { axum::Router::new() }
pub(crate) async fn serve(_: tokio::net::TcpListener, _: Option<()>, _: axum::Router, _: tokio_util::sync::CancellationToken) {}

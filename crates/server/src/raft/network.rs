//! The way to other nodes. A cluster of one has none: every call says so.

use std::future::Future;

use openraft::alias::VoteOf;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend, RaftNetworkFactory};

use super::snapshot::{LiveSnapshot, SnapshotSource};
use super::types::{Member, Types};

/// Makes a client for each peer.
pub(super) struct Network;

/// A peer that cannot be reached, because this Chronos speaks to none.
pub(super) struct Peer {
    name: String,
}

impl Peer {
    fn unreachable(&self) -> Unreachable<Types> {
        let message = format!("there is no network between nodes yet; {} cannot be reached", self.name);
        Unreachable::new(&AnyError::error(message))
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, _target: u64, node: &Member) -> Peer {
        Peer { name: node.name.clone() }
    }
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = SnapshotSource;

    async fn append_entries(
        &mut self,
        _request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Err(self.unreachable().into())
    }

    async fn vote(
        &mut self,
        _request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(self.unreachable().into())
    }

    // openraft's own answer is a yes, for networks older than pre-votes.
    async fn pre_vote(
        &mut self,
        _request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(self.unreachable().into())
    }

    async fn full_snapshot(
        &mut self,
        _vote: VoteOf<Types>,
        _snapshot: LiveSnapshot,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(self.unreachable().into())
    }
}

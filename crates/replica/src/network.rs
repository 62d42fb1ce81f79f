//! The way to other nodes, as openraft sees it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chronos_peer::{Lane, Transport};
use chronos_types::NodeName;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::contact::Hearing;
use super::lock::lock;
use super::snapshot::{LiveSnapshot, SnapshotSource};
use super::snapshot_send::Outbox;
use super::types::{Member, Membership, Types, Vote};
use super::wire::{self, Answered, To};

/// How long entries may take to be on the other disk. openraft's own limit is the heartbeat's,
/// which a slow sync exceeds; sent again, they would only make it slower.
const ENTRIES_TIMEOUT: Duration = Duration::from_secs(2);

/// Where each node is to be reached. A node may move while replication to it goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Arc<Mutex<BTreeMap<u64, String>>>);

impl Addresses {
    /// Takes over what a membership says.
    pub(super) fn follow(&self, members: &Membership) {
        let mut addresses = lock(&self.0);
        addresses.extend(members.nodes().map(|(id, member)| (*id, member.address.clone())));
    }

    fn of(&self, id: u64) -> Option<String> {
        lock(&self.0).get(&id).filter(|address| !address.is_empty()).cloned()
    }
}

/// Makes a client for each peer.
pub(super) struct Network {
    pub transport: Arc<dyn Transport>,
    pub addresses: Addresses,
    pub outbox: Arc<Outbox>,
    pub hearing: Arc<Hearing>,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, id: u64, member: &Member) -> Peer {
        lock(&self.addresses.0).insert(id, member.address.clone());
        Peer {
            id,
            name: member.name.clone(),
            transport: self.transport.clone(),
            addresses: self.addresses.clone(),
            outbox: self.outbox.clone(),
            hearing: self.hearing.clone(),
        }
    }
}

/// A client for one peer.
pub(super) struct Peer {
    pub id: u64,
    pub name: NodeName,
    pub transport: Arc<dyn Transport>,
    addresses: Addresses,
    outbox: Arc<Outbox>,
    hearing: Arc<Hearing>,
}

impl Peer {
    pub(super) fn address(&self) -> Result<String, Unreachable<Types>> {
        self.addresses
            .of(self.id)
            .ok_or_else(|| Unreachable::from_string(format!("the address of {} is not known", self.name)))
    }

    pub(super) fn failed(&self, what: &str, why: &dyn Display) -> Unreachable<Types> {
        Unreachable::from_string(format!("{what} to {}: {why}", self.name))
    }

    /// Sends bytes and reads the answer.
    pub(super) async fn send<A: DeserializeOwned>(
        &self,
        lane: Lane,
        kind: &'static str,
        message: Result<Bytes, String>,
        timeout: Duration,
    ) -> Result<A, Unreachable<Types>> {
        let address = self.address()?;
        let message = message.map_err(|error| self.failed(kind, &error))?;
        let answer = self.transport.call(&address, lane, kind, message, timeout).await;
        let answer = answer.map_err(|error| self.failed(kind, &error))?;
        wire::decode(&answer).map_err(|error| self.failed(kind, &error))
    }

    /// Sends a message and reads the answer.
    pub(super) async fn ask<A: DeserializeOwned>(
        &self,
        lane: Lane,
        kind: &'static str,
        message: impl Serialize,
        timeout: Duration,
    ) -> Result<A, Unreachable<Types>> {
        self.send(lane, kind, wire::encode(&To { to: self.id, message }), timeout).await
    }
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = SnapshotSource;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let (lane, timeout) = if request.entries.is_empty() {
            (Lane::Control, option.hard_ttl())
        } else {
            (Lane::Log, option.hard_ttl().max(ENTRIES_TIMEOUT))
        };
        let message = wire::encode_append(self.id, &request, self.hearing.proven(self.id));
        let Answered { answer, sign } = self.send(lane, "append", message, timeout).await?;
        if let Some(sign) = sign {
            self.hearing.note(self.id, sign);
        }
        Ok(answer)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Ok(self.ask(Lane::Control, "vote", request, option.hard_ttl()).await?)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Ok(self.ask(Lane::Control, "pre_vote", request, option.hard_ttl()).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: LiveSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let outbox = self.outbox.clone();
        tokio::select! {
            sent = outbox.send(self, vote, snapshot) => Ok(SnapshotResponse::new(sent?)),
            closed = cancel => Err(closed.into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        Ok(self.ask(Lane::Control, "transfer_leader", request, option.hard_ttl()).await?)
    }
}

//! A client for each other node, through which openraft replicates to it.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chronos_peer::Transport;
use chronos_types::NodeName;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{EntryPayload, OptionalSend, RaftNetworkFactory};
use prometheus_client::metrics::histogram::Histogram;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::addresses::Addresses;
use crate::health::Health;
use crate::lead::Lead;
use crate::messages::payload::{Append, Appended, CopyAnswer, SnapshotHead, To};
use crate::messages::raft::{TransferAnswer, VoteAnswer};
use crate::messages::request::Request;
use crate::metrics::{CopyMetrics, Metrics};
use crate::presence::followers::Followers;
use crate::presence::heard::Answer;
use crate::state::snapshot::outgoing::OutgoingCopies;
use crate::state::snapshot::source::{SnapshotSource, SourcedSnapshot};
use crate::types::{Entry, Member, Types, Vote};

/// How long entries may take to be on the other disk. openraft's own limit is the heartbeat's,
/// which a slow sync exceeds; sent again, they would only make it slower.
const ENTRIES_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a node may take to say how much of a copy it has.
const OFFSET_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a client for each peer.
pub(crate) struct Network {
    pub transport: Arc<dyn Transport>,
    pub addresses: Addresses,
    pub outgoing: Arc<OutgoingCopies>,
    pub followers: Arc<Followers>,
    pub lead: Arc<Lead>,
    pub health: Arc<Health>,
    pub metrics: Metrics,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, id: u64, member: &Member) -> Peer {
        self.addresses.insert(id, member.address.clone());
        Peer {
            id,
            name: member.name.clone(),
            transport: self.transport.clone(),
            addresses: self.addresses.clone(),
            outgoing: self.outgoing.clone(),
            followers: self.followers.clone(),
            lead: self.lead.clone(),
            health: self.health.clone(),
            copies: self.metrics.copies.clone(),
            round_trips: self.metrics.peers.round_trips(&member.name),
        }
    }
}

/// A client for one peer.
pub(crate) struct Peer {
    id: u64,
    name: NodeName,
    transport: Arc<dyn Transport>,
    addresses: Addresses,
    outgoing: Arc<OutgoingCopies>,
    followers: Arc<Followers>,
    lead: Arc<Lead>,
    health: Arc<Health>,
    copies: CopyMetrics,
    round_trips: Histogram,
}

impl Peer {
    /// Refuses to send anything while this node gives up the lead: what a follower hears from its leader keeps it from
    /// electing another one.
    fn speaks(&self, what: &str) -> Result<(), Unreachable<Types>> {
        if self.lead.is_quiet() {
            return Err(self.failed(what, &"it is not sent, since this node gives up the lead"));
        }
        Ok(())
    }

    fn address(&self) -> Result<String, Unreachable<Types>> {
        self.addresses
            .of(self.id)
            .ok_or_else(|| Unreachable::from_string(format!("the address of {} is not known", self.name)))
    }

    fn failed(&self, what: &str, why: &dyn Display) -> Unreachable<Types> {
        Unreachable::from_string(format!("{what} to {}: {why}", self.name))
    }

    fn to<T>(&self, message: T) -> To<T> {
        To { to: self.id, message }
    }

    /// Sends a request and reads the answer.
    async fn ask<A: DeserializeOwned>(
        &self,
        request: &Request,
        timeout: Duration,
    ) -> Result<A, Unreachable<Types>> {
        let address = self.address()?;
        let failed = |error: &dyn Display| self.failed(request.kind(), error);
        let message = request.encode().map_err(|error| failed(&error))?;
        let answer = message.send(&*self.transport, &address, timeout).await;
        message.answer(&answer.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
    }

    /// Sends a state that stands where `snapshot` says or later; answers with the other's vote.
    async fn send_state(&self, vote: Vote, snapshot: SourcedSnapshot) -> Result<Vote, StreamingError<Types>> {
        let failed = |error: &dyn Display| self.failed("a snapshot", error);
        let copy = self.outgoing.copy(snapshot).await.map_err(|error| failed(&error))?;
        let had: u64 = self.ask(&Request::SnapshotOffset(self.to(copy.id.clone())), OFFSET_TIMEOUT).await?;
        let offset = if had <= copy.id.length { had } else { 0 };
        tracing::info!(to = self.name.as_str(), bytes = copy.id.length, offset, "sending the state");
        let head = SnapshotHead { vote, meta: copy.meta.clone(), copy: copy.id.clone(), offset };
        let message = Request::Snapshot(self.to(head)).encode().map_err(|error| failed(&error))?;
        let body = self.outgoing.read(copy.clone(), offset).await.map_err(|error| failed(&error))?;
        let body = self.copies.sent.counted(body);
        let answer = self.transport.upload(&self.address()?, message.kind, message.bytes.clone(), body).await;
        let answer = answer.map_err(|error| failed(&error))?;
        match message.answer(&answer).map_err(|error| failed(&error))? {
            CopyAnswer::Installed(vote) => Ok(vote),
            CopyAnswer::Damaged(why) => {
                // It may have been damaged here. The next one is made, and sent, from the start.
                self.outgoing.forget(&copy.id).await;
                Err(failed(&why).into())
            }
        }
    }
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = SnapshotSource;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let is_heartbeat = request.entries.is_empty();
        let timeout = if is_heartbeat { option.hard_ttl() } else { option.hard_ttl().max(ENTRIES_TIMEOUT) };
        self.speaks("entries")?;
        let (term, bytes) = (request.vote.leader_id.term, request.entries.iter().map(bytes).sum());
        let stalled = self.health.progress().stalled();
        let stalled_ms = u64::try_from(stalled.as_millis()).unwrap_or(u64::MAX);
        let append = Append { request, proven: self.followers.proven(self.id), stalled_ms };
        let sent = Instant::now();
        let Appended { answer, sign } = self.ask(&Request::Append(self.to(append)), timeout).await?;
        if is_heartbeat {
            self.round_trips.observe(sent.elapsed().as_secs_f64());
        }
        if let Some(sign) = sign {
            self.followers.note(self.id, term, &Answer { sign, sent, bytes });
        }
        Ok(answer.into())
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer: VoteAnswer = self.ask(&Request::Vote(self.to(request.into())), option.hard_ttl()).await?;
        Ok(answer.into())
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer: VoteAnswer =
            self.ask(&Request::PreVote(self.to(request.into())), option.hard_ttl()).await?;
        Ok(answer.into())
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SourcedSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        self.speaks("a snapshot")?;
        let on_its_way = self.copies.sent.begin();
        tokio::select! {
            sent = self.send_state(vote, snapshot) => {
                let vote = sent.inspect_err(|error| {
                    tracing::warn!(to = self.name.as_str(), %error, "the state was not sent");
                })?;
                on_its_way.done();
                Ok(SnapshotResponse::new(vote))
            }
            closed = cancel => Err(closed.into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let request = Request::TransferLeader(self.to(request.into()));
        let answer: TransferAnswer = self.ask(&request, option.hard_ttl()).await?;
        Ok(answer.into())
    }
}

/// About what an entry takes on its way.
fn bytes(entry: &Entry) -> u64 {
    match &entry.payload {
        EntryPayload::Normal(logged) => logged.bytes().len() as u64,
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

//! A client for each other node, through which openraft replicates to it.

mod copies;

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronos_env::Seldom;
use chronos_peer::Transport;
use chronos_types::NodeName;
use futures::{Stream, StreamExt as _, stream};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory};
use prometheus_client::metrics::histogram::Histogram;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::addresses::Addresses;
use super::link::Link;
use super::pieces::{length, split};
use crate::health::Health;
use crate::lead::Lead;
use crate::log::holds::Holds;
use crate::log::tail::next;
use crate::messages::payload::{Append, Appended, To};
use crate::messages::raft::{TransferAnswer, VoteAnswer};
use crate::messages::request::{Message, Request};
use crate::messages::wire::Unread;
use crate::metrics::{CopyMetrics, Metrics};
use crate::presence::followers::Followers;
use crate::presence::heard::Answer;
use crate::state::snapshot::outgoing::OutgoingCopies;
use crate::state::snapshot::source::{SnapshotSource, SourcedSnapshot};
use crate::types::{Member, Types, Vote};

/// Makes a client for each peer.
pub(crate) struct Network {
    pub transport: Arc<dyn Transport>,
    pub addresses: Addresses,
    pub outgoing: Arc<OutgoingCopies>,
    pub followers: Arc<Followers>,
    pub lead: Arc<Lead>,
    pub health: Arc<Health>,
    pub metrics: Metrics,
    pub holds: Arc<Holds>,
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
            holds: self.holds.clone(),
            link: Link::default(),
            complaint: Seldom::default(),
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
    holds: Arc<Holds>,
    link: Link,
    complaint: Seldom,
}

/// How far a follower has come, or why that is not known.
type Answered = Result<StreamAppendResult<Types>, RPCError<Types>>;

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
        self.read(&message, &answer.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
    }

    /// Reads an answer. A node that cannot read what a member of its cluster answers cannot go on: as a leader it would
    /// replicate nothing, and keep others from leading.
    fn read<A: DeserializeOwned>(&self, message: &Message, answer: &Bytes) -> Result<A, Unread> {
        let read = message.read_answer(answer);
        if let Err(Unread::Unknown(sentence)) = &read {
            self.health.report(format!("{}: {sentence}", self.name));
        }
        read
    }

    /// Sends entries, or none as a heartbeat, which may take `ttl`.
    async fn append(
        &mut self,
        request: AppendEntriesRequest<Types>,
        ttl: Duration,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.speaks("entries")?;
        let (term, bytes) = (request.vote.leader_id.term, request.entries.iter().map(length).sum());
        let patience = if bytes == 0 { ttl } else { ttl.max(self.link.patience(bytes)) };
        let stalled = self.health.progress().stalled();
        let stalled_ms = u64::try_from(stalled.as_millis()).unwrap_or(u64::MAX);
        let append = Append { request, proven: self.followers.proven(self.id), stalled_ms };
        let sent = Instant::now();
        let answer = self.ask(&Request::Append(self.to(append)), patience).await;
        let time = sent.elapsed();
        match &answer {
            Ok(_) if bytes == 0 => self.round_trips.observe(time.as_secs_f64()),
            Ok(_) => self.link.took(bytes, time),
            Err(_) if bytes > 0 && time >= patience => self.link.timed_out(),
            Err(_) => {}
        }
        let Appended { answer, sign } = answer?;
        if let Some(sign) = sign {
            self.followers.note(self.id, term, &Answer { sign, sent, bytes: bytes as u64 });
        }
        Ok(answer.into())
    }

    /// Sends a piece of what openraft has for this follower.
    async fn append_piece(&mut self, piece: AppendEntriesRequest<Types>, ttl: Duration) -> Answered {
        let has = piece.prev_log_id;
        let last = piece.entries.last().map(|entry| entry.log_id);
        if last.is_some() && !self.holds.reaches(next(has.as_ref())) {
            // openraft cuts nothing that a stream is about to send, for as long as the stream lives. It ends here,
            // and the follower gets a copy of the state.
            let why = format!("the log is not kept any longer for {}, which is too far behind", self.name);
            return Err(Unreachable::from_string(why).into());
        }
        let answer = self.append(piece, ttl).await?;
        if let (AppendEntriesResponse::Success, Some(last)) = (&answer, last) {
            self.holds.took(self.id, &self.name, next(Some(&last)));
        }
        Ok(answer.into_stream_result(has, last.or(has)))
    }
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = SnapshotSource;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.append(request, option.hard_ttl()).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        requests: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Answered>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        let ttl = option.hard_ttl();
        let stream = stream::unfold(Some((self, requests, None)), move |state| async move {
            let (peer, mut requests, rest) = state?;
            let request = match rest {
                Some(rest) => rest,
                None => requests.next().await?,
            };
            let (piece, rest) = split(request, peer.link.piece());
            let whole = piece.entries.last().map(|entry| entry.log_id).or(piece.prev_log_id);
            let answered = peer.append_piece(piece, ttl).await;
            let goes_on = matches!(&answered, Ok(Ok(matching)) if *matching == whole);
            Some((answered, goes_on.then_some((peer, requests, rest))))
        });
        Box::pin(async move { Ok(stream.boxed()) })
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
        let sent = tokio::select! {
            sent = self.send_state(vote, snapshot) => sent,
            closed = cancel => Err(closed.into()),
        };
        if let Err(StreamingError::Unreachable(why)) = &sent {
            self.complaint.say(|| {
                tracing::warn!(%why, "a copy of the state did not arrive; the next attempt goes on where it stopped");
            });
        }
        if let Err(StreamingError::Network(_)) = &sent {
            // It is asked for again at once, as it is then.
            on_its_way.put_off();
            return Ok(SnapshotResponse::new(sent?));
        }
        let vote = sent?;
        on_its_way.done();
        Ok(SnapshotResponse::new(vote))
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

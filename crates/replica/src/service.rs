//! [`PeerService`]: answers what other nodes ask of this one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use chronos_env::BoxFuture;
use chronos_peer::{Answer, Body, PeerError, Service};
use openraft::raft::{AppendEntriesResponse, TransferLeaderRequest};
use openraft::storage::Snapshot;
use tokio::time::Instant;

use crate::log::handle::Log;
use crate::membership::handle::Membership;
use crate::messages::error::MessageError;
use crate::messages::payload::{Append, Appended, Change, CopyAnswer, JoinRequest, SnapshotHead, To};
use crate::messages::raft::{TransferAnswer, VoteAnswer};
use crate::messages::request::{Request, unknown};
use crate::messages::wire::{self, Part};
use crate::metrics::Copies;
use crate::presence::handle::Presence;
use crate::state::snapshot::incoming::{CopyError, IncomingCopy};
use crate::state::snapshot::source::SnapshotSource;
use crate::types::Types;

/// Where the disk has owed something for so long, no more is taken that it would have to write: what a leader sends
/// again and again would pile up.
const OVERDUE: Duration = Duration::from_secs(5);

/// Answers for a node, part by part.
pub(crate) struct PeerService {
    log: Arc<Log>,
    membership: Arc<Membership>,
    presence: Arc<Presence>,
    incoming: IncomingCopy,
    /// Counts what comes of them.
    received: Copies,
}

impl PeerService {
    pub(crate) fn new(
        log: Arc<Log>,
        membership: Arc<Membership>,
        presence: Arc<Presence>,
        incoming: IncomingCopy,
        received: Copies,
    ) -> Self {
        Self { log, membership, presence, incoming, received }
    }

    async fn answer(&self, request: Request) -> Result<Bytes, String> {
        let raft = &self.log.raft;
        let part = Part::Answer(request.kind());
        match request {
            Request::Append(append) => wire::encode(part, &self.append(self.mine(append)?).await?),
            Request::Vote(request) => {
                let answer = raft.vote(self.mine(request)?.into()).await.map_err(text)?;
                wire::encode(part, &VoteAnswer::from(answer))
            }
            Request::PreVote(request) => {
                let answer = raft.pre_vote(self.mine(request)?.into()).await.map_err(text)?;
                wire::encode(part, &VoteAnswer::from(answer))
            }
            Request::TransferLeader(request) => {
                let request: TransferLeaderRequest<Types> = self.mine(request)?.into();
                let is_meant = *request.to_node_id() == self.log.id();
                // To be elected takes the disk, and to lead the right state. The others hear that the lead is free, and
                // one of them takes it.
                let obstacle = self.log.storage.health.progress().standstill();
                if let Some(why) = obstacle.or_else(|| self.log.difference()).filter(|_| is_meant) {
                    return Err(why);
                }
                let answer = raft.handle_transfer_leader(request).await.map_err(text)?;
                wire::encode(part, &TransferAnswer::from(answer))
            }
            Request::SnapshotOffset(copy) => wire::encode(part, &self.incoming.offset(&self.mine(copy)?)?),
            Request::Propose(batch) => wire::encode(part, &self.log.propose(batch.items).await),
            Request::ReadIndex => wire::encode(part, &self.log.read_index().await),
            Request::Change(change) => wire::encode(part, &self.membership.changes.carry_out(change).await),
            Request::Join(JoinRequest { id, member }) => {
                let member = member.known_at(self.log.version());
                wire::encode(part, &self.membership.introduce(Change::Join { id, member }).await?)
            }
            Request::Update(JoinRequest { id, member }) => {
                let member = member.known_at(self.log.version());
                wire::encode(part, &self.membership.introduce(Change::Update { id, member }).await?)
            }
            Request::Leave(to) => {
                // The node at this address may be another one of that name by now.
                let () = self.mine(to)?;
                self.presence.ask_to_leave();
                wire::encode(part, &())
            }
            Request::Invite(address) => wire::encode(part, &self.membership.joiner.accept(address)),
            Request::Standing(id) => wire::encode(part, &self.membership.standing_of(id)),
            Request::Report => wire::encode(part, &self.presence.report()),
            Request::Compared(to) => {
                let () = self.mine(to)?;
                wire::encode(part, &self.log.storage.digests.told())
            }
            // It comes with a body.
            Request::Snapshot(_) => Err(unknown(request.kind())),
        }
    }

    /// Opens what was meant for this node.
    fn mine<T>(&self, envelope: To<T>) -> Result<T, String> {
        if envelope.to == self.log.id() {
            return Ok(envelope.message);
        }
        Err(format!(
            "this is {}, raft id {}; the message is for raft id {}",
            self.log.name,
            self.log.id(),
            envelope.to
        ))
    }

    /// Takes entries, or a heartbeat. What is heard from a leader that this node follows counts as a contact.
    async fn append(&self, append: Append) -> Result<Appended, String> {
        let Append { request, proven, stalled_ms } = append;
        let (heard, sign) = (Instant::now(), self.presence.sign());
        self.log.lead.heard(&request.vote, Duration::from_millis(stalled_ms));
        if let Some(committed) = request.leader_commit {
            self.log.storage.health.progress().told_committed(committed.index);
        }
        let progress = self.log.storage.health.progress();
        if progress.unwritten() >= OVERDUE {
            return Err(progress.standstill().unwrap_or_default());
        }
        let answer = self.log.raft.append_entries(request).await.map_err(text)?;
        let follows = !matches!(answer, AppendEntriesResponse::HigherVote(_));
        if follows {
            self.presence.heard_leader(heard, proven);
        }
        Ok(Appended { answer: answer.into(), sign: follows.then_some(sign) })
    }

    /// Receives a copy of the state, and installs it.
    async fn install(&self, from: &str, head: To<SnapshotHead>, body: Body) -> Result<CopyAnswer, String> {
        let SnapshotHead { vote, meta, copy, offset } = self.mine(head)?;
        tracing::info!(from, bytes = copy.length, offset, "receiving the state");
        let on_its_way = self.received.begin();
        let body = self.received.counted(body);
        let received = match self.incoming.receive(copy, offset, &meta, body).await {
            Ok(received) => received,
            Err(CopyError::Damaged(why)) => return Ok(CopyAnswer::Damaged(why)),
            Err(error @ CopyError::Broken(_)) => return Err(error.to_string()),
            Err(CopyError::Newer(sentence)) => {
                // No other copy would be older, so this node can never go on.
                self.log.storage.health.report(sentence.clone());
                return Err(sentence);
            }
        };
        let snapshot = Snapshot { meta, snapshot: SnapshotSource::Received(received.file.clone()) };
        let installed = self.log.raft.install_full_snapshot(vote, snapshot).await.map_err(text)?;
        drop(received);
        on_its_way.done();
        Ok(CopyAnswer::Installed(installed.vote))
    }

    /// Reads what another node has sent. A node that is sent what it cannot read by members of its cluster cannot go on:
    /// it would neither apply anything nor say that it does not.
    fn read(&self, from: &str, kind: &str, message: &Bytes) -> Result<Request, String> {
        let request = Request::decode(from, kind, message);
        if let Err(MessageError::Unknown { to, sentence }) = &request
            && to.map_or_else(|| self.log.cluster.get().is_some(), |to| to == self.log.id())
        {
            self.log.storage.health.report(sentence.clone());
        }
        request.map_err(text)
    }
}

/// The service as the other nodes reach it: it answers for as long as the node is there and can go on.
pub(crate) struct WeakService(pub Weak<PeerService>);

impl WeakService {
    fn node(&self) -> Result<Arc<PeerService>, String> {
        let node = self.0.upgrade().filter(|node| {
            let health = &node.log.storage.health;
            !health.stopping() && health.fault().now().is_none()
        });
        node.ok_or_else(|| "this node is stopping".to_owned())
    }
}

impl Service for WeakService {
    fn address_of(&self, node: &str) -> Option<String> {
        self.0.upgrade()?.log.address_of(node)
    }

    fn node_at(&self, address: &str) -> Option<String> {
        self.0.upgrade()?.log.member_at(address)
    }

    fn call<'a>(&'a self, from: &'a str, kind: &'a str, message: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let node = self.node().map_err(PeerError::Refused)?;
            let request = node.read(from, kind, &message).map_err(PeerError::Refused)?;
            node.answer(request).await.map_err(PeerError::Refused)
        })
    }

    fn receive<'a>(
        &'a self,
        from: &'a str,
        kind: &'a str,
        message: Bytes,
        body: Body,
    ) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let node = self.node().map_err(PeerError::Refused)?;
            let received = match node.read(from, kind, &message).map_err(PeerError::Refused)? {
                Request::Snapshot(head) => node.install(from, head, body).await,
                other => Err(unknown(other.kind())),
            };
            let answer = received.and_then(|answer| wire::encode(Part::Answer(kind), &answer));
            answer.map_err(PeerError::Refused)
        })
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! What other nodes ask of this one.

use std::sync::Weak;

use bytes::Bytes;
use chronos_env::BoxFuture;
use chronos_peer::{Answer, Body, PeerError, Service};
use chronos_state::Batch;
use openraft::async_runtime::WatchReceiver as _;
use openraft::raft::{AppendEntriesResponse, TransferLeaderRequest, VoteRequest};
use openraft::storage::Snapshot;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::join::Place;
use super::membership::{Change, Changed};
use super::propose::Accepted;
use super::snapshot::SnapshotSource;
use super::snapshot_send::{CopyId, SnapshotHead};
use super::types::{Member, Types};
use super::wire::{self, Answered, Append, To};
use super::{ChangeError, ProposeError, Raft, Shared, report};

/// A node that asks to become a member.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JoinRequest {
    pub id: u64,
    pub member: Member,
}

/// Whether a raft id is a member, as far as the one who answers knows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    pub is_member: bool,
    /// The entry that says so.
    pub as_of: Option<u64>,
}

/// Answers for a node, while there is one.
pub(super) struct Desk(pub Weak<Shared>);

impl Service for Desk {
    fn call<'a>(&'a self, from: &'a str, kind: &'a str, message: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let raft = self.raft().map_err(PeerError::Refused)?;
            raft.answer(from, kind, message).await.map_err(PeerError::Refused)
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
            let raft = self.raft().map_err(PeerError::Refused)?;
            let received = match kind {
                "snapshot" => raft.install(from, message, body).await,
                other => Err(unknown(other)),
            };
            received.map_err(PeerError::Refused)
        })
    }
}

impl Desk {
    fn raft(&self) -> Result<Raft, String> {
        let stopped = || "this node is stopping".to_owned();
        let shared = self.0.upgrade().filter(|shared| !shared.health.stopping());
        shared.map(|shared| Raft { shared }).ok_or_else(stopped)
    }
}

impl Raft {
    async fn answer(&self, from: &str, kind: &str, message: Bytes) -> Result<Bytes, String> {
        let raft = &self.shared.raft;
        match kind {
            "append" => {
                let Append { request, proven } = self.mine(wire::decode_append(message)?)?;
                let Shared { contact, lease, signs, .. } = &*self.shared;
                let (heard, sign) = (Instant::now(), signs.sign());
                let answer = raft.append_entries(request).await.map_err(|error| error.to_string())?;
                let follows = !matches!(answer, AppendEntriesResponse::HigherVote(_));
                if follows {
                    contact.at(heard);
                    proven.and_then(|sign| signs.read(sign)).into_iter().for_each(|at| lease.at(at));
                }
                wire::encode(&Answered { answer, sign: follows.then_some(sign) })
            }
            "vote" => {
                let request: VoteRequest<Types> = self.mine(wire::decode(&message)?)?;
                wire::encode(&raft.vote(request).await.map_err(|error| error.to_string())?)
            }
            "pre_vote" => {
                let request: VoteRequest<Types> = self.mine(wire::decode(&message)?)?;
                wire::encode(&raft.pre_vote(request).await.map_err(|error| error.to_string())?)
            }
            "transfer_leader" => {
                let request: TransferLeaderRequest<Types> = self.mine(wire::decode(&message)?)?;
                let answer = raft.handle_transfer_leader(request).await;
                wire::encode(&answer.map_err(|error| error.to_string())?)
            }
            "snapshot_offset" => {
                let copy: CopyId = self.mine(wire::decode(&message)?)?;
                wire::encode(&self.shared.inbox.offset(&copy)?)
            }
            "propose" => wire::encode(&self.propose_for(from, &message).await?),
            "read_index" => wire::encode(&self.read_index().await),
            "change" => {
                let change: Change = wire::decode(&message)?;
                wire::encode(&self.carry_out(change).await)
            }
            "join" => {
                let JoinRequest { id, member } = wire::decode(&message)?;
                wire::encode(&self.introduce(Change::Join { id, member }).await?)
            }
            "update" => {
                let JoinRequest { id, member } = wire::decode(&message)?;
                wire::encode(&self.introduce(Change::Update { id, member }).await?)
            }
            "presence" => {
                if !self.is_leader() {
                    return Err(format!("{} does not lead", self.name()));
                }
                self.shared.leaving.note(&wire::decode(&message)?);
                Ok(Bytes::new())
            }
            "leave" => {
                // Whoever stands there now may be another node of that name.
                let () = self.mine(wire::decode(&message)?)?;
                self.shared.asked_to_leave.send_replace(true);
                Ok(Bytes::new())
            }
            "invite" => wire::encode(&self.accept(wire::decode(&message)?)),
            "standing" => wire::encode(&self.standing_of(wire::decode(&message)?)),
            report::KIND => Ok(serde_json::to_vec(&self.report()).unwrap_or_default().into()),
            other => Err(unknown(other)),
        }
    }

    /// Opens what was meant for this node.
    fn mine<T>(&self, envelope: To<T>) -> Result<T, String> {
        if envelope.to == self.shared.id {
            return Ok(envelope.message);
        }
        Err(format!(
            "this is {}, raft id {}; the message is for raft id {}",
            self.name(),
            self.shared.id,
            envelope.to
        ))
    }

    async fn propose_for(
        &self,
        from: &str,
        message: &Bytes,
    ) -> Result<Result<Accepted, ProposeError>, String> {
        let batch = Batch::decode(message).map_err(|error| format!("proposals of {from}: {error}"))?;
        Ok(match self.shared.on_propose.get() {
            Some(propose) if self.is_leader() => propose(batch.items).await,
            _ => Err(ProposeError::NoLeader { leader: self.leadership().borrow().leader.clone() }),
        })
    }

    /// Has the leader do what a node asks that knows no leader.
    async fn introduce(&self, change: Change) -> Result<Result<Changed, ChangeError>, String> {
        let place = self.shared.place.borrow().clone();
        match place {
            Place::Member => Ok(self.change(change).await),
            // It has just started, or is just joining: there is a cluster, and who founds one must hear of it.
            Place::Outside(_) if self.shared.caller.cluster.get().is_some() => Ok(Err(ChangeError::NoLeader)),
            Place::Outside(_) => Ok(Err(ChangeError::Outside(self.name()))),
            Place::Removed => Err(format!("{} is no member of its cluster any more", self.name())),
        }
    }

    fn standing_of(&self, id: u64) -> Standing {
        let metrics = self.shared.raft.metrics();
        let members = metrics.borrow_watched().committed_membership_config.clone();
        Standing {
            is_member: members.get_node(&id).is_some(),
            as_of: members.log_id().as_ref().map(|id| id.index),
        }
    }

    async fn install(&self, from: &str, message: Bytes, body: Body) -> Result<Bytes, String> {
        let head: SnapshotHead = self.mine(wire::decode(&message)?)?;
        tracing::info!(from, bytes = head.copy.length, offset = head.offset, "receiving the state");
        let file = self.shared.inbox.receive(head.copy, head.offset, body).await?;
        let snapshot = Snapshot { meta: head.meta, snapshot: SnapshotSource::Received(file) };
        let installed = self.shared.raft.install_full_snapshot(head.vote, snapshot).await;
        wire::encode(&installed.map_err(|error| error.to_string())?.vote)
    }
}

fn unknown(kind: &str) -> String {
    format!("this Chronos does not know the message {kind}")
}

//! Sends copies of the state to a peer, and learns what becomes of each.
//!
//! The answer to a copy may be lost, and so may the copy itself, without either side hearing that the connection is
//! dead. A node may take minutes to check and install what it has received, so silence does not tell. While the
//! answer is awaited, the node is watched in two other ways: its heartbeats say how much it has applied, and it says
//! when asked whether it is receiving a copy at all.

use std::fmt::Display;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use openraft::errors::{NetworkError, StreamingError, Unreachable};
use tokio::time::{Instant, sleep};

use super::Peer;
use crate::log::tail::next;
use crate::messages::payload::{CopyAnswer, CopyId, SnapshotHead};
use crate::messages::request::Request;
use crate::state::snapshot::source::SourcedSnapshot;
use crate::types::{SnapshotMeta, Types, Vote};

/// How long a node may take to say how much of a copy it has.
const OFFSET_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a node is looked at while its answer is awaited.
const LOOK: Duration = Duration::from_secs(1);
/// A copy has not reached a node, or has come to an end there, if the node says for so long that it is receiving none.
/// To connect to it takes up to 2 s, and then it begins to receive.
const IDLE: Duration = Duration::from_secs(5);

impl Peer {
    /// Sends a state that stands where `snapshot` says; answers with the other's vote.
    pub(super) async fn send_state(
        &self,
        vote: Vote,
        snapshot: SourcedSnapshot,
    ) -> Result<Vote, StreamingError<Types>> {
        let failed = |error: &dyn Display| self.failed("a snapshot", error);
        // For a node that does not answer no copy is made, and no log is held.
        let nothing = CopyId { sha256: String::new(), length: 0 };
        self.offset(nothing).await?;
        let asked = snapshot.meta.last_log_id;
        let Some(on_its_way) = self.holds.copy(self.id, &self.name, next(asked.as_ref())) else {
            return Err(NetworkError::from_string("the log was cut behind this state meanwhile").into());
        };
        let copy = self.outgoing.copy(snapshot).await.map_err(|error| failed(&error))?;
        if copy.meta.last_log_id > asked {
            // It is newer than what was asked for. openraft asks again at once, gets this one, and then knows where
            // it stands: what the copy holds need not be sent once more.
            return Err(NetworkError::from_string("the copy is newer").into());
        }
        let begun = Instant::now();
        let had = self.offset(copy.id.clone()).await?;
        let offset = if had <= copy.id.length { had } else { 0 };
        tracing::info!(to = self.name.as_str(), bytes = copy.id.length, offset, "sending the state");
        on_its_way.begins(next(copy.meta.last_log_id.as_ref()), offset, copy.id.length);
        let head = SnapshotHead { vote, meta: copy.meta.clone(), copy: copy.id.clone(), offset };
        let message = Request::Snapshot(self.to(head)).encode().map_err(|error| failed(&error))?;
        let body = self.outgoing.read(copy.clone(), offset).await.map_err(|error| failed(&error))?;
        let count = on_its_way.counter();
        let body = self.copies.sent.counted(body).inspect_ok(move |chunk| count(chunk.len() as u64)).boxed();
        let address = self.address()?;
        let answer = tokio::select! {
            biased;
            answer = self.transport.upload(&address, message.kind, message.bytes.clone(), body) => answer,
            ended = self.ended(&vote, &copy.meta, &copy.id, begun) => {
                ended?;
                tracing::info!(to = self.name.as_str(), "the state is installed, though the answer did not come");
                return Ok(vote);
            }
        };
        let answer = answer.map_err(|error| failed(&error))?;
        match self.read(&message, &answer).map_err(|error| failed(&error))? {
            CopyAnswer::Installed(vote) => Ok(vote),
            CopyAnswer::Damaged(why) => {
                // It may have been damaged here. The next one is made, and sent, from the start.
                self.outgoing.forget(&copy.id).await;
                Err(failed(&why).into())
            }
        }
    }

    /// How much of this copy the other has. It refuses to say while it is receiving or installing one.
    async fn offset(&self, copy: CopyId) -> Result<u64, Unreachable<Types>> {
        self.ask(&Request::SnapshotOffset(self.to(copy)), OFFSET_TIMEOUT).await
    }

    /// Waits until there is nothing to wait for: what the copy brings is applied there, or, as the error says, the
    /// other is not receiving it. A node that is busy with it is waited for as long as the transport does.
    async fn ended(
        &self,
        vote: &Vote,
        meta: &SnapshotMeta,
        copy: &CopyId,
        begun: Instant,
    ) -> Result<(), Unreachable<Types>> {
        let needs = next(meta.last_log_id.as_ref());
        let mut idle_since: Option<Instant> = None;
        loop {
            sleep(LOOK).await;
            if self.followers.has_applied(self.id, vote.leader_id.term, needs, begun) {
                // The answer may be right behind.
                sleep(LOOK).await;
                return Ok(());
            }
            // A refusal says that it is receiving one, and no answer says nothing.
            match self.offset(copy.clone()).await {
                Err(_) => idle_since = None,
                Ok(_) if idle_since.get_or_insert_with(Instant::now).elapsed() < IDLE => {}
                Ok(_) => {
                    let seconds = IDLE.as_secs();
                    let why = format!("no answer came, and the node has received nothing for {seconds} s");
                    return Err(self.failed("a snapshot", &why));
                }
            }
        }
    }
}

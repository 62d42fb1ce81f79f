//! [`Comparison`]: has the states compared, where this node leads, and finds out whether its own differs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use chronos_env::Loop;
use chronos_state::{Command, Compare};
use futures::future::join_all;
use tokio::time::Instant;

use super::differences::{Difference, Other};
use super::digests::by_index;
use super::findings::{Finding, Told, find};
use super::pace::ComparePace;
use crate::leader::LeaderClient;
use crate::lock::lock;
use crate::messages::payload::{Compared, To};
use crate::messages::request::Request;
use crate::metrics::Metrics;
use crate::types::Member;

/// How long a node may take to tell its digests. It has them in memory.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long the log may take for a command. Without an answer the next one is proposed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the others are asked about the newest piece, where some have not applied it yet.
const LOOKS: usize = 3;

/// Compares the state of this node with those of the others.
pub(crate) struct Comparison {
    leader: LeaderClient,
    pace: ComparePace,
    metrics: Metrics,
    /// They end with this.
    running: Mutex<Vec<Loop>>,
}

/// What the loop remembers.
#[derive(Default)]
struct Memory {
    /// The newest entry that the others were asked about, and how often they may be asked again.
    looked: (u64, usize),
    /// The entry that ended the last round, and when that was seen.
    ended: Option<(u64, Instant)>,
    /// What was found of this node's state, and is to be noted in it still.
    unwritten: Option<Difference>,
}

impl Comparison {
    pub(crate) fn new(leader: LeaderClient, pace: ComparePace, metrics: Metrics) -> Self {
        Self { leader, pace, metrics, running: Mutex::default() }
    }

    /// Has the states compared from now on.
    pub(crate) fn keep(self: &Arc<Self>) {
        let work = run(Arc::downgrade(self), self.pace.step);
        lock(&self.running).push(self.leader.log.loops.start("comparison", work));
    }

    async fn tick(&self, memory: &mut Memory) {
        let log = &self.leader.log;
        let now = log.figures();
        let members: BTreeMap<u64, Member> =
            now.membership_config.nodes().map(|(id, member)| (*id, member.clone())).collect();
        let differences = &log.storage.differences;
        differences.keep(|id| members.contains_key(&id));
        if members.len() < 2 || !members.contains_key(&log.id()) {
            // There is nobody to differ from.
            return self.metrics.states_differ(0);
        }
        if !differences.differs() {
            if now.state.is_leader() {
                self.compare_next(memory).await;
            }
            self.look(&members, memory).await;
        }
        self.note(memory).await;
        self.metrics.states_differ(differences.count());
    }

    /// Has the nodes compare the next rows. A new leader goes on where the one before it was.
    async fn compare_next(&self, memory: &mut Memory) {
        let log = &self.leader.log;
        let newest = log.storage.digests.newest();
        if let Some(piece) = &newest
            && piece.digest.first.is_none()
        {
            let ended = memory.ended.filter(|(index, _)| *index == piece.index);
            let (_, since) = *memory.ended.insert(ended.unwrap_or((piece.index, Instant::now())));
            if since.elapsed() < self.pace.rest {
                return;
            }
        }
        let before = newest.and_then(|piece| piece.digest.first);
        let command = Command::Compare(Compare { before });
        match tokio::time::timeout(PATIENCE, log.propose(vec![command.into()])).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the states are not compared now"),
            Err(_) => tracing::debug!("the states are not compared now: the log takes its time"),
        }
    }

    /// Compares what this node has with what the others have.
    async fn look(&self, members: &BTreeMap<u64, Member>, memory: &mut Memory) {
        let log = &self.leader.log;
        let digests = &log.storage.digests;
        let Some(newest) = digests.newest() else { return };
        if newest.index > memory.looked.0 {
            memory.looked = (newest.index, LOOKS);
            self.metrics.piece_compared();
            if let Some(before) = newest.digest.first.clone() {
                // What cannot be read is found when it is applied.
                let _ = log.storage.ahead.call(move |reader| reader.read_ahead(Some(before))).await;
            }
        }
        if memory.looked.1 == 0 {
            return;
        }
        memory.looked.1 -= 1;
        let others = members.iter().filter(|(id, _)| **id != log.id());
        let asked = others.map(|(id, member)| async move { Some((*id, self.told_by(*id, member).await?)) });
        let told: BTreeMap<u64, Told> = join_all(asked).await.into_iter().flatten().collect();
        if told.len() + 1 == members.len() && told.values().all(|told| told.contains_key(&newest.index)) {
            memory.looked.1 = 0;
        }
        for finding in find(members.len(), &by_index(digests.told()), &told) {
            self.found(&finding, members, memory);
        }
    }

    /// What a member has in the rows that were compared last.
    async fn told_by(&self, id: u64, member: &Member) -> Option<Told> {
        let message = Request::Compared(To { to: id, message: () }).encode().ok()?;
        // One that does not answer is compared when it does. Others tell that it does not.
        let answer = message.send(&*self.leader.transport, &member.address, ANSWER_WITHIN).await.ok()?;
        Some(by_index(message.answer::<Vec<Compared>>(&answer).ok()?))
    }

    fn found(&self, finding: &Finding, members: &BTreeMap<u64, Member>, memory: &mut Memory) {
        let log = &self.leader.log;
        let (storage, own) = (&log.storage, &log.name);
        match finding {
            Finding::Own { index } => {
                if memory.unwritten.is_none()
                    && let Some(piece) = storage.digests.at(*index)
                {
                    let difference = Difference::of(&piece);
                    tracing::error!("{}", difference.sentence(own));
                    memory.unwritten = Some(difference);
                }
            }
            Finding::Other { id, index, is_decided } => {
                let (Some(piece), Some(member)) = (storage.digests.at(*index), members.get(id)) else {
                    return;
                };
                let (name, difference) = (member.name.clone(), Difference::of(&piece));
                let other = Other { name, difference, is_decided: *is_decided };
                let sentence = other.sentence(own);
                if storage.differences.note(*id, other) {
                    tracing::error!("{sentence}");
                }
            }
        }
    }

    /// Notes in the state of this node that it is not that of most. From then on this node neither fires nor leads:
    /// its lease, its answers to the leader and its place in elections go by that.
    async fn note(&self, memory: &mut Memory) {
        let Some(difference) = memory.unwritten.clone() else { return };
        match self.leader.log.storage.state.write(move |state| state.differs(&difference)).await {
            Ok(Ok(())) => memory.unwritten = None,
            Ok(Err(error)) => tracing::warn!(%error, "that the state differs is not written yet"),
            // Its thread has told why.
            Err(_) => {}
        }
    }
}

/// Goes on until the node stops, or `comparison` is gone.
async fn run(comparison: Weak<Comparison>, step: Duration) {
    let mut memory = Memory::default();
    loop {
        tokio::time::sleep(step).await;
        let Some(comparison) = comparison.upgrade() else { return };
        if comparison.leader.log.storage.health.stopping() {
            return;
        }
        comparison.tick(&mut memory).await;
    }
}

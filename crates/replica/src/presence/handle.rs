//! [`Presence`]: what this node knows of who is there, and what it tells others of itself.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use chronos_env::Loop;
use chronos_types::NodeName;
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::Activity;
use super::observer::{Observed, Observer};
use super::report::NodeReport;
use super::stamp::{Stamp, StampClock};
use super::view::View;
use crate::leader::{Leader, LeaderClient};
use crate::lock::lock;
use crate::messages::payload::PresenceNote;
use crate::messages::request::Request;
use crate::status::members;

/// Between two times of saying that this node stops: the leader may be another one.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a stop waits for the leader to know.
const PATIENCE: Duration = Duration::from_secs(1);
/// A node that does not say how it is within this time is not reachable.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Who is there, and how this node is.
pub struct Presence {
    leader: LeaderClient,
    observed: Observed,
    stamps: StampClock,
    /// Whether this node is to be removed.
    asked_to_leave: watch::Sender<bool>,
    /// Whether this node is about to stop.
    leaving: watch::Sender<bool>,
    activity: Arc<Activity>,
    /// They end with this.
    running: Mutex<Vec<Loop>>,
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Presence").field(&*self.observed.view.borrow()).finish()
    }
}

impl Presence {
    pub(crate) fn new(
        leader: LeaderClient,
        observed: Observed,
        stamps: StampClock,
        activity: Arc<Activity>,
    ) -> Self {
        let (asked_to_leave, leaving) = (watch::Sender::new(false), watch::Sender::new(false));
        let running = Mutex::default();
        Self { leader, observed, stamps, asked_to_leave, leaving, activity, running }
    }

    /// Follows who is there to fire webhooks.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.observed.view.clone()
    }

    /// How this node is.
    #[must_use]
    pub fn report(&self) -> NodeReport {
        let now = self.leader.log.figures();
        let heard = members(&now).into_iter();
        NodeReport {
            applied: now.last_applied.map(|id| id.index),
            firing: self.activity.running() as u64,
            fenced: self.observed.view.borrow().fenced,
            heard: heard.filter_map(|member| Some((member.name, member.last_contact_ms?))).collect(),
        }
    }

    /// How the node at an address is; nothing where it does not say.
    pub async fn report_of(&self, address: &str) -> Option<NodeReport> {
        let message = Request::Report.encode().ok()?;
        // Why it does not answer is in the log of whoever must reach it.
        let answer = message.send(&*self.leader.transport, address, ANSWER_WITHIN).await.ok()?;
        message.answer(&answer).ok()
    }

    /// Has the leader plan no more for this node, now and for as long as this node is there. Where there is
    /// no leader, it is told as soon as there is one.
    pub async fn announce_stop(&self) {
        // Without an answer the node stops all the same, and is missed like one that was killed.
        let _ = tokio::time::timeout(PATIENCE, self.tell(true)).await;
        self.leaving.send_replace(true);
    }

    /// Waits until this node is asked to leave, because it is to be removed.
    pub async fn asked_to_leave(&self) {
        let mut asked = self.asked_to_leave.subscribe();
        // The sender lives as long as this.
        let _ = asked.wait_for(|asked| *asked).await;
    }

    /// Tells the leader whether this node is about to stop; says whether the leader knows.
    pub(crate) async fn tell(&self, leaving: bool) -> bool {
        let note = PresenceNote { id: self.leader.log.id(), leaving };
        match self.leader.find(Instant::now() + PATIENCE).await {
            Some(Leader::Me) => {
                self.note(&note);
                true
            }
            Some(Leader::Other(leader)) => match Request::Presence(note).encode() {
                Ok(message) => {
                    let answer = self.leader.ask(&leader, &message).await;
                    answer.is_ok_and(|answer| message.answer::<()>(&answer).is_ok())
                }
                Err(_) => false,
            },
            None => false,
        }
    }

    /// A member says whether it is about to stop.
    pub(crate) fn note(&self, note: &PresenceNote) {
        self.observed.leaving.note(note.id, note.leaving);
    }

    /// This node is to be removed, and asked to leave by itself.
    pub(crate) fn ask_to_leave(&self) {
        self.asked_to_leave.send_replace(true);
    }

    /// Whether this node is to be removed.
    pub(crate) fn is_asked_to_leave(&self) -> bool {
        *self.asked_to_leave.borrow()
    }

    /// A stamp of now, for the leader to send back.
    pub(crate) fn stamp(&self) -> Stamp {
        self.stamps.now()
    }

    /// This node follows a leader that it heard at this instant, and that sent back this stamp.
    pub(crate) fn heard_leader(&self, at: Instant, proven: Option<Stamp>) {
        self.observed.contact.at(at);
        if let Some(proven) = proven.and_then(|stamp| self.stamps.read(stamp)) {
            self.observed.lease.at(proven);
        }
    }

    /// The members that are live, as a leader knows.
    pub(crate) fn live(&self) -> Vec<NodeName> {
        self.observed.view.borrow().live.clone()
    }

    /// Whether a leader has not heard from the member of this name for too long.
    pub(crate) fn is_silent(&self, name: &NodeName) -> bool {
        self.observed.view.borrow().silent.contains(name)
    }

    /// Has the view kept up to date from now on, and the leader told again and again once this node is about to
    /// stop.
    pub(crate) fn keep_up_to_date(self: &Arc<Self>, observer: Observer) {
        let loops = &self.leader.log.loops;
        let announce = announce(Arc::downgrade(self), self.leaving.subscribe());
        lock(&self.running)
            .extend([loops.start("presence", observer.run()), loops.start("announcement", announce)]);
    }
}

/// Goes on until the node has stopped, or `presence` is gone.
async fn announce(presence: Weak<Presence>, mut leaving: watch::Receiver<bool>) {
    // The sender is gone only with `presence`.
    let _ = leaving.wait_for(|leaving| *leaving).await;
    loop {
        tokio::time::sleep(AGAIN).await;
        let Some(presence) = presence.upgrade() else { return };
        if presence.leader.log.storage.health.stopping() {
            return;
        }
        presence.tell(true).await;
    }
}

//! [`Presence`]: what this node knows of who is there, and what it tells others of itself.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use chronos_env::Loop;
use chronos_types::{Millis, NodeName};
use tokio::sync::watch;
use tokio::time::Instant;

use super::judge::{Facts, HandOver, Judgement, Verdict};
use super::lease::Lease;
use super::observer::{Observed, Observer};
use super::problems;
use super::report::{MemberReport, NodeReport};
use super::sign::Sign;
use super::stamp::Stamp;
use super::view::View;
use crate::leader::{Leader, LeaderClient};
use crate::lock::lock;
use crate::messages::request::Request;
use crate::raft::Figures;
use crate::status::members;

/// How long a stop waits for the leader to know, and a write for the clocks to be compared.
const PATIENCE: Duration = Duration::from_secs(1);
/// A node that does not say how it is within this time is not reachable.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// A learner that has done its part for this long may have a vote.
const STEADY: Duration = Duration::from_secs(3);

/// Who is there, and how this node is.
pub struct Presence {
    leader: LeaderClient,
    observed: Observed,
    /// Whether this node is to be removed.
    asked_to_leave: watch::Sender<bool>,
    /// They end with this.
    running: Mutex<Vec<Loop>>,
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Presence").field(&*self.observed.view.borrow()).finish()
    }
}

impl Presence {
    pub(crate) fn new(leader: LeaderClient, observed: Observed) -> Self {
        Self { leader, observed, asked_to_leave: watch::Sender::new(false), running: Mutex::default() }
    }

    /// Follows who is there to fire webhooks.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.observed.view.clone()
    }

    /// Whether what is planned for this node is its own to fire. Whatever begins an attempt asks it.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.observed.lease.clone()
    }

    /// How this node is, and as a leader what it knows of the others.
    #[must_use]
    pub fn report(&self) -> NodeReport {
        let now = self.leader.log.figures();
        let survey = &self.observed.survey;
        let Sign { applied, fires, disk_full, .. } = survey.itself.sign();
        let view = self.observed.view.borrow().clone();
        let judgement = survey.take(&now).map(|(judgement, _)| judgement);
        let about_all = judgement.as_ref().and_then(|judgement| problems::of_all(judgement, &survey.times));
        NodeReport {
            applied,
            firing: survey.itself.activity.running() as u64,
            fires,
            fenced: view.fenced,
            disk_full,
            problems: self.leader.log.problems().into_iter().chain(about_all).collect(),
            live: view.live,
            members: judgement.map(|judgement| self.report_members(&now, &judgement)).unwrap_or_default(),
        }
    }

    /// What this leader knows of the members.
    fn report_members(&self, now: &Figures, judgement: &Judgement) -> BTreeMap<NodeName, MemberReport> {
        let mut skews = judgement.skews();
        let heard = members(now).into_iter().map(|member| (member.name, member.last_contact_ms));
        let mut heard: BTreeMap<_, _> = heard.collect();
        let times = &self.observed.survey.times;
        let member = |(facts, verdict): &(Facts, Verdict)| {
            let report = MemberReport {
                last_contact_ms: heard.remove(&facts.name).flatten(),
                behind: facts.seen.map(|seen| seen.pace.behind()),
                clock_skew_ms: skews.remove(&facts.name),
                problems: problems::of_member(facts, *verdict, judgement, times, Instant::now()),
            };
            (facts.name.clone(), report)
        };
        judgement.members.iter().map(member).collect()
    }

    /// How the node at an address is; nothing where it does not say.
    pub async fn report_of(&self, address: &str) -> Option<NodeReport> {
        let message = Request::Report.encode().ok()?;
        // Why it does not answer is in the log of whoever must reach it.
        let answer = message.send(&*self.leader.transport, address, ANSWER_WITHIN).await.ok()?;
        message.answer(&answer).ok()
    }

    /// The names of the nodes that get runs, as the leader knows; none where it does not say.
    pub async fn live(&self) -> Vec<NodeName> {
        match self.leader.find(Instant::now()).await {
            Some(Leader::Me) => self.observed.view.borrow().live.clone(),
            Some(Leader::Other(leader)) => {
                self.report_of(&leader.address).await.map(|report| report.live).unwrap_or_default()
            }
            None => Vec::new(),
        }
    }

    /// Has whoever leads plan no more for this node, for as long as it is there: each of its answers says so from now
    /// on.
    pub fn announce_stop(&self) {
        let survey = &self.observed.survey;
        survey.itself.leave();
        survey.followers.wake();
    }

    /// Waits a moment for the leader to know that this node is about to stop, where it is.
    pub async fn stop_is_known(&self) {
        let itself = &self.observed.survey.itself;
        if !itself.is_leaving() {
            return;
        }
        let (mut is_known, mut view) = (itself.leaving_is_known(), self.view());
        let known = async {
            tokio::select! {
                _ = is_known.wait_for(|is_known| *is_known) => {}
                // Where this node leads.
                _ = view.wait_for(|view| view.leaving.contains(&self.leader.log.name)) => {}
            }
        };
        // Without an answer the node stops all the same, and is missed like one that was killed.
        let _ = tokio::time::timeout(PATIENCE, known).await;
    }

    /// Waits until this node is asked to leave, because it is to be removed.
    pub async fn asked_to_leave(&self) {
        let mut asked = self.asked_to_leave.subscribe();
        // The sender lives as long as this.
        let _ = asked.wait_for(|asked| *asked).await;
    }

    /// This node is to be removed, and asked to leave by itself.
    pub(crate) fn ask_to_leave(&self) {
        self.asked_to_leave.send_replace(true);
    }

    /// Whether this node is to be removed.
    pub(crate) fn is_asked_to_leave(&self) -> bool {
        *self.asked_to_leave.borrow()
    }

    /// What this node says of itself now.
    pub(crate) fn sign(&self) -> Sign {
        self.observed.survey.itself.sign()
    }

    /// This node follows a leader that it heard at this instant, and that sent back this stamp.
    pub(crate) fn heard_leader(&self, at: Instant, proven: Option<Stamp>) {
        self.observed.contact.at(at);
        let Some(stamp) = proven else { return };
        let itself = &self.observed.survey.itself;
        itself.came_back(stamp);
        if let Some(proven) = itself.stamps.read(stamp) {
            self.observed.lease.renew(proven);
        }
    }

    /// The time that this node goes by as a leader. Its clock counts, but for a moment after it was set.
    pub(crate) fn time(&self) -> Millis {
        self.observed.survey.time()
    }

    /// Waits until this leader may plan, and write down the time: a majority has answered it, and its clock is right.
    /// Says whether that came within a moment.
    pub(crate) async fn may_plan(&self) -> bool {
        let (mut view, mut leadership) = (self.view(), self.leader.log.leadership());
        tokio::select! {
            biased;
            may = view.wait_for(|view| view.may_plan) => may.is_ok(),
            _ = leadership.wait_for(|now| !now.is_leader) => false,
            () = tokio::time::sleep(PATIENCE) => false,
        }
    }

    /// Where this node leads, the names of the members that may vote and lead, as far as their answers show.
    pub(crate) fn well(&self) -> Vec<NodeName> {
        let taken = self.observed.survey.take(&self.leader.log.figures());
        taken.map(|(judgement, _)| judgement.well()).unwrap_or_default()
    }

    /// Whether the member of this raft id has done its part for so long that it may have a vote.
    pub(crate) fn is_steady(&self, id: u64) -> bool {
        self.observed.survey.followers.is_steady(id, STEADY)
    }

    /// Whether the member of this raft id has answered this leader within this time.
    pub(crate) fn has_answered(&self, id: u64, within: Duration) -> bool {
        self.observed.survey.followers.has_answered(id, within)
    }

    /// Whether the member of this raft id says that its state is not that of most nodes.
    pub(crate) fn differs(&self, id: u64) -> bool {
        self.observed.survey.followers.differs(id)
    }

    /// Why this node is to hand over the lead, if it is.
    pub(crate) fn must_hand_over(&self) -> Option<String> {
        let (judgement, _) = self.observed.survey.take(&self.leader.log.figures())?;
        let log = &self.leader.log;
        match judgement.hands_over()? {
            HandOver::Differs => log.difference().or_else(|| log.storage.keys.obstacle(&log.name)),
            HandOver::ClockOff(ms) => {
                let skew = problems::apart(ms);
                Some(format!("the clock of {} is {skew} that of the majority", log.name))
            }
        }
    }

    /// Whether a leader has not heard from the member of this name for too long.
    pub(crate) fn is_silent(&self, name: &NodeName) -> bool {
        self.observed.view.borrow().silent.contains(name)
    }

    /// Has the view kept up to date from now on.
    pub(crate) fn keep_up_to_date(&self, observer: Observer) {
        lock(&self.running).push(self.leader.log.loops.start("presence", observer.run()));
    }
}

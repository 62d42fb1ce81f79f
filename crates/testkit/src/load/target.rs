//! What the webhooks of a load call: it takes its time with some deliveries, so that kills meet deliveries
//! under way.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Dice;
use crate::{Answer, Receiver};

const HOOK: &str = "/hook";
/// Where every request is answered with 500.
const REFUSING: &str = "/refuse";

/// A receiver whose answers are late by chance.
pub struct Target {
    receiver: Receiver,
}

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// When it came.
    pub at: Instant,
    /// The same in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Who called.
    pub from: IpAddr,
    /// Which attempt it was.
    pub attempt: u32,
}

impl Target {
    /// On loopback.
    pub async fn start(dice: Dice) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), dice).await
    }

    /// On another address of this machine.
    pub async fn start_at(address: IpAddr, dice: Dice) -> Self {
        let receiver = Receiver::start_at(address).await;
        let dice = Mutex::new(dice);
        receiver.respond(move |call| {
            let late = dice.lock().unwrap().between(0, 60).saturating_sub(30);
            let status = if call.path() == REFUSING { 500 } else { 200 };
            Answer::status(status).body("ok").late(Duration::from_millis(late))
        });
        Self { receiver }
    }

    /// A target that takes what it gets.
    #[must_use]
    pub fn url(&self) -> String {
        self.receiver.url(HOOK)
    }

    /// A target that refuses what it gets, which is no delivery.
    #[must_use]
    pub fn refusing_url(&self) -> String {
        self.receiver.url(REFUSING)
    }

    /// The arrivals of each execution, in order.
    #[must_use]
    pub fn deliveries(&self) -> HashMap<String, Vec<Delivery>> {
        self.by_execution(HOOK)
    }

    /// The same of those that were refused.
    #[must_use]
    pub fn refused(&self) -> HashMap<String, Vec<Delivery>> {
        self.by_execution(REFUSING)
    }

    fn by_execution(&self, path: &str) -> HashMap<String, Vec<Delivery>> {
        let mut by_execution: HashMap<_, Vec<_>> = HashMap::new();
        self.receiver.look(|calls| {
            for call in calls.iter().filter(|call| call.path() == path) {
                let (from, attempt) = (call.from.ip(), call.attempt());
                let delivery = Delivery { at: call.at, at_ms: call.at_ms, from, attempt };
                by_execution.entry(call.execution().to_owned()).or_default().push(delivery);
            }
        });
        by_execution
    }

    /// From each start to the first delivery before the next start, where there was one.
    #[must_use]
    pub fn first_after(&self, starts: &[Instant]) -> String {
        let arrivals: Vec<Instant> = self.deliveries().into_values().flatten().map(|one| one.at).collect();
        let ends = starts.iter().skip(1).map(Some).chain([None]);
        let first = |(start, end): (&Instant, Option<&Instant>)| {
            let first = arrivals.iter().filter(|at| *at > start).min()?;
            end.is_none_or(|end| first < end).then(|| *first - *start)
        };
        let mut times: Vec<Duration> = starts.iter().zip(ends).filter_map(first).collect();
        times.sort_unstable();
        let Some(longest) = times.last() else { return "none fired".into() };
        let median = times[times.len() / 2];
        format!(
            "{} of {} lived to fire; median {median:.0?}, longest {longest:.0?}",
            times.len(),
            starts.len()
        )
    }
}

//! What the webhooks of scheduled runs have brought so far.

use std::collections::HashMap;
use std::time::Duration;

use chronos_testkit::{Call, Receiver, instant};

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(180);

/// All deliveries so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// The instants of each job's scheduled runs, in order of arrival.
    instants: HashMap<String, Vec<i64>>,
    /// How often each execution came.
    executions: HashMap<String, usize>,
}

impl Seen {
    /// What has come by now.
    pub fn now(receiver: &Receiver) -> Self {
        let mut seen = Self::default();
        receiver.look(|calls| calls.iter().for_each(|call| seen.note(call)));
        seen
    }

    /// Waits until enough has come.
    pub async fn wait(receiver: &Receiver, what: &str, is_enough: impl Fn(&Self) -> bool) {
        let mut seen = Self::default();
        let see = |calls: &[Call]| {
            calls.iter().for_each(|call| seen.note(call));
            is_enough(&seen).then_some(())
        };
        receiver.until(what, PATIENCE, see).await;
    }

    /// The instants of a job's scheduled runs. Jobs call the path of their name.
    pub fn of(&self, job: &str) -> impl Iterator<Item = i64> {
        self.instants.get(job).into_iter().flatten().copied()
    }

    /// How often an execution came.
    pub fn deliveries(&self, execution: &str) -> usize {
        self.executions.get(execution).copied().unwrap_or_default()
    }

    fn note(&mut self, call: &Call) {
        if call.sent("X-Chronos-Trigger") != "manual" {
            let job = call.path().trim_start_matches('/').to_owned();
            let at = instant(call.sent("X-Chronos-Scheduled-Time"));
            self.instants.entry(job).or_default().push(at);
        }
        *self.executions.entry(call.execution().to_owned()).or_default() += 1;
    }
}

//! What the webhooks call: it holds back or fails those deliveries that a test wants so.

use std::time::Duration;

use chronos_testkit::{Answer, Call, Gate};
use chronos_types::ExecutionId;

/// How long a delivery is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// `gate` answers when the gate is open, `fail` with 500, `fail-once` with 500 the first time.
pub struct Receiver {
    receiver: chronos_testkit::Receiver,
    gate: Gate,
}

impl Receiver {
    pub async fn start() -> Self {
        let (receiver, gate) = (chronos_testkit::Receiver::start().await, Gate::closed());
        let held = gate.clone();
        receiver.respond(move |call| {
            let path = call.path();
            let fails = path.ends_with("fail") || path.ends_with("fail-once") && call.attempt() == 1;
            let answer = Answer::status(if fails { 500 } else { 200 });
            if path.contains("gate") { answer.after(&held) } else { answer }
        });
        Self { receiver, gate }
    }

    pub fn url(&self, path: &str) -> String {
        self.receiver.url(&format!("/{path}"))
    }

    pub fn open_gate(&self) {
        self.gate.open();
    }

    /// All deliveries so far, in order.
    pub fn all(&self) -> Vec<ExecutionId> {
        self.receiver.look(|calls| calls.iter().map(id).collect())
    }

    /// Waits until an execution was delivered so often.
    pub async fn wait(&self, execution: ExecutionId, times: usize) {
        let mut count = 0;
        let see = |calls: &[Call]| {
            count += calls.iter().filter(|call| id(call) == execution).count();
            (count >= times).then_some(())
        };
        self.receiver.until(&format!("{times} deliveries of {execution}"), PATIENCE, see).await;
    }
}

fn id(call: &Call) -> ExecutionId {
    ExecutionId::parse(call.execution()).expect("an id")
}

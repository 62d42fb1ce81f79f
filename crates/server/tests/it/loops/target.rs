//! What the webhooks call: it holds back or fails the calls that a test wants so.

use chronos_testkit::{Answer, Call, Gate, PATIENCE, Receiver};
use chronos_types::ExecutionId;

/// `gate` answers when the gate is open, `gate-fail` then with 500, `fail-once` with 500 the first time, and any
/// other path at once.
pub struct Target {
    receiver: Receiver,
    gate: Gate,
}

impl Target {
    pub async fn start() -> Self {
        let (receiver, gate) = (Receiver::start().await, Gate::closed());
        receiver.script("/gate", [Answer::ok().after(&gate)]);
        receiver.script("/gate-fail", [Answer::status(500).after(&gate)]);
        receiver.script("/fail-once", [Answer::status(500), Answer::ok()]);
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
        self.receiver.look(|calls| calls.iter().map(execution).collect())
    }

    /// Waits until an execution was delivered.
    pub async fn wait(&self, wanted: ExecutionId) {
        let see = |calls: &[Call]| calls.iter().any(|call| execution(call) == wanted).then_some(());
        self.receiver.until(&format!("{wanted} to be delivered"), PATIENCE, see).await;
    }
}

fn execution(call: &Call) -> ExecutionId {
    ExecutionId::parse(call.execution()).expect("an id")
}

//! [`Fault`]: what a node cannot go on with.

use tokio::sync::watch;

/// The first fault that was reported, where anything was: something that waiting does not cure. Whoever runs the
/// node stops it then, loudly. Cheap to clone; clones are one.
#[derive(Clone, Debug, Default)]
pub struct Fault(watch::Sender<Option<String>>);

impl Fault {
    /// Reports a fault. Only the first one counts.
    pub fn report(&self, message: String) {
        self.0.send_if_modified(|fault| {
            let first = fault.is_none();
            if first {
                tracing::error!(fault = %message, "this node cannot go on");
                *fault = Some(message);
            }
            first
        });
    }

    /// The fault, where there is one by now.
    #[must_use]
    pub fn now(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Resolves with the fault once there is one.
    pub async fn reported(&self) -> String {
        let mut fault = self.0.subscribe();
        let message = fault.wait_for(Option::is_some).await.ok().and_then(|message| message.clone());
        match message {
            Some(message) => message,
            // The sender is here, so this does not come.
            None => std::future::pending().await,
        }
    }
}

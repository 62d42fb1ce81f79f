//! How others speak to the dispatcher's task, and what they say.

use std::sync::Arc;
use std::time::Duration;

use chronos_replica::Activity;
use chronos_state::Effect;
use tokio::sync::{mpsc, oneshot};

use super::secrets::Secrets;
use crate::closed::Closed;
use crate::core::{Ended, Event};

/// Speaks to the dispatcher. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::UnboundedSender<Message>,
    secrets: Secrets,
}

impl Handle {
    /// Passes on what applied commands ask for. Never blocks.
    pub fn effects(&self, effects: Vec<Effect>) {
        // The dispatcher is gone only when the node stops. What is open is fired after the next start.
        let _ = self.messages.send(Message::Event(Event::Applied(effects)));
    }

    /// The state was replaced as a whole: what is open stands in there. Never blocks.
    pub fn rescan(&self) {
        self.secrets.forget();
        let _ = self.messages.send(Message::Event(Event::StateReplaced));
    }

    /// Secrets on record, or the keys that seal them, may be others now. Never blocks for long.
    pub fn secrets_changed(&self) {
        self.secrets.forget();
    }

    /// There are so many slots from now on. Attempts under way keep theirs. Never blocks.
    pub fn slots(&self, slots: usize) {
        let _ = self.messages.send(Message::Event(Event::Slots(slots)));
    }

    /// Starts nothing more. Answers what is to be known of the executions that it holds.
    pub async fn close(&self) -> Closed {
        let (answer, answered) = oneshot::channel();
        // Where the dispatcher is gone, so is all that it held.
        let _ = self.messages.send(Message::Close(answer));
        answered.await.unwrap_or_default()
    }

    /// Starts nothing more, waits for the attempts under way, at most `grace`, and for their
    /// reports. What is cut off is fired again: by another node, or after the next start.
    pub async fn stop(&self, grace: Duration) {
        let (stopped, has_stopped) = oneshot::channel();
        if self.messages.send(Message::Stop { grace, stopped }).is_ok() {
            let _ = has_stopped.await;
        }
    }
}

/// The receiving end of a [`Handle`], for [`crate::Dispatcher::start`].
pub struct Inbox {
    pub(super) sender: mpsc::UnboundedSender<Message>,
    pub(super) receiver: mpsc::UnboundedReceiver<Message>,
    pub(super) activity: Arc<Activity>,
    pub(super) secrets: Secrets,
}

/// A handle, and where what is said to it arrives.
pub(super) fn channel(activity: Arc<Activity>) -> (Handle, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let secrets = Secrets::default();
    (
        Handle { messages: sender.clone(), secrets: secrets.clone() },
        Inbox { sender, receiver, activity, secrets },
    )
}

/// What is said to the dispatcher's task, by others and by the tasks that it started.
#[derive(Debug)]
pub(super) enum Message {
    /// Something that the core is to know as it is.
    Event(Event),
    /// An attempt ended.
    Ended(Ended),
    /// See [`Handle::close`].
    Close(oneshot::Sender<Closed>),
    /// See [`Handle::stop`].
    Stop { grace: Duration, stopped: oneshot::Sender<()> },
}

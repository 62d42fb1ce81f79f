//! How others speak to the dispatcher's task, and what they say.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chronos_replica::Activity;
use chronos_state::Effect;
use chronos_types::ExecutionId;
use tokio::sync::{mpsc, oneshot};

use super::Dispatcher;
use super::attempt::Done;
use super::stock::Open;
use crate::fence::Round;
use crate::prepared::{Key, Prepared};

/// Speaks to the dispatcher. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::UnboundedSender<Message>,
}

impl Handle {
    /// Passes on what applied commands ask for. Never blocks.
    pub fn effects(&self, effects: Vec<Effect>) {
        // Gone only when the node stops; what is open is fired after the next start.
        let _ = self.messages.send(Message::Effects(effects));
    }

    /// The state was replaced as a whole: what is open stands in there. Never blocks.
    pub fn rescan(&self) {
        let _ = self.messages.send(Message::Rescan);
    }

    /// Starts nothing more. Answers the executions that others must leave alone for now: those with
    /// an attempt under way, or with one whose outcome is not recorded yet, and those that may not
    /// begin beside them.
    pub async fn close(&self) -> HashSet<ExecutionId> {
        let (answer, answered) = oneshot::channel();
        // Where the dispatcher is gone, so is all that it held.
        let _ = self.messages.send(Message::Close(answer));
        answered.await.unwrap_or_default()
    }

    /// Starts nothing more, waits for the attempts under way, at most `grace`, and for their
    /// reports. What is cut off is fired again: by another node, or after the next start.
    pub async fn stop(&self, grace: Duration) {
        let (done, stopped) = oneshot::channel();
        if self.messages.send(Message::Stop(grace, done)).is_ok() {
            let _ = stopped.await;
        }
    }
}

/// The receiving end of a [`Handle`], for [`Dispatcher::start`].
pub struct Inbox {
    pub(super) sender: mpsc::UnboundedSender<Message>,
    pub(super) receiver: mpsc::UnboundedReceiver<Message>,
    pub(super) activity: Arc<Activity>,
}

impl Dispatcher {
    /// A handle to speak to before the dispatcher runs. What it does is told in `activity`.
    #[must_use]
    pub fn channel(activity: Arc<Activity>) -> (Handle, Inbox) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Handle { messages: sender.clone() }, Inbox { sender, receiver, activity })
    }
}

/// What is said to it.
pub(super) enum Message {
    Effects(Vec<Effect>),
    Rescan,
    /// All that was agreed on when the fence began to be lifted is applied.
    CaughtUp(Round),
    Open(Open),
    Loaded(Vec<Key>, Vec<(Key, Arc<Prepared>)>),
    Done(Done),
    Close(oneshot::Sender<HashSet<ExecutionId>>),
    Stop(Duration, oneshot::Sender<()>),
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Effects(_) => "Effects",
            Self::Rescan => "Rescan",
            Self::CaughtUp(_) => "CaughtUp",
            Self::Open(_) => "Open",
            Self::Loaded(..) => "Loaded",
            Self::Done(_) => "Done",
            Self::Close(_) => "Close",
            Self::Stop(..) => "Stop",
        })
    }
}

//! Where commands wait for the next batch: a line for each class, bounded by bytes.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chronos_state::{Class, MAX_ROWS, Proposal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::group::Group;
use crate::error::ProposeError;
use crate::messages::payload::Accepted;
use crate::types::MAX_BATCH_BYTES;

/// Bytes that wait in one line: some seconds of a busy log, and memory that any machine has.
const LINE_BYTES: usize = 16 << 20;
/// What commands that stay together count at least: so 4,096 of them wait in one line at most.
const LEAST: usize = 4 << 10;
/// The most that commands which stay together may weigh. All that the API takes weighs less, and plans and
/// reports come in portions of half of it.
const MOST: usize = 2 << 20;
// A batch has a group of each class, and each of them at most so much. Weights count bytes before JSON, which makes six
// of a control character.
const _: () = assert!(3 * 6 * MOST < MAX_BATCH_BYTES && Group::ROOM.bytes <= MOST);
/// How long a client waits for a place in its line. In that time the log takes a hundred batches, unless
/// something is wrong with it, and then a client is better told.
const CLIENT_WAITS: Duration = Duration::from_secs(1);

/// Where the outcomes of commands go.
pub(super) type Answer = oneshot::Sender<Result<Accepted, ProposeError>>;

/// Commands that stay together.
pub(super) struct Waiting {
    pub items: Vec<Proposal>,
    /// Rows that they change.
    pub rows: usize,
    pub bytes: usize,
    pub answer: Answer,
    /// Another node sent it here because this one led. It is not sent on.
    pub for_peer: bool,
    /// Its place in the line.
    _place: OwnedSemaphorePermit,
}

/// The ends of the lines where commands come in, in the order of the classes.
#[derive(Debug)]
pub(super) struct Entrances([Entrance; 3]);

#[derive(Debug)]
struct Entrance {
    queue: mpsc::UnboundedSender<Waiting>,
    places: Arc<Semaphore>,
}

/// The ends of the lines where commands are taken, in the order of the classes.
pub(super) struct Lines([Line; 3]);

struct Line {
    class: Class,
    queue: mpsc::UnboundedReceiver<Waiting>,
    /// The first in the line, once it was looked at.
    first: Option<Waiting>,
}

/// The lines, empty. They end when the entrances are gone.
pub(super) fn lines() -> (Entrances, Lines) {
    let [(scheduled, a), (api, b), (bulk, c)] = Class::ALL.map(|class| {
        let (queue, waiting) = mpsc::unbounded_channel();
        let places = Arc::new(Semaphore::new(LINE_BYTES / LEAST));
        (Entrance { queue, places }, Line { class, queue: waiting, first: None })
    });
    (Entrances([scheduled, api, bulk]), Lines([a, b, c]))
}

/// The class of commands that stay together: the last of theirs.
fn class_of(items: &[Proposal]) -> Class {
    items.iter().map(|item| item.command.class()).max().unwrap_or(Class::Scheduled)
}

impl Entrances {
    /// Puts commands into their line, and waits for their outcomes.
    ///
    /// # Errors
    /// They are too many, or there is no room for them; or see [`ProposeError`].
    pub(super) async fn enter(&self, items: Vec<Proposal>, for_peer: bool) -> Result<Accepted, ProposeError> {
        // Each counts, also one that changes nothing.
        let counts = || items.iter().map(|item| item.command.rows().max(1));
        let (rows, largest) = (counts().sum(), counts().max().unwrap_or(0));
        let class = class_of(&items);
        if largest > MAX_ROWS || rows > Group::most_rows(class) {
            return Err(ProposeError::TooManyRows { rows });
        }
        let bytes = items.iter().map(Proposal::weight).sum();
        if bytes > MOST {
            return Err(ProposeError::TooLarge { bytes, limit: MOST });
        }
        let stopped = || ProposeError::Stopped("writes are closed".into());
        let Entrance { queue, places } = &self.0[class as usize];
        let place = Arc::clone(places).acquire_many_owned(places_of(bytes));
        let place = match class {
            // Those who ask are few, and ask for one thing after the other.
            Class::Scheduled | Class::Bulk => place.await,
            Class::Api => {
                let busy = |_| ProposeError::Busy("too many writes wait for the log".into());
                tokio::time::timeout(CLIENT_WAITS, place).await.map_err(busy)?
            }
        };
        let _place = place.map_err(|_| stopped())?;
        let (answer, answered) = oneshot::channel();
        queue.send(Waiting { items, rows, bytes, answer, for_peer, _place }).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn places_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(LEAST).max(1)).unwrap_or(u32::MAX)
}

impl Lines {
    /// Waits until there is anything to take. Says no once nothing can come any more.
    pub(super) async fn wait(&mut self) -> bool {
        poll_fn(|context| {
            let mut is_open = false;
            for line in &mut self.0 {
                if line.first.is_some() {
                    return Poll::Ready(true);
                }
                match line.queue.poll_recv(context) {
                    Poll::Ready(Some(first)) => {
                        line.first = Some(first);
                        return Poll::Ready(true);
                    }
                    Poll::Ready(None) => {}
                    Poll::Pending => is_open = true,
                }
            }
            if is_open { Poll::Pending } else { Poll::Ready(false) }
        })
        .await
    }

    /// Takes what goes into the next batch: a group for each class, in their order, some of them empty.
    pub(super) fn take(&mut self) -> Vec<Group> {
        let mut room = Group::ROOM;
        let take = |line: &mut Line| {
            let mut group = Group::default();
            let share = room.or_share(line.class);
            while let Some(first) = line.first.take().or_else(|| line.queue.try_recv().ok()) {
                if group.takes(&first, share) {
                    group.add(first);
                } else {
                    line.first = Some(first);
                    break;
                }
            }
            room = room.without(group.size());
            group
        };
        self.0.iter_mut().map(take).collect()
    }
}

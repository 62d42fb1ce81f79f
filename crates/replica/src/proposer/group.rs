//! [`Group`]: what goes into one batch together, and how much that may be.

use chronos_state::{Class, MAX_ROWS, Proposal};

use super::MAX_ROWS_TOGETHER;
use super::lines::{Answer, Waiting};
use crate::error::ProposeError;
use crate::messages::payload::Accepted;

/// So many rows that are changed, and so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub rows: usize,
    pub bytes: usize,
}

impl Size {
    /// What is left of it, for the next class. A class that comes later finds some room in every batch, however
    /// much those before it ask for, so that none waits for ever. What is forgotten has to go as fast as what is
    /// planned comes, however busy the node is, so a command of the slow loops always finds its rows.
    pub(super) fn or_share(self, class: Class) -> Self {
        let most = Group::most_rows(class);
        let (rows, bytes) = match class {
            Class::Scheduled => (most, Group::ROOM.bytes),
            Class::Api => (most / 4, Group::ROOM.bytes / 4),
            Class::Bulk => (most, Group::ROOM.bytes / 16),
        };
        Self { rows: self.rows.clamp(rows, most), bytes: self.bytes.max(bytes) }
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self { rows: self.rows.saturating_sub(other.rows), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

/// Commands, and whom their outcomes are for.
#[derive(Default)]
pub(super) struct Group {
    waiting: Vec<Waiting>,
    size: Size,
}

impl Group {
    /// So much goes into one batch, apart from what the later classes find room for: a log entry stays small.
    pub(super) const ROOM: Size = Size { rows: MAX_ROWS_TOGETHER, bytes: 1 << 20 };

    /// So many rows of one class go into one batch. What clients and slow loops write is in nobody's way for longer
    /// than one command is.
    pub(super) const fn most_rows(class: Class) -> usize {
        match class {
            Class::Scheduled => Self::ROOM.rows,
            Class::Api | Class::Bulk => MAX_ROWS,
        }
    }

    /// Whether nobody waits. Who waits for what came before may have no commands.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is room for more. The first finds it always.
    pub(super) fn takes(&self, waiting: &Waiting, room: Size) -> bool {
        self.waiting.is_empty()
            || self.size.rows + waiting.rows <= room.rows && self.size.bytes + waiting.bytes <= room.bytes
    }

    pub(super) fn add(&mut self, waiting: Waiting) {
        self.size.rows += waiting.rows;
        self.size.bytes += waiting.bytes;
        self.waiting.push(waiting);
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.size.rows += other.size.rows;
        self.size.bytes += other.size.bytes;
        self.waiting.append(&mut other.waiting);
    }

    /// Refuses what other nodes sent; what remains is for this node's own clients.
    pub(super) fn refuse_peers(&mut self) {
        for waiting in self.waiting.extract_if(.., |waiting| waiting.for_peer) {
            // A waiter that went away does not want its answer.
            let _ = waiting.answer.send(Err(ProposeError::NoLeader { leader: None }));
        }
    }

    /// The commands in order, and whom to tell what became of them. Their places in the line are free from here.
    pub(super) fn open(self) -> (Vec<Proposal>, Answers) {
        let mut items = Vec::with_capacity(self.waiting.iter().map(|waiting| waiting.items.len()).sum());
        let mut answers = Vec::with_capacity(self.waiting.len());
        for waiting in self.waiting {
            answers.push((waiting.items.len(), waiting.answer));
            items.extend(waiting.items);
        }
        (items, Answers(answers))
    }
}

/// Whom the outcomes are for, with the number of their commands.
pub(super) struct Answers(Vec<(usize, Answer)>);

impl Answers {
    /// Gives each waiter its part of the outcomes.
    pub(super) fn settle(self, result: Result<Accepted, ProposeError>) {
        match result {
            Ok(Accepted { index, outcomes }) => {
                let mut outcomes = outcomes.into_iter();
                for (count, answer) in self.0 {
                    let part = outcomes.by_ref().take(count).collect();
                    // A waiter that went away does not want its answer.
                    let _ = answer.send(Ok(Accepted { index, outcomes: part }));
                }
            }
            Err(error) => {
                for (_, answer) in self.0 {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}

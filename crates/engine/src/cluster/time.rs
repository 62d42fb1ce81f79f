//! The time that the cluster goes by: how it stands, and what an operator says of it.

use chronos_state::{ClockWord, ClusterTime, Command, Outcome, Reader};
use chronos_types::{By, Millis};

use super::{Cluster, asked};
use crate::clock::{is_suspended, why_ahead, why_suspended};
use crate::error::WriteError;

/// How the cluster's time stands.
#[derive(Clone, Debug)]
pub struct TimeStatus {
    /// The time of the last write, at most a minute old; none before the first.
    pub at: Option<Millis>,
    /// What the clock of this node says.
    pub clock: Millis,
    /// Why nothing is forgotten for its age, since when, and until what, where that is so. For people.
    pub suspended: Option<String>,
    /// That it is ahead of the clock of this node, and what to do, where that is so. For people.
    pub ahead: Option<String>,
    /// Whether it was set back, and what waits is being computed anew.
    pub is_setting_back: bool,
}

/// What an operator says of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeWord {
    /// It is right, though it jumped.
    Right,
    /// It is ahead, and is to be set back to the clock of the leader.
    SetBack,
}

impl Cluster {
    /// How the cluster's time stands, by what this node has applied.
    pub(super) fn time(&self, time: ClusterTime) -> TimeStatus {
        let clock = self.services.env.now();
        let unknown =
            "nothing is forgotten for its age: the clock is more than a day ahead of the last write";
        let suspended = match time.jump {
            Some(jump) => Some(why_suspended(jump)),
            None => is_suspended(&time, clock).then(|| unknown.to_owned()),
        };
        let ahead = why_ahead(time.noted, clock);
        let at = (time.noted > 0).then_some(time.noted);
        TimeStatus { at, clock, suspended, ahead, is_setting_back: time.back.is_some() }
    }

    /// Takes in what an operator says of the time. Answers how it stands then.
    ///
    /// # Errors
    /// The clock of the leader is not behind the time that is to be set back, or the write failed.
    pub async fn set_time(&self, by: &By, word: TimeWord) -> Result<TimeStatus, WriteError> {
        match word {
            TimeWord::Right => asked(by, "the cluster's time is said to be right", None),
            TimeWord::SetBack => asked(by, "the cluster's time is to be set back", None),
        }
        let word = match word {
            TimeWord::SetBack => ClockWord::Back,
            TimeWord::Right => {
                // A jump that nothing was written since is put on record by this, and then it is right.
                self.say(by, ClockWord::Passes).await?;
                match self.services.store.recall(Reader::cluster_time).await?.jump {
                    Some(jump) => ClockWord::Right { jumped_to: jump.to },
                    None => ClockWord::Passes,
                }
            }
        };
        self.say(by, word).await?;
        Ok(self.time(self.services.store.recall(Reader::cluster_time).await?))
    }

    async fn say(&self, by: &By, word: ClockWord) -> Result<(), WriteError> {
        let proposal = self.services.proposal(by, None, Command::Clock(word))?;
        match self.services.proposer.propose(proposal).await? {
            Outcome::Done => Ok(()),
            other => Err(WriteError::of(other)),
        }
    }
}

//! Tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4): which are kept, and who fetches one.
//!
//! A token is kept under all that it was asked for with, so webhooks that ask for the same share it. Whoever needs one
//! that is not there fetches it, and all others who need the same wait for that: each within the time of its own attempt.
//! Where the time of the one who fetches is over, the next in the line does. What a fetch fails with is told to all who
//! waited for it, and is not kept.

mod answer;
mod grant;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chronos_types::ErrorKind;
use tokio::time::Instant;

pub(crate) use answer::{Answer, Granted, MAX_ANSWER_BYTES};
pub(crate) use grant::{Grant, GrantKey};

use super::outcome::{Outcome, TokenFault};

/// So many grants at most have their tokens kept: 8 MiB, where each is as long as it may be.
const MOST: usize = 1_000;
/// How much earlier than it expires a token is given up, so that it does not expire on its way.
const MARGIN: Duration = Duration::from_secs(30);
/// Of a token that does not live for long, the margin is no more than such a part of its life.
const PART: u32 = 4;
/// How long a token is kept whose answer does not say how long it lives. Few live for less; a target that refuses it has
/// another one fetched.
const UNSAID: Duration = Duration::from_secs(5 * 60);
/// The longest that one is kept, whatever its answer says: what it allows may have changed.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The tokens that are kept. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// Each with when it was used last, as a place in the order of all uses.
    slots: HashMap<GrantKey, (Arc<Slot>, u64)>,
    uses: u64,
}

/// The place of one grant's token.
#[derive(Default)]
struct Slot {
    /// How the last fetch ended. Whoever holds this fetches.
    last: tokio::sync::Mutex<Option<Fetched>>,
    /// How many fetches have ended.
    ended: AtomicU64,
    /// The last of them whose token a target has refused.
    refused: AtomicU64,
}

struct Fetched {
    number: u64,
    result: Result<Arc<str>, Box<Outcome>>,
    /// Until when its token is used.
    until: Instant,
}

/// A token for one attempt.
pub(crate) struct Bearer {
    token: Arc<str>,
    /// It was there before the attempt asked for it.
    is_kept: bool,
    number: u64,
    slot: Arc<Slot>,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NoToken {
    /// The attempt fails with that.
    Failed(Box<Outcome>),
    /// Nothing was asked, because it was not allowed any more.
    Withheld,
}

impl From<Outcome> for NoToken {
    fn from(outcome: Outcome) -> Self {
        Self::Failed(Box::new(outcome))
    }
}

impl Tokens {
    /// The token of a grant: the one that is kept, else the one that somebody `fetch`es now.
    pub(crate) async fn of(
        &self,
        key: GrantKey,
        fetch: impl Future<Output = Result<Granted, NoToken>>,
    ) -> Result<Bearer, NoToken> {
        let slot = self.slot(key);
        let ended = slot.ended.load(Ordering::Acquire);
        let mut last = slot.last.lock().await;
        if let Some(Fetched { number, result, until }) = &*last {
            // It came while this attempt waited.
            let is_new = *number > ended;
            let is_refused = *number <= slot.refused.load(Ordering::Acquire);
            match result {
                Ok(token) if !is_refused && (is_new || *until > Instant::now()) => {
                    let (token, number) = (Arc::clone(token), *number);
                    drop(last);
                    return Ok(Bearer { token, is_kept: !is_new, number, slot });
                }
                Err(outcome) if is_new => return Err(NoToken::Failed(outcome.clone())),
                _ => {}
            }
        }
        let begun = Instant::now();
        let (result, lives) = match fetch.await {
            Ok(Granted { token, lives }) => (Ok(Arc::from(token)), kept_for(lives)),
            Err(NoToken::Failed(outcome)) => (Err(outcome), Duration::ZERO),
            Err(NoToken::Withheld) => return Err(NoToken::Withheld),
        };
        // Nobody else ends one.
        let number = slot.ended.fetch_add(1, Ordering::AcqRel) + 1;
        *last = Some(Fetched { number, result: result.clone(), until: begun + lives });
        drop(last);
        result.map(|token| Bearer { token, is_kept: false, number, slot }).map_err(NoToken::Failed)
    }

    /// The place of a grant's token. Where there are too many, the one goes that was not used for longest, of those that
    /// no attempt has to do with; where there is none, the new one is for this attempt alone.
    fn slot(&self, key: GrantKey) -> Arc<Slot> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        if let Some((slot, used)) = kept.slots.get_mut(&key) {
            *used = now;
            return Arc::clone(slot);
        }
        let slot = Arc::<Slot>::default();
        if kept.slots.len() >= MOST {
            let unused = kept.slots.iter().filter(|(_, (slot, _))| Arc::strong_count(slot) == 1);
            let oldest = unused.min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            let Some(oldest) = oldest else { return slot };
            kept.slots.remove(&oldest);
        }
        kept.slots.insert(key, (Arc::clone(&slot), now));
        slot
    }
}

impl Bearer {
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Judges how the attempt ended that it was sent with. A token that the target refuses is kept no longer. Where it
    /// was there before, that says nothing yet of whether another one would be refused.
    pub(crate) fn judged(&self, outcome: Outcome) -> Outcome {
        if outcome.response.status_code != 401 || outcome.failure.is_none() {
            return outcome;
        }
        self.slot.refused.fetch_max(self.number, Ordering::AcqRel);
        match outcome.failure {
            Some((ErrorKind::Status, why)) if self.is_kept => {
                let why = format!(
                    "{why}: the target refuses the token that was kept from before, which is dropped"
                );
                Outcome { failure: Some((ErrorKind::Auth, why)), token: Some(TokenFault::Refused), ..outcome }
            }
            failure => Outcome { failure, ..outcome },
        }
    }
}

/// How long a token is used that lives for so long.
fn kept_for(lives: Option<Duration>) -> Duration {
    lives.map_or(UNSAID, |lives| {
        let lives = lives.min(LONGEST);
        lives - MARGIN.min(lives / PART)
    })
}

/// The tokens are never shown.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("is_kept", &self.is_kept).finish_non_exhaustive()
    }
}

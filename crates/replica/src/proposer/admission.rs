//! Whether the leader takes commands that make the state grow.

use std::fmt;
use std::sync::{Arc, OnceLock};

use chronos_env::BoxFuture;
use chronos_state::{Outcome, Proposal, Refusal};

use crate::error::ProposeError;
use crate::messages::payload::Accepted;

/// Decides whether commands may be proposed. It is asked on the node that they come to, and on the one that leads.
/// Only the leader refuses any.
pub trait Admission: Send + Sync + fmt::Debug {
    /// Whether every command may be proposed. It is asked each time, so it must be cheap.
    fn is_open(&self) -> bool;

    /// Why a command may not be proposed, where not every command may be.
    fn refuse<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, Option<Refusal>>;
}

/// Whoever decides, once that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<OnceLock<Arc<dyn Admission>>>);

impl Gate {
    pub(super) fn ask(&self, admission: Arc<dyn Admission>) {
        // A second one would be a mistake of ours, and the first serves as well.
        let _ = self.0.set(admission);
    }

    /// Has those commands proposed that may be. The outcomes are in the order of the commands.
    pub(super) async fn pass<F: Future<Output = Result<Accepted, ProposeError>>>(
        &self,
        items: Vec<Proposal>,
        propose: impl FnOnce(Vec<Proposal>) -> F,
    ) -> Result<Accepted, ProposeError> {
        let asked = self.0.get().filter(|admission| !items.is_empty() && !admission.is_open());
        let Some(admission) = asked else {
            return propose(items).await;
        };
        let (mut admitted, mut refused) = (Vec::with_capacity(items.len()), Vec::new());
        for (place, item) in items.into_iter().enumerate() {
            match admission.refuse(&item).await {
                None => admitted.push(item),
                Some(refusal) => refused.push((place, Outcome::Refused { refusal })),
            }
        }
        let mut accepted = match admitted.is_empty() {
            true => Accepted { index: 0, outcomes: Vec::new() },
            false => propose(admitted).await?,
        };
        for (place, outcome) in refused {
            // In order of their places, so those before it are there.
            accepted.outcomes.insert(place.min(accepted.outcomes.len()), outcome);
        }
        Ok(accepted)
    }
}

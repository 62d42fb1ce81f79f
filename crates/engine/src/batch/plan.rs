//! What is to be done with the items of a portion, as the state is when they are read.

use std::collections::HashMap;
use std::sync::Arc;

use chronos_state::{JobRow, PutItem, PutJob, Reader, StateError, StoredSpec};
use chronos_types::{Invalid, JobId, JobSpec, Millis};

use super::{BatchItems, Item, ItemOutcome, Most, OfSet};
use crate::change::next_due;
use crate::secrets;
use crate::services::Services;
use crate::times::first_due_of_new;

/// An item, and what becomes of it if all stays as it was read.
pub(super) struct Planned<D> {
    pub(super) item: PutItem,
    pub(super) outcome: ItemOutcome<D>,
}

impl<D> Planned<D> {
    fn refused(why: Invalid) -> Self {
        Self { item: PutItem::Refused, outcome: ItemOutcome::Refused(why) }
    }
}

/// The items from one on.
pub(super) struct Portion<I> {
    pub(super) services: Services,
    pub(super) items: Arc<I>,
    pub(super) set: Option<OfSet>,
    /// Those that are refused whatever they say.
    pub(super) refused: HashMap<usize, Invalid>,
    pub(super) from: usize,
    pub(super) most: Most,
}

impl<I: BatchItems> Portion<I> {
    /// What is to be done with each, as many as there may be.
    pub(super) fn plan(&self, reader: &Reader) -> Result<Vec<Planned<I::Difference>>, StateError> {
        let Self { services, items, from, most, .. } = self;
        let now = services.env.now();
        let (mut planned, mut bytes) = (Vec::new(), 0);
        for item in (*from..items.count()).take(most.items) {
            let next = self.item(reader, item, now)?;
            bytes += next.item.weight();
            if bytes > most.bytes && !planned.is_empty() {
                break;
            }
            planned.push(next);
        }
        Ok(planned)
    }

    fn item(&self, reader: &Reader, item: usize, now: Millis) -> Result<Planned<I::Difference>, StateError> {
        if let Some(why) = self.refused.get(&item) {
            return Ok(Planned::refused(why.clone()));
        }
        let stored = self.items.name(item).map(|name| reader.stored_job(name)).transpose()?.flatten();
        let Item { spec, resumes } = match self.items.read(item, stored.as_ref(), now) {
            Ok(item) => item,
            Err(why) => return Ok(Planned::refused(why)),
        };
        let is_new = |row: &JobRow| row.job.spec.as_ref().map(|before| &before.webhook) != Ok(&spec.webhook);
        if stored.as_ref().is_none_or(is_new)
            && let Err(why) = secrets::check_in(reader, &spec.webhook, "webhook.")?
        {
            return Ok(Planned::refused(why));
        }
        Ok(match stored {
            None => self.create(&spec, now),
            Some(row) => self.change(&row, &spec, resumes, now),
        })
    }

    fn create(&self, spec: &JobSpec, now: Millis) -> Planned<I::Difference> {
        let Services { env, misfire_threshold, .. } = &self.services;
        let put = PutJob {
            id: JobId::new(now, env.random_bytes()),
            from_version: None,
            created_at: now,
            spec: StoredSpec::of(spec),
            next_due: first_due_of_new(spec, now, now, *misfire_threshold),
            resumes: false,
        };
        Planned { item: PutItem::Put(Box::new(put)), outcome: ItemOutcome::Created }
    }

    fn change(&self, row: &JobRow, spec: &JobSpec, resumes: bool, now: Millis) -> Planned<I::Difference> {
        let takes_over = self.set.as_ref().filter(|set| row.set.as_deref() != Some(set.name.as_str()));
        if let Some(set) = takes_over.filter(|set| !set.adopt) {
            let owner = match &row.set {
                Some(owner) => format!("the set {owner:?}"),
                None => "no set".to_owned(),
            };
            let message = format!(
                "{:?} belongs to {owner}; expected a job of the set {:?}, or \"adopt\": true, which takes it over",
                spec.name.as_str(),
                set.name.as_str()
            );
            return Planned::refused(Invalid::one("name", message));
        }
        // A job that says what it said, and so ends its pause, gets a version as by a PUT.
        let ends_pause = resumes && row.paused.as_ref().is_some_and(|pause| !pause.is_over(now));
        let is_same = row.job.spec.as_ref().is_ok_and(|before| before == spec) && !ends_pause;
        let (seq, version) = (row.seq, row.job.version);
        if is_same && takes_over.is_none() {
            let outcome = ItemOutcome::Unchanged { version };
            return Planned { item: PutItem::Keep { job: seq, version }, outcome };
        }
        let difference = Some(self.items.difference(row, spec, takes_over.map(|set| &set.name)));
        if is_same {
            let outcome = ItemOutcome::Changed { version, difference };
            return Planned { item: PutItem::Keep { job: seq, version }, outcome };
        }
        let put = PutJob {
            id: row.job.id,
            from_version: Some(version),
            created_at: row.job.created_at,
            spec: StoredSpec::of(spec),
            next_due: next_due(&self.services, row, spec, now),
            resumes,
        };
        let outcome = ItemOutcome::Changed { version: version + 1, difference };
        Planned { item: PutItem::Put(Box::new(put)), outcome }
    }
}

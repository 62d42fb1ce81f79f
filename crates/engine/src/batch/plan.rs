//! What is to be done with the items of a portion, as the state is when they are read.

use std::collections::HashMap;
use std::sync::Arc;

use chronos_seal::KeyId;
use chronos_state::{BadSpec, JobRow, PutItem, PutJob, Reader, StateError, StoredSpec};
use chronos_types::{Invalid, Job, JobId, JobSpec, Millis, Scope, SealedCredentials};

use super::set::SetScope;
use super::{BatchItems, Item, ItemOutcome, Most, OfSet};
use crate::change::next_due;
use crate::error::Unavailable;
use crate::sealing::{Sealer, is_lost, opened_in};
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

/// What is to be done with items, and the data key by which it is sealed.
pub(super) struct Plan<D> {
    pub(super) items: Vec<Planned<D>>,
    pub(super) sealed_by: Option<KeyId>,
    /// The value of the tag that is the scope, which jobs of the set have, once that is known.
    pub(super) set_value: Option<Option<String>>,
}

/// A job with its credentials opened, and what they were sealed to.
type Opened = (JobRow, Option<SealedCredentials>);

/// The items from one on.
pub(super) struct Portion<I> {
    pub(super) services: Services,
    pub(super) scope: Scope,
    pub(super) items: Arc<I>,
    pub(super) set: Option<OfSet>,
    /// Those that are refused whatever they say.
    pub(super) refused: HashMap<usize, Invalid>,
    pub(super) from: usize,
    pub(super) most: Most,
    /// As in [`Plan`], of the portions before it.
    pub(super) set_value: Option<Option<String>>,
}

impl<I: BatchItems> Portion<I> {
    /// What is to be done with each, as many as there may be.
    pub(super) fn plan(&self, reader: &Reader) -> Result<Plan<I::Difference>, StateError> {
        let Self { services, items, from, most, .. } = self;
        let now = services.env.now();
        let sealer = Sealer::of(services, reader)?;
        let mut set = SetScope::read(self, reader)?;
        let (mut planned, mut bytes) = (Vec::new(), 0);
        for item in (*from..items.count()).take(most.items) {
            let next = self.item((reader, &sealer), &mut set, item, now)?;
            bytes += next.item.weight();
            if bytes > most.bytes && !planned.is_empty() {
                break;
            }
            planned.push(next);
        }
        Ok(Plan { items: planned, sealed_by: sealer.id(), set_value: set.value() })
    }

    fn item(
        &self,
        (reader, sealer): (&Reader, &Sealer),
        set: &mut SetScope,
        item: usize,
        now: Millis,
    ) -> Result<Planned<I::Difference>, StateError> {
        if let Some(why) = self.refused.get(&item) {
            return Ok(Planned::refused(why.clone()));
        }
        let stored = self.items.name(item).map(|name| reader.stored_job(name)).transpose()?.flatten();
        if let Some(row) = &stored
            && !reader.is_job_in(row.seq, &self.scope)?
        {
            let why =
                format!("{:?} is taken; expected another name", self.items.name(item).unwrap_or_default());
            return Ok(Planned::refused(Invalid::one("name", why)));
        }
        let (stored, sealed) = match stored.map(|row| self.opened(reader, row)).transpose()? {
            None => (None, None),
            Some(Ok((row, sealed))) => (Some(row), sealed),
            Some(Err(why)) => return Ok(Planned::refused(Invalid::one("name", why))),
        };
        let Item { spec, resumes } = match self.items.read(item, stored.as_ref(), now) {
            Ok(item) => item,
            Err(why) => return Ok(Planned::refused(why)),
        };
        if let Err((field, why)) = self.scope.check(&spec.tags) {
            return Ok(Planned::refused(Invalid::one(&field, why)));
        }
        if let Err((field, why)) = set.check(reader, stored.as_ref(), &spec)? {
            return Ok(Planned::refused(Invalid::one(&field, why)));
        }
        let is_new = |row: &JobRow| {
            row.job.spec.as_ref().map(|before| (&before.webhook, &before.tags))
                != Ok((&spec.webhook, &spec.tags))
        };
        if stored.as_ref().is_none_or(is_new)
            && let Err(why) =
                secrets::check_in(reader, &self.scope, &spec.webhook, Some(&spec.tags), "webhook.")?
        {
            return Ok(Planned::refused(why));
        }
        let planned = match stored {
            None => self.create(sealer, &spec, now),
            Some(row) => self.change(sealer, (&row, sealed.as_ref()), &spec, resumes, now),
        };
        // Whoever cannot seal it refuses it: it is one of the whole batch.
        Ok(planned.unwrap_or_else(|why| Planned::refused(Invalid::one("webhook", why))))
    }

    /// A job with its credentials opened, and what they were sealed to; or why they do not open.
    fn opened(&self, reader: &Reader, row: JobRow) -> Result<Result<Opened, String>, StateError> {
        let JobRow { job, .. } = row;
        let spec = match job.spec {
            Ok(spec) => spec,
            Err(bad) => return Ok(Ok((JobRow { job: Job { spec: Err(bad), ..job }, ..row }, None))),
        };
        let sealed = spec.webhook.sealed.clone();
        let (spec, sealed) = match opened_in(&self.services.keyring, reader, job.id, spec.clone())? {
            Ok(spec) => (Ok(spec), sealed),
            // Its data key is lost, so its credentials are to be written anew.
            Err(why) if is_lost(reader, sealed.as_ref())? => {
                (Err(Box::new(BadSpec { why, form: StoredSpec::of(&spec) })), None)
            }
            Err(why) => return Ok(Err(why)),
        };
        Ok(Ok((JobRow { job: Job { spec, ..job }, ..row }, sealed)))
    }

    fn create(
        &self,
        sealer: &Sealer,
        spec: &JobSpec,
        now: Millis,
    ) -> Result<Planned<I::Difference>, Unavailable> {
        let Services { env, misfire_threshold, .. } = &self.services;
        let (id, mut stored) = (JobId::new(now, env.random_bytes()), StoredSpec::of(spec));
        sealer.webhook(id, &mut stored.webhook, None)?;
        let put = PutJob {
            id,
            from_version: None,
            created_at: now,
            spec: stored,
            next_due: first_due_of_new(spec, now, now, *misfire_threshold),
            resumes: false,
        };
        Ok(Planned { item: PutItem::Put(Box::new(put)), outcome: ItemOutcome::Created })
    }

    fn change(
        &self,
        sealer: &Sealer,
        (row, sealed): (&JobRow, Option<&SealedCredentials>),
        spec: &JobSpec,
        resumes: bool,
        now: Millis,
    ) -> Result<Planned<I::Difference>, Unavailable> {
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
            return Ok(Planned::refused(Invalid::one("name", message)));
        }
        // A job that says what it said, and so ends its pause, gets a version as by a PUT.
        let ends_pause = resumes && row.paused.as_ref().is_some_and(|pause| !pause.is_over(now));
        let is_same = row.job.spec.as_ref().is_ok_and(|before| before == spec) && !ends_pause;
        let (seq, version) = (row.seq, row.job.version);
        if is_same && takes_over.is_none() {
            let outcome = ItemOutcome::Unchanged { version };
            return Ok(Planned { item: PutItem::Keep { job: seq, version }, outcome });
        }
        let difference = Some(self.items.difference(row, spec, takes_over.map(|set| &set.name)));
        if is_same {
            let outcome = ItemOutcome::Changed { version, difference };
            return Ok(Planned { item: PutItem::Keep { job: seq, version }, outcome });
        }
        let mut stored = StoredSpec::of(spec);
        sealer.webhook(row.job.id, &mut stored.webhook, sealed)?;
        let put = PutJob {
            id: row.job.id,
            from_version: Some(version),
            created_at: row.job.created_at,
            spec: stored,
            next_due: next_due(&self.services, row, spec, now),
            resumes,
        };
        let outcome = ItemOutcome::Changed { version: version + 1, difference };
        Ok(Planned { item: PutItem::Put(Box::new(put)), outcome })
    }
}

//! What the naive machine makes of named secrets: it goes by the webhooks themselves, and not by how they are stored.

use chronos_seal::{WrappedKey, data_key_of};
use chronos_state::{
    MAX_SECRETS, PutSecret, Reseal, ResealStep, Resealed, SealCursor, Sealing, SecretRow, SecretUses,
    SecretWord, StoredScope, Total,
};
use chronos_types::Webhook;

use super::*;

/// So many of the jobs that name a secret are told where it is to be deleted.
const SHOWN: usize = 3;

impl Model {
    pub(super) fn secret(&mut self, word: &SecretWord, by: Option<&By>) -> Outcome {
        match word {
            SecretWord::Key(key) => self.seal_by(key, false),
            SecretWord::KeyAfterLoss(key) => self.seal_by(key, true),
            SecretWord::Reseal(step) => self.reseal(step),
            SecretWord::Fingerprints(key) => {
                self.fingerprints.get_or_insert_with(|| key.clone());
                Outcome::Done
            }
            SecretWord::Put(put) => self.put_secret(put, by),
            SecretWord::Delete { name } => {
                if !self.secrets.contains_key(name) {
                    return refuse(Refusal::NoSuchSecret { name: name.clone() });
                }
                let mut jobs = self.uses(name).jobs;
                if !jobs.is_empty() {
                    let more = jobs.len() > SHOWN;
                    jobs.truncate(SHOWN);
                    return refuse(Refusal::SecretInUse { jobs, more });
                }
                self.secrets.remove(name);
                Outcome::Done
            }
        }
    }

    fn seal_by(&mut self, key: &WrappedKey, are_lost: bool) -> Outcome {
        let is_first = self.seals.is_none();
        let current = self.data_keys.iter().find(|known| Some(known.id) == self.seals);
        if current.is_some_and(|known| known.id == key.id || known.by() == key.by()) {
            return Outcome::Done;
        }
        if are_lost {
            (self.data_keys, self.fingerprints) = (Vec::new(), None);
        } else if self.sealing.as_ref().is_some_and(|sealing| sealing.ended_at.is_none()) {
            return refuse(Refusal::SealingMovedOn);
        }
        self.data_keys.retain(|known| known.id != key.id);
        self.data_keys.push(key.clone());
        self.seals = Some(key.id);
        let was_clear = is_first && (self.last_job > 0 || !self.secrets.is_empty());
        let (cursor, begun_at) = (SealCursor::Start, self.at);
        self.sealing = Some(Sealing { cursor, done: 0, left: 0, was_clear, begun_at, ended_at: None });
        Outcome::Done
    }

    fn reseal(&mut self, step: &ResealStep) -> Outcome {
        let ResealStep { key, from, items, to, left, is_last } = step;
        let is_there = |sealing: &Sealing| sealing.ended_at.is_none() && sealing.cursor == *from;
        if self.seals != Some(*key) || !self.sealing.as_ref().is_some_and(is_there) {
            return refuse(Refusal::SealingMovedOn);
        }
        let done: Vec<_> = items.iter().filter(|item| self.is_sealed_anew(item)).collect();
        let sealing = self.sealing.as_mut().unwrap();
        sealing.done += done.len() as u64;
        sealing.was_clear |= done.iter().any(|item| item.from.is_none());
        sealing.left += u64::from(*left);
        sealing.cursor = to.clone();
        if *is_last {
            sealing.ended_at = Some(self.at);
            if sealing.left == 0 {
                self.data_keys.retain(|known| known.id == *key);
            }
        }
        Outcome::Done
    }

    /// Seals one value anew, where it is sealed as is said.
    fn is_sealed_anew(&mut self, Reseal { from, to }: &Reseal) -> bool {
        match to {
            Resealed::Secret { name, version, value } => {
                let row = self.secrets.get_mut(name);
                let row = row.filter(|row| row.version == *version && row.value.key() == *from);
                row.map(|row| row.value = value.clone()).is_some()
            }
            Resealed::Webhook { job, version, webhook } => {
                let known = self.jobs.get_mut(job).and_then(|job| job.versions.get_mut(version));
                let known = known.map(|(_, spec)| &mut spec.webhook);
                let known = known.filter(|known| data_key_of(known.sealed.as_ref()) == *from);
                let Some(known) = known else { return false };
                let body = known.body.take();
                *known = Webhook { body, ..Webhook::try_from((**webhook).clone()).unwrap() };
                true
            }
            Resealed::Fingerprints(key) => {
                let known = self.fingerprints.as_mut().filter(|known| known.key() == *from);
                known.map(|known| *known = key.clone()).is_some()
            }
            Resealed::Overrides { .. } | Resealed::Patch { .. } => {
                unreachable!("the operations seal none of these anew")
            }
        }
    }

    /// A command of an operation, which is not asked again how it is sealed.
    pub(super) fn of_step(&self, command: &Command, by: Option<&By>) -> Proposal {
        Proposal { by: by.cloned(), sealed_by: self.seals, ..command.clone().into() }
    }

    fn put_secret(&mut self, put: &PutSecret, by: Option<&By>) -> Outcome {
        let PutSecret { name, from_version, description, hosts, scope, value } = put.clone();
        let found = self.secrets.get(&name);
        let (current, created_at) = found.map_or((0, self.at), |row| (row.version, row.created_at));
        match from_version {
            None if current == 0 && self.secrets.len() >= MAX_SECRETS => {
                return refuse(Refusal::TooManySecrets { most: MAX_SECRETS });
            }
            Some(_) if current == 0 => return refuse(Refusal::NoSuchSecret { name }),
            from if from.unwrap_or(0) != current => return refuse(Refusal::VersionMismatch { current }),
            _ => {}
        }
        let row = SecretRow {
            name: name.clone(),
            version: current + 1,
            created_at,
            updated_at: self.at,
            description,
            hosts,
            scope: StoredScope::read(scope.as_ref()),
            by: by.cloned(),
            value,
            key: None,
        };
        self.secrets.insert(name, row);
        Outcome::Done
    }

    /// Which secrets the version of a job names that is in force. A cluster does not note it before it has any.
    pub(super) fn note_secrets(&mut self, seq: JobSeq) {
        if self.raised {
            let job = &self.jobs[&seq];
            let names = if job.deleted { BTreeSet::new() } else { job.spec().webhook.secrets() };
            self.named.insert(seq, names.iter().map(|name| name.as_str().to_owned()).collect());
        }
    }

    /// All secrets, each with the key that it was sealed by where that is on record, and the jobs that name it.
    pub fn secrets(&self) -> impl Iterator<Item = (SecretRow, SecretUses)> {
        self.secrets.values().map(|row| {
            let key = row.value.key().and_then(|id| self.data_keys.iter().find(|key| key.id == id)).cloned();
            (SecretRow { key, ..row.clone() }, self.uses(&row.name))
        })
    }

    /// The version of a secret that is there.
    pub fn secret_version(&self, name: &str) -> Option<u64> {
        self.secrets.get(name).map(|row| row.version)
    }

    fn uses(&self, name: &str) -> SecretUses {
        let names = self.named.iter().filter(|(_, names)| names.contains(name));
        let jobs: Vec<_> = names.map(|(seq, _)| self.jobs[seq].spec().name.as_str().to_owned()).collect();
        SecretUses { total: Total { count: jobs.len() as u64, exact: true }, jobs }
    }
}

//! What the naive machine makes of named secrets: it goes by the webhooks themselves, and not by how they are stored.

use chronos_seal::WrappedKey;
use chronos_state::{MAX_SECRETS, PutSecret, SecretRow, SecretUses, SecretWord, Total};

use super::*;

/// So many of the jobs that name a secret are told where it is to be deleted.
const SHOWN: usize = 3;

impl Model {
    pub(super) fn secret(&mut self, word: &SecretWord, by: Option<&By>) -> Outcome {
        match word {
            SecretWord::Key(key) => {
                let is_same = |known: &WrappedKey| known.by() == key.by() || known.id == key.id;
                if !self.data_keys.iter().any(is_same) {
                    self.data_keys.push(key.clone());
                }
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

    fn put_secret(&mut self, put: &PutSecret, by: Option<&By>) -> Outcome {
        let PutSecret { name, from_version, description, hosts, value } = put.clone();
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

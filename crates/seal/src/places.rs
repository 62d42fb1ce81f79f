//! Where each kind of value is sealed: the one list of the places, whose names never change.

use chronos_types::{
    Credentials, JobId, MisplacedCredential, OperationId, Overrides, SealedCredentials, Webhook,
};

use crate::{KeyId, Keyring, NONCE_BYTES, OpenError, Place, Sealed, WrappedKey};

/// What has a sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The value of a named secret.
    Secret(&'a str),
    /// The credentials of a job's webhook, in any of its versions.
    Webhook(JobId),
    /// The credentials of what one run of a job sends. They go with a repeat of the run, so they are bound to the job.
    Overrides(JobId),
    /// The change that an operation makes in jobs.
    Patch(OperationId),
    /// The key of the fingerprints of requests.
    Fingerprints,
}

/// Why credentials do not come back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// They do not open.
    #[error("its credentials cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// They are not in a form that this release knows.
    #[error("its credentials are not in a form that this release knows")]
    Form,
    /// They belong elsewhere.
    #[error(transparent)]
    Misplaced(#[from] MisplacedCredential),
}

impl Owner<'_> {
    /// Calls `with` with the place.
    fn at<T>(self, with: impl FnOnce(&Place<'_>) -> T) -> T {
        match self {
            Self::Secret(name) => with(&Place { object: &format!("secret/{name}"), field: "value" }),
            Self::Webhook(job) => with(&Place { object: &format!("job/{job}"), field: "webhook" }),
            Self::Overrides(job) => with(&Place { object: &format!("job/{job}"), field: "overrides" }),
            Self::Patch(operation) => {
                with(&Place { object: &format!("operation/{operation}"), field: "patch" })
            }
            Self::Fingerprints => with(&Place { object: "cluster", field: "fingerprints" }),
        }
    }
}

impl Keyring {
    /// Seals what somebody has.
    ///
    /// # Errors
    /// The data key cannot be opened.
    pub fn seal_for(
        &self,
        owner: Owner<'_>,
        value: &str,
        key: &WrappedKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, OpenError> {
        owner.at(|place| self.seal(value, place, key, nonce))
    }

    /// Opens what somebody has; see [`Keyring::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open_of(
        &self,
        owner: Owner<'_>,
        sealed: &Sealed,
        key: Option<&WrappedKey>,
    ) -> Result<zeroize::Zeroizing<String>, OpenError> {
        owner.at(|place| self.open(sealed, place, key))
    }

    /// Seals anew what somebody has; see [`Keyring::reseal`].
    ///
    /// # Errors
    /// As there.
    pub fn reseal_of(
        &self,
        owner: Owner<'_>,
        sealed: &Sealed,
        from: Option<&WrappedKey>,
        to: &WrappedKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, OpenError> {
        owner.at(|place| self.reseal(sealed, place, from, to, nonce))
    }

    /// Seals credentials.
    ///
    /// # Errors
    /// The data key cannot be opened.
    pub fn seal_credentials(
        &self,
        owner: Owner<'_>,
        credentials: &Credentials,
        key: &WrappedKey,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, OpenError> {
        // It has no map with keys that are no texts, so it can be written.
        let text = zeroize::Zeroizing::new(serde_json::to_string(credentials).unwrap_or_default());
        self.seal_for(owner, &text, key, nonce)
    }

    /// Opens credentials.
    ///
    /// # Errors
    /// They do not open, or have another form.
    pub fn open_credentials(
        &self,
        owner: Owner<'_>,
        sealed: &Sealed,
        key: Option<&WrappedKey>,
    ) -> Result<Credentials, CredentialsError> {
        let text = self.open_of(owner, sealed, key)?;
        serde_json::from_str(&text).map_err(|_| CredentialsError::Form)
    }

    /// A webhook of a job as it is sent. One that is not sealed stays as it is. `key` is the data key that is named, where
    /// it has not been opened before ([`data_key_of`]).
    ///
    /// # Errors
    /// Its credentials do not open, or belong elsewhere.
    pub fn open_webhook(
        &self,
        webhook: Webhook,
        job: JobId,
        key: Option<&WrappedKey>,
    ) -> Result<Webhook, CredentialsError> {
        let Some(sealed) = &webhook.sealed else { return Ok(webhook) };
        let credentials = self.open_credentials(Owner::Webhook(job), &read(sealed)?, key)?;
        Ok(webhook.with_credentials(&credentials)?)
    }

    /// The same of what one run of a job sends.
    ///
    /// # Errors
    /// Its credentials do not open, or belong elsewhere.
    pub fn open_overrides(
        &self,
        overrides: Overrides,
        job: JobId,
        key: Option<&WrappedKey>,
    ) -> Result<Overrides, CredentialsError> {
        let Some(sealed) = &overrides.sealed else { return Ok(overrides) };
        let credentials = self.open_credentials(Owner::Overrides(job), &read(sealed)?, key)?;
        Ok(overrides.with_credentials(&credentials)?)
    }
}

/// The data key that sealed credentials name; none where there are none, or they are in the clear.
#[must_use]
pub fn data_key_of(sealed: Option<&SealedCredentials>) -> Option<KeyId> {
    Sealed::parse(&sealed?.value).ok()?.key()
}

fn read(sealed: &SealedCredentials) -> Result<Sealed, CredentialsError> {
    Sealed::parse(&sealed.value).map_err(|_| CredentialsError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EncryptionKey, KEY_BYTES, NewKey};

    #[test]
    fn no_two_owners_have_one_place() {
        let (job, other) = (JobId::new(1, [0; 10]), JobId::new(2, [0; 10]));
        let operation = OperationId::new(1, [0; 10]);
        let job_name = job.to_string();
        let owners = [
            Owner::Secret("a"),
            Owner::Secret("b"),
            Owner::Secret(&job_name),
            Owner::Webhook(job),
            Owner::Webhook(other),
            Owner::Overrides(job),
            Owner::Patch(operation),
            Owner::Fingerprints,
        ];
        let key = KeyId::from([1; 8]);
        let mut seen = std::collections::BTreeSet::new();
        for owner in owners {
            assert!(seen.insert(owner.at(|place| place.bytes(key))), "{owner:?}");
        }
    }

    #[test]
    fn credentials_open_for_their_owner_alone() {
        let ring = Keyring::new(vec![EncryptionKey::from([1; KEY_BYTES])]);
        let new = NewKey { id: [9; 8], bytes: [9; KEY_BYTES], nonce: [9; NONCE_BYTES] };
        let key = ring.data_key(new).expect("a key");
        let (job, other) = (JobId::new(1, [0; 10]), JobId::new(2, [0; 10]));
        let mut credentials = Credentials::default();
        credentials.add("auth.token", "hunter2");
        let sealed = ring.seal_credentials(Owner::Webhook(job), &credentials, &key, [3; NONCE_BYTES]);
        let sealed = sealed.expect("sealed");
        assert!(!sealed.to_text().contains("hunter2"));
        let open = |owner| ring.open_credentials(owner, &sealed, Some(&key));
        assert_eq!(open(Owner::Webhook(job)), Ok(credentials));
        for owner in [Owner::Webhook(other), Owner::Overrides(job)] {
            assert_eq!(open(owner), Err(OpenError::Damaged.into()), "{owner:?}");
        }
        let named = SealedCredentials { value: sealed.to_text(), secrets: Vec::new() };
        assert_eq!(data_key_of(Some(&named)), Some(key.id));
    }
}

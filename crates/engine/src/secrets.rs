//! The use cases of named secrets, and whether what is written may name them.
//!
//! A secret is sealed here, before anything is proposed: what is in the log, in the state and in copies of it is sealed
//! already. It is opened here to be compared with what is written, and for a test call.

use chronos_seal::Owner;
use chronos_state::{
    Command, Outcome, PageLimits, PutSecret, Reader, Refusal, SecretRow, SecretUses, SecretWord, StateError,
    StoredScope,
};
use chronos_types::{
    Auth, By, Invalid, KeyScope, Limit, MAX_SECRET_USES, Scope, SecretHosts, SecretName, SecretValues, Tags,
    TargetUrl, Webhook, clip, not_for,
};

use crate::error::{ChangeError, NotFound, ReadError, Unavailable, WriteError};
use crate::lookup;
use crate::read::{Consistency, PageEnd, PageRequest, PageWriter};
use crate::sealing::Sealer;
use crate::services::Services;

/// So many of the jobs that name a secret are listed.
const SHOWN: usize = 100;
/// So often a change of a secret is tried anew where another change came first.
const TRIES: usize = 16;

/// Reads and changes secrets. A value goes in and never comes out.
#[derive(Clone, Debug)]
pub struct Secrets {
    services: Services,
}

/// What a secret is to be.
#[derive(Clone, PartialEq, Eq)]
pub struct WrittenSecret {
    /// Its value.
    pub value: String,
    /// The hosts that it may go to.
    pub hosts: SecretHosts,
    /// The values of the tag that is the scope, one of which a job has to carry that names it; none where all may.
    pub scope: Option<KeyScope>,
    /// Free text.
    pub description: String,
}

/// A secret, and the jobs that name it.
pub type UsedSecret = (SecretRow, SecretUses);

impl Secrets {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    /// A secret, and the first of the jobs that name it.
    ///
    /// # Errors
    /// There is no such secret, or it cannot be read as demanded.
    pub async fn find(&self, name: &str, consistency: Consistency) -> Result<UsedSecret, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let wanted = name.to_owned();
        let read = self.services.store.query(move |reader| reader.at_once(|reader| used(reader, &wanted)));
        Ok(read.await?.ok_or_else(|| NotFound::Secret(name.to_owned()))?)
    }

    /// A page of the secrets, in the order of their names, each with how many jobs name it.
    ///
    /// # Errors
    /// The page cannot be read as demanded.
    pub async fn page<W: PageWriter<UsedSecret, String>>(
        &self,
        page: PageRequest<String>,
        mut writer: W,
    ) -> Result<W::Answer, ReadError> {
        let PageRequest { after, limit, consistency, is_counted: _ } = page;
        lookup::catch_up(&self.services, consistency).await?;
        let read = self.services.store.query(move |reader| {
            reader.at_once(|reader| {
                let mut failed = None;
                let take = |row: SecretRow| match reader.secret_uses(&row.name, 0) {
                    Ok(uses) => writer.take((row, uses)),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                };
                let next = reader.secrets(after.as_deref(), PageLimits::of(limit), take)?;
                match failed {
                    Some(error) => Err(error),
                    None => Ok(writer.end(PageEnd::of(next))),
                }
            })
        });
        Ok(read.await?)
    }

    /// Creates a secret, or gives it another value or other hosts. What is as it was stays, to the byte. Answers with it,
    /// and whether it is new.
    ///
    /// # Errors
    /// No tag is the scope and it has one, there are as many as may be, what is on record cannot be opened by this node, or
    /// the write failed.
    pub async fn put(
        &self,
        name: &SecretName,
        by: &By,
        written: &WrittenSecret,
    ) -> Result<(UsedSecret, bool), ChangeError> {
        let scope = self.scope_of(written)?;
        Ok(self.write(name, by, written, &scope).await?)
    }

    async fn write(
        &self,
        name: &SecretName,
        by: &By,
        written: &WrittenSecret,
        scope: &Scope,
    ) -> Result<(UsedSecret, bool), WriteError> {
        let services = &self.services;
        for _ in 0..TRIES {
            lookup::catch_up(services, Consistency::Linearizable).await?;
            let stored = self.stored(name).await?;
            if let Some(row) = stored.as_ref().filter(|row| self.is_same(row, written, scope)) {
                let uses = self.uses(&row.name).await?;
                return Ok(((row.clone(), uses), false));
            }
            let WrittenSecret { value, hosts, scope: _, description } = written;
            let make = |sealer: &Sealer| {
                let put = PutSecret {
                    name: name.to_string(),
                    from_version: stored.as_ref().map(|row| row.version),
                    description: description.clone(),
                    hosts: hosts.as_slice().to_vec(),
                    scope: StoredScope::of(scope),
                    value: sealer.value(Owner::Secret(name.as_str()), value)?,
                };
                Ok(Command::Secret(SecretWord::Put(Box::new(put))))
            };
            match services.propose_sealed(by, None, make).await?.0 {
                Outcome::Done => {
                    let wanted = name.to_string();
                    let read = services.store.recall(move |reader| used(reader, &wanted)).await;
                    // Somebody may have deleted it since.
                    let found = read?.ok_or_else(|| NotFound::Secret(name.to_string()))?;
                    return Ok((found, stored.is_none()));
                }
                Outcome::Refused {
                    refusal: Refusal::VersionMismatch { .. } | Refusal::NoSuchSecret { .. },
                } => {}
                other => return Err(WriteError::of(other)),
            }
        }
        let why = "the secret was changed by others each time this change was tried; nothing was changed";
        Err(Unavailable::Busy(why.to_owned()).into())
    }

    /// Deletes a secret that no job names.
    ///
    /// # Errors
    /// There is no such secret, jobs name it, or the write failed.
    pub async fn delete(&self, name: &str, by: &By) -> Result<(), WriteError> {
        // What can be no name is not sent to others.
        if SecretName::parse(name).is_err() {
            return Err(NotFound::Secret(name.to_owned()).into());
        }
        match self.propose(by, SecretWord::Delete { name: name.to_owned() }).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused { refusal: Refusal::NoSuchSecret { name } } => {
                Err(NotFound::Secret(name).into())
            }
            other => Err(WriteError::of(other)),
        }
    }

    /// The secrets that a webhook names, for a test call by whoever sees a scope; of a job with these tags, where it is of
    /// one.
    ///
    /// # Errors
    /// One is not there or is for others, cannot be opened, or may not go to the webhook's host.
    pub async fn values(
        &self,
        scope: &Scope,
        webhook: &Webhook,
        tags: Option<&Tags>,
    ) -> Result<SecretValues, ChangeError> {
        check(&self.services, scope, webhook, tags, "webhook.").await?;
        let (names, keyring) = (webhook.secrets(), self.services.keyring.clone());
        let mut values = SecretValues::default();
        for name in names {
            let Some(row) = self.stored(&name).await.map_err(WriteError::from)? else { continue };
            let SecretRow { name, hosts, value, key, .. } = row;
            keyring
                .open_into(&mut values, &name, hosts, &value, key.as_ref())
                .map_err(|why| Invalid::one("webhook", why))?;
        }
        Ok(values)
    }

    async fn stored(&self, name: &SecretName) -> Result<Option<SecretRow>, ReadError> {
        let wanted = name.to_string();
        Ok(self.services.store.query(move |reader| reader.secret(&wanted)).await?)
    }

    async fn uses(&self, name: &str) -> Result<SecretUses, ReadError> {
        let wanted = name.to_owned();
        Ok(self.services.store.query(move |reader| reader.secret_uses(&wanted, SHOWN)).await?)
    }

    /// The jobs that may name a secret, by the tag that is the scope now.
    fn scope_of(&self, written: &WrittenSecret) -> Result<Scope, Invalid> {
        let Some(scope) = &written.scope else { return Ok(Scope::all()) };
        let tag = self.services.scope_tag.as_deref();
        scope.check_tag(tag).map_err(|why| Invalid::one("scope", why))?;
        Ok(Scope::of(tag, scope.clone()))
    }

    /// Whether a secret is as it is to be, sealed or not: what seals it anew is not the one who writes it.
    fn is_same(&self, row: &SecretRow, written: &WrittenSecret, scope: &Scope) -> bool {
        let WrittenSecret { value, hosts, scope: _, description } = written;
        let Services { keyring, .. } = &self.services;
        let opened = || keyring.open_of(Owner::Secret(&row.name), &row.value, row.key.as_ref());
        row.description == *description
            && row.hosts == hosts.as_slice()
            && row.scope == *scope
            && opened().is_ok_and(|opened| *opened == *value)
    }

    async fn propose(&self, by: &By, word: SecretWord) -> Result<Outcome, WriteError> {
        let proposal = self.services.proposal(by, None, Command::Secret(word))?;
        Ok(self.services.proposer.propose(proposal).await?)
    }
}

fn used(reader: &Reader, name: &str) -> Result<Option<UsedSecret>, StateError> {
    let Some(row) = reader.secret(name)? else { return Ok(None) };
    let uses = reader.secret_uses(name, SHOWN)?;
    Ok(Some((row, uses)))
}

/// Checks that each secret that a webhook names is there for a job with these tags, or for a test call, and may go to its
/// host. A field is named with `prefix` before
/// it. One that this node does not know may have been made through another node: so it is looked for once more, with all
/// that was acknowledged.
///
/// # Errors
/// The fields that name others.
pub(crate) async fn check(
    services: &Services,
    scope: &Scope,
    webhook: &Webhook,
    tags: Option<&Tags>,
    prefix: &'static str,
) -> Result<(), ChangeError> {
    if webhook.secret_uses().next().is_none() {
        return Ok(());
    }
    let look = || {
        let (scope, webhook, tags) = (scope.clone(), webhook.clone(), tags.cloned());
        services.store.query(move |reader| check_in(reader, &scope, &webhook, tags.as_ref(), prefix))
    };
    if look().await.map_err(ReadError::from)?.is_ok() {
        return Ok(());
    }
    lookup::catch_up(services, Consistency::Linearizable).await.map_err(WriteError::from)?;
    Ok(look().await.map_err(ReadError::from)??)
}

/// The same, as the state is that is read.
pub(crate) fn check_in(
    reader: &Reader,
    scope: &Scope,
    webhook: &Webhook,
    tags: Option<&Tags>,
    prefix: &str,
) -> Result<Result<(), Invalid>, StateError> {
    let (fields, host) = (webhook.secret_fields(), webhook.url.host());
    let token_host = webhook.auth.as_ref().and_then(Auth::token_url).map(TargetUrl::host);
    let mut invalid = Invalid::default();
    if fields.len() > MAX_SECRET_USES {
        let say = format!("names secrets {} times; expected at most {MAX_SECRET_USES}", fields.len());
        return Ok(Err(Invalid::one(prefix.trim_end_matches('.'), say)));
    }
    for (field, name) in fields {
        // One that is for jobs which whoever asks does not see is as if it were not there.
        let found = reader.secret(name)?.filter(|row| row.scope.overlaps(scope));
        let say = match found {
            None => format!(
                "there is no secret {:?}; expected one that is there (PUT /api/v1/secrets/{{name}} makes it)",
                clip(name)
            ),
            Some(SecretRow { scope: jobs, .. }) if tags.is_some_and(|tags| !jobs.sees(tags.as_map())) => {
                let (tag, values) = jobs.limit().map(Limit::told).unwrap_or_default();
                format!("the secret {name:?} is not for this job; expected one of {values} in tags.{tag}")
            }
            Some(SecretRow { hosts, .. }) => {
                let hosts = SecretHosts::unchecked(hosts);
                // What a token is asked for with goes to the token endpoint, and what it gives to the webhook's host.
                let asked = token_host.filter(|_| field.starts_with("auth."));
                let denied = |host: &&str| !hosts.allow(host);
                let Some(host) = std::iter::once(host).chain(asked).find(denied) else { continue };
                let url = if asked == Some(host) { "token_url" } else { "the URL" };
                format!("{}; expected one of these hosts in {url}", not_for(name, host, &hosts))
            }
        };
        invalid.add(format!("{prefix}{field}"), say);
    }
    Ok(invalid.into_result())
}

/// Nothing of the value is shown.
impl std::fmt::Debug for WrittenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WrittenSecret").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

//! The use cases of keys and sessions.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chronos_state::{BeginSession, Command, CreateKey, KeyWord, Outcome, Reader};
use chronos_types::{By, Invalid, KeyId, KeyName, KeyScope, Millis, Role, Token, TokenKind};

use super::listed::{ListedKey, listed};
use super::principal::Principal;
use super::rate::{Failures, Pace};
use super::ring::{Found, KeyRing};
use crate::beside::AskedEnd;
use crate::error::{ChangeError, NotFound, ReadError, WriteError};
use crate::lookup;
use crate::read::Consistency;
use crate::services::Services;

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 256;
/// A session lasts for so long at most.
pub const SESSION_LASTS_MS: Millis = 12 * 3_600_000;
/// For so long it is waited that this node knows a key which was made a moment ago.
const NEWS_WITHIN: Duration = Duration::from_secs(2);
/// So often in a second this node learns of such keys, whoever asks: each time it reads all of them again.
const NEWS_A_SECOND: u32 = 10;

/// Makes, lists and ends keys and sessions, and judges whoever asks by one.
#[derive(Clone, Debug)]
pub struct Keys {
    services: Services,
    ring: KeyRing,
    failures: Arc<Failures>,
    news: Arc<Mutex<Pace>>,
}

/// What a token comes to.
#[derive(Debug)]
pub enum Judged {
    /// It is good.
    Good(Principal),
    /// It is no token, or one that is not known, or over.
    Bad,
    /// It is good, and was used more often than it may be: when to come again.
    TooOften(Duration),
    /// It is bad, as too many from that address were: when to come again.
    TooManyFailures(Duration),
}

/// A key that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub name: KeyName,
    /// What it may do.
    pub role: Role,
    /// When it ends by itself.
    pub expires_at: Option<AskedEnd>,
    /// At most so many requests a second, to each node.
    pub per_second: Option<u32>,
    /// What it is limited to; all where there is none.
    pub scope: Option<KeyScope>,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct MadeKey {
    /// Its token, which is told this once.
    pub token: Token,
    /// The key.
    pub key: ListedKey,
}

/// A session that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its token.
    pub token: Token,
    /// When it ends.
    pub expires_at: Millis,
    /// The key that it stands for.
    pub principal: Principal,
}

impl Keys {
    /// The use cases, with what they work with.
    #[must_use]
    pub fn new(services: Services, ring: KeyRing) -> Self {
        Self { services, ring, failures: Arc::default(), news: Arc::default() }
    }

    /// Whether clients are asked for keys at all.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.ring.asks()
    }

    /// What the clock of this node says: keys end by it.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.services.env.now()
    }

    /// What the token of a client comes to. A good one never waits for what bad ones did, from whatever address.
    pub async fn judge(&self, token: &str, address: Option<IpAddr>) -> Judged {
        let found = if token.len() > MAX_TOKEN_BYTES { Found::Bad } else { self.ring.find(token) };
        let is_new = match found {
            Found::Good(principal) => return Judged::Good(principal),
            Found::TooOften(wait) => return Judged::TooOften(wait),
            Found::Bad => false,
            Found::Unknown => Token::parse(token).is_some(),
        };
        if let Err(wait) = self.failures.count(address, self.services.env.since_boot()) {
            return Judged::TooManyFailures(wait);
        }
        // It may have been made at another node, a moment ago. No stranger can ask for this often, from however many
        // addresses.
        if is_new && self.may_hear_of_news() && self.hear_of_news().await {
            match self.ring.find(token) {
                Found::Good(principal) => return Judged::Good(principal),
                Found::TooOften(wait) => return Judged::TooOften(wait),
                Found::Bad | Found::Unknown => {}
            }
        }
        Judged::Bad
    }

    fn may_hear_of_news(&self) -> bool {
        let mut pace = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let every = Duration::from_secs(1) / NEWS_A_SECOND;
        pace.take(self.services.env.since_boot(), every, NEWS_A_SECOND).is_ok()
    }

    /// Learns what was put on record before now. Answers whether that could be done.
    async fn hear_of_news(&self) -> bool {
        let hear = async {
            lookup::catch_up(&self.services, Consistency::Linearizable).await.ok()?;
            self.ring.load(&self.services.store).await.ok()
        };
        matches!(tokio::time::timeout(NEWS_WITHIN, hear).await, Ok(Some(())))
    }

    /// Makes a key.
    ///
    /// # Errors
    /// It would be over already, it cannot be limited so, there are too many, or the write failed.
    pub async fn create(&self, by: &By, key: NewKey) -> Result<MadeKey, ChangeError> {
        let NewKey { name, role, expires_at, per_second, scope } = key;
        if let Some(scope) = &scope {
            scope.check(role, self.ring.scope_tag()).map_err(|why| Invalid::one("scope", why))?;
        }
        let scope = scope.into_iter().flat_map(|scope| scope.0).collect();
        let env = &self.services.env;
        let expires_at = match expires_at {
            Some(AskedEnd { text, value }) if value <= env.now() => {
                let why = format!("{text:?} has passed; expected a time to come");
                return Err(Invalid::one("expires_at", why).into());
            }
            asked => asked.map(|asked| asked.value),
        };
        let token = Token::new(TokenKind::Key, env.random_bytes(), env.random_bytes());
        let (id, hash) = (token.id(), token.hash());
        let name = name.as_str().to_owned();
        let create = CreateKey { id, name, role, hash, expires_at, per_second, scope };
        self.write(by, KeyWord::Create(Box::new(create))).await?;
        let key = self.recorded(id).await?;
        Ok(MadeKey { token, key })
    }

    /// All keys: those that the API made, the oldest first, and those of the configurations of all nodes.
    ///
    /// # Errors
    /// They cannot be read now.
    pub async fn list(&self, consistency: Consistency) -> Result<Vec<ListedKey>, ReadError> {
        lookup::catch_up(&self.services, consistency).await?;
        let read = |reader: &Reader| reader.at_once(|reader| Ok((reader.access()?, reader.key_uses()?)));
        let (record, uses) = self.services.store.query(read).await?;
        Ok(listed(record, self.ring.of_node(&self.services.node), &uses))
    }

    /// Ends a key for good, and denies one that a configuration has. One that is over already stays so. Answers with it.
    ///
    /// # Errors
    /// There is no such key, or the write failed.
    pub async fn revoke(&self, by: &By, id: &str) -> Result<ListedKey, WriteError> {
        let no_such = || WriteError::from(NotFound::Key(id.to_owned()));
        let wanted = KeyId::parse(id).map_err(|_| no_such())?;
        let known = self.list(Consistency::Linearizable).await?;
        if !known.iter().any(|key| key.id == wanted) {
            return Err(no_such());
        }
        self.write(by, KeyWord::Revoke { id: wanted }).await?;
        self.recorded(wanted).await
    }

    /// A key that was just written.
    async fn recorded(&self, id: KeyId) -> Result<ListedKey, WriteError> {
        let all = self.list(Consistency::Linearizable).await?;
        let found = all.into_iter().find(|key| key.id == id);
        found.ok_or_else(|| NotFound::Key(id.to_string()).into())
    }

    /// Begins a session of a key.
    ///
    /// # Errors
    /// The key is over by now, or the write failed.
    pub async fn begin_session(&self, principal: Principal, by: &By) -> Result<Begun, WriteError> {
        let env = &self.services.env;
        let Some((key, _)) = principal.as_key() else {
            return Err(WriteError::Refused(chronos_state::Refusal::NoSuchKey));
        };
        let lasts = env.now().saturating_add(SESSION_LASTS_MS);
        let expires_at = self.ring.expires_at(key).map_or(lasts, |at| at.min(lasts));
        let token = Token::new(TokenKind::Session, env.random_bytes(), env.random_bytes());
        let (id, hash) = (token.id(), token.hash());
        self.write(by, KeyWord::BeginSession(BeginSession { id, key, hash, expires_at })).await?;
        Ok(Begun { token, expires_at, principal })
    }

    /// Ends a session. One that is over stays so.
    ///
    /// # Errors
    /// The write failed.
    pub async fn end_session(&self, id: KeyId, by: &By) -> Result<(), WriteError> {
        self.write(by, KeyWord::EndSession { id }).await
    }

    async fn write(&self, by: &By, word: KeyWord) -> Result<(), WriteError> {
        let proposal = self.services.proposal(by, None, Command::Keys(word))?;
        match self.services.proposer.propose(proposal).await? {
            Outcome::Done => Ok(()),
            other => Err(WriteError::of(other)),
        }
    }
}

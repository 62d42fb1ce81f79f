//! [`KeyRing`]: the keys and sessions that this node knows, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chronos_env::Env;
use chronos_replica::Store;
use chronos_state::{AccessRecord, ConfiguredKey, KeyUse, NodeKeys, Reader, StateError};
use chronos_types::{KeyId, KeyName, KeyScope, Millis, NodeName, Role, Scope, Token, TokenHash, TokenKind};
use tokio::sync::{Notify, watch};

use super::principal::Principal;
use super::rate::Pace;

const HOUR_MS: Millis = 3_600_000;

/// A key that this node has by itself: of its configuration, or for commands on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// What it may do.
    pub role: Role,
    /// The hash of its token.
    pub hash: TokenHash,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// At most so many requests a second.
    pub per_second: Option<u32>,
    /// What it is limited to; all where there is none.
    pub scope: Option<KeyScope>,
    /// Whether it is of the configuration. Other nodes hear of those alone.
    pub is_configured: bool,
}

/// The keys and sessions that this node knows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyRing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    env: Env,
    asks: bool,
    /// The tag that is the scope of keys, where the configuration names one.
    scope_tag: Option<String>,
    own: Vec<OwnKey>,
    known: RwLock<Arc<Known>>,
    /// Held while the record is read and put in place, so that no older one takes the place of a newer.
    loading: tokio::sync::Mutex<()>,
    /// Told when the record of keys has changed.
    changed: Notify,
    /// Counts how often somebody may have come to an end.
    ends: watch::Sender<u64>,
    rates: Mutex<HashMap<KeyId, Pace>>,
    uses: Mutex<Uses>,
    /// Up to when it was looked who has expired.
    swept: Mutex<Millis>,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<KeyId, Entry>,
    sessions: HashMap<KeyId, Session>,
    nodes: Vec<NodeKeys>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: KeyName,
    role: Role,
    hash: TokenHash,
    expires_at: Option<Millis>,
    per_second: Option<u32>,
    scope: Scope,
    is_revoked: bool,
}

#[derive(Debug)]
struct Session {
    key: KeyId,
    hash: TokenHash,
    expires_at: Millis,
}

/// The hours in which keys were used last, and what of that is on record.
#[derive(Debug, Default)]
struct Uses {
    now: BTreeMap<KeyId, Millis>,
    told: BTreeMap<KeyId, Millis>,
}

/// What a token comes to.
#[derive(Debug)]
pub(super) enum Found {
    /// It is good.
    Good(Principal),
    /// It is good, and was used too often: when to come again.
    TooOften(Duration),
    /// It is known and over, or is not the one that is on record.
    Bad,
    /// Nothing is known of it here.
    Unknown,
}

impl Entry {
    fn is_over(&self, now: Millis) -> bool {
        self.is_revoked || self.expires_at.is_some_and(|at| at <= now)
    }
}

impl KeyRing {
    /// A ring with the keys that this node has by itself. Those that are limited see the jobs with one of their values in the
    /// tag that is the scope. Where it does not ask for keys, anybody may do all.
    #[must_use]
    pub fn new(env: Env, asks: bool, scope_tag: Option<String>, own: Vec<OwnKey>) -> Self {
        let swept = Mutex::new(env.now());
        let ring = Self(Arc::new(Shared {
            env,
            asks,
            scope_tag,
            own,
            known: RwLock::default(),
            loading: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            ends: watch::Sender::new(0),
            rates: Mutex::default(),
            uses: Mutex::default(),
            swept,
        }));
        ring.put(AccessRecord::default());
        ring
    }

    /// Whether clients are asked for keys.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.0.asks
    }

    /// The tag that is the scope of keys.
    #[must_use]
    pub fn scope_tag(&self) -> Option<&str> {
        self.0.scope_tag.as_deref()
    }

    /// What a key sees that is limited to this.
    fn scope(&self, limited: Option<KeyScope>) -> Scope {
        limited.map_or(Scope::all(), |values| Scope::of(self.scope_tag(), values))
    }

    /// The record of keys has changed, or may have.
    pub fn changed(&self) {
        self.0.changed.notify_one();
    }

    /// Waits until the record has changed.
    pub(super) async fn wait(&self) {
        self.0.changed.notified().await;
    }

    /// Reads the record.
    ///
    /// # Errors
    /// The storage failed. What was known before is known still.
    pub async fn load(&self, store: &Store) -> Result<(), StateError> {
        let _alone = self.0.loading.lock().await;
        let record = store.read(|reader| reader.at_once(Reader::access)).await?;
        self.put(record);
        Ok(())
    }

    fn put(&self, record: AccessRecord) {
        let AccessRecord { keys, denied, sessions, nodes } = record;
        let recorded = keys.into_iter().map(|key| {
            let entry = Entry {
                name: key.name,
                role: key.role,
                hash: key.hash,
                expires_at: key.expires_at,
                per_second: key.per_second,
                scope: self.scope(key.scope),
                is_revoked: key.revoked_at.is_some(),
            };
            (key.id, entry)
        });
        let own = self.0.own.iter().map(|key| {
            let OwnKey { id, name, role, hash, expires_at, per_second, scope, is_configured: _ } =
                key.clone();
            let is_revoked = denied.contains_key(&id);
            let scope = self.scope(scope);
            (id, Entry { name, role, hash, expires_at, per_second, scope, is_revoked })
        });
        let keys: HashMap<_, _> = recorded.chain(own).collect();
        let sessions = sessions.into_iter().map(|session| {
            let chronos_state::SessionRow { id, key, hash, expires_at } = session;
            (id, Session { key, hash, expires_at })
        });
        self.0
            .rates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|id, _| keys.get(id).is_some_and(|key| key.per_second.is_some()));
        let known = Known { keys, sessions: sessions.collect(), nodes };
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        self.0.ends.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the token of a client comes to. It is found by its id, and then compared.
    pub(super) fn find(&self, text: &str) -> Found {
        let (hash, token, known) = (TokenHash::of(text), Token::parse(text), self.known());
        if let Some(token) = token.as_ref().filter(|token| token.kind() == TokenKind::Session) {
            let Some(session) = known.sessions.get(&token.id()) else { return Found::Unknown };
            if session.hash != hash || session.expires_at <= self.0.env.now() {
                return Found::Bad;
            }
            let Some(entry) = known.keys.get(&session.key) else { return Found::Unknown };
            return self.judge(session.key, entry, Some(token.id()));
        }
        // The id of a key of a configuration is the beginning of its hash.
        let mut ids = token.map(|token| token.id()).into_iter().chain([hash.id()]);
        let Some((id, entry)) = ids.find_map(|id| Some((id, known.keys.get(&id)?))) else {
            return Found::Unknown;
        };
        if entry.hash == hash { self.judge(id, entry, None) } else { Found::Bad }
    }

    fn judge(&self, id: KeyId, entry: &Entry, session: Option<KeyId>) -> Found {
        let now = self.0.env.now();
        if entry.is_over(now) {
            return Found::Bad;
        }
        if let Some(per_second) = entry.per_second.filter(|count| *count > 0) {
            let mut rates = self.0.rates.lock().unwrap_or_else(PoisonError::into_inner);
            let every = Duration::from_secs(1) / per_second;
            if let Err(wait) = rates.entry(id).or_default().take(self.0.env.since_boot(), every, per_second) {
                return Found::TooOften(wait);
            }
        }
        let hour = now - now.rem_euclid(HOUR_MS);
        let mut uses = self.0.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let used = uses.now.entry(id).or_insert(hour);
        *used = hour.max(*used);
        drop(uses);
        Found::Good(Principal::key(
            id,
            entry.name.clone(),
            (entry.role, entry.scope.clone()),
            session,
            self.clone(),
        ))
    }

    /// Whether a key is known and over. Of one that is not known nothing is said.
    pub(super) fn is_over(&self, id: KeyId) -> bool {
        self.known().keys.get(&id).is_some_and(|entry| entry.is_over(self.0.env.now()))
    }

    /// When a key ends by itself.
    pub(super) fn expires_at(&self, id: KeyId) -> Option<Millis> {
        self.known().keys.get(&id)?.expires_at
    }

    /// Resolves once a key, or a session of it, is over or not known any more.
    pub(super) async fn ended(&self, id: KeyId, session: Option<KeyId>) {
        let mut ends = self.0.ends.subscribe();
        loop {
            ends.mark_unchanged();
            let (known, now) = (self.known(), self.0.env.now());
            let is_key = known.keys.get(&id).is_some_and(|entry| !entry.is_over(now));
            let is_session = session
                .is_none_or(|id| known.sessions.get(&id).is_some_and(|session| session.expires_at > now));
            if !is_key || !is_session {
                return;
            }
            drop(known);
            if ends.changed().await.is_err() {
                return;
            }
        }
    }

    /// Looks whether any key or session has expired since the last look.
    pub(super) fn sweep(&self) {
        let (known, now) = (self.known(), self.0.env.now());
        let before =
            std::mem::replace(&mut *self.0.swept.lock().unwrap_or_else(PoisonError::into_inner), now);
        let has_passed = |at: Millis| before < at && at <= now;
        let is_any = known.keys.values().any(|entry| entry.expires_at.is_some_and(has_passed))
            || known.sessions.values().any(|session| has_passed(session.expires_at));
        if is_any {
            self.0.ends.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// The keys of this node's configuration, as other nodes hear of them.
    pub(super) fn of_node(&self, node: &NodeName) -> NodeKeys {
        let of = |key: &OwnKey| {
            let OwnKey { id, name, role, hash: _, expires_at, per_second, scope, is_configured: _ } = key;
            let name = name.as_str().to_owned();
            let scope = scope.iter().flat_map(|scope| scope.0.iter().cloned()).collect();
            let (id, role, expires_at, per_second) = (*id, *role, *expires_at, *per_second);
            ConfiguredKey { id, name, role, expires_at, per_second, scope }
        };
        let mut keys: Vec<_> = self.0.own.iter().filter(|key| key.is_configured).map(of).collect();
        keys.sort_by_key(|key| key.id);
        NodeKeys { node: node.clone(), asks: self.0.asks, scope_tag: self.0.scope_tag.clone(), keys }
    }

    /// What the nodes have said of their configurations.
    pub(crate) fn nodes(&self) -> Vec<NodeKeys> {
        self.known().nodes.clone()
    }

    /// The hours in which keys were used that are not on record yet. Those that this node has for commands on its machine
    /// are left out.
    pub(super) fn uses(&self) -> Vec<KeyUse> {
        let uses = self.0.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let is_told = |id: &KeyId, hour: &Millis| uses.told.get(id).is_some_and(|told| told >= hour);
        let is_local = |id: &KeyId| self.0.own.iter().any(|key| key.id == *id && !key.is_configured);
        let fresh = uses.now.iter().filter(|(id, hour)| !is_told(id, hour) && !is_local(id));
        fresh.map(|(id, hour)| KeyUse { id: *id, hour: *hour }).take(KeyUse::AT_ONCE).collect()
    }

    /// These are on record now.
    pub(super) fn told(&self, told: &[KeyUse]) {
        let known = self.known();
        let mut uses = self.0.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.told.extend(told.iter().map(|used| (used.id, used.hour)));
        // What is known of keys that are forgotten is forgotten.
        let Uses { now, told } = &mut *uses;
        for map in [now, told] {
            map.retain(|id, _| known.keys.contains_key(id));
        }
    }
}

//! Keys of the API and sessions: what is on record of them, what ends with a key, and how many there may be.

use chronos_state::{
    Applied, Batch, Command, CreateKey, Filter, KeyRow, KeyUse, KeyWord, MAX_KEYS, MAX_SESSIONS_OF_KEY,
    Outcome, Refusal, Targets,
};
use chronos_types::{By, KeyId, KeyName, KeyScope, Millis, OperationId, Role, Token, TokenKind};

use crate::forms::node_keys;
use crate::support::*;

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

fn say(word: KeyWord) -> Command {
    Command::Keys(word)
}

fn create(key: CreateKey) -> Command {
    say(KeyWord::Create(Box::new(key)))
}

/// A key of a number beyond 255.
fn numbered(number: usize) -> CreateKey {
    let [a, b] = u16::try_from(number).unwrap().to_be_bytes();
    let token = Token::new(TokenKind::Key, [0xff, a, b, 0, 0, 0, 0, 0], [a ^ b; 32]);
    CreateKey { id: token.id(), hash: token.hash(), ..create_key(1, Role::Viewer) }
}

fn keys(world: &World) -> Vec<KeyRow> {
    world.ask(|r| r.access()).keys
}

fn sessions(world: &World) -> usize {
    world.ask(|r| r.access()).sessions.len()
}

fn applied(world: &mut World, at: Millis, command: Command) -> Applied {
    world.batch(&Batch { at, items: vec![command.into()] })
}

#[test]
fn there_are_no_keys_before_the_version_that_brings_them() {
    let mut world = World::new();
    let refused = Refusal::VersionNotFollowed { follows: 1 };
    assert_eq!(world.refused(0, create(create_key(1, Role::Admin))), refused);
    assert_eq!((keys(&world), world.ask(|r| r.key_uses()).len()), (vec![], 0));
}

#[test]
fn a_key_is_on_record_with_who_made_it_and_who_ended_it() {
    let mut world = raised();
    let key = CreateKey {
        expires_at: Some(9_000),
        per_second: Some(5),
        scope: vec!["ops".into(), "web".into()],
        ..create_key(1, Role::Editor)
    };
    let id = key.id;
    world.run_by(10, create(key.clone()), by(1, Some("for ci")));
    // One that arrives twice is made once.
    world.run_by(20, create(key.clone()), by(2, None));
    let [made]: [KeyRow; 1] = keys(&world).try_into().unwrap();
    let CreateKey { hash, .. } = key;
    assert_eq!(
        made,
        KeyRow {
            id,
            name: KeyName::parse("key 1").unwrap(),
            role: Role::Editor,
            hash,
            created_at: 10,
            expires_at: Some(9_000),
            per_second: Some(5),
            scope: KeyScope::parse(["web".to_owned(), "ops".to_owned()]).unwrap(),
            revoked_at: None,
            created_by: Some(by(1, Some("for ci"))),
            revoked_by: None,
        }
    );
    world.run_by(30, say(KeyWord::Revoke { id }), by(3, None));
    world.run_by(40, say(KeyWord::Revoke { id }), by(4, None));
    let world = world.reopen();
    let [ended]: [KeyRow; 1] = keys(&world).try_into().unwrap();
    assert_eq!(ended, KeyRow { revoked_at: Some(30), revoked_by: Some(by(3, None)), ..made });
}

#[test]
fn what_a_key_has_begun_ends_with_it_and_nothing_else_does() {
    let mut world = raised();
    let [mine, other] = [1, 2].map(|number| create_key(number, Role::Operator));
    let ids = [mine.id, other.id];
    for key in [mine, other] {
        world.done(0, create(key));
    }
    for (number, id) in [(1, ids[0]), (2, ids[0]), (3, ids[1])] {
        world.done(10, begin_session(number, id, 90_000));
    }
    let of = |id| By::key(id, &KeyName::parse("k").unwrap(), None, None);
    let operations = [1, 2].map(|number| OperationId::new(10, [number; 10]));
    for (operation, id) in operations.into_iter().zip(ids) {
        world.run_by(10, begin_operation(operation, Targets::Jobs(Filter::new())), of(id));
    }
    let running = |world: &World| world.ask(|r| r.running_operations());
    // As when it has expired.
    for (word, at) in [(KeyWord::End { id: ids[0] }, 20), (KeyWord::Revoke { id: ids[1] }, 30)] {
        let applied = applied(&mut world, at, say(word));
        assert!(applied.keys, "whoever asks for keys hears of it");
        assert_eq!(applied.outcomes, [Outcome::Done]);
        let (left, under_way) = if at == 20 { (1, vec![operations[1]]) } else { (0, vec![]) };
        assert_eq!((sessions(&world), running(&world)), (left, under_way));
    }
    let cancelled = world.ask(|r| r.operation(operations[0])).unwrap();
    assert!(cancelled.is_cancelled && cancelled.ended_at == Some(20), "{cancelled:?}");
}

#[test]
fn a_key_of_a_configuration_is_denied_for_good() {
    let mut world = raised();
    let id = KeyId::new([9; 8]);
    world.done(0, begin_session(1, id, 90_000));
    world.run_by(10, say(KeyWord::Revoke { id }), by(1, None));
    world.run_by(20, say(KeyWord::Revoke { id }), by(2, None));
    let record = world.ask(|r| r.access());
    assert_eq!((record.keys, record.sessions), (vec![], vec![]));
    let denied = &record.denied[&id];
    assert_eq!((denied.at, denied.by.clone()), (10, Some(by(1, None))));
    assert_eq!(world.refused(30, begin_session(2, id, 90_000)), Refusal::NoSuchKey);
}

#[test]
fn no_session_begins_of_a_key_that_is_over() {
    let mut world = raised();
    let [revoked, expires] = [1, 2].map(|number| create_key(number, Role::Viewer));
    let ids = [revoked.id, expires.id];
    world.done(0, create(revoked));
    world.done(0, create(CreateKey { expires_at: Some(1_000), ..expires }));
    world.done(0, say(KeyWord::Revoke { id: ids[0] }));
    world.done(999, begin_session(2, ids[1], 1_000));
    for id in ids {
        assert_eq!(world.refused(1_000, begin_session(1, id, 90_000)), Refusal::NoSuchKey);
    }
    // Those that are over go when another one begins.
    let key = create_key(3, Role::Viewer);
    let id = key.id;
    world.done(2_000, create(key));
    world.done(2_000, begin_session(3, id, 90_000));
    assert_eq!(sessions(&world), 1);
    world.done(2_000, say(KeyWord::EndSession { id: KeyId::new([3; 8]) }));
    assert_eq!(sessions(&world), 0);
}

#[test]
fn a_key_has_so_many_sessions_and_the_oldest_makes_room() {
    let mut world = raised();
    let key = create_key(1, Role::Viewer);
    let id = key.id;
    world.done(0, create(key));
    for number in 0..=MAX_SESSIONS_OF_KEY {
        let number = u8::try_from(number).unwrap();
        world.done(Millis::from(number), begin_session(number, id, 90_000));
    }
    let left = world.ask(|r| r.access()).sessions;
    assert_eq!(left.len(), MAX_SESSIONS_OF_KEY);
    assert!(left.iter().all(|session| session.id != KeyId::new([0; 8])), "the oldest is there still");
}

#[test]
fn there_are_so_many_keys_and_one_that_is_over_makes_room() {
    let mut world = raised();
    let items = (0..MAX_KEYS).map(|number| create(numbered(number)).into()).collect();
    world.batch(&Batch { at: 0, items });
    let most = Refusal::TooManyKeys { most: MAX_KEYS };
    assert_eq!(world.refused(10, create(numbered(MAX_KEYS))), most);
    let first = numbered(0).id;
    world.done(10, say(KeyWord::Used { keys: vec![KeyUse { id: first, hour: 0 }] }));
    world.done(20, say(KeyWord::Revoke { id: first }));
    world.done(30, create(numbered(MAX_KEYS)));
    let record = keys(&world);
    assert!(record.len() == MAX_KEYS && record.iter().all(|key| key.id != first));
    assert_eq!(world.ask(|r| r.key_uses()).len(), 0);
    assert_eq!(world.refused(40, create(numbered(MAX_KEYS + 1))), most);
    // As many keys of configurations are denied.
    let deny = |number: usize| say(KeyWord::Revoke { id: numbered(2 * MAX_KEYS + number).id });
    world.batch(&Batch { at: 50, items: (0..MAX_KEYS).map(|number| deny(number).into()).collect() });
    assert_eq!(world.refused(60, deny(MAX_KEYS)), most);
}

#[test]
fn the_last_hour_in_which_a_key_was_used_is_on_record() {
    let mut world = raised();
    let id = KeyId::new([9; 8]);
    let used = |hours: &[Millis]| {
        let hour = |hour: &Millis| KeyUse { id, hour: hour * 3_600_000 };
        say(KeyWord::Used { keys: hours.iter().map(hour).collect() })
    };
    world.done(0, used(&[3, 2]));
    assert_eq!(world.ask(|r| r.key_uses())[&id], 3 * 3_600_000);
    let before = dump(&world.path());
    assert!(!applied(&mut world, 0, used(&[1, 3])).keys, "nobody has to read the keys again");
    assert_eq!(dump(&world.path()), before, "nothing is written that is known");
}

#[test]
fn each_node_says_which_keys_its_configuration_has() {
    let mut world = raised();
    let first = node_keys();
    world.done(0, say(KeyWord::Node(first.clone())));
    let other = chronos_state::NodeKeys { node: node("n2"), asks: false, scope_tag: None, keys: vec![] };
    world.done(0, say(KeyWord::Node(other.clone())));
    assert_eq!(world.ask(|r| r.access()).nodes, [first, other.clone()]);
    let changed = chronos_state::NodeKeys { keys: vec![], ..node_keys() };
    world.done(10, say(KeyWord::Node(changed.clone())));
    assert_eq!(world.ask(|r| r.access()).nodes, [changed, other]);
}

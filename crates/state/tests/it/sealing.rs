//! What seals, what is sealed anew, and that neither is undone by whoever has not heard of it.

use chronos_seal::{EncryptionKey, KeyId, Keyring, Owner, Sealed, WrappedKey};
use chronos_state::{
    BeginOperation, BulkAction, Command, Filter, OperationSpec, OperationWord, Outcome, PatchText, PutJob,
    PutSecret, Reader, Refusal, Reseal, ResealStep, Resealed, SealCursor, SealedPatch, SealedRecord, Sealing,
    SecretWord, StoredOverrides, StoredSealed, Targets, Trim,
};
use chronos_types::{Auth, ExecutionId, JobSpec, OperationId, REDACTED, Webhook};

use crate::support::{data_key as key, *};

fn ring() -> Keyring {
    Keyring::new([1, 2].map(|byte| EncryptionKey::from([byte; 32])).into())
}

fn add(key: &WrappedKey) -> Command {
    Command::Secret(SecretWord::Key(key.clone()))
}

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

/// A job with a token in the clear.
fn clear(name: &str, token: &str) -> JobSpec {
    let auth = Some(Auth::Bearer { token: token.into() });
    let spec = spec(name);
    JobSpec { webhook: Webhook { auth, ..spec.webhook }, ..spec }
}

/// The command that creates or changes a job, with its token sealed.
fn put_sealed(name: &str, from: Option<u64>, token: &str, key: &WrappedKey) -> Command {
    let Command::PutJob(put) = put(id_of(name), from, clear(name, token), None) else {
        unreachable!("it is one")
    };
    let mut put: PutJob = *put;
    let taken = put.spec.webhook.take_credentials();
    let value = ring().seal_credentials(Owner::Webhook(id_of(name)), &taken, key, [3; 24]).unwrap();
    put.spec.webhook.sealed = Some(StoredSealed { value, secrets: taken.secrets() });
    Command::PutJob(Box::new(put))
}

fn secret(name: &str, from_version: Option<u64>, value: Sealed) -> Command {
    Command::Secret(SecretWord::Put(Box::new(PutSecret {
        name: name.into(),
        from_version,
        description: String::new(),
        hosts: vec!["h".into()],
        scope: None,
        value,
    })))
}

fn patch(id: OperationId, action: BulkAction) -> Command {
    let (targets, per_second) = (Targets::Jobs(Filter::new()), None);
    let spec = OperationSpec { action, targets, per_second, count: 1, exact: true, scope: None };
    Command::Operation(OperationWord::Begin(Box::new(BeginOperation { id, spec })))
}

fn progress(world: &World) -> Sealing {
    world.ask(Reader::sealing).expect("it has begun")
}

fn step(key: &WrappedKey, from: SealCursor, items: Vec<Reseal>, to: SealCursor) -> Command {
    let is_last = to == SealCursor::End && from == SealCursor::End;
    let step = ResealStep { key: key.id, from, items, to, left: 0, is_last };
    Command::Secret(SecretWord::Reseal(Box::new(step)))
}

/// The token of a job, as its newest version has it.
fn token(world: &World, name: &str) -> String {
    let job = world.job(name).job;
    let webhook = job.spec.unwrap().webhook;
    let key = world.ask(|r| r.sealing_key());
    let opened = ring().open_webhook(webhook, job.id, key.as_ref()).unwrap();
    match opened.auth {
        Some(Auth::Bearer { token }) => token,
        other => panic!("{other:?}"),
    }
}

/// Seals all anew, as a leader does. Answers how many portions it took.
fn seal_all(world: &mut World) -> usize {
    let ring = ring();
    for portions in 1..100 {
        let from = progress(world).cursor;
        let (key, keys) = (world.ask(Reader::sealing_key).unwrap(), world.ask(Reader::data_keys));
        let found = world.ask(|r| r.sealed_records(&from));
        let items = found.records.iter().filter_map(|record| anew(&ring, &key, &keys, record)).collect();
        let is_last = from == SealCursor::End;
        world.done(50, step(&key, from, items, found.to));
        if is_last {
            return portions;
        }
    }
    panic!("it does not end");
}

/// What takes the place of a record.
fn anew(ring: &Keyring, key: &WrappedKey, keys: &[WrappedKey], record: &SealedRecord) -> Option<Reseal> {
    let value = |owner: Owner<'_>, sealed: &Sealed| {
        let from = keys.iter().find(|key| Some(key.id) == sealed.key());
        let to = ring.reseal_of(owner, sealed, from, key, [4; 24]).unwrap();
        (sealed.key() != Some(key.id)).then_some(to)
    };
    match record {
        SealedRecord::Secret(row) => {
            let to = value(Owner::Secret(&row.name), &row.value)?;
            let to = Resealed::Secret { name: row.name.clone(), version: row.version, value: to };
            Some(Reseal { from: row.value.key(), to })
        }
        SealedRecord::Webhook { job, id, version, webhook } => {
            let mut webhook = webhook.clone();
            let from = webhook.sealed.as_ref().and_then(|sealed| sealed.value.key());
            let owner = Owner::Webhook(*id);
            let taken = webhook.take_credentials();
            webhook.sealed = Some(match webhook.sealed.take() {
                Some(StoredSealed { value: sealed, secrets }) => {
                    StoredSealed { value: value(owner, &sealed)?, secrets }
                }
                None if taken.is_empty() => return None,
                None => StoredSealed {
                    value: ring.seal_credentials(owner, &taken, key, [4; 24]).unwrap(),
                    secrets: taken.secrets(),
                },
            });
            Some(Reseal { from, to: Resealed::Webhook { job: *job, version: *version, webhook } })
        }
        SealedRecord::Overrides { execution, job, sent, overrides } => {
            let mut overrides = overrides.clone();
            let from = overrides.sealed.as_ref().and_then(|sealed| sealed.value.key());
            let owner = Owner::Overrides(*job);
            let taken = overrides.take_credentials(sent.as_deref());
            let value = match &overrides.sealed {
                Some(sealed) => value(owner, &sealed.value)?,
                None if taken.is_empty() => return None,
                None => ring.seal_credentials(owner, &taken, key, [4; 24]).unwrap(),
            };
            overrides.sealed = Some(StoredSealed { value, secrets: vec![] });
            Some(Reseal { from, to: Resealed::Overrides { execution: *execution, overrides } })
        }
        SealedRecord::Patch(operation, action) => {
            let owner = Owner::Patch(*operation);
            let (from, sealed) = match action {
                BulkAction::Patch(PatchText(text)) => {
                    (None, ring.seal_for(owner, text, key, [4; 24]).unwrap())
                }
                BulkAction::SealedPatch(SealedPatch { sealed, .. }) => (sealed.key(), value(owner, sealed)?),
                other => panic!("{other:?}"),
            };
            let patch = SealedPatch { shown: "{}".into(), sealed };
            Some(Reseal { from, to: Resealed::Patch { operation: *operation, patch } })
        }
    }
}

#[test]
fn there_is_no_sealing_before_the_version_that_brings_it() {
    let mut world = World::new();
    assert_eq!(world.refused(0, add(&key(1, 7))), Refusal::VersionNotFollowed { follows: 1 });
    let early = put_sealed("a", None, "t0ken", &key(1, 7));
    assert_eq!(world.refused(0, early), Refusal::VersionNotFollowed { follows: 1 });
    world.create_as(clear("a", "t0ken"));
    assert_eq!(world.ask(Reader::sealing), None);
    assert_eq!(world.ask(Reader::sealing_key), None);
    assert_eq!(world.ask(Reader::needed_keys), [] as [KeyId; 0]);
}

#[test]
fn from_the_first_key_on_nothing_is_written_that_is_sealed_otherwise() {
    let mut world = raised();
    let (first, other) = (key(1, 7), key(1, 8));
    let id = OperationId::new(5, [1; 10]);
    let plain = || patch(id, BulkAction::Patch(PatchText("{}".into())));
    let job = world.create_as(clear("a", "t0ken"));
    let overrides = || StoredOverrides { body: Some("{}".into()), ..StoredOverrides::default() };
    let run = |number| trigger(&job, ExecutionId::manual(job.job.id, 9, [number; 10]), None);
    world.done(5, secret("s", None, Keyring::in_the_clear("x")));
    world.done(6, add(&first));
    assert_eq!(world.ask(Reader::sealing_key), Some(first.clone()));
    assert_eq!(progress(&world).cursor, SealCursor::Start);
    assert!(progress(&world).was_clear, "there is a job");

    let commands = [
        put(id_of("b"), None, clear("b", "t0ken"), None),
        put(id_of("a"), Some(1), spec("a"), None),
        overriding(run(1), overrides()),
        plain(),
        secret("s", Some(1), Keyring::in_the_clear("y")),
        Command::Secret(SecretWord::Fingerprints(Keyring::in_the_clear("k"))),
    ];
    for command in &commands {
        assert_eq!(world.refused(7, command.clone()), Refusal::SealedOtherwise, "{command:?}");
        let before = dump(&world.path());
        let (outcome, _) = world.run_sealed_by(7, Some(other.id), command.clone());
        assert_eq!(outcome, Outcome::Refused { refusal: Refusal::SealedOtherwise }, "{command:?}");
        assert_eq!(dump(&world.path()), before);
    }
    // Whoever has looked at the key may write what has no credentials, too.
    for command in commands {
        let (outcome, _) = world.run_sealed_by(8, Some(first.id), command.clone());
        assert!(!matches!(outcome, Outcome::Refused { .. }), "{command:?}: {outcome:?}");
    }
    // Nothing of this is asked of what cannot have credentials.
    world.run(9, run(2));
    let disabled = world.job("a");
    world.done(9, delete(&disabled));
}

#[test]
fn a_key_of_the_same_encryption_key_changes_nothing_and_another_comes_once_all_is_sealed() {
    let mut world = raised();
    let (first, same, next, third) = (key(1, 7), key(1, 8), key(2, 9), key(3, 10));
    for key in [&first, &same, &first] {
        world.done(5, add(key));
        assert!(!progress(&world).was_clear, "there was nothing");
        assert_eq!(world.ask(Reader::sealing_key), Some(first.clone()));
    }
    assert_eq!(world.refused(6, add(&next)), Refusal::SealingMovedOn, "the first is not done");
    seal_all(&mut world);
    world.done(60, add(&next));
    assert_eq!(world.ask(Reader::sealing_key), Some(next.clone()));
    let wrapping = [&first, &next].map(|key| key.by().unwrap());
    assert_eq!(world.ask(Reader::needed_keys), wrapping, "both are needed meanwhile");
    assert_eq!(world.refused(61, add(&third)), Refusal::SealingMovedOn);
    seal_all(&mut world);
    assert_eq!(world.ask(Reader::needed_keys), wrapping[1..], "only the new one is");
    assert_eq!(world.ask(Reader::data_keys), [next]);
}

#[test]
fn all_that_is_there_is_sealed_and_then_sealed_anew() {
    let mut world = raised();
    let ring = ring();
    // A job in two versions, a deleted one whose run is on record, and one without credentials.
    let job = world.create_as(clear("a", "0ld"));
    world.run(5, put(id_of("a"), Some(1), clear("a", "n3w"), None));
    world.create("none");
    let gone = world.create_as(clear("gone", "g0ne"));
    let manual = ExecutionId::manual(gone.job.id, 6, [1; 10]);
    world.run(6, trigger(&gone, manual, None));
    world.done(7, delete(&gone));
    let headers = vec![("X-Token".to_owned(), "0nce".to_owned()), ("X-A".to_owned(), "a".to_owned())];
    let once = StoredOverrides { headers, ..StoredOverrides::default() };
    let manual = ExecutionId::manual(job.job.id, 8, [2; 10]);
    world.run(8, overriding(trigger(&job, manual, None), once));
    let operation = OperationId::new(9, [1; 10]);
    world.run(9, patch(operation, BulkAction::Patch(PatchText("{\"webhook\":{}}".into()))));
    world.done(10, secret("s", None, Keyring::in_the_clear("s3cret")));
    world.done(11, Command::Secret(SecretWord::Fingerprints(Keyring::in_the_clear("f1nger"))));
    let clear_texts = ["0ld", "n3w", "g0ne", "0nce", "s3cret"];
    let all = || dump(&world.path());
    assert!(clear_texts[..4].iter().all(|text| all().contains(text)));

    let (first, next) = (key(1, 7), key(2, 9));
    for (at, key) in [(20, &first), (60, &next)] {
        world.done(at, add(key));
        let count = world.ask(|r| versions(r, job.seq, None, 10)).items.len();
        seal_all(&mut world);
        let told = progress(&world);
        assert_eq!((told.ended_at, told.left, told.was_clear), (Some(50), 0, at == 20));
        // Two versions, the deleted job, the run, the patch and the secret.
        assert_eq!(told.done, 6);
        assert_eq!(world.ask(|r| versions(r, job.seq, None, 10)).items.len(), count, "no version is made");
        assert_eq!(token(&world, "a"), "n3w");
        let old = world.ask(|r| r.version(job.seq, 1)).unwrap().spec.unwrap().webhook;
        assert_eq!(old.auth, Some(Auth::Bearer { token: REDACTED.into() }));
        let old = ring.open_webhook(old, job.job.id, Some(key)).unwrap();
        assert_eq!(old.auth, Some(Auth::Bearer { token: "0ld".into() }));
        let run = world.ask(|r| r.overrides(manual)).unwrap().unwrap();
        assert_eq!(run.headers.get("X-Token"), Some(REDACTED));
        let run = ring.open_overrides(run, job.job.id, Some(key)).unwrap();
        assert_eq!((run.headers.get("X-Token"), run.headers.get("X-A")), (Some("0nce"), Some("a")));
        let text = dump(&world.path());
        for clear in clear_texts {
            assert!(!text.contains(clear), "{clear}");
        }
    }
    world.reopen();
}

#[test]
fn a_portion_from_another_place_or_for_another_key_does_nothing() {
    let mut world = raised();
    let (first, next) = (key(1, 7), key(2, 9));
    world.create_as(clear("a", "t0ken"));
    let early = step(&first, SealCursor::Start, vec![], SealCursor::Secret("a".into()));
    assert_eq!(world.refused(5, early.clone()), Refusal::SealingMovedOn, "nothing seals");
    world.done(6, add(&first));
    let of_other = step(&next, SealCursor::Start, vec![], SealCursor::Secret("a".into()));
    assert_eq!(world.refused(7, of_other), Refusal::SealingMovedOn);
    world.done(8, early.clone());
    assert_eq!(world.refused(9, early), Refusal::SealingMovedOn, "it comes twice");
    let behind = step(&first, SealCursor::Secret("a".into()), vec![], SealCursor::Job(Default::default()));
    world.done(10, behind);
    seal_all(&mut world);
    let late = step(&first, SealCursor::End, vec![], SealCursor::End);
    assert_eq!(world.refused(60, late), Refusal::SealingMovedOn, "it is over");
}

#[test]
fn what_was_written_since_it_was_read_stays() {
    let mut world = raised();
    let (first, next) = (key(1, 7), key(2, 9));
    let job = world.create_as(clear("a", "0ld"));
    world.done(5, secret("s", None, Keyring::in_the_clear("0ld")));
    world.done(6, add(&first));
    // A leader reads, and before its step is applied others write.
    let keys = world.ask(Reader::data_keys);
    let read = |world: &World, from: SealCursor| {
        let found = world.ask(|r| r.sealed_records(&from));
        let items = found.records.iter().filter_map(|record| anew(&ring(), &first, &keys, record));
        (items.collect::<Vec<_>>(), found.to)
    };
    let (secrets, jobs_next) = read(&world, SealCursor::Start);
    let (jobs, versions_next) = read(&world, jobs_next.clone());
    assert_eq!((secrets.len(), jobs.len()), (1, 1));
    let value = ring().seal_for(Owner::Secret("s"), "n3w", &first, [5; 24]).unwrap();
    assert_eq!(world.run_sealed_by(7, Some(first.id), secret("s", Some(1), value.clone())).0, Outcome::Done);
    let changed = world.run_sealed_by(8, Some(first.id), put_sealed("a", Some(1), "n3w", &first));
    assert!(matches!(changed.0, Outcome::Job { version: 2, .. }));
    world.done(9, step(&first, SealCursor::Start, secrets, jobs_next.clone()));
    world.done(10, step(&first, jobs_next, jobs, versions_next));
    assert_eq!(world.ask(|r| r.secret("s")).unwrap().value, value);
    assert_eq!(token(&world, "a"), "n3w");
    // Of the job, the version that was read is a superseded one by now, and was found there.
    assert_eq!(progress(&world).done, 1);
    let old = world.ask(|r| r.version(job.seq, 1)).unwrap().spec.unwrap().webhook;
    assert!(old.sealed.is_some());
    seal_all(&mut world);
    assert_eq!(progress(&world).done, 1);

    // The same value comes to the same place again, from a leader that was away: it is sealed by another key by now.
    world.done(60, add(&next));
    let keys = world.ask(Reader::data_keys);
    let found = world.ask(|r| r.sealed_records(&SealCursor::Start));
    let items: Vec<_> =
        found.records.iter().filter_map(|record| anew(&ring(), &next, &keys, record)).collect();
    let twice = [items.clone(), items].concat();
    world.done(61, step(&next, SealCursor::Start, twice, found.to));
    assert_eq!(progress(&world).done, 1, "the second finds that it is done");
}

#[test]
fn old_keys_stay_where_something_could_not_be_opened() {
    let mut world = raised();
    let (first, next) = (key(1, 7), key(2, 9));
    world.done(5, add(&first));
    seal_all(&mut world);
    world.done(60, add(&next));
    let step = |from, to, left, is_last| {
        let items = vec![];
        let step = ResealStep { key: next.id, from, items, to, left, is_last };
        Command::Secret(SecretWord::Reseal(Box::new(step)))
    };
    world.done(61, step(SealCursor::Start, SealCursor::End, 2, false));
    world.done(62, step(SealCursor::End, SealCursor::End, 0, true));
    let told = progress(&world);
    assert_eq!((told.left, told.ended_at), (2, Some(62)));
    assert_eq!(world.ask(Reader::data_keys), [first, next]);
}

#[test]
fn after_a_loss_the_new_key_is_the_only_one() {
    let mut world = raised();
    let (first, next) = (key(1, 7), key(2, 9));
    world.done(5, add(&first));
    world.run_sealed_by(6, Some(first.id), put_sealed("a", None, "t0ken", &first));
    let fingerprints = ring().seal_for(Owner::Fingerprints, "1", &first, [3; 24]).unwrap();
    world.run_sealed_by(6, Some(first.id), Command::Secret(SecretWord::Fingerprints(fingerprints)));
    let lost = |key: &WrappedKey| Command::Secret(SecretWord::KeyAfterLoss(key.clone()));
    world.done(7, lost(&first));
    assert_eq!(world.ask(Reader::data_keys), std::slice::from_ref(&first), "it is the one that seals");
    assert!(world.ask(Reader::fingerprint_key).is_some());
    // Also before all was sealed by the one before.
    world.done(8, lost(&next));
    assert_eq!(world.ask(Reader::data_keys), std::slice::from_ref(&next));
    assert_eq!(world.ask(Reader::fingerprint_key), None, "nobody could open it");
    assert_eq!(world.ask(Reader::needed_keys), [next.by().unwrap()]);
    assert_eq!(progress(&world).cursor, SealCursor::Start);
    let webhook = world.job("a").job.spec.unwrap().webhook;
    assert!(ring().open_webhook(webhook, id_of("a"), Some(&next)).is_err());
    world.run_sealed_by(9, Some(next.id), put_sealed("a", Some(1), "n3w", &next));
    assert_eq!(token(&world, "a"), "n3w");
}

#[test]
fn the_key_of_fingerprints_stays_and_is_sealed_anew_as_it_was_read() {
    let mut world = raised();
    let fingerprints = |value: &Sealed| Command::Secret(SecretWord::Fingerprints(value.clone()));
    let (one, two) = (Keyring::in_the_clear("1"), Keyring::in_the_clear("2"));
    world.done(5, fingerprints(&one));
    world.done(6, fingerprints(&two));
    assert_eq!(world.ask(Reader::fingerprint_key), Some(one.clone()));
    let key = key(1, 7);
    world.done(7, add(&key));
    let sealed = ring().seal_for(Owner::Fingerprints, "1", &key, [3; 24]).unwrap();
    let item = |from| Reseal { from, to: Resealed::Fingerprints(sealed.clone()) };
    let items = vec![item(Some(KeyId::from([1; 8]))), item(None), item(None)];
    world.done(8, step(&key, SealCursor::Start, items, SealCursor::Secret("a".into())));
    assert_eq!(progress(&world).done, 1);
    assert_eq!(world.ask(Reader::fingerprint_key), Some(sealed));
}

#[test]
fn many_records_are_looked_at_in_portions() {
    let mut world = raised();
    for number in 0..1_200 {
        world.create_as(clear(&format!("job{number}"), "t0ken"));
    }
    world.done(5, add(&key(1, 7)));
    // Of jobs it takes three; what there is none of takes one each, and the end another.
    let portions = seal_all(&mut world);
    assert_eq!(portions, 8);
    assert_eq!(progress(&world).done, 1_200);
    assert_eq!(token(&world, "job1199"), "t0ken");
}

#[test]
fn what_was_in_the_clear_is_in_neither_file_once_they_are_written_anew() {
    let mut world = raised();
    for number in 0..50 {
        world.create_as(clear(&format!("job{number}"), &format!("in-the-clear-{number}")));
    }
    let gone = world.job("job7");
    world.done(5, delete(&gone));
    let trim = Trim { executions: vec![], versions: vec![], jobs: world.forgotten(), keys_before: 0 };
    world.done(6, Command::Trim(trim));
    let holds = |world: &World| {
        let path = world.path();
        let wal = path.with_file_name("state.db-wal");
        [path, wal].iter().any(|file| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(12).any(|part| part == b"in-the-clear")
        })
    };
    world.done(7, add(&key(1, 7)));
    seal_all(&mut world);
    assert!(holds(&world), "it is in pages that were written over");
    let before = dump(&world.path());
    world.machine.write_anew().unwrap();
    assert!(!holds(&world));
    assert_eq!(dump(&world.path()), before);
    assert_eq!(token(&world, "job9"), "in-the-clear-9");
    let mut world = world.reopen();
    world.done(60, add(&key(2, 9)));
}

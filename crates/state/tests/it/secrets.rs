//! Named secrets: the machine keeps what is sealed, and knows which jobs name which of them

use chronos_seal::{EncryptionKey, Keyring, Owner, Sealed, WrappedKey};
use chronos_state::{
    AuditFilter, Batch, Command, MAX_SECRETS, Outcome, PageLimits, PutSecret, Refusal, SecretRow, SecretWord,
    Total,
};
use chronos_types::{
    Auth, ClientAuthMethod, ClientCertificate, ClientCredentials, Headers, JobSpec, PreviousSecret, Signing,
    TargetUrl, Template, Webhook,
};

use crate::support::*;

fn raised() -> World {
    let mut world = World::new();
    world.raise();
    world
}

fn sealed(value: &str) -> Sealed {
    Keyring::in_the_clear(value)
}

fn put_secret(name: &str, from_version: Option<u64>, value: &str) -> Command {
    Command::Secret(SecretWord::Put(Box::new(PutSecret {
        name: name.into(),
        from_version,
        description: String::new(),
        hosts: vec!["h".into()],
        scope: None,
        value: sealed(value),
    })))
}

fn delete_secret(name: &str) -> Command {
    Command::Secret(SecretWord::Delete { name: name.into() })
}

fn secret(world: &World, name: &str) -> Option<SecretRow> {
    world.ask(|reader| reader.secret(name))
}

/// The jobs that name a secret.
fn uses(world: &World, name: &str) -> Vec<String> {
    world.ask(|reader| reader.secret_uses(name, 10)).jobs
}

/// A job that names these secrets, one in each place.
fn naming(name: &str, [url, header, token, body]: [&str; 4]) -> JobSpec {
    let placeholder = |secret: &str| format!("{{{{secret.{secret}}}}}");
    let headers = vec![("X-Mine".to_owned(), placeholder(header))];
    let webhook = Webhook {
        url: TargetUrl::parse(&format!("http://h/{}", placeholder(url))).unwrap(),
        headers: Headers::parse(headers).unwrap(),
        auth: Some(Auth::Bearer { token: placeholder(token) }),
        body: Some(Template::parse(&placeholder(body)).unwrap()),
        ..spec(name).webhook
    };
    JobSpec { webhook, ..spec(name) }
}

#[test]
fn there_are_no_secrets_before_the_version_that_brings_them() {
    let mut world = World::new();
    for command in [put_secret("a", None, "x"), delete_secret("a")] {
        assert_eq!(world.refused(0, command), Refusal::VersionNotFollowed { follows: 1 });
    }
    assert_eq!(secret(&world, "a"), None);
    // A job that says what would be a placeholder is kept as it is.
    world.create_as(naming("job", ["a"; 4]));
    assert_eq!(uses(&world, "a"), [""; 0]);
}

#[test]
fn a_secret_is_changed_from_the_version_that_was_read() {
    let mut world = raised();
    let asked = by(1, Some("as agreed"));
    assert_eq!(world.run_by(5, put_secret("a", None, "one"), asked.clone()).0, Outcome::Done);
    let row = secret(&world, "a").unwrap();
    assert_eq!((row.version, row.created_at, row.updated_at, row.by), (1, 5, 5, Some(asked)));
    assert_eq!((row.value, row.hosts, row.key), (sealed("one"), vec!["h".to_owned()], None));
    for from in [None, Some(2)] {
        let refusal = world.refused(6, put_secret("a", from, "two"));
        assert_eq!(refusal, Refusal::VersionMismatch { current: 1 });
    }
    world.done(7, put_secret("a", Some(1), "two"));
    let row = secret(&world, "a").unwrap();
    assert_eq!((row.version, row.created_at, row.updated_at, row.value), (2, 5, 7, sealed("two")));
    world.done(8, delete_secret("a"));
    let gone = Refusal::NoSuchSecret { name: "a".into() };
    assert_eq!(world.refused(9, delete_secret("a")), gone);
    assert_eq!(world.refused(9, put_secret("a", Some(2), "three")), gone);
    world.done(9, put_secret("a", None, "three"));
    assert_eq!(secret(&world, "a").unwrap().version, 1);
}

#[test]
fn there_are_so_many_secrets_and_no_more() {
    let mut world = raised();
    for number in 0..MAX_SECRETS {
        world.done(5, put_secret(&format!("s{number:04}"), None, "x"));
    }
    assert_eq!(
        world.refused(6, put_secret("more", None, "x")),
        Refusal::TooManySecrets { most: MAX_SECRETS }
    );
    world.done(6, put_secret("s0000", Some(1), "y"));
    let mut names = Vec::new();
    let next = world.ask(|reader| {
        reader.secrets(Some("s0000"), PageLimits::of(2), |row| {
            names.push(row.name);
            true
        })
    });
    assert_eq!((names, next), (vec!["s0001".to_owned(), "s0002".to_owned()], Some("s0002".to_owned())));
}

#[test]
fn a_secret_is_read_together_with_the_key_that_it_was_sealed_by() {
    let mut world = raised();
    let key = data_key(1, 7);
    world.done(5, Command::Secret(SecretWord::Key(key.clone())));
    let ring = Keyring::new(vec![EncryptionKey::from([1; 32])]);
    let value = ring.seal_for(Owner::Secret("a"), "hunter2", &key, [3; 24]).unwrap();
    let Command::Secret(SecretWord::Put(put)) = put_secret("a", None, "") else { unreachable!("it is one") };
    let put = Command::Secret(SecretWord::Put(Box::new(PutSecret { value, ..*put })));
    assert_eq!(world.run_sealed_by(6, Some(key.id), put).0, Outcome::Done);
    let SecretRow { value, key: found, .. } = secret(&world, "a").unwrap();
    assert_eq!(found.as_ref(), Some(&key));
    let opened = ring.open_of(Owner::Secret("a"), &value, found.as_ref()).unwrap();
    assert_eq!(opened.as_str(), "hunter2");
    let plain = Command::Secret(SecretWord::Key(WrappedKey { id: key.id, sealed: sealed("x") }));
    assert_eq!(world.refused(7, plain), Refusal::Unreadable);
}

#[test]
fn a_secret_that_a_job_names_stays() {
    let mut world = raised();
    for name in ["a", "b", "c", "d"] {
        world.done(0, put_secret(name, None, "x"));
    }
    let job = world.create_as(naming("job", ["a", "b", "c", "d"]));
    world.create_as(naming("other", ["a"; 4]));
    for (name, jobs) in
        [("a", &["job", "other"][..]), ("b", &["job"]), ("c", &["job"]), ("d", &["job"]), ("e", &[])]
    {
        assert_eq!(uses(&world, name), jobs, "{name}");
    }
    let used = Refusal::SecretInUse { jobs: vec!["job".into(), "other".into()], more: false };
    assert_eq!(world.refused(6, delete_secret("a")), used);
    let total = world.ask(|reader| reader.secret_uses("a", 1));
    assert_eq!((total.total, total.jobs), (Total { count: 2, exact: true }, vec!["job".to_owned()]));

    // The next version names others.
    world.run(7, put(job.job.id, Some(1), naming("job", ["b"; 4]), None));
    assert_eq!(uses(&world, "a"), ["other"]);
    assert_eq!((uses(&world, "b"), uses(&world, "d")), (vec!["job".to_owned()], Vec::<String>::new()));
    world.done(8, delete_secret("d"));
    let other = world.job("other");
    world.done(9, delete(&other));
    world.done(10, delete_secret("a"));
    assert_eq!(uses(&world, "a"), [""; 0]);
}

#[test]
fn of_many_jobs_the_first_are_told() {
    let mut world = raised();
    world.done(0, put_secret("a", None, "x"));
    for number in 0..5 {
        world.create_as(naming(&format!("job{number}"), ["a"; 4]));
    }
    let jobs = ["job0", "job1", "job2"].map(str::to_owned).to_vec();
    assert_eq!(world.refused(6, delete_secret("a")), Refusal::SecretInUse { jobs, more: true });
}

#[test]
fn each_change_of_a_secret_is_audited_without_its_value() {
    let mut world = raised();
    let of = |from_version, description: &str, hosts: &[&str]| {
        let Command::Secret(SecretWord::Put(put)) = put_secret("a", from_version, "hunter2") else {
            unreachable!("it is one")
        };
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let put = PutSecret { description: description.to_owned(), hosts, ..*put };
        Command::Secret(SecretWord::Put(Box::new(put)))
    };
    let key = |id| Command::Secret(SecretWord::Key(data_key(1, id)));
    for (at, command) in [
        (10, key(7)),
        // The same encryption key wraps it, so it changes nothing.
        (15, key(8)),
        (20, of(None, "", &["h"])),
        (30, of(Some(1), "", &["h"])),
        (40, of(Some(2), "x", &["h", "i"])),
        // What is refused leaves nothing.
        (50, of(Some(1), "y", &["j"])),
        (60, delete_secret("a")),
        (70, delete_secret("a")),
    ] {
        let sealed = asked(command, by(1, None)).sealed_by(Some(data_key(1, 7).id));
        world.batch(&Batch { at, items: vec![sealed] });
    }
    let mut told = Vec::new();
    let all = |row: chronos_state::AuditRow| {
        let fields = row.difference.changes.iter();
        let fields: Vec<_> = fields.map(|c| format!("{}: {} to {}", c.field, c.from, c.to)).collect();
        told.insert(
            0,
            format!("{} of {} by {:?}: {}", row.what, row.target.unwrap(), row.by, fields.join(", ")),
        );
        true
    };
    assert_eq!(world.ask(|r| r.audit(&AuditFilter::default(), None, PageLimits::of(10), all)), None);
    let who = Some(by(1, None));
    let (value, again) = (r#"value: null to "[redacted]""#, r#"value: "[redacted]" to "[redacted]""#);
    let expected = [
        format!("encryption.rotate of {} by {who:?}: ", data_key(1, 7).by().unwrap()),
        format!("secret.create of a by {who:?}: {value}, hosts: null to [\"h\"]"),
        format!("secret.update of a by {who:?}: {again}"),
        format!(
            "secret.update of a by {who:?}: {again}, description: null to \"x\", hosts: [\"h\"] to [\"h\",\"i\"]"
        ),
        format!("secret.delete of a by {who:?}: "),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_certificate_is_of_named_secrets_and_not_before_its_version() {
    let shown = ClientCertificate { cert: "{{secret.a}}".into(), key: "{{secret.b}}".into() };
    let certified = || JobSpec {
        webhook: Webhook { client_certificate: Some(shown.clone()), ..spec("job").webhook },
        ..spec("job")
    };
    let mut world = raised();
    let row = world.create_as(certified());
    assert_eq!(row.job.spec.unwrap().webhook.client_certificate, Some(shown.clone()));
    assert_eq!((uses(&world, "a"), uses(&world, "b")), (vec!["job".to_owned()], vec!["job".to_owned()]));

    let mut world = World::new();
    let early = put(id_of("job"), None, certified(), None);
    assert_eq!(world.refused(0, early), Refusal::VersionNotFollowed { follows: 1 });
}

#[test]
fn a_secret_that_signs_is_named_too_and_nothing_is_signed_before_its_version() {
    let signing = Signing {
        secret: "{{secret.a}}".into(),
        previous: Some(PreviousSecret { secret: "{{ secret.b }}".into(), expires_at: 9 }),
    };
    let signed = || JobSpec {
        webhook: Webhook { signing: Some(signing.clone()), ..spec("job").webhook },
        ..spec("job")
    };
    let mut world = raised();
    for name in ["a", "b"] {
        world.done(0, put_secret(name, None, "x"));
    }
    let row = world.create_as(signed());
    assert_eq!(row.job.spec.unwrap().webhook.signing, Some(signing.clone()));
    assert_eq!((uses(&world, "a"), uses(&world, "b")), (vec!["job".to_owned()], vec!["job".to_owned()]));

    let mut world = World::new();
    let early = put(id_of("job"), None, signed(), None);
    assert_eq!(world.refused(0, early), Refusal::VersionNotFollowed { follows: 1 });
}

#[test]
fn what_a_token_is_asked_for_with_names_secrets_too_and_is_not_there_before_its_version() {
    let placeholder = |name: &str| format!("{{{{secret.{name}}}}}");
    let credentials = ClientCredentials {
        token_url: TargetUrl::parse(&format!("https://login.example/{}", placeholder("a"))).unwrap(),
        client_id: placeholder("b"),
        client_secret: placeholder("c"),
        scope: Some(placeholder("d")),
        parameters: vec![("audience".into(), placeholder("e")), ("resource".into(), "{{x}}".into())],
        client_auth_method: Some(ClientAuthMethod::Post),
    };
    let auth = Auth::ClientCredentials(Box::new(credentials));
    let fetching =
        || JobSpec { webhook: Webhook { auth: Some(auth.clone()), ..spec("job").webhook }, ..spec("job") };
    let mut world = raised();
    let row = world.create_as(fetching());
    assert_eq!(row.job.spec.unwrap().webhook.auth, Some(auth.clone()));
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(uses(&world, name), ["job"], "{name}");
    }

    let mut world = World::new();
    let early = put(id_of("job"), None, fetching(), None);
    assert_eq!(world.refused(0, early), Refusal::VersionNotFollowed { follows: 1 });
}

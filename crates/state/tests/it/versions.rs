//! The version of the cluster: how it is raised, and that what it brings is not used before.

use chronos_state::{Applied, Batch, Command, LogBatch, Machine, Outcome, Refusal, StateError, VERSION};

use crate::support::*;

fn raise(to: u32) -> Batch {
    Batch { at: 10, items: vec![Command::RaiseVersion { to }.into()] }
}

fn apply(world: &mut World, batch: &Batch, follows: u32) -> Result<Applied, StateError> {
    let index = world.next_index();
    Ok(world.machine.apply(&[LogBatch { batch, index, follows }], &[])?.remove(0))
}

fn refused(follows: u32) -> Vec<Outcome> {
    vec![Outcome::Refused { refusal: Refusal::VersionNotFollowed { follows } }]
}

#[test]
fn a_cluster_begins_with_version_1_whatever_the_binary_can_follow() {
    let world = World::new();
    assert_eq!(world.machine.version().unwrap(), 1);
    assert_eq!(world.reopen().machine.version().unwrap(), 1);
}

#[test]
fn a_raise_is_refused_unless_it_goes_up_and_all_members_follow() {
    let mut world = World::new();
    let before = dump(&world.path());
    for (to, follows) in [(0, 1), (1, 1), (1, 2), (2, 1), (2, 0), (u32::MAX, VERSION)] {
        let applied = apply(&mut world, &raise(to), follows).unwrap();
        assert_eq!(applied.outcomes, refused(follows), "to {to}, followed {follows}");
        assert_eq!(applied.effects, []);
    }
    assert_eq!(world.machine.version().unwrap(), 1);
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn a_binary_makes_the_step_to_each_version_that_it_can_follow() {
    let (mut by_step, mut at_once) = (World::new(), World::new());
    for to in (1..VERSION).map(|before| before + 1) {
        assert_eq!(apply(&mut by_step, &raise(to), VERSION).unwrap().outcomes, [Outcome::Done], "{to}");
        assert_eq!(by_step.machine.version().unwrap(), to);
    }
    apply(&mut at_once, &raise(VERSION), VERSION).unwrap();
    assert_eq!(at_once.machine.version().unwrap(), VERSION);
    assert_eq!(dump(&by_step.path()), dump(&at_once.path()));
}

#[test]
fn a_node_that_cannot_follow_stops_before_it_changes_anything() {
    let mut world = World::new();
    let (before, next) = (dump(&world.path()), VERSION + 1);
    let batches = [put(id_of("a"), None, spec("a"), None), Command::RaiseVersion { to: next }];
    let batches = batches.map(|command| Batch { at: 10, items: vec![command.into()] });
    let batches = batches.each_ref().map(|batch| LogBatch { batch, index: 1, follows: next });
    let error = world.machine.apply(&batches, &[("applied", b"2")]).unwrap_err();
    assert!(
        matches!(error, StateError::NewerVersion { found, known: VERSION } if found == next),
        "{error:?}"
    );
    assert_eq!(world.machine.version().unwrap(), 1);
    assert_eq!(dump(&world.path()), before);
}

#[test]
fn a_batch_says_the_version_that_its_commands_need() {
    let batch =
        |commands: Vec<Command>| Batch { at: 1, items: commands.into_iter().map(Into::into).collect() };
    assert_eq!(batch(vec![]).since(), 1);
    let one = put(id_of("a"), None, spec("a"), None);
    assert_eq!((one.since(), batch(vec![one.clone()]).since()), (1, 1));
    let mixed = batch(vec![one, Command::RaiseVersion { to: 7 }, Command::RaiseVersion { to: 3 }]);
    assert_eq!(mixed.since(), 7);
    assert!(mixed.encode().unwrap().starts_with(b"7 {"));
}

#[test]
fn a_batch_that_understates_its_version_is_damage() {
    let understated = br#"1 {"at":10,"items":[{"command":{"raise_version":{"to":7}}}]}"#;
    let error = Batch::decode(understated).unwrap_err();
    assert!(matches!(error, StateError::Corrupt(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "stored data is damaged: a log entry says version 1 and holds commands of version 7"
    );
}

#[test]
fn a_file_of_a_version_that_this_binary_does_not_follow_is_left_alone() {
    let world = World::new();
    let other = world.file("newer.db");
    chronos_state::copy(&world.path(), &other, &bounds()).unwrap();
    let next = VERSION + 1;
    rusqlite::Connection::open(&other).unwrap().pragma_update(None, "user_version", next).unwrap();
    let before = dump(&other);
    let error = Machine::open(&other).unwrap_err();
    assert!(matches!(error, StateError::NewerFormat { found, .. } if found == next), "{error:?}");
    assert_eq!(dump(&other), before);
}

#[cfg(feature = "next")]
mod next {
    use super::*;

    fn probe() -> Batch {
        Batch { at: 20, items: vec![Command::Probe.into()] }
    }

    /// How often a probe was counted; `None` where nothing counts them yet.
    fn probes(world: &World) -> Option<i64> {
        let sql = "SELECT last FROM counters WHERE name = 'probe'";
        look(&world.path()).query_row(sql, [], |row| row.get(0)).ok()
    }

    #[test]
    fn what_a_version_brings_is_refused_before_it_and_done_from_it_on() {
        let mut world = World::new();
        assert_eq!(apply(&mut world, &probe(), 3).unwrap().outcomes, refused(1));
        assert_eq!(apply(&mut world, &raise(2), 3).unwrap().outcomes, [Outcome::Done]);
        assert_eq!(apply(&mut world, &probe(), 3).unwrap().outcomes, refused(2));
        assert_eq!(apply(&mut world, &raise(3), 2).unwrap().outcomes, refused(2));
        assert_eq!((world.machine.version().unwrap(), probes(&world)), (2, None));
        assert_eq!(apply(&mut world, &raise(3), 3).unwrap().outcomes, [Outcome::Done]);
        assert_eq!((world.machine.version().unwrap(), probes(&world)), (3, Some(0)));
        // It was raised before, so it is not raised once more.
        assert_eq!(apply(&mut world, &raise(3), 3).unwrap().outcomes, refused(3));
        // The version stays, whoever follows it.
        for follows in [3, 1] {
            assert_eq!(apply(&mut world, &probe(), follows).unwrap().outcomes, [Outcome::Done]);
        }
        let world = world.reopen();
        assert_eq!((world.machine.version().unwrap(), probes(&world)), (3, Some(2)));
    }

    #[test]
    fn equal_logs_give_equal_states_whatever_the_version_of_a_copy_was() {
        let first = put(id_of("a"), None, spec("a"), None);
        let commands =
            [Command::Probe, first, Command::RaiseVersion { to: 3 }, Command::Probe, Command::Probe];
        // In one batch.
        let mut one = World::new();
        let items = commands.iter().cloned().map(Into::into).collect();
        let together = one.batch(&Batch { at: 10, items }).outcomes;
        // One by one, with a restart after each, and onto a copy.
        let mut other = World::new();
        let mut outcomes = Vec::new();
        for command in commands {
            outcomes.push(other.run(10, command).0);
            other = other.reopen();
            let copy = other.file("copy.db");
            chronos_state::copy(&other.path(), &copy, &bounds()).unwrap();
            let mut copied = World::new();
            copied.machine.replace_with(&copy, &[]).unwrap();
            assert_eq!(copied.machine.version().unwrap(), other.machine.version().unwrap());
            other = copied;
        }
        assert_eq!(outcomes, together);
        assert_eq!(dump(&one.path()), dump(&other.path()));
        assert_eq!((one.machine.version().unwrap(), probes(&one)), (3, Some(2)));
        assert_eq!(one.machine.version().unwrap(), other.machine.version().unwrap());
    }

    #[test]
    fn a_probe_is_of_version_3_in_the_log() {
        let bytes = probe().encode().unwrap();
        assert!(bytes.starts_with(b"3 {"));
        assert_eq!(Batch::decode(&bytes).unwrap(), probe());
        // Its commands are all of version 1.
        let overstated = [b"3", &raise(1).encode().unwrap()[1..]].concat();
        assert!(matches!(Batch::decode(&overstated), Err(StateError::Corrupt(_))));
    }
}

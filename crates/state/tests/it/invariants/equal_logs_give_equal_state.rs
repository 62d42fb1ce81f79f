//! Two machines that are told the same are the same, to the last row: however the log was cut,
//! and whether one was restarted or replaced by a copy of itself on the way.

use chronos_state::{Batch, EVENTS_SINCE};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::compare::pieces;
use crate::ops::ops;
use crate::oracle::{config, log};
use crate::support::{World, bounds, dump, logged};

#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Reopen,
    /// A new machine takes over from a copy, as a member that was away too long does.
    Replace,
}

/// How many batches go together, and what happens then.
fn cuts() -> impl Strategy<Value = Vec<(usize, Between)>> {
    let between =
        prop_oneof![8 => Just(Between::Nothing), 1 => Just(Between::Reopen), 1 => Just(Between::Replace)];
    prop::collection::vec((1..12usize, between), 40)
}

/// Puts commands of the same instant that stand together into one batch.
fn gathered(log: &[Batch]) -> Vec<Batch> {
    let mut out: Vec<Batch> = Vec::new();
    for batch in log {
        match out.last_mut() {
            Some(last) if last.at == batch.at => last.items.extend(batch.items.iter().cloned()),
            _ => out.push(batch.clone()),
        }
    }
    out
}

fn note(machine: &mut World, applied: usize) {
    machine.machine.apply(&[], &[("applied", applied.to_string().as_bytes())]).unwrap();
}

fn forget_events(world: &World) {
    let db = Connection::open(world.path()).unwrap();
    if world.machine.version().unwrap() >= EVENTS_SINCE {
        db.execute("DELETE FROM events", []).unwrap();
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn equal_logs_give_equal_state(ops in ops(100), cuts in cuts(), gather in any::<bool>()) {
        let log = log(&ops);
        let mut one = World::new();
        let (mut outcomes, mut effects) = (Vec::new(), Vec::new());
        for batch in &log {
            let applied = one.batch(batch);
            outcomes.extend(applied.outcomes);
            effects.extend(applied.effects);
        }
        note(&mut one, log.len());

        let mut other = World::new();
        let (mut outcomes_too, mut effects_too) = (Vec::new(), Vec::new());
        let entries = if gather { gathered(&log) } else { log.clone() };
        // Through the bytes of the log, as a follower gets them.
        let entries: Vec<_> = entries.iter().map(|b| Batch::decode(&b.encode().unwrap()).unwrap()).collect();
        let (mut rest, mut cuts, mut index) = (entries.as_slice(), cuts.iter().cycle(), 0);
        while !rest.is_empty() {
            let (size, between) = cuts.next().unwrap();
            let (head, tail) = rest.split_at((*size).min(rest.len()));
            let batches: Vec<_> = (index + 1..).zip(head).map(|(index, batch)| logged(index, batch)).collect();
            index += batches.len() as u64;
            for applied in other.machine.apply(&batches, &[]).unwrap() {
                outcomes_too.extend(applied.outcomes);
                effects_too.extend(applied.effects);
            }
            rest = tail;
            match between {
                Between::Nothing => {}
                Between::Reopen => other = other.reopen(),
                Between::Replace => {
                    let copy = other.file("copy.db");
                    chronos_state::copy(other.machine.path(), &copy, &bounds()).unwrap();
                    let mut next = World::new();
                    next.create("before");
                    next.machine.replace_with(&copy, &[]).unwrap();
                    other = next;
                }
            }
        }
        note(&mut other, log.len());
        prop_assert_eq!(outcomes, outcomes_too);
        prop_assert_eq!(effects, effects_too);
        if gather {
            // These are of another log: an event is known by the place of its entry.
            [&one, &other].into_iter().for_each(forget_events);
        }
        prop_assert_eq!(dump(&one.path()), dump(&other.path()));
        prop_assert_eq!(one.ask(|r| r.state_hash()), other.ask(|r| r.state_hash()));
        prop_assert_eq!(pieces(&mut one.machine), pieces(&mut other.machine));
    }
}

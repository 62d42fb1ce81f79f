//! Random commands against the naive model: after each of them both must say the same, and what
//! must always hold, holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chronos_seal::{KeyId, Sealed, WrappedKey};
use chronos_state::{
    Batch, DueJob, ExecutionFilter, ExecutionRow, Fire, JobFilter, JobRow, JobSeq, MAX_ROWS, OpenRun,
    OperationRow, PageLimits, PassedBy, PendingRun, Reader, RefusedItem, Sealing, SecretRow, SecretUses,
    StateError,
};
use chronos_types::{By, ExecutionId, Job, Millis, NodeName, OperationId, Scope, Skips, Status, Trigger};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::events::Told;
use crate::invariants;
use crate::model::{self, Model, Sums};
use crate::ops::{APPLIES, Maker, NODES, Op, SETS, ops};
use crate::support::{self, ALL_DUE, World, age, executions, keep, look, node, operations, versions};

/// Few cases by default, to be quick; `PROPTEST_CASES=10000` for a night. A failure prints the
/// smallest commands that show it, and is kept in `regressions.txt`, to be tried first ever after.
pub fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/regressions.txt");
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct(file)));
    config
}

/// Versions of a job, and who made each.
type Versions = Vec<(u64, Option<By>)>;

/// Everything that can be read.
#[derive(Debug, PartialEq)]
pub struct View {
    pub jobs: Vec<JobRow>,
    pub executions: Vec<ExecutionRow>,
    pub due: Vec<DueJob>,
    /// The pauses that end, in the order of that: the job, its version, whether it falls due.
    ending: Vec<(Millis, JobSeq, u64, bool)>,
    pub first_due: Option<Millis>,
    pub open: Vec<Fire>,
    withdrawn: Vec<Fire>,
    open_nodes: Vec<(NodeName, u64)>,
    holders: HashMap<JobSeq, NodeName>,
    /// By job: its number, its versions and who made each, its finished executions' numbers past the newest two, the oldest of them.
    kept: Vec<(JobSeq, Versions, Vec<i64>)>,
    finished: Vec<i64>,
    forgotten: Vec<JobSeq>,
    unused: Vec<(JobSeq, u64)>,
    /// What each apply of each set did not name.
    surplus: Vec<Option<Vec<(JobSeq, String)>>>,
    /// The newest first.
    operations: Vec<(OperationRow, Vec<RefusedItem>)>,
    running: Vec<OperationId>,
    /// What was done in each five minutes, each hour and each day.
    sums: Vec<Vec<Sums>>,
    failed_kinds: BTreeMap<String, u64>,
    /// Which executions are looked up as failed, and which by what asked for them.
    looked_up: [Vec<ExecutionId>; 3],
    /// When the newest run of each job began, and how it stands, as it is kept.
    last_runs: Vec<(JobSeq, Millis, i64)>,
    /// With the jobs that name each.
    secrets: Vec<(SecretRow, SecretUses)>,
    /// By their ids.
    data_keys: Vec<WrappedKey>,
    seals: Option<KeyId>,
    sealing: Option<Sealing>,
    fingerprints: Option<Sealed>,
}

pub fn read(world: &World, model: &Model) -> View {
    world.ask(|r| {
        let mut open = Vec::new();
        for node in &NODES.map(node) {
            open.extend(r.open_fires(node)?);
        }
        let mut kept = Vec::new();
        for seq in model.jobs.keys() {
            let versions = versions(r, *seq, None, 10_000)?.items;
            let versions = versions.into_iter().map(|v| (v.version, v.by)).rev().collect();
            let mut surplus = r.overfull_jobs(*seq, 1, keep(2, u64::MAX))?.trim.executions;
            surplus.sort_unstable();
            kept.push((*seq, versions, surplus));
        }
        // In pages, which must come to the same as what each node owes.
        for node in &NODES.map(node) {
            let (mut runs, mut last): (Vec<OpenRun>, _) = (Vec::new(), None);
            loop {
                let page = r.open_of(node, last.as_ref(), 2)?;
                let Some(end) = page.last() else { break };
                last = Some(end.clone());
                runs.extend(page);
            }
            let mut ids: Vec<_> = runs.iter().map(|run| run.execution).collect();
            ids.sort_unstable();
            let owed = open.iter().filter(|fire| fire.node == *node);
            assert_eq!(ids, owed.map(|fire| fire.run.execution).collect::<Vec<_>>(), "of {node}");
            assert!(runs.iter().all(|run| model.jobs[&run.job_seq].id == run.job), "{runs:?}");
        }
        let mut withdrawn = Vec::new();
        for node in &NODES.map(node) {
            withdrawn.extend(r.withdrawn(node)?);
        }
        let names: BTreeSet<_> = withdrawn.iter().map(|fire| fire.node.clone()).collect();
        assert_eq!(r.withdrawn_nodes()?, names.into_iter().collect::<Vec<_>>());
        withdrawn.sort_by_key(|fire| fire.run.execution);
        let jobs: Vec<JobSeq> = model.jobs.keys().copied().collect();
        // In pages, too.
        let (mut ending, mut after) = (Vec::new(), (Millis::MIN, JobSeq::default()));
        loop {
            let page = r.ending_pauses(after, Millis::MAX, 2)?;
            let Some(last) = page.last() else { break };
            after = last.place();
            ending.extend(page.iter().map(|end| (end.until, end.job, end.version, end.is_due)));
        }
        Ok(View {
            jobs: support::jobs(r, &JobFilter::default(), None, 10_000)?.items,
            executions: executions(r, &ExecutionFilter::default(), None, 10_000)?.items,
            ending,
            due: r.due(ALL_DUE, Millis::MAX, 10_000, &PassedBy::new())?.jobs,
            first_due: r.first_due(&PassedBy::new())?,
            open,
            withdrawn,
            open_nodes: r.open_nodes()?,
            holders: r.holders(&jobs, None)?,
            kept,
            finished: finished(r)?,
            forgotten: r.forgotten_jobs(JobSeq::default(), 1000)?.trim.jobs,
            unused: r.overfull_jobs(JobSeq::default(), 1000, keep(u64::MAX, 1))?.trim.versions,
            surplus: applies().map(|(set, apply)| surplus(r, set, apply)).collect::<Result<_, _>>()?,
            operations: operations(r)?,
            running: r.running_operations()?,
            sums: sums(r)?,
            failed_kinds: failed_kinds(r)?,
            looked_up: ["failures", "triggers", "caught_up"].map(|table| looked_up(world, model, table)),
            last_runs: last_runs(world, model),
            secrets: secrets(r)?,
            data_keys: by_id(r.data_keys()?),
            seals: r.sealing_key()?.map(|key| key.id),
            sealing: r.sealing()?,
            fingerprints: r.fingerprint_key()?,
        })
    })
}

/// The applies of the sets that the operations name.
fn applies() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETS.iter().flat_map(|set| APPLIES.iter().map(|apply| (*set, *apply)))
}

fn surplus(r: &Reader, set: &str, apply: &str) -> Result<Option<Vec<(JobSeq, String)>>, StateError> {
    let all = r.set_surplus(set, apply, 100, &Scope::all())?;
    // Counted and cut short it is the same.
    let first = r.set_surplus(set, apply, 1, &Scope::all())?;
    assert_eq!(first.map(|first| first.count), all.as_ref().map(|all| all.jobs.len()));
    Ok(all.map(|all| all.jobs))
}

fn sums(r: &Reader) -> Result<Vec<Vec<Sums>>, StateError> {
    let steps = Reader::figures_steps().into_iter();
    steps
        .map(|(step, _)| Ok(r.figures(step, Millis::MIN, Millis::MAX)?.iter().map(Sums::of).collect()))
        .collect()
}

fn failed_kinds(r: &Reader) -> Result<BTreeMap<String, u64>, StateError> {
    let day = Reader::figures_steps()[2].0;
    let failed = r.failed_hosts(day, Millis::MIN, Millis::MAX)?.into_iter();
    Ok(failed
        .map(|failed| (format!("{} {:?}", failed.host.unwrap_or_default(), failed.error_kind), failed.count))
        .collect())
}

/// The ids in a table, which is there only where the version is.
fn looked_up(world: &World, model: &Model, table: &str) -> Vec<ExecutionId> {
    if !model.raised {
        return Vec::new();
    }
    let db = look(&world.path());
    let mut statement = db.prepare(&format!("SELECT id FROM {table} ORDER BY id")).unwrap();
    let ids = statement.query_map([], |row| Ok(ExecutionId::from_bytes(row.get(0)?))).unwrap();
    ids.collect::<Result<_, _>>().unwrap()
}

/// In pages, too.
fn secrets(r: &Reader) -> Result<Vec<(SecretRow, SecretUses)>, StateError> {
    let (mut rows, mut after) = (Vec::<SecretRow>::new(), None::<String>);
    loop {
        let take = |row| {
            rows.push(row);
            true
        };
        after = r.secrets(after.as_deref(), PageLimits::of(2), take)?;
        if after.is_none() {
            break;
        }
    }
    let mut with_uses = Vec::new();
    for row in rows {
        let uses = r.secret_uses(&row.name, 1_000)?;
        with_uses.push((row, uses));
    }
    Ok(with_uses)
}

fn by_id(mut keys: Vec<WrappedKey>) -> Vec<WrappedKey> {
    keys.sort_by_key(|key| key.id);
    keys
}

fn last_runs(world: &World, model: &Model) -> Vec<(JobSeq, Millis, i64)> {
    if !model.raised {
        return Vec::new();
    }
    let db = look(&world.path());
    let mut statement = db.prepare("SELECT job, last_run, last_status FROM job_stats ORDER BY job").unwrap();
    let rows =
        statement.query_map([], |row| Ok((JobSeq::new(row.get(0)?), row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// All finished executions, look after look.
fn finished(r: &Reader) -> Result<Vec<i64>, StateError> {
    let (mut finished, mut from) = (Vec::new(), None);
    loop {
        let surplus = r.aged_executions(from, age(1 << 40), MAX_ROWS)?;
        finished.extend(surplus.trim.executions);
        from = surplus.next;
        if from.is_none() {
            return Ok(finished);
        }
    }
}

pub fn expect(model: &Model) -> View {
    let ran = |s: Status| !matches!(s, Status::Pending | Status::Skipped);
    let last_run = |seq| {
        let run = &model.of(seq).find(|run| ran(run.execution.status))?.execution;
        Some((run.status, run.started_at.or(run.completed_at).unwrap_or(run.scheduled_time)))
    };
    let pending = |seq| {
        let newest = model.open(seq).into_iter().rev().take(100);
        let waits = newest.map(|id| &model.runs[&id]).filter(|run| {
            let execution = &run.execution;
            execution.status == Status::Pending
                && matches!(execution.trigger, Trigger::Schedule | Trigger::CatchUp)
        });
        waits
            .map(|run| PendingRun { scheduled_time: run.execution.scheduled_time, fire_at: run.fire_at })
            .collect()
    };
    let job = |job: &model::Job| JobRow {
        seq: job.seq,
        job: Job {
            id: job.id,
            spec: Ok(job.spec().clone()),
            version: job.version,
            created_at: job.created_at,
            updated_at: job.versions[&job.version].0,
            next_due: job.due,
        },
        by: job.authors.get(&job.version).cloned(),
        set: job.set.as_ref().map(|(name, _)| name.clone()),
        last_run: last_run(job.seq),
        pending: pending(job.seq),
        paused: job.paused.clone(),
        skips: job.skips.clone().map(|(skip, by, at)| Skips {
            by,
            at,
            skip,
            next: job.due.filter(|due| skip.takes(*due)),
        }),
        stats: model.stats(job.seq),
    };
    let due = |job: &model::Job| {
        let times = job.spec().into();
        Some(DueJob {
            seq: job.seq,
            id: job.id,
            version: job.version,
            created_at: job.created_at,
            at: job.due?,
            times,
        })
    };
    let mut due: Vec<_> = model.live().filter_map(due).collect();
    due.sort_by_key(|job| (job.at, job.seq));
    let ends =
        |job: &model::Job| Some((job.paused.as_ref()?.until?, job.seq, job.version, job.due.is_some()));
    let mut ending: Vec<_> = model.live().filter_map(ends).collect();
    ending.sort_unstable();
    let number = |id| *model.numbers.iter().find(|(_, held)| **held == id).unwrap().0;
    let over = |run: &&model::Run| run.execution.status.is_finished();
    let kept = |job: &model::Job| {
        let surplus = model.of(job.seq).skip(2).filter(over);
        // The oldest, as many as one command may forget.
        let surplus: Vec<_> = surplus.map(|run| number(run.execution.id)).collect();
        let mut surplus: Vec<_> = surplus.into_iter().rev().take(MAX_ROWS).collect();
        surplus.sort_unstable();
        // Of a deleted job only those that were superseded are listed.
        let versions = job.versions.keys().copied().filter(|v| !job.deleted || *v != job.version);
        (job.seq, versions.map(|v| (v, job.authors.get(&v).cloned())).collect(), surplus)
    };
    let execution = |run: &model::Run| {
        let spec = &model.jobs[&run.job].versions[&run.execution.job_version].1;
        ExecutionRow {
            job_seq: run.job,
            execution: run.shown(spec),
            spec: Ok(spec.clone()),
            overrides: run.overrides.clone(),
            invalid: None,
        }
    };
    let unused = |job: &model::Job| {
        let run = |version: u64| model.ran(job.seq, version);
        let (seq, newest) = (job.seq, job.version);
        job.versions
            .keys()
            .copied()
            .filter(|v| *v + 1 < newest && !run(*v))
            .map(|v| (seq, v))
            .collect::<Vec<_>>()
    };
    View {
        jobs: model.live().map(job).collect(),
        executions: model.runs.values().rev().map(execution).collect(),
        first_due: due.first().map(|job| job.at),
        due,
        ending,
        open_nodes: model.open_nodes(),
        holders: model.holders(),
        withdrawn: model.withdrawn.values().cloned().collect(),
        open: NODES.iter().flat_map(|node| model.open_fires(node)).collect(),
        kept: model.jobs.values().map(kept).collect(),
        finished: model.runs.values().filter(over).map(|run| number(run.execution.id)).collect(),
        forgotten: model
            .jobs
            .values()
            .filter(|job| job.deleted && !model.is_referred_to(job.seq))
            .map(|job| job.seq)
            .collect(),
        unused: model.jobs.values().flat_map(unused).collect(),
        surplus: applies().map(|(set, apply)| model.surplus(set, apply)).collect(),
        operations: model
            .operations
            .values()
            .rev()
            .map(|known| (known.row.clone(), known.errors.clone()))
            .collect(),
        running: model
            .operations
            .values()
            .filter(|known| known.row.ended_at.is_none())
            .map(|known| known.row.id)
            .collect(),
        sums: Reader::figures_steps().into_iter().map(|(step, _)| model.sums(step)).collect(),
        failed_kinds: model.failed_kinds(),
        looked_up: [
            model.kept.failures.iter().copied().collect(),
            model.kept.triggers.iter().map(|(_, id)| *id).collect::<BTreeSet<_>>().into_iter().collect(),
            model.kept.caught_up.iter().copied().collect(),
        ],
        last_runs: model
            .kept
            .jobs
            .iter()
            .filter_map(|(job, kept)| kept.last.map(|(at, status)| (*job, at, number_of(status))))
            .collect(),
        secrets: model.secrets().collect(),
        data_keys: by_id(model.data_keys.clone()),
        seals: model.seals,
        sealing: model.sealing.clone(),
        fingerprints: model.fingerprints.clone(),
    }
}

/// The number of a status in a column.
fn number_of(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Running => 1,
        Status::Retrying => 2,
        Status::Success => 3,
        Status::Failed => 4,
        Status::Cancelled => 5,
        Status::Skipped => 6,
    }
}

/// The log that a run of commands comes to, by the model alone.
pub fn log(ops: &[Op]) -> Vec<Batch> {
    let (mut model, mut maker) = (Model::default(), Maker::default());
    let mut log = Vec::new();
    for op in ops {
        let batch = maker.make(op, &model);
        maker.learn(&model.apply(batch.at, &batch.items[0]).1);
        log.push(batch);
    }
    log
}

fn agree(ops: &[Op]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let raw = look(&world.path());
    let (mut invariants, mut told) = (invariants::all(), Told::default());
    let (mut model, mut maker) = (Model::default(), Maker::default());
    for op in ops {
        let batch = maker.make(op, &model);
        let (outcome, effects) = model.apply(batch.at, &batch.items[0]);
        maker.learn(&effects);
        let applied = world.batch(&batch);
        prop_assert_eq!(&applied.outcomes, &[outcome], "the outcome of {:?}", batch);
        prop_assert_eq!(&applied.effects, &effects, "the effects of {:?}", batch);
        assert!(!world.ask(|r| r.has_remainders()), "after {batch:?}");
        let view = read(&world, &model);
        prop_assert_eq!(&view, &expect(&model), "after {:?}", batch);
        let told = told.check(&world, &view);
        let checks = invariants.iter_mut().map(|invariant| invariant.check(&batch, &view, &raw));
        for checked in checks.chain([told]) {
            if let Err(why) = checked {
                return Err(TestCaseError::fail(format!("{why}\nafter {batch:?}")));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn the_machine_and_the_naive_model_agree(ops in ops(60)) {
        agree(&ops)?;
    }
}

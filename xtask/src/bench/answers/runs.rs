//! The runs of all jobs, put on record in the order of their instants, each with its end.

use std::net::{IpAddr, Ipv4Addr};

use chronos_state::{Batch, Command, PlanStep, PlannedRun, Proposal, Report, RunRef, TriggerRun};
use chronos_types::{By, ExecutionId, Millis, NodeName, Note, Trigger};

use super::draw::Draw;
use super::ends::{self, Run};
use super::history::{Known, Loaded};
use crate::Result;
use crate::bench::load::{Loader, plans};

/// Runs in one batch, as those of a quarter of a second at a thousand a second; and batches in one transaction.
const RUNS_AT_ONCE: usize = 250;
pub const BATCHES_AT_ONCE: usize = 20;
/// Of a thousand runs, those that were asked for, the first half of them as replays.
const BY_HAND: usize = 20;
/// One execution in this many is asked for by its id.
const SAMPLED: usize = 499;
/// The nodes that have fired runs, each as often as it stands here.
const NODES: [&str; 10] = [
    "chronos-1",
    "chronos-1",
    "chronos-1",
    "chronos-1",
    "chronos-1",
    "chronos-1",
    "chronos-2",
    "chronos-2",
    "chronos-2",
    "chronos-3",
];

/// Puts the runs of all jobs on record.
pub fn put(loader: &mut Loader, loaded: &mut Loaded) -> Result<()> {
    let jobs = loaded.jobs.iter().enumerate();
    let mut runs: Vec<_> =
        jobs.flat_map(|(n, job)| (0..job.rhythm.count).map(move |k| (job.rhythm.instant(k), n, k))).collect();
    runs.sort_unstable();
    // The newest run of each job, which somebody may ask for again.
    let mut newest = vec![None; loaded.jobs.len()];
    for runs in runs.chunks(RUNS_AT_ONCE * BATCHES_AT_ONCE) {
        let mut batches = Vec::with_capacity(BATCHES_AT_ONCE);
        for runs in runs.chunks(RUNS_AT_ONCE) {
            batches.push(batch(loader, loaded, runs, &mut newest)?);
        }
        loader.apply_all(&batches)?;
    }
    Ok(())
}

/// The batch that puts runs on record, each with its end.
fn batch(
    loader: &Loader,
    loaded: &mut Loaded,
    runs: &[(Millis, usize, usize)],
    newest: &mut [Option<RunRef>],
) -> Result<Batch> {
    let at = runs.last().map_or(loaded.now, |(at, ..)| *at) + 1_000;
    let version = loader.version()?;
    let (mut items, mut steps, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for (scheduled_time, n, k) in runs.iter().copied() {
        let job = &loaded.jobs[n];
        let mut draw = Draw::of(6, serial(n, k));
        let (run, node) = if is_by_hand(n, k) {
            let (run, command) = by_hand(job, at, &mut draw, newest[n]);
            // Those before it are over: it may not overlap another of its job.
            items.extend(plans(std::mem::take(&mut steps)).map(Proposal::from));
            items.append(&mut reports);
            items.push(Proposal { idempotency: None, by: Some(by(n)?), sealed_by: None, command });
            (run, NodeName::unchecked(NODES[0]))
        } else {
            let node = NodeName::unchecked(draw.one(&NODES));
            let (run, step) = planned(job, scheduled_time, job.rhythm.next_due(k + 1), &node);
            steps.push(step);
            (run, node)
        };
        // A broken job has failed in its newest runs.
        let is_broken = job.is_broken && k + 20 > job.rhythm.count;
        let begins = Run { at: run.scheduled_time.max(scheduled_time), host: job.host, is_broken };
        for what in ends::ends(draw, &begins, loaded.now) {
            let report = Report { run, node: node.clone(), what }.at_version(version);
            reports.push(Command::Report(report).into());
        }
        newest[n] = Some(run);
        if draw.below(SAMPLED) == 0 {
            loaded.sampled.push((n, run.execution));
        }
    }
    items.extend(plans(steps).map(Proposal::from));
    items.append(&mut reports);
    Ok(Batch { at, items })
}

/// A run of a job's schedule.
fn planned(
    job: &Known,
    scheduled_time: Millis,
    next_due: Option<Millis>,
    node: &NodeName,
) -> (RunRef, PlanStep) {
    let (execution, trigger) = (ExecutionId::scheduled(job.id, scheduled_time), Trigger::Schedule);
    let run = RunRef { execution, job: job.seq, version: 1, scheduled_time, trigger };
    let fires = PlannedRun {
        execution,
        scheduled_time,
        trigger,
        fire_at: scheduled_time,
        node: node.clone(),
        beside: false,
    };
    let step =
        PlanStep { job: job.seq, version: 1, from: scheduled_time, next_due, missed: None, run: Some(fires) };
    (run, step)
}

/// A run that somebody asks for, of a job or of its execution before.
fn by_hand(job: &Known, at: Millis, draw: &mut Draw, before: Option<RunRef>) -> (RunRef, Command) {
    let execution = ExecutionId::manual(job.id, at, draw.bits());
    let before = before.filter(|_| draw.permille(500));
    let replay_of = before.map(|run| run.execution);
    let (scheduled_time, trigger) =
        before.map_or((at, Trigger::Manual), |run| (run.scheduled_time, Trigger::Replay));
    let run = RunRef { execution, job: job.seq, version: 1, scheduled_time, trigger };
    let node = NodeName::unchecked(NODES[0]);
    (
        run,
        Command::Trigger(TriggerRun {
            job: job.id,
            execution,
            replay_of,
            node,
            operation: None,
            overrides: None,
        }),
    )
}

/// Who asks for something of job number `n`: a client of the network, who mostly says nothing about it.
pub fn by(n: usize) -> Result<By> {
    let mut draw = Draw::of(4, n);
    let last = u8::try_from(draw.below(250)).unwrap_or_default();
    let address = IpAddr::V4(Ipv4Addr::new(10, 20, 30, last));
    let note = draw.permille(100).then(|| Note::parse("from the repository of the team, reviewed"));
    Ok(By::anonymous(Some(address), note.transpose()?))
}

/// Whether somebody asked for run number `k` of job number `n`.
pub fn is_by_hand(n: usize, k: usize) -> bool {
    Draw::of(5, serial(n, k)).permille(BY_HAND)
}

/// A number of run number `k` of job number `n`.
fn serial(n: usize, k: usize) -> usize {
    n * 1_024 + k
}

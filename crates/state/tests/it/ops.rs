//! Random commands: first as intentions, then, by how the model stands, as the real thing. So most
//! of them hit something, and the rest are late, doubled, stale or plain wrong.

mod changes;
mod operations;
mod reports;
mod secrets;

use chronos_seal::KeyId;
use chronos_state::{
    AUTHORS_SINCE, Batch, Cancel, Command, Confirm, DeleteJob, Effect, EndPauses, Fire, Idempotency, Moved,
    PauseEnd, PauseJob, Plan, PlanStep, PlannedRun, Proposal, PruneSet, PutItem, PutJob, PutJobs, Reassign,
    Reported, ResumeJob, SetOwner, SkipRuns, StoredOverrides, StoredSpec, TriggerRun, Trim,
};
use chronos_types::{
    Concurrency, ErrorKind, ExecutionId, JobId, JobName, JobSpec, Millis, NodeName, Note, Phases, Response,
    Skip, Status, Trigger, Waited,
};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::model::{Job, Model};
use crate::support::{self, with};
use changes::{Change, changed};
use operations::Word;
use reports::{What, holder, report};
use secrets::{Secret, named, secret};

pub const NODES: [&str; 2] = [support::NODE, "n2"];
pub const SETS: [&str; 2] = ["billing", "reports"];
pub const APPLIES: [&str; 3] = ["one", "two", "three"];

/// One command to come.
#[derive(Clone, Debug)]
pub struct Op {
    /// Milliseconds since the command before; none goes to the next whole second, when runs are due.
    advance: Option<Millis>,
    key: Option<(u8, u8)>,
    /// Who asks, and whether they say something.
    by: Option<(u8, bool)>,
    /// Whether it is sealed by another data key than the one that seals.
    is_amiss: bool,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    Create {
        name: u8,
        period: i64,
        forbid: bool,
        enabled: bool,
        doubled: bool,
    },
    Change {
        job: Index,
        change: Change,
        stale: bool,
    },
    Delete {
        job: Index,
        version: Option<bool>,
    },
    Trigger {
        job: Index,
        replay: Option<Index>,
        doubled: bool,
        node: usize,
        /// Whether it has a body, and whether it has a header.
        overrides: (bool, bool),
    },
    Cancel {
        run: Index,
    },
    Confirm {
        job: Index,
        stale: bool,
    },
    /// Jobs that are written together, and the set that is to own them.
    PutJobs(Vec<Together>, Option<OfSet>),
    /// Jobs of a set, by an apply.
    Prune(Vec<Index>, usize, usize),
    Plan(Vec<(Index, Pick)>),
    Report {
        run: Index,
        other: bool,
        attempt: i64,
        what: What,
        /// Whether it says how its time was spent.
        timed: bool,
    },
    /// Each from where it is, or from where it is not, to the node of this number.
    Reassign(Vec<(Index, bool, usize)>, bool),
    Trim {
        executions: Vec<Index>,
        versions: Vec<(Index, u64)>,
        jobs: Vec<Index>,
        keys: Millis,
    },
    /// Says something of an operation.
    Operation(Word),
    /// Says something of secrets.
    Secret(Secret),
    /// Until so long from now.
    Pause {
        job: Index,
        until: Option<Millis>,
        stale: bool,
    },
    Resume {
        job: Index,
        stale: bool,
    },
    /// As the leader does, so long before it is time; and once more, where it comes too late.
    EndPauses {
        ahead: Millis,
        stale: bool,
    },
    Skip {
        job: Index,
        skip: Option<Skip>,
        stale: bool,
    },
    /// Raises the version of the cluster to that which brings authors and pauses.
    Raise,
}

/// What becomes of one of the jobs that are written together.
#[derive(Clone, Debug)]
enum Together {
    Create(u8),
    Change(Index, Change, bool),
    Keep(Index, bool),
    Refused,
}

/// The number of a set, that of an apply, and whether jobs are taken over.
type OfSet = (usize, Option<usize>, bool);

#[derive(Clone, Copy, Debug)]
enum Pick {
    Next,
    NextWithJitter,
    Two,
    Last,
    Doubled,
    Stale,
    MovedOn,
    PassOver,
    CatchUp,
}

pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    // Two jobs to begin with: without a job little can happen.
    let first = [create(0, 1000, false), create(1, 2000, true)];
    prop::collection::vec(op(), 1..most).prop_map(move |rest| [first.to_vec(), rest].concat())
}

fn create(name: u8, period: i64, forbid: bool) -> Op {
    Op {
        advance: Some(1),
        key: None,
        by: None,
        is_amiss: false,
        act: Act::Create { name, period, forbid, enabled: true, doubled: false },
    }
}

fn op() -> impl Strategy<Value = Op> {
    let advance = prop_oneof![
        4 => Just(Some(0)),
        6 => (1..400i64).prop_map(Some),
        4 => Just(None),
        1 => (1000..6000i64).prop_map(Some),
    ];
    let by = weighted(0.5, (0..3u8, any::<bool>()));
    let is_amiss = prop::bool::weighted(0.03);
    (advance, weighted(0.1, (0..3u8, 0..2u8)), by, is_amiss, act())
        .prop_map(|(advance, key, by, is_amiss, act)| Op { advance, key, by, is_amiss, act })
}

fn period_of_some() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![1000i64, 2000, 5000])
}

fn change_of_one() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::Describe),
        1 => Just(Change::Tag),
        2 => period_of_some().prop_map(Change::Period),
        1 => (0..4u8).prop_map(Change::Rename),
        4 => any::<bool>().prop_map(Change::Enabled),
        1 => any::<bool>().prop_map(Change::Forbid),
        2 => named().prop_map(Change::Names),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let index = any::<Index>;
    let create =
        (0..4u8, period_of_some(), any::<bool>(), prop::bool::weighted(0.8), prop::bool::weighted(0.1))
            .prop_map(|(name, period, forbid, enabled, doubled)| Act::Create {
                name,
                period,
                forbid,
                enabled,
                doubled,
            });
    let change = (index(), change_of_one(), prop::bool::weighted(0.15))
        .prop_map(|(job, change, stale)| Act::Change { job, change, stale });
    let pick = prop::sample::select(vec![
        Pick::Next,
        Pick::Next,
        Pick::Next,
        Pick::NextWithJitter,
        Pick::Two,
        Pick::Last,
        Pick::Doubled,
        Pick::Stale,
        Pick::MovedOn,
        Pick::PassOver,
        Pick::CatchUp,
        Pick::CatchUp,
    ]);
    let what = prop_oneof![
        4 => Just(What::Begun),
        4 => Just(What::Delivered),
        4 => Just(What::Retry),
        2 => Just(What::GivenUp),
        1 => Just(What::Skipped),
        1 => any::<bool>().prop_map(What::Replaced),
        2 => Just(What::NotBegun),
        1 => Just(What::Unknown),
    ];
    let attempt = prop_oneof![6 => Just(0), 1 => Just(1), 2 => Just(-1)];
    let report = (index(), prop::bool::weighted(0.1), attempt, what, any::<bool>())
        .prop_map(|(run, other, attempt, what, timed)| Act::Report { run, other, attempt, what, timed });
    let overrides = (prop::bool::weighted(0.3), prop::bool::weighted(0.3));
    let trigger =
        (index(), weighted(0.4, index()), prop::bool::weighted(0.15), 0..2usize, overrides).prop_map(
            |(job, replay, doubled, node, overrides)| Act::Trigger { job, replay, doubled, node, overrides },
        );
    let few = |most| prop::collection::vec(index(), 0..most);
    let together = prop_oneof![
        4 => (0..6u8).prop_map(Together::Create),
        3 => (index(), change_of_one(), prop::bool::weighted(0.05))
            .prop_map(|(job, change, stale)| Together::Change(job, change, stale)),
        4 => (index(), prop::bool::weighted(0.05)).prop_map(|(job, stale)| Together::Keep(job, stale)),
        1 => Just(Together::Refused),
    ];
    let of_set = (0..SETS.len(), weighted(0.7, 0..APPLIES.len()), prop::bool::weighted(0.7));
    let put_jobs = (prop::collection::vec(together, 0..4), weighted(0.8, of_set))
        .prop_map(|(jobs, set)| Act::PutJobs(jobs, set));
    let prune =
        (few(5), 0..SETS.len(), 0..APPLIES.len()).prop_map(|(jobs, set, apply)| Act::Prune(jobs, set, apply));
    let versions = prop::collection::vec((index(), 1..6u64), 0..4);
    let trim = (few(6), versions, few(3), prop::sample::select(vec![0, 3000, 1 << 40]))
        .prop_map(|(executions, versions, jobs, keys)| Act::Trim { executions, versions, jobs, keys });
    let reassign =
        (prop::collection::vec((index(), prop::bool::weighted(0.1), 0..2usize), 1..4), any::<bool>())
            .prop_map(|(moves, unsure)| Act::Reassign(moves, unsure));
    let stale = || prop::bool::weighted(0.1);
    // Often until an instant of the schedules, and sometimes until one that is past.
    let until = prop::sample::select(vec![-1, 0, 1_000, 1_500, 4_000]);
    let pause = (index(), weighted(0.7, until), stale()).prop_map(|(job, until, stale)| Act::Pause {
        job,
        until,
        stale,
    });
    let skip = prop_oneof![
        (1..4u32).prop_map(Skip::Count),
        prop::sample::select(vec![0, 1_000, 4_000]).prop_map(Skip::Until),
    ];
    let skip =
        (index(), weighted(0.8, skip), stale()).prop_map(|(job, skip, stale)| Act::Skip { job, skip, stale });
    prop_oneof![
        2 => create,
        4 => change,
        1 => (index(), weighted(0.4, any::<bool>())).prop_map(|(job, version)| Act::Delete { job, version }),
        3 => trigger,
        1 => index().prop_map(|run| Act::Cancel { run }),
        1 => (index(), any::<bool>()).prop_map(|(job, stale)| Act::Confirm { job, stale }),
        5 => put_jobs,
        2 => prune,
        9 => prop::collection::vec((index(), pick), 1..4).prop_map(Act::Plan),
        14 => report,
        2 => trim,
        3 => reassign,
        2 => pause,
        2 => (index(), stale()).prop_map(|(job, stale)| Act::Resume { job, stale }),
        3 => (prop::sample::select(vec![0, 3000]), stale())
            .prop_map(|(ahead, stale)| Act::EndPauses { ahead, stale }),
        2 => skip,
        2 => Just(Act::Raise),
        4 => operations::word().prop_map(Act::Operation),
        4 => secret().prop_map(Act::Secret),
    ]
}

/// Turns intentions into commands, and remembers what was made of them.
#[derive(Debug, Default)]
pub struct Maker {
    /// Every run that was ever to be fired, also those withdrawn or forgotten since.
    fires: Vec<Fire>,
    planned: Vec<PlanStep>,
    made: u8,
}

impl Maker {
    pub fn make(&mut self, op: &Op, model: &Model) -> Batch {
        let now = model.at.max(100_000);
        let at = match op.advance {
            Some(by) => now + by,
            None => (now / 1000 + 1) * 1000,
        };
        // Only what a client asks for has a key. A plan least of all: the next one builds upon it.
        let key = op.key.filter(|_| !matches!(op.act, Act::Plan(_) | Act::EndPauses { .. }));
        let idempotency =
            key.map(|(key, print)| Idempotency { key: format!("k{key}"), fingerprint: print.to_string() });
        let command = self.command(&op.act, model, at);
        // Before the version that brings it, little of what is asked for says who asks: it is refused.
        let is_asked = !matches!(op.act, Act::Plan(_) | Act::EndPauses { .. } | Act::Raise);
        let by = op.by.filter(|(who, _)| is_asked && (model.raised || *who == 0));
        let by = by.map(|(who, says)| support::by(who, says.then_some("as agreed")));
        let seals = if op.is_amiss { Some(KeyId::from([9; 8])) } else { model.seals };
        Batch { at, items: vec![Proposal { idempotency, by, ..command.into() }.sealed_by(seals)] }
    }

    pub fn learn(&mut self, effects: &[Effect]) {
        for fire in support::fires(effects) {
            if !self.fires.iter().any(|known| known.run.execution == fire.run.execution) {
                self.fires.push(fire);
            }
        }
    }

    fn random(&mut self, doubled: bool) -> [u8; 10] {
        self.made += u8::from(!doubled || self.made == 0);
        [self.made; 10]
    }

    fn command(&mut self, act: &Act, model: &Model, at: Millis) -> Command {
        match act {
            Act::Create { name, period, forbid, enabled, doubled } => {
                let concurrency = if *forbid { Concurrency::Forbid } else { Concurrency::Allow };
                let base = support::spec(&format!("job-{name}"));
                let schedule = format!("@every {}s", period / 1000);
                let spec = JobSpec { schedule, concurrency, enabled: *enabled, ..base };
                let next_due = next(&spec, at);
                let id = JobId::new(0, self.random(*doubled));
                let (spec, created_at) = (StoredSpec::of(&spec), at);
                let resumes = false;
                Command::PutJob(Box::new(PutJob {
                    id,
                    from_version: None,
                    created_at,
                    spec,
                    next_due,
                    resumes,
                }))
            }
            Act::Change { job, change, stale } => {
                let Some(job) = pick(*job, model) else {
                    return nothing();
                };
                let spec = changed(job.spec(), *change);
                let from_version = Some(job.version - u64::from(*stale));
                let next_due = next(&spec, at);
                let (id, spec, created_at) = (job.id, StoredSpec::of(&spec), at);
                // Said also where it is not paused, as a node does that has not heard yet that it is not.
                let resumes = matches!(change, Change::Enabled(_)) && model.raised;
                Command::PutJob(Box::new(PutJob { id, from_version, created_at, spec, next_due, resumes }))
            }
            Act::Delete { job, version } => {
                let Some(job) = pick(*job, model) else {
                    return nothing();
                };
                let if_version = version.map(|right| job.version + u64::from(!right));
                Command::DeleteJob(DeleteJob { id: job.id, if_version })
            }
            Act::Trigger { job, replay, doubled, node, overrides } => {
                let Some(job) = pick(*job, model) else {
                    return nothing();
                };
                let execution = ExecutionId::manual(job.id, 100_000, self.random(*doubled));
                let replay_of = replay.and_then(|run| self.fire(run)).map(|fire| fire.run.execution);
                let known = self.fires.iter().find(|fire| fire.run.execution == execution);
                if known.is_some_and(|fire| fire.run.job != job.seq) {
                    return nothing();
                }
                let node = support::node(NODES[*node]);
                // Before the version that brings them, they are refused.
                let (body, header) = *overrides;
                let is_given = (body || header) && (model.raised || body && header);
                let overrides = is_given.then(|| {
                    let body = body.then(|| format!("{at} {{{{.Attempt}}}}"));
                    let headers = header.then(|| ("X-At".to_owned(), at.to_string()));
                    Box::new(StoredOverrides { body, headers: headers.into_iter().collect(), sealed: None })
                });
                let job = job.id;
                Command::Trigger(TriggerRun { job, execution, replay_of, node, overrides, operation: None })
            }
            Act::Cancel { run } => match self.fire(*run) {
                Some(fire) => Command::Cancel(Cancel { execution: fire.run.execution }),
                None => nothing(),
            },
            Act::Confirm { job, stale } => match pick(*job, model) {
                Some(job) => {
                    let version = job.version - u64::from(*stale);
                    Command::Confirm(Confirm { job: job.id, version, next_due: job.due })
                }
                None => nothing(),
            },
            Act::PutJobs(jobs, set) => {
                let mut items: Vec<PutItem> = Vec::new();
                for job in jobs {
                    let item = self.together(job, model, at);
                    // No job is there twice.
                    if items.iter().all(|other| !is_same_job(other, &item, model)) {
                        items.push(item);
                    }
                }
                let set = set.map(|(set, apply, adopt)| SetOwner {
                    name: SETS[set].to_owned(),
                    apply: apply.map(|apply| APPLIES[apply].to_owned()),
                    adopt,
                });
                Command::PutJobs(PutJobs { set, items })
            }
            Act::Prune(jobs, set, apply) => Command::PruneSet(PruneSet {
                set: SETS[*set].to_owned(),
                apply: APPLIES[*apply].to_owned(),
                jobs: jobs.iter().filter_map(|job| pick(*job, model)).map(|job| job.seq).collect(),
                last: true,
            }),
            Act::Plan(picks) => {
                let steps = picks.iter().flat_map(|(job, pick)| self.plan(*job, *pick, model, at)).collect();
                Command::Plan(Plan { steps })
            }
            Act::Reassign(moves, unsure) => {
                let moved = |(run, wrong, to): &(Index, bool, usize)| {
                    let fire = self.fire(*run)?;
                    let from = holder(fire, *wrong, model);
                    Some(Moved {
                        execution: fire.run.execution,
                        from,
                        to: support::node(NODES[*to]),
                        unsure: *unsure,
                    })
                };
                Command::Reassign(Reassign { runs: moves.iter().filter_map(moved).collect() })
            }
            Act::Report { run, other, attempt, what, timed } => match self.fire(*run) {
                Some(fire) => report(fire, *other, *attempt, *what, *timed && model.raised, model, at),
                None => nothing(),
            },
            Act::Operation(word) => self.operation(word, model, at),
            Act::Pause { job, until, stale } => match pick(*job, model) {
                Some(job) => {
                    let if_version = stale.then_some(job.version - 1);
                    let reason = until.is_some().then(|| Note::parse("so").unwrap());
                    Command::Pause(PauseJob::of(job.id, if_version, reason.as_ref(), until.map(|by| at + by)))
                }
                None => nothing(),
            },
            Act::Resume { job, stale } => match pick(*job, model) {
                Some(job) => {
                    let version = job.version - u64::from(*stale);
                    Command::Resume(ResumeJob { id: job.id, version, next_due: next(job.spec(), at) })
                }
                None => nothing(),
            },
            Act::EndPauses { ahead, stale } => {
                let end = |job: &Job| {
                    let until = job.paused.as_ref()?.until.filter(|until| *until <= at + ahead)?;
                    let version = job.version - u64::from(*stale);
                    Some(PauseEnd { job: job.seq, version, until, next_due: next(job.spec(), until - 1) })
                };
                Command::EndPauses(EndPauses { pauses: model.live().filter_map(end).collect() })
            }
            Act::Skip { job, skip, stale } => match pick(*job, model) {
                Some(job) => {
                    let if_version = stale.then_some(job.version - 1);
                    let skip = skip.map(|skip| match skip {
                        Skip::Until(by) => Skip::Until(at + by),
                        count => count,
                    });
                    Command::Skip(SkipRuns::of(job.id, if_version, skip))
                }
                None => nothing(),
            },
            Act::Secret(secret) => secrets::command(*secret, model, at),
            Act::Raise => Command::RaiseVersion { to: AUTHORS_SINCE },
            Act::Trim { executions, versions, jobs, keys } => {
                let known = usize::try_from(model.last_number).unwrap() + 2;
                let number = |index: &Index| i64::try_from(index.index(known)).unwrap();
                // A version that a delivery under way may still name is too new to be trimmed.
                let named =
                    |seq, version| self.fires.iter().any(|f| f.run.job == seq && f.run.version == version);
                let versions =
                    versions.iter().filter_map(|(job, v)| pick(*job, model).map(|job| (job.seq, *v)));
                Command::Trim(Trim {
                    executions: executions.iter().map(number).collect(),
                    versions: versions.filter(|(seq, version)| !named(*seq, *version)).collect(),
                    jobs: jobs.iter().filter_map(|job| pick(*job, model)).map(|job| job.seq).collect(),
                    keys_before: at - keys,
                })
            }
        }
    }

    fn together(&mut self, what: &Together, model: &Model, at: Millis) -> PutItem {
        match what {
            Together::Create(name) => {
                let spec = support::spec(&format!("job-{name}"));
                let next_due = next(&spec, at);
                support::created(JobId::new(0, self.random(false)), spec, next_due)
            }
            Together::Change(job, change, stale) => match pick(*job, model) {
                Some(job) => {
                    let spec = changed(job.spec(), *change);
                    let from_version = Some(job.version - u64::from(*stale));
                    let next_due = next(&spec, at);
                    let (id, created_at, spec) = (job.id, at, StoredSpec::of(&spec));
                    let resumes = matches!(change, Change::Enabled(_));
                    let put = PutJob { id, from_version, created_at, spec, next_due, resumes };
                    PutItem::Put(Box::new(put))
                }
                None => PutItem::Refused,
            },
            Together::Keep(job, stale) => match pick(*job, model) {
                Some(job) => PutItem::Keep { job: job.seq, version: job.version - u64::from(*stale) },
                None => PutItem::Refused,
            },
            Together::Refused => PutItem::Refused,
        }
    }

    fn fire(&self, index: Index) -> Option<&Fire> {
        // The newer half more often: it is what is under way.
        let recent = &self.fires[self.fires.len() / 2..];
        let from = if index.index(3) == 0 { &self.fires } else { recent };
        (!from.is_empty()).then(|| index.get(from))
    }

    fn plan(&mut self, index: Index, what: Pick, model: &Model, at: Millis) -> Vec<PlanStep> {
        if matches!(what, Pick::Doubled) {
            return if self.planned.is_empty() { vec![] } else { vec![index.get(&self.planned).clone()] };
        }
        let Some(job) = pick(index, model) else {
            return vec![];
        };
        let period = period(job.spec());
        // Of a job that is not due, too: such a plan must do nothing.
        let due = job.due.unwrap_or(at / period * period);
        let run = |scheduled_time: Millis, next_due| {
            let run = PlannedRun {
                execution: ExecutionId::scheduled(job.id, scheduled_time),
                scheduled_time,
                trigger: Trigger::Schedule,
                fire_at: scheduled_time,
                node: support::node(NODES[usize::try_from(scheduled_time / 1000 % 2).unwrap()]),
                beside: job.spec().concurrency == Concurrency::Forbid,
            };
            let (job, version) = (job.seq, job.version);
            PlanStep { job, version, from: scheduled_time, next_due, missed: None, run: Some(run) }
        };
        let first = run(due, Some(due + period));
        let past = (at / period * period).max(due);
        let steps = match what {
            Pick::Next | Pick::Doubled => vec![first],
            Pick::NextWithJitter => vec![with(first, |planned| planned.fire_at = due + 700)],
            Pick::Two => vec![first, run(due + period, Some(due + 2 * period))],
            Pick::Last => vec![PlanStep { next_due: None, ..first }],
            Pick::Stale => vec![PlanStep { version: first.version - 1, ..first }],
            Pick::MovedOn => vec![PlanStep { from: due - period, ..first }],
            Pick::PassOver => {
                let missed = Some(support::missed(job.id, due, past, period));
                vec![PlanStep { next_due: Some(past + period), missed, ..support::passed_over(first) }]
            }
            Pick::CatchUp if due <= at => {
                let caught = with(run(past, Some(past + period)), |planned| {
                    planned.trigger = Trigger::CatchUp;
                    planned.fire_at = at;
                });
                let before = (due < past).then(|| support::missed(job.id, due, past - period, period));
                vec![PlanStep { from: due, missed: before, ..caught }]
            }
            Pick::CatchUp => vec![],
        };
        self.planned.extend(steps.clone());
        steps
    }
}

fn pick(index: Index, model: &Model) -> Option<&Job> {
    let jobs: Vec<_> = model.jobs.values().collect();
    (!jobs.is_empty()).then(|| *index.get(&jobs))
}

/// Whether two items are of one job, or come to have one name.
fn is_same_job(one: &PutItem, other: &PutItem, model: &Model) -> bool {
    let of = |item: &PutItem| match item {
        PutItem::Put(put) => {
            let job = model.live().find(|job| job.id == put.id);
            (job.map(|job| job.seq), Some(put.spec.name.to_string()))
        }
        PutItem::Keep { job, .. } => (Some(*job), model.jobs.get(job).map(|job| job.spec().name.to_string())),
        PutItem::Refused => (None, None),
    };
    let ((seq, name), (other_seq, other_name)) = (of(one), of(other));
    seq.is_some() && seq == other_seq || name.is_some() && name == other_name
}

fn nothing() -> Command {
    Command::Plan(Plan { steps: vec![] })
}

/// The schedule of these tests: every instant that is a multiple of the period.
pub fn period(spec: &JobSpec) -> Millis {
    let seconds = spec.schedule.trim_start_matches("@every ").trim_end_matches('s');
    1000 * seconds.parse::<i64>().unwrap()
}

fn next(spec: &JobSpec, after: Millis) -> Option<Millis> {
    spec.enabled.then(|| (after / period(spec) + 1) * period(spec))
}

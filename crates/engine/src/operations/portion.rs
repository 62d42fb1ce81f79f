//! The next portion of an operation: which targets come next, and what is to be done with each.

use chronos_seal::{KeyId, Owner, Sealed};
use chronos_state::{
    BulkAction, Cancel, Command, Confirm, Cursor, DeleteJob, ItemError, JobPlace, JobRow, OperationItem,
    OperationRow, OperationRun, OperationSpec, OperationStep, PatchText, PauseJob, Reader, Refusal,
    SealedPatch, StoredSpec, Targets, Todo, TriggerRun,
};
use chronos_types::{ExecutionId, Invalid, JobId, Millis, OperationId, Scope, format_rfc3339};
use zeroize::Zeroizing;

use super::collect::{Collect, ExecutionTarget, JobTarget};
use super::pace::interval;
use super::runner::OperationRunner;
use crate::batch::Item;
use crate::beside::resumed;
use crate::change;
use crate::error::{ChangeError, LoopError, ReadError, Unavailable};
use crate::read::{Consistency, PageRequest};
use crate::sealing::Sealer;
use crate::secrets;
use crate::spread::node_for;
use crate::times;

/// Bytes of a step in the log: what is more waits for the next one.
const STEP_BYTES: usize = 256 << 10;
/// A job gets no more runs of the past while it has so many unfinished ones; as of missed runs.
const MOST_UNFINISHED: usize = 100;

/// A target, and where it stands.
struct Place {
    place: Cursor,
    /// For people.
    name: String,
    target: Target,
}

enum Target {
    Job(JobTarget),
    Execution(ExecutionTarget),
    Instant(Millis),
    /// There is no such job or execution.
    Missing(Refusal),
}

/// The targets that come next.
struct Next {
    places: Vec<Place>,
    /// Where the operation has come to once they are done.
    to: Cursor,
    is_last: bool,
}

/// What there is to do.
pub(super) enum Portion {
    /// This step, sealed by this data key.
    Step(OperationStep, Option<KeyId>),
    /// Nothing for now: earlier runs are to end first.
    Wait,
}

impl OperationRunner {
    /// The next portion of an operation that stands at `from`, of so many targets at most. Where `gives_up`, its first
    /// target was changed by others each time that it was tried.
    pub(super) async fn portion(
        &self,
        row: &OperationRow,
        spec: &OperationSpec,
        from: Cursor,
        most: usize,
        gives_up: bool,
    ) -> Result<Portion, LoopError> {
        let most = if gives_up { 1 } else { self.room(spec, most).await? };
        if most == 0 {
            return Ok(Portion::Wait);
        }
        let next = match self.next(row, spec, from, most).await? {
            Ok(next) => next,
            // Another release took it; nobody can go on with it here.
            Err(invalid) => {
                let todo = Todo::Not(ItemError::Invalid(format!("the filter cannot be read: {invalid}")));
                let item = OperationItem { target: "filter".to_owned(), place: from, todo };
                let step = OperationStep { id: row.id, from, items: vec![item], to: from, is_last: true };
                return Ok(Portion::Step(step, None));
            }
        };
        let sealer = self.sealer().await?;
        let Next { places, mut to, mut is_last } = next;
        let (mut items, mut bytes): (Vec<OperationItem>, _) = (Vec::with_capacity(places.len()), 0);
        for Place { place, name, target } in places {
            let number = row.done + row.refused + items.len() as u64;
            let todo = match target {
                Target::Missing(refusal) => Todo::Not(ItemError::Refused(refusal)),
                _ if gives_up => {
                    let why = "it was changed by others each time that this was tried";
                    Todo::Not(ItemError::Invalid(why.to_owned()))
                }
                target => self.allowed(self.todo(&sealer, row, spec, &target, number).await?).await,
            };
            let item = OperationItem { target: name, place, todo };
            bytes += item.weight();
            if bytes > STEP_BYTES
                && let Some(last) = items.last()
            {
                (to, is_last) = (last.place, false);
                break;
            }
            items.push(item);
        }
        Ok(Portion::Step(OperationStep { id: row.id, from, items, to, is_last }, sealer.id()))
    }

    /// How many targets there is room for: the runs of a backfill are all of one job.
    async fn room(&self, spec: &OperationSpec, most: usize) -> Result<usize, LoopError> {
        let Targets::Instants { job, .. } = &spec.targets else { return Ok(most) };
        let key = job.to_string();
        let count = move |reader: &Reader| {
            let Some(row) = reader.find_job(&key)? else { return Ok(0) };
            reader.count_open(row.seq, MOST_UNFINISHED)
        };
        let unfinished = self.services.store.read(count).await?;
        Ok(most.min(MOST_UNFINISHED.saturating_sub(unfinished)))
    }

    /// The targets that come next; or what is wrong with the filter.
    async fn next(
        &self,
        row: &OperationRow,
        spec: &OperationSpec,
        from: Cursor,
        most: usize,
    ) -> Result<Result<Next, Invalid>, LoopError> {
        let (upto, limit, scope) = (row.upto, most, spec.within());
        Ok(Ok(match &spec.targets {
            Targets::Jobs(filter) => {
                let search = match self.operations.wording.jobs(filter) {
                    Ok(search) => search,
                    Err(invalid) => return Ok(Err(invalid)),
                };
                let after =
                    if let Cursor::Job(seq) = from { Some(JobPlace { key: None, seq }) } else { None };
                let page = PageRequest { after, limit, consistency: Consistency::Local, is_counted: false };
                let page = self.operations.jobs.page(&scope, search, page, Collect::of(JobTarget::of));
                let (found, next) = page.await?;
                // They come in the order of their numbers.
                let is_past = found.iter().any(|job| job.seq.get() > upto);
                let places = found.into_iter().filter(|job| job.seq.get() <= upto).map(Place::of_job);
                let places: Vec<_> = places.collect();
                let is_last = next.is_none() || is_past;
                let last = || places.last().map_or(from, |last| last.place);
                let to = next.map_or_else(last, |next| Cursor::Job(next.seq));
                Next { places, to, is_last }
            }
            Targets::Executions(filter) => {
                let search = match self.operations.wording.executions(filter) {
                    Ok(search) => search,
                    Err(invalid) => return Ok(Err(invalid)),
                };
                let after = if let Cursor::Execution(after) = from { Some(after) } else { None };
                let page = PageRequest { after, limit, consistency: Consistency::Local, is_counted: false };
                let job = search.job.clone().unwrap_or_default();
                let collect = Collect::of(ExecutionTarget::of);
                let (found, next) = match self.operations.executions.page(&scope, search, page, collect).await
                {
                    // The job of the filter was deleted meanwhile.
                    Err(ReadError::NotFound(_)) => {
                        let target = Target::Missing(Refusal::NoSuchJob);
                        let places = vec![Place { place: from, name: job, target }];
                        return Ok(Ok(Next { places, to: from, is_last: true }));
                    }
                    page => page?,
                };
                let last = found.last().map_or(from, |last| Cursor::Execution(last.id));
                let is_cancel = spec.action == BulkAction::Cancel;
                // What is over is not meant where unfinished ones are to be ended.
                let is_meant = |target: &ExecutionTarget| !(is_cancel && target.status.is_finished());
                let places = found.into_iter().filter(is_meant).map(Place::of_execution).collect();
                Next { places, to: next.map_or(last, Cursor::Execution), is_last: next.is_none() }
            }
            Targets::NamedJobs(names) => {
                self.named(names, from, limit, move |reader, name| {
                    let found = reader.find_job_in(name, &scope)?.filter(|job| job.seq.get() <= upto);
                    Ok(found
                        .map_or(Target::Missing(Refusal::NoSuchJob), |job| Target::Job(JobTarget::of(job))))
                })
                .await?
            }
            Targets::NamedExecutions(ids) => {
                self.named(ids, from, limit, move |reader, id| {
                    let found = match ExecutionId::parse(id) {
                        Ok(id) => reader.execution_in(id, &scope)?,
                        Err(_) => None,
                    };
                    let target = found.map(|row| Target::Execution(ExecutionTarget::of(row)));
                    Ok(target.unwrap_or(Target::Missing(Refusal::NoSuchExecution)))
                })
                .await?
            }
            Targets::Instants { job, from: first, to } => {
                let after = if let Cursor::Instant(after) = from { after + 1 } else { *first };
                self.instants(&scope, *job, after, *to, limit).await?
            }
        }))
    }

    /// The next of those that are named.
    async fn named(
        &self,
        names: &[String],
        from: Cursor,
        limit: usize,
        find: impl Fn(&Reader, &str) -> Result<Target, chronos_state::StateError> + Send + 'static,
    ) -> Result<Next, LoopError> {
        let done = if let Cursor::Named(done) = from { done } else { 0 };
        let those = names.iter().skip(done as usize).take(limit).cloned().collect::<Vec<_>>();
        let is_last = done as usize + those.len() >= names.len();
        let read = move |reader: &Reader| {
            let mut places = Vec::with_capacity(those.len());
            for (name, number) in those.into_iter().zip(done + 1..) {
                let target = find(reader, &name)?;
                places.push(Place { place: Cursor::Named(number), name, target });
            }
            Ok(places)
        };
        let places = self.services.store.read(read).await?;
        let to = places.last().map_or(from, |last| last.place);
        Ok(Next { places, to, is_last })
    }

    /// The next instants of a job, as its schedule is now.
    async fn instants(
        &self,
        scope: &Scope,
        job: JobId,
        from: Millis,
        to: Millis,
        limit: usize,
    ) -> Result<Next, LoopError> {
        let (key, within) = (job.to_string(), scope.clone());
        let found = self.services.store.read(move |reader| reader.find_job_in(&key, &within)).await?;
        let Some(row) = found else {
            let place = Cursor::Instant(from);
            let target = Target::Missing(Refusal::NoSuchJob);
            return Ok(Next {
                places: vec![Place { place, name: job.to_string(), target }],
                to: place,
                is_last: true,
            });
        };
        let instants = times::of_range(&row, from, to, limit);
        let is_last = instants.len() < limit;
        let last = Cursor::Instant(instants.last().map_or(to, |last| *last));
        let place =
            |at| Place { place: Cursor::Instant(at), name: format_rfc3339(at), target: Target::Instant(at) };
        Ok(Next { places: instants.into_iter().map(place).collect(), to: last, is_last })
    }

    /// What is to be done with a target. `number` says how many were before it.
    async fn todo(
        &self,
        sealer: &Sealer,
        row: &OperationRow,
        spec: &OperationSpec,
        target: &Target,
        number: u64,
    ) -> Result<Todo, LoopError> {
        // It would have its turn then at the earliest. So runs sort in the order in which they are asked for.
        let micros = interval(spec).as_micros().saturating_mul(u128::from(number));
        let at = row.created_at.saturating_add(i64::try_from(micros / 1_000).unwrap_or_default());
        let run = |job: JobId, target: &[u8], replay_of, backfill| {
            let execution = ExecutionId::of_operation(job, at, row.id, target);
            let node =
                node_for(job, &self.services.view.borrow().live).unwrap_or(&self.services.node).clone();
            let operation = Some(OperationRun { id: row.id, backfill });
            Command::Trigger(TriggerRun { job, execution, replay_of, node, overrides: None, operation })
        };
        let command = match (target, &spec.action) {
            (Target::Job(JobTarget { problem: Some(why), .. }), BulkAction::Trigger)
            | (Target::Execution(ExecutionTarget { problem: Some(why), .. }), BulkAction::Replay { .. }) => {
                let why = format!("what is to run cannot be read: {why}");
                return Ok(Todo::Not(ItemError::Invalid(why)));
            }
            (Target::Job(job), BulkAction::Trigger) => run(job.id, &[], None, None),
            (Target::Job(job), BulkAction::Delete) => {
                Command::DeleteJob(DeleteJob { id: job.id, if_version: None })
            }
            (Target::Job(_), BulkAction::Pause { until: Some(until), .. })
                if *until <= self.services.env.now() =>
            {
                let why = format!("until: {} is past by now", format_rfc3339(*until));
                return Ok(Todo::Not(ItemError::Invalid(why)));
            }
            (Target::Job(job), BulkAction::Pause { reason, until }) => {
                let (id, reason, until) = (job.id, reason.clone(), *until);
                Command::Pause(PauseJob { id, if_version: None, reason, until })
            }
            (Target::Job(job), BulkAction::Resume) => return self.resume(&spec.within(), job.id).await,
            (Target::Job(job), BulkAction::Patch(PatchText(patch))) => {
                return self.patch(&spec.within(), sealer, job.id, patch).await;
            }
            (Target::Job(job), BulkAction::SealedPatch(SealedPatch { sealed, .. })) => {
                let patch = self.opened(row.id, sealed).await?;
                return self.patch(&spec.within(), sealer, job.id, &patch).await;
            }
            (Target::Execution(execution), BulkAction::Replay { .. }) => {
                run(execution.job, execution.id.as_bytes(), Some(execution.id), None)
            }
            (Target::Execution(execution), BulkAction::Cancel) => {
                Command::Cancel(Cancel { execution: execution.id })
            }
            (Target::Instant(at), BulkAction::Backfill) => {
                let Targets::Instants { job, .. } = &spec.targets else { return Ok(unfit()) };
                run(*job, &at.to_be_bytes(), None, Some(*at))
            }
            (Target::Missing(refusal), _) => return Ok(Todo::Not(ItemError::Refused(refusal.clone()))),
            _ => return Ok(unfit()),
        };
        Ok(Todo::Do(Box::new(command)))
    }

    /// What ends the pause of a job.
    async fn resume(&self, scope: &Scope, job: JobId) -> Result<Todo, LoopError> {
        let (key, within) = (job.to_string(), scope.clone());
        let found = self.services.store.read(move |reader| reader.find_job_in(&key, &within)).await?;
        Ok(match found {
            Some(row) => Todo::Do(Box::new(resumed(&row, self.services.env.now()))),
            None => Todo::Not(ItemError::Refused(Refusal::NoSuchJob)),
        })
    }

    /// The change that an operation makes.
    async fn opened(&self, operation: OperationId, sealed: &Sealed) -> Result<Zeroizing<String>, LoopError> {
        let key = match sealed.key() {
            Some(id) => self.services.store.read(move |reader| reader.data_key_by(id)).await?,
            None => None,
        };
        let opened = self.services.keyring.open_of(Owner::Patch(operation), sealed, key.as_ref());
        Ok(opened.map_err(|error| Unavailable::NoCluster(format!("the patch cannot be opened: {error}")))?)
    }

    /// What seals now.
    async fn sealer(&self) -> Result<Sealer, LoopError> {
        let services = self.services.clone();
        Ok(self.services.store.read(move |reader| Sealer::of(&services, reader)).await?)
    }

    /// What a patch makes of a job.
    async fn patch(
        &self,
        scope: &Scope,
        sealer: &Sealer,
        job: JobId,
        patch: &str,
    ) -> Result<Todo, LoopError> {
        let (key, within) = (job.to_string(), scope.clone());
        let found = self.services.store.read(move |reader| reader.find_job_in(&key, &within)).await?;
        let Some(row) = found else { return Ok(Todo::Not(ItemError::Refused(Refusal::NoSuchJob))) };
        let (row, sealed) = self.services.opened(row).await?;
        let now = self.services.env.now();
        Ok(match self.operations.wording.patched(&row, patch, now) {
            Err(invalid) => Todo::Not(ItemError::Invalid(invalid.to_string())),
            Ok(Item { spec, resumes }) => {
                match change::stays_in(&self.services, scope, &row, &spec).await {
                    Ok(()) => {}
                    Err(ChangeError::Write(error)) => return Err(error.into()),
                    Err(refused) => return Ok(Todo::Not(ItemError::Invalid(refused.to_string()))),
                }
                let named = spec.webhook.secret_uses().next().is_some();
                let (within, webhook, tags) = (scope.clone(), spec.webhook.clone(), spec.tags.clone());
                let look = move |reader: &Reader| {
                    secrets::check_in(reader, &within, &webhook, Some(&tags), "webhook.")
                };
                if named && let Err(invalid) = self.services.store.read(look).await? {
                    return Ok(Todo::Not(ItemError::Invalid(invalid.to_string())));
                }
                // One that ends a pause makes a version, as any PATCH does.
                let ends_pause = resumes && row.paused.is_some();
                let is_same = !ends_pause
                    && matches!(&row.job.spec, Ok(old) if StoredSpec::of(old) == StoredSpec::of(&spec));
                let command = if is_same {
                    confirm(&row)
                } else {
                    change::put(&self.services, sealer, (row, sealed.as_ref()), Ok(spec), now, resumes)?.0
                };
                Todo::Do(Box::new(command))
            }
        })
    }

    /// The same, unless the state has reached its bound and this would make it grow.
    async fn allowed(&self, todo: Todo) -> Todo {
        let Todo::Do(command) = &todo else { return todo };
        match self.services.quota.judge(command).await {
            Some(refusal) => Todo::Not(ItemError::Refused(refusal)),
            None => todo,
        }
    }
}

impl Place {
    fn of_job(job: JobTarget) -> Self {
        Self { place: Cursor::Job(job.seq), name: job.name.clone(), target: Target::Job(job) }
    }

    fn of_execution(execution: ExecutionTarget) -> Self {
        let (place, name) = (Cursor::Execution(execution.id), execution.id.to_string());
        Self { place, name, target: Target::Execution(execution) }
    }
}

/// There is nothing to change.
fn confirm(row: &JobRow) -> Command {
    Command::Confirm(Confirm { job: row.job.id, version: row.job.version, next_due: row.job.next_due })
}

/// What was asked for is nothing that can be done with such targets. The API refuses it.
fn unfit() -> Todo {
    Todo::Not(ItemError::Invalid("this release does not know what is to be done with it".to_owned()))
}

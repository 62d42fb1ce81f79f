//! [`Search`]: asks the file, is told what changes, and says what is to be written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chronos_env::{Env, Place, Pool};
use chronos_state::{FacetCounts, JobMark, JobSeq, JobsAmong};

use crate::backlog::{Backlog, Part};
use crate::document::stamp;
use crate::facets::FacetKind;
use crate::fault::Fault;
use crate::file::{SearchFile, SearchReader};
use crate::query::JobQuery;

/// The name of the file in the data directory.
const NAME: &str = "search.db";
/// Questions at once, as many as the state answers at once.
const THREADS: usize = 2;
/// So many wait for a thread at most. What comes then goes along the jobs of the state, which bounds that too.
const MAX_WAITING: usize = 128;
/// How long a question may wait and take. It takes some milliseconds.
const TIME: Duration = Duration::from_secs(1);

/// The search of a node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Search {
    path: Arc<PathBuf>,
    backlog: Arc<Backlog>,
    readers: Pool<SearchReader>,
}

/// What is to be written into the file next.
#[derive(Debug)]
pub enum Due {
    /// The file was found to be unusable.
    Anew,
    /// These jobs, as they are now.
    Jobs(Changed),
    /// The jobs after one are to be compared with those of the state.
    Compare(Walk),
}

/// Jobs that changed.
#[derive(Debug)]
pub struct Changed(Vec<(JobSeq, u64)>);

/// Where the comparison with the state has come to.
#[derive(Debug)]
pub struct Walk {
    /// It goes on after this job.
    pub after: JobSeq,
    time: u64,
}

impl Changed {
    /// Their numbers, in order.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobSeq> {
        self.0.iter().map(|(job, _)| *job).collect()
    }
}

impl Search {
    /// The search in a data directory. Nothing is opened yet.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(env: &Env, directory: &Path) -> std::io::Result<Self> {
        let path = directory.join(NAME);
        let readers = (0..THREADS).map(|_| SearchReader::new(&path)).collect();
        let readers = Pool::start(env, "search", readers)?;
        Ok(Self { path: path.into(), backlog: Arc::new(Backlog::new()), readers })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Jobs were created, changed or deleted. This never waits. Whoever asks afterwards is told of them.
    pub fn changed(&self, jobs: &[JobSeq]) {
        self.backlog.changed(jobs);
    }

    /// How many changes of jobs it was told of.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.backlog.changes()
    }

    /// The state was replaced as a whole.
    pub fn replaced(&self) {
        self.backlog.all_changed();
    }

    /// The first of the jobs after `after` that may be asked for: those that the file names, `most` of them, and those
    /// that have changed since. None where the file cannot say, for now or at all.
    pub async fn among(&self, query: &JobQuery, after: JobSeq, most: usize) -> Option<JobsAmong> {
        let expression = query.expression()?;
        let (file, mut waiting) = self.backlog.beside_file(after)?;
        let asked = self.readers.call(Place::Back { most: MAX_WAITING }, move |reader, call| {
            let left = TIME.checked_sub(call.age()).ok_or(Fault::GivenUp)?;
            reader.ask(file, (&expression, after, most), (call, left))
        });
        // A disk that hangs is not waited for.
        let mut jobs = match tokio::time::timeout(TIME, asked).await {
            Ok(Ok(Ok(jobs))) => jobs,
            Ok(Ok(Err(Fault::Unusable(why)))) => {
                tracing::warn!(file = %self.path.display(), why, "the search file cannot be read");
                self.backlog.unusable();
                return None;
            }
            Ok(Ok(Err(Fault::Full(_) | Fault::GivenUp)) | Err(_)) | Err(_) => return None,
        };
        let more = jobs.len() >= most;
        if let Some(last) = jobs.last().filter(|_| more) {
            waiting.retain(|job| job <= last);
        }
        jobs.append(&mut waiting);
        jobs.sort_unstable();
        jobs.dedup();
        Some(JobsAmong { jobs, more })
    }

    /// The commonest hosts or time zones of jobs, at most so many, as far as the file has them: none while it is compared.
    pub async fn common(&self, kind: FacetKind, most: usize) -> FacetCounts {
        let Some((file, waiting)) = self.backlog.beside_file(JobSeq::default()) else {
            return FacetCounts::default();
        };
        let is_complete = waiting.is_empty();
        let asked = self.readers.call(Place::Back { most: MAX_WAITING }, move |reader, call| {
            let left = TIME.checked_sub(call.age()).ok_or(Fault::GivenUp)?;
            reader.facets(file, (kind, most), (call, left))
        });
        match tokio::time::timeout(TIME, asked).await {
            Ok(Ok(Ok(facets))) => FacetCounts { facets, is_complete },
            Ok(Ok(Err(Fault::Unusable(why)))) => {
                tracing::warn!(file = %self.path.display(), why, "the search file cannot be read");
                self.backlog.unusable();
                FacetCounts::default()
            }
            Ok(Ok(Err(Fault::Full(_) | Fault::GivenUp)) | Err(_)) | Err(_) => FacetCounts::default(),
        }
    }

    /// Whether the file has been compared with the whole state.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.backlog.beside_file(JobSeq::new(i64::MAX)).is_some()
    }

    /// What is to be written next: at most so many jobs.
    #[must_use]
    pub fn due(&self, most: usize) -> Option<Due> {
        if self.backlog.take_unusable() {
            return Some(Due::Anew);
        }
        Some(match self.backlog.next(most)? {
            Part::Waiting(jobs) => Due::Jobs(Changed(jobs)),
            Part::Compare(after, time) => Due::Compare(Walk { after, time }),
        })
    }

    /// Resolves when something more may be due.
    pub async fn wait(&self) {
        self.backlog.added().await;
    }

    /// The first `count` of these jobs are in the file as they were after they had changed.
    pub fn written(&self, jobs: &Changed, count: usize) {
        self.backlog.written(&jobs.0[..count.min(jobs.0.len())]);
    }

    /// The jobs up to `upto`, or all, are in the file as they are in the state.
    pub fn compared(&self, walk: &Walk, upto: Option<JobSeq>) {
        self.backlog.compared(walk.time, upto);
    }

    /// The file cannot be used: it is to be made anew, and nobody asks it.
    pub fn unusable(&self) {
        self.backlog.unusable();
    }

    /// The file was opened. It may be another one, and what is in it is not known.
    pub fn another_file(&self) {
        self.backlog.another_file();
    }

    /// Which of the jobs after `after` are not in the file as they are in the state: `marks` has those of the state,
    /// up to `upto` or all. Deleted ones have no mark.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn differing(
        file: &SearchFile,
        after: JobSeq,
        upto: Option<JobSeq>,
        marks: &[(JobSeq, Option<JobMark>)],
    ) -> Result<Vec<JobSeq>, Fault> {
        let mut stamps = file.stamps(after, upto)?;
        let mut differing: Vec<_> = marks
            .iter()
            .filter(|(job, mark)| stamps.remove(job) != mark.as_ref().map(stamp))
            .map(|(job, _)| *job)
            .collect();
        // Those that the state does not have at all.
        differing.extend(stamps.into_keys());
        Ok(differing)
    }
}

//! Keeps the search file as the state is: a portion after the other, on a thread that nothing waits for and that steps back
//! where others want the cores.
//!
//! What goes wrong with the file costs nothing but time: it is made anew, or left alone for a while, and meanwhile
//! whoever searches goes along the jobs of the state.

use std::time::Duration;

use chronos_env::{Ended, Seldom, Worker};
use chronos_search::{Changed, Due, Entry, Fault, Search, SearchFile, Walk};
use chronos_state::{JobSeq, Reader, StateError};
use tokio::time::Instant;

use crate::services::Services;
use crate::tick::Tick;

/// Jobs that are read and written at once: some tens of milliseconds.
const PORTION: usize = 256;
/// Bytes of their texts, the last one not counted.
const PORTION_BYTES: usize = 1 << 20;
/// Jobs of which it is asked at once whether they are in the file.
const COMPARED: usize = 2_000;
/// Where so many jobs change while a portion is written, somebody changes them in bulk.
const BULK: u64 = 16;
/// Then it rests for so many times as long as the portion took: whoever changes them has the cores, and the file catches up
/// afterwards. Else it works half of the time.
const RESTS_IN_BULK: u32 = 9;
const LONGEST_REST: Duration = Duration::from_secs(1);
/// How long the file is left alone when the disk is full, or when it cannot even be made anew.
const PAUSE: Duration = Duration::from_secs(30);

/// The loop that feeds the search file.
pub struct SearchFeeder {
    services: Services,
    search: Search,
    file: Worker<Option<SearchFile>>,
    is_open: bool,
    full: Seldom,
}

/// When a portion was begun, and how many changes of jobs there had been by then.
struct Begun {
    at: Instant,
    changes: u64,
}

/// Why a portion was not done.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    File(#[from] Fault),
    /// The file cannot be made anew.
    #[error("it cannot be made anew: {0}")]
    NotMade(Fault),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl SearchFeeder {
    /// The loop, with what it works with.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn new(services: Services, search: Search) -> std::io::Result<Self> {
        let file = Worker::spawn_in_background(&services.env, "search-feed", None, || {})?;
        Ok(Self { services, search, file, is_open: false, full: Seldom::default() })
    }

    /// Feeds for as long as the node runs.
    pub async fn run(mut self) {
        loop {
            let begun = self.begin();
            let done = self.tick().await;
            self.services.metrics.search_complete(self.search.is_complete());
            match done {
                Ok(Tick::More) => self.rest(begun).await,
                Ok(Tick::Idle(())) => self.search.wait().await,
                // It panicked. A loop that ends ends the node, and says which one it was.
                Err(FeedError::Ended(_)) => return,
                Err(error) => self.failed(&error).await,
            }
        }
    }

    fn begin(&self) -> Begun {
        Begun { at: Instant::now(), changes: self.search.changes() }
    }

    /// Rests after a portion.
    async fn rest(&self, begun: Begun) {
        let took = begun.at.elapsed();
        let is_bulk = self.search.changes() - begun.changes >= BULK;
        let rest = if is_bulk { took * RESTS_IN_BULK } else { took };
        tokio::time::sleep(rest.min(LONGEST_REST)).await;
    }

    /// Does one portion, if anything is left.
    async fn tick(&mut self) -> Result<Tick, FeedError> {
        let due = self.search.due(PORTION);
        if matches!(due, Some(Due::Anew)) {
            self.open(true).await?;
            return Ok(Tick::More);
        }
        if !self.is_open {
            self.open(false).await?;
        }
        match due {
            None => {
                // What is free now would be used again while more is written.
                let more = self.with_file(SearchFile::give_back).await?;
                return Ok(if more { Tick::More } else { Tick::Idle(()) });
            }
            Some(Due::Anew) => {}
            Some(Due::Jobs(jobs)) => self.write(&jobs).await?,
            Some(Due::Compare(walk)) => self.compare(&walk).await?,
        }
        Ok(Tick::More)
    }

    /// Opens the file, or makes it anew.
    async fn open(&mut self, anew: bool) -> Result<(), FeedError> {
        let path = self.search.path().to_owned();
        self.is_open = false;
        let open = move |file: &mut Option<SearchFile>| {
            *file = None;
            *file = Some(if anew { SearchFile::anew(&path) } else { SearchFile::open(&path) }?);
            Ok::<_, Fault>(())
        };
        match self.file.call(open).await? {
            Ok(()) => self.is_open = true,
            Err(why) if anew => {
                self.search.unusable();
                return Err(FeedError::NotMade(why));
            }
            Err(why) => return Err(why.into()),
        }
        // Whoever reads opens it again, and asks nothing of it until it is compared.
        self.search.another_file();
        Ok(())
    }

    /// Writes jobs that changed.
    async fn write(&mut self, changed: &Changed) -> Result<(), FeedError> {
        let count = self.feed(changed.jobs()).await?;
        self.search.written(changed, count);
        Ok(())
    }

    /// Compares some jobs with those of the state, and writes what differs.
    async fn compare(&mut self, walk: &Walk) -> Result<(), FeedError> {
        let after = walk.after;
        let marks = self.services.store.read(move |reader| reader.job_marks(after, COMPARED)).await?;
        let upto = (marks.len() == COMPARED).then(|| marks.last().map(|(job, _)| *job)).flatten();
        let differing = self.with_file(move |file| Search::differing(file, after, upto, &marks)).await?;
        let mut left = &differing[..];
        while !left.is_empty() {
            let begun = self.begin();
            let count = self.feed(left[..left.len().min(PORTION)].to_vec()).await?;
            left = &left[count..];
            self.rest(begun).await;
        }
        self.search.compared(walk, upto);
        if upto.is_none() {
            tracing::debug!("the search file is as the state is");
        }
        Ok(())
    }

    /// Writes jobs as they are now, and forgets those that are not there any more. Answers how many of them.
    async fn feed(&mut self, jobs: Vec<JobSeq>) -> Result<usize, FeedError> {
        let read = move |reader: &Reader| reader.at_once(|reader| entries(reader, &jobs));
        let Portion { entries, gone } = self.services.store.read(read).await?;
        let count = entries.len() + gone.len();
        self.with_file(move |file| file.write(&entries, &gone)).await?;
        Ok(count)
    }

    /// Does something with the file, on its thread.
    async fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SearchFile) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, FeedError> {
        let work = move |file: &mut Option<SearchFile>| match file {
            Some(file) => work(file),
            None => Err(Fault::Unusable("it is not open".to_owned())),
        };
        Ok(self.file.call(work).await??)
    }

    /// Something went wrong: says so, and waits where waiting may help.
    async fn failed(&mut self, error: &FeedError) {
        let file = self.search.path().display();
        match error {
            FeedError::File(Fault::Unusable(why)) => {
                tracing::warn!(%file, why, "the search file is thrown away and made anew");
                self.search.unusable();
            }
            FeedError::File(_) | FeedError::NotMade(_) => {
                self.full.say(|| tracing::warn!(%file, %error, "the search file is left alone for a while"));
                tokio::time::sleep(PAUSE).await;
            }
            FeedError::State(_) | FeedError::Ended(_) => {
                self.full.say(|| tracing::warn!(%error, "the search file waits for the state"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What is written at once.
struct Portion {
    entries: Vec<Entry>,
    gone: Vec<JobSeq>,
}

/// The first of these jobs, as many as a portion has.
fn entries(reader: &Reader, jobs: &[JobSeq]) -> Result<Portion, StateError> {
    let (mut entries, mut gone, mut bytes) = (Vec::new(), Vec::new(), 0);
    for job in jobs {
        match reader.job_texts(*job, |mark, texts| Entry::new(*job, &mark, texts))? {
            Some(entry) => {
                bytes += entry.weight();
                entries.push(entry);
            }
            None => gone.push(*job),
        }
        if bytes > PORTION_BYTES {
            break;
        }
    }
    Ok(Portion { entries, gone })
}

//! Lines on their way to standard error or standard output. Nobody waits for the reader of them: not where
//! it is slow, where it has stopped reading, or where it is gone.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chronos_env::{Env, Worker, pause};

/// The most bytes that wait to be written: some thousand lines, which is a burst and no outage. Further lines
/// are dropped. As many bytes again may be under way to the reader.
const MAX_WAITING_BYTES: usize = 1 << 20;
/// The longest line. What we write is far shorter, since texts of others are clipped where they enter; so only
/// what a library writes can be cut here.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// Between tries on a descriptor that somebody made non-blocking, which takes nothing for now.
const AGAIN: Duration = Duration::from_millis(10);

/// Where lines go in. Cheap to clone.
#[derive(Clone)]
pub struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// Told when nothing waits any more.
    written: Condvar,
    worker: Worker<Sink>,
    dropped: fn(u64),
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    lines: u64,
    /// Whether the worker has been called, and will look at the bytes.
    called: bool,
    /// Lines that were dropped since a line said so.
    untold: u64,
}

/// The far end, which only the worker's thread touches.
struct Sink {
    to: Box<dyn Write + Send>,
    /// Whether a line was cut off in the middle when writing failed.
    torn: bool,
}

impl Lines {
    /// To standard error. Lines that are dropped are counted, and a warning says how many as soon as lines flow
    /// again.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn stderr() -> io::Result<Self> {
        Self::start("stderr", Box::new(Unlocked(io::stderr())), super::count_dropped)
    }

    /// To standard output.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn stdout() -> io::Result<Self> {
        Self::start("stdout", Box::new(Unlocked(io::stdout())), super::count_dropped)
    }

    fn start(name: &str, to: Box<dyn Write + Send>, dropped: fn(u64)) -> io::Result<Self> {
        let worker = Worker::spawn(&Env::real(), name, Sink { to, torn: false }, || {})?;
        Ok(Self(Arc::new(Shared { waiting: Mutex::default(), written: Condvar::new(), worker, dropped })))
    }

    /// Has a line written, which ends with a line feed. Never waits.
    pub fn put(&self, line: &[u8]) {
        let mut waiting = self.0.waiting();
        let cut = line.len() > MAX_LINE_BYTES;
        let line = if cut { &line[..MAX_LINE_BYTES] } else { line };
        if waiting.bytes.len() + line.len() > MAX_WAITING_BYTES {
            return self.0.drop_lines(waiting, 1);
        }
        waiting.bytes.extend_from_slice(line);
        if cut {
            waiting.bytes.extend_from_slice("…\n".as_bytes());
        }
        waiting.lines += 1;
        if !waiting.called {
            waiting.called = true;
            drop(waiting);
            let shared = Arc::clone(&self.0);
            // The worker ends with the last handle only.
            let _ = self.0.worker.cast(move |sink| shared.write_all(sink));
        }
    }

    /// Waits until all lines are written, for so long at most: their reader may have stopped reading.
    pub fn flush(&self, within: Duration) {
        let waited = self.0.written.wait_timeout_while(self.0.waiting(), within, |waiting| waiting.called);
        drop(waited);
    }
}

impl Write for Lines {
    /// Takes one whole line, and always succeeds.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_lines(&self, mut waiting: MutexGuard<'_, Waiting>, lines: u64) {
        waiting.untold += lines;
        drop(waiting);
        (self.dropped)(lines);
    }

    /// On the worker's thread: writes what waits, and what comes meanwhile.
    fn write_all(&self, sink: &mut Sink) {
        let mut batch = Vec::new();
        loop {
            batch.clear();
            let mut waiting = self.waiting();
            if waiting.bytes.is_empty() {
                waiting.called = false;
                self.written.notify_all();
                return;
            }
            std::mem::swap(&mut batch, &mut waiting.bytes);
            let lines = std::mem::take(&mut waiting.lines);
            drop(waiting);
            let lost = sink.write(&batch, lines);
            if lost > 0 {
                self.drop_lines(self.waiting(), lost);
                continue;
            }
            // They flow. That some were dropped is said once there is room for it.
            let mut waiting = self.waiting();
            let has_room = waiting.bytes.len() <= MAX_WAITING_BYTES / 2;
            let untold = if has_room { std::mem::take(&mut waiting.untold) } else { 0 };
            drop(waiting);
            if untold > 0 {
                tracing::warn!(
                    lines = untold,
                    "log lines were dropped: their reader was gone, or slower than they came"
                );
            }
        }
    }
}

impl Sink {
    /// Writes lines. Answers how many of them are lost.
    fn write(&mut self, all: &[u8], lines: u64) -> u64 {
        if self.torn && self.write_bytes(&mut &b"\n"[..]).is_ok() {
            self.torn = false;
        }
        let mut bytes = all;
        if self.write_bytes(&mut bytes).is_ok() {
            return 0;
        }
        if let Some(last) = all[..all.len() - bytes.len()].last() {
            self.torn = *last != b'\n';
        }
        let lost = bytes.iter().filter(|byte| **byte == b'\n').count();
        // A line may hold line feeds of its own, and every line that is left has one.
        u64::try_from(lost).unwrap_or(u64::MAX).min(lines)
    }

    /// Writes as much as can be written, and leaves the rest in `bytes`.
    fn write_bytes(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.to.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => *bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => pause(AGAIN),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A stream of this process, written to without its lock. The thread that writes may be held up for ever, and
/// whoever else writes there (a library, the last words of a process that aborts) would wait for the lock.
struct Unlocked<S>(S);

impl<S: std::os::fd::AsFd> Write for Unlocked<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

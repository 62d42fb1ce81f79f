//! What disturbs a server: a process of its own, at the lowest priority, so that what it takes of the machine is
//! not taken from what is measured. It is there and idle where nothing is disturbed.
//!
//! It prints its address (or `-`), waits for a line that says when it begins and ends and where the API is, and at
//! the end prints what it did. It ends then, whatever becomes of the process that started it.

mod clients;
mod listeners;
mod targets;

use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use clap::ValueEnum;

use super::sleep_until_ms;
use crate::Result;
pub use listeners::{TO_ALL, TO_JOBS};
pub use targets::NAME_SERVERS;

/// The lowest priority (`nice(2)`).
const NICE: i32 = 19;
/// How long it may take to say what it did, once it is over.
const PATIENCE: Duration = Duration::from_secs(15);

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Nothing.
    Idle,
    /// Name servers that are silent.
    Names,
    /// Targets that take connections and never answer.
    Hang,
    /// A target that answers a byte a second.
    Drip,
    /// A target that answers at once.
    Answer,
    /// Clients that search and list.
    Search,
    /// Clients that write large jobs.
    Write,
    /// A client that takes backups.
    Backup,
    /// Clients that listen to a job each.
    ListenToJobs,
    /// Clients that listen to everything.
    ListenToAll,
}

/// When it disturbs, and where the API is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Orders {
    api: SocketAddr,
    from: i64,
    until: i64,
}

impl Orders {
    fn parse(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().ok_or("the orders are cut off");
        Ok(Self { api: next()?.parse()?, from: next()?.parse()?, until: next()?.parse()? })
    }
}

impl std::fmt::Display for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.api, self.from, self.until)
    }
}

/// Runs the generator's process.
pub fn run(kind: Kind) -> Result<()> {
    rustix::process::nice(NICE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, disturb(kind))
}

async fn disturb(kind: Kind) -> Result<()> {
    match kind {
        Kind::Idle => {
            let orders = ready("-")?;
            sleep_until_ms(orders.until).await;
            done(0, "")
        }
        Kind::Names => targets::silent_name_servers().await,
        Kind::Hang => targets::hang().await,
        Kind::Drip => targets::drip().await,
        Kind::Answer => targets::answer().await,
        Kind::Search => during(&ready("-")?, "answers", clients::search).await,
        Kind::Write => during(&ready("-")?, "writes", clients::write).await,
        Kind::Backup => during(&ready("-")?, "backups", clients::backup).await,
        Kind::ListenToJobs => listeners::to_jobs().await,
        Kind::ListenToAll => listeners::to_all().await,
    }
}

/// Says that everything is in place, and waits for the orders.
fn ready(address: &str) -> Result<Orders> {
    println!("{address}");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Orders::parse(&line)
}

/// Says what was done.
fn done(count: usize, what: &str) -> Result<()> {
    println!("{count} {what}");
    Ok(std::io::stdout().flush()?)
}

/// Disturbs from the first instant to the last. What is under way then is given up.
async fn during<F: Future<Output = Result<()>>>(
    orders: &Orders,
    what: &str,
    disturbance: impl FnOnce(Orders, clients::Counts) -> F,
) -> Result<()> {
    sleep_until_ms(orders.from).await;
    let counts = clients::Counts::default();
    tokio::select! {
        failed = disturbance(*orders, counts.clone()) => failed?,
        () = sleep_until_ms(orders.until) => {}
    }
    done(counts.done(), &format!("{what}, {counts}"))
}

/// A generator's process. It ends with this value.
pub struct Generator {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    /// Where it listens, where it does.
    pub address: Option<SocketAddr>,
}

/// What a generator did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Did {
    /// How often.
    pub count: usize,
    /// In words, with the count.
    pub what: String,
}

impl Generator {
    /// Starts it. The inner error says why it can do nothing on this machine.
    pub fn start(kind: Kind) -> Result<std::result::Result<Self, String>> {
        let name = kind.to_possible_value().ok_or("a kind has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["generate", name.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("the generator has no output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        let mut generator = Self { child, out: Some(out), address: None };
        if line.is_empty() {
            return Ok(Err(generator.errors()));
        }
        generator.address = Some(line.trim()).filter(|line| *line != "-").map(str::parse).transpose()?;
        Ok(Ok(generator))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says when it disturbs, and where the API is.
    pub fn order(&mut self, api: SocketAddr, from: i64, until: i64) -> Result<()> {
        let stdin = self.child.stdin.as_mut().ok_or("the generator takes no orders")?;
        writeln!(stdin, "{}", Orders { api, from, until })?;
        Ok(stdin.flush()?)
    }

    /// Waits for its end, which it was told, and answers what it did.
    pub async fn finish(mut self) -> Result<Did> {
        let mut out = self.out.take().ok_or("the generator is over")?;
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).map(|_| line)
        });
        // Past that, it is killed with this value, which ends the reading too.
        let line =
            tokio::time::timeout(PATIENCE, line).await.map_err(|_| "the generator does not end")???;
        if line.is_empty() {
            return Err(format!("the generator ended early: {}", self.errors()).into());
        }
        Ok(said(&line))
    }

    /// Ends it, and reads what it complained about.
    fn errors(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = stderr.read_to_string(&mut text);
        }
        text.trim().to_owned()
    }
}

/// Reads what [`done`] wrote.
fn said(line: &str) -> Did {
    let line = line.trim();
    let count = line.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    Did { count, what: line.to_owned() }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // Ended on its own, or it can be killed: it stores nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_were_written() {
        let orders = Orders { api: ([127, 0, 0, 1], 8080).into(), from: 1_800_000_000_000, until: 5 };
        assert_eq!(Orders::parse(&format!("{orders}\n")).unwrap(), orders);
        for cut_off in ["", "127.0.0.1:80", "127.0.0.1:80 1", "127.0.0.1:80 1 x", "here 1 2"] {
            assert!(Orders::parse(cut_off).is_err(), "{cut_off:?}");
        }
    }

    #[test]
    fn what_was_done_is_counted() {
        let check = |line, count, what: &str| assert_eq!(said(line), Did { count, what: what.into() });
        check("12 answers, 3 refused, 0 lost\n", 12, "12 answers, 3 refused, 0 lost");
        check("0 \n", 0, "0");
        check("", 0, "");
    }
}

//! The receiver. It answers every request with an empty 200, notes when the request came and what it was for,
//! and answers aggregates on `/control/…`.
//!
//! It shares the cores with what it measures, so it does as little as it can: one thread, a parser that looks
//! for four headers, and 32 bytes of memory per request. It understands HTTP/1.1 requests with a known length,
//! and closes the connection on anything else.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use chronos_client::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{api, now_us, percentile};
use crate::Result;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// The largest request that is taken.
const MOST_BYTES: usize = 1 << 20;

/// One request.
#[derive(Clone, Copy)]
struct Arrival {
    at_us: i64,
    /// The time in `X-Chronos-Scheduled-Time`, or `None` where the request had no such header.
    scheduled_ms: Option<i64>,
    /// `X-Chronos-Execution-ID`, or 0.
    execution: u128,
}

/// What all connections share.
#[derive(Default)]
struct Notes {
    arrivals: Vec<Arrival>,
    /// The delay between a request and its answer.
    delay: Duration,
}

/// What a receiver has seen. Cheap to clone; it stays on its thread.
#[derive(Clone, Default)]
pub struct Seen(Rc<RefCell<Notes>>);

impl Seen {
    /// Requests so far.
    pub fn count(&self) -> usize {
        self.0.borrow().arrivals.len()
    }
}

/// Serves for ever. Prints its address on standard output.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    serve_on(listener, Seen::default()).await
}

/// Serves for ever, in a `LocalSet`.
pub async fn serve_on(listener: TcpListener, seen: Seen) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::task::spawn_local(connection(stream, seen.clone()));
    }
}

async fn connection(mut stream: TcpStream, Seen(notes): Seen) {
    // A failure here costs latency, which the figures then show.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut answers = Vec::with_capacity(256);
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let mut used = 0;
        let (mut open, mut delayed) = (true, false);
        while open {
            match Request::parse(&buffer[used..]) {
                Parsed::Partial => break,
                Parsed::Bad => {
                    answers.extend_from_slice(REFUSED);
                    open = false;
                }
                Parsed::Whole(request, length) => {
                    delayed |= answer(&request, &mut notes.borrow_mut(), &mut answers);
                    used += length;
                }
            }
        }
        buffer.drain(..used);
        open &= buffer.len() < MOST_BYTES;
        let delay = notes.borrow().delay;
        if delayed && !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if !answers.is_empty() && stream.write_all(&answers).await.is_err() || !open {
            return;
        }
        answers.clear();
    }
}

/// The parts of a request that count.
struct Request<'a> {
    path: &'a str,
    scheduled: Option<&'a str>,
    execution: Option<&'a [u8]>,
}

enum Parsed<'a> {
    Whole(Request<'a>, usize),
    Partial,
    Bad,
}

impl<'a> Request<'a> {
    fn parse(bytes: &'a [u8]) -> Parsed<'a> {
        let mut request = Request { path: "", scheduled: None, execution: None };
        let (mut at, mut body) = (0, 0);
        loop {
            let Some(end) = bytes[at..].iter().position(|b| *b == b'\n') else {
                return Parsed::Partial;
            };
            let line = bytes[at..at + end].strip_suffix(b"\r");
            let Some(line) = line else {
                return Parsed::Bad;
            };
            let first = at == 0;
            at += end + 1;
            if line.is_empty() {
                break;
            }
            if first {
                let mut words = line.split(|b| *b == b' ');
                let path = words.nth(1).and_then(|path| std::str::from_utf8(path).ok());
                let Some(path) = path else {
                    return Parsed::Bad;
                };
                request.path = path;
                continue;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                return Parsed::Bad;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            // The length is compared first, because most headers are none of these.
            match name.len() {
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    let Some(length) = length else {
                        return Parsed::Bad;
                    };
                    body = length;
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => return Parsed::Bad,
                22 if name.eq_ignore_ascii_case(b"x-chronos-execution-id") => {
                    request.execution = Some(value);
                }
                24 if name.eq_ignore_ascii_case(b"x-chronos-scheduled-time") => {
                    request.scheduled = std::str::from_utf8(value).ok();
                }
                _ => {}
            }
        }
        match bytes.len() - at {
            _ if body > MOST_BYTES => Parsed::Bad,
            rest if rest < body => Parsed::Partial,
            _ => Parsed::Whole(request, at + body),
        }
    }
}

/// Answers a request. Returns whether the answer is to be delayed.
fn answer(request: &Request<'_>, notes: &mut Notes, answers: &mut Vec<u8>) -> bool {
    let Some(control) = request.path.strip_prefix("/control/") else {
        notes.arrivals.push(Arrival {
            at_us: now_us(),
            scheduled_ms: request.scheduled.and_then(|text| chronos_types::parse_rfc3339(text).ok()),
            execution: request.execution.map_or(0, hex),
        });
        answers.extend_from_slice(OK);
        return true;
    };
    let (name, query) = control.split_once('?').unwrap_or((control, ""));
    let body = match name {
        "report" => report(&notes.arrivals, query).to_string(),
        "executions" => executions(&notes.arrivals),
        "count" => notes.arrivals.len().to_string(),
        "reset" => {
            *notes = Notes::default();
            String::new()
        }
        "delay" => {
            notes.delay = Duration::from_millis(number(query, "ms").unwrap_or_default().unsigned_abs());
            String::new()
        }
        _ => "there is no such page".to_owned(),
    };
    answers
        .extend_from_slice(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    answers.extend_from_slice(body.as_bytes());
    false
}

/// Reads a number from a query string.
fn number(query: &str, name: &str) -> Option<i64> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// Reads the hexadecimal digits of a UUID as a number.
fn hex(text: &[u8]) -> u128 {
    let digits = text.iter().filter_map(|b| (*b as char).to_digit(16));
    digits.fold(0, |number, digit| number << 4 | u128::from(digit))
}

/// Lists the distinct executions, one per line.
fn executions(arrivals: &[Arrival]) -> String {
    let distinct: HashSet<u128> = arrivals.iter().map(|arrival| arrival.execution).collect();
    distinct.iter().fold(String::new(), |mut text, execution| {
        let _ = writeln!(text, "{execution:032x}");
        text
    })
}

/// Aggregates over the requests scheduled from `from` and before `until` (milliseconds), or over all requests
/// where these are not given.
fn report(arrivals: &[Arrival], query: &str) -> Value {
    let (from, until) =
        (number(query, "from").unwrap_or(i64::MIN), number(query, "until").unwrap_or(i64::MAX));
    let whole = from == i64::MIN && until == i64::MAX;
    let chosen = || {
        arrivals
            .iter()
            .filter(move |arrival| whole || arrival.scheduled_ms.is_some_and(|ms| from <= ms && ms < until))
    };
    let mut lateness: Vec<i64> =
        chosen().filter_map(|arrival| Some(arrival.at_us - arrival.scheduled_ms? * 1000)).collect();
    lateness.sort_unstable();
    let count = chosen().count();
    let distinct = chosen().map(|arrival| arrival.execution).collect::<HashSet<_>>().len();
    let first = chosen().map(|arrival| arrival.at_us).min();
    let last = chosen().map(|arrival| arrival.at_us).max();
    let mut seconds = Vec::new();
    for arrival in chosen() {
        let second = (arrival.at_us - first.unwrap_or_default()) / 1_000_000;
        let second = usize::try_from(second).unwrap_or_default();
        if seconds.len() <= second {
            seconds.resize(second + 1, 0u64);
        }
        seconds[second] += 1;
    }
    json!({
        "count": count,
        "distinct": distinct,
        "duplicates": count - distinct,
        "first_us": first,
        "last_us": last,
        "lateness_us": {
            "p50": percentile(&lateness, 0.50),
            "p90": percentile(&lateness, 0.90),
            "p99": percentile(&lateness, 0.99),
            "max": percentile(&lateness, 1.0),
        },
        "per_second": seconds,
    })
}

/// The receiver's aggregates.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests.
    pub count: u64,
    /// Executions among them.
    pub distinct: u64,
    /// Requests that repeat an execution.
    pub duplicates: u64,
    /// The last request's arrival.
    pub last_us: i64,
    /// From the scheduled instant to the arrival.
    pub p50_us: i64,
    /// Nine of ten requests are faster.
    pub p90_us: i64,
    /// 99 of 100 requests are faster.
    pub p99_us: i64,
    /// The slowest.
    pub max_us: i64,
    /// Requests in each second from the first.
    pub per_second: Vec<u64>,
}

/// The receiver's process. It ends when this value is dropped.
pub struct Sink {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    control: Client,
}

impl Sink {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg("sink").stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("the sink has no output")?;
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line)?;
        let address: SocketAddr = line.trim().parse()?;
        Ok(Self { child, address, control: api::client(address)? })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has the receiver forget what it has seen, and answer without delay.
    pub async fn reset(&self) -> Result<()> {
        self.control.text("/control/reset").await?;
        Ok(())
    }

    /// Has the receiver answer each request after this delay from now on. One delay does not hold up others.
    pub async fn delay(&self, delay: Duration) -> Result<()> {
        self.control.text(&format!("/control/delay?ms={}", delay.as_millis())).await?;
        Ok(())
    }

    /// Requests so far.
    pub async fn count(&self) -> Result<u64> {
        Ok(self.control.text("/control/count").await?.parse()?)
    }

    /// Executions so far.
    pub async fn executions(&self) -> Result<HashSet<u128>> {
        let text = self.control.text("/control/executions").await?;
        Ok(text.lines().filter_map(|line| u128::from_str_radix(line, 16).ok()).collect())
    }

    /// Aggregates over everything the receiver has seen.
    pub async fn report(&self) -> Result<Report> {
        self.report_of(i64::MIN, i64::MAX).await
    }

    /// Aggregates over the instants from `from` and before `until`.
    pub async fn report_of(&self, from: i64, until: i64) -> Result<Report> {
        let path = format!("/control/report?from={from}&until={until}");
        let value: Value = serde_json::from_str(&self.control.text(&path).await?)?;
        let late = |name: &str| value["lateness_us"][name].as_i64().unwrap_or_default();
        let number = |name: &str| value[name].as_u64().unwrap_or_default();
        let seconds = value["per_second"].as_array().cloned().unwrap_or_default();
        Ok(Report {
            count: number("count"),
            distinct: number("distinct"),
            duplicates: number("duplicates"),
            last_us: value["last_us"].as_i64().unwrap_or_default(),
            p50_us: late("p50"),
            p90_us: late("p90"),
            p99_us: late("p99"),
            max_us: late("max"),
            per_second: seconds.iter().filter_map(Value::as_u64).collect(),
        })
    }

    /// Waits for `count` requests, or until none has come for `patience`.
    pub async fn wait_for(&self, count: u64, patience: Duration) -> Result<u64> {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let now = self.count().await?;
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
            if now >= count || since.elapsed() > patience {
                return Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // The receiver stores nothing, so it can be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

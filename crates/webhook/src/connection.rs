//! One connection to a target, which carries one request at a time.
//!
//! Whoever makes a request drives it: the request is sent and the response is read by the same task, so what came of
//! the one is known where the other is judged. A target may answer before it has read the whole request. It may close
//! then, and sending fails; what it answered counts all the same.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::buf::Chain;
use bytes::{Buf as _, Bytes, BytesMut};
use chronos_env::Socket;
use http::StatusCode;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf};
use tokio::time::Instant;

use super::framing::Framing;
use super::head::{self, Head, MAX_HEAD_BYTES, NotHttp};
use super::hop::Message;
use super::laps::Phase;
use super::origin::Origin;
use super::received::Received;

/// Room for what is read at once.
const READ_BYTES: usize = 8 * 1024;
/// The most bytes of a target's body that are read, with what frames them. What counts is the status; a body is read
/// to its end so that the connection can be kept, and past this a new connection costs less.
pub(crate) const MAX_READ_BYTES: usize = 16 << 20;
/// How long a connection is used at most. A target that has moved is then found where its name leads now: load
/// balancers give their names a time to live of 60 s.
const MAX_AGE: Duration = Duration::from_secs(60);

/// Dropping a connection closes it, whatever is under way.
pub(crate) struct Connection {
    pub(crate) origin: Arc<Origin>,
    socket: Socket,
    made: Instant,
    /// What was read and is not used yet.
    input: BytesMut,
    /// What is left of the request.
    output: Chain<Bytes, Bytes>,
    sending: Sending,
    /// Whether the request has a body, which the target may leave unread.
    has_body: bool,
    /// Whether anything came since the request began.
    is_answered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    UnderWay,
    Done,
    /// The target takes no more. It may have answered.
    Failed,
}

/// Why a request has no response.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Not one byte of a response came.
    pub(crate) is_silent: bool,
    pub(crate) error: io::Error,
}

impl Connection {
    pub(crate) fn new(origin: Arc<Origin>, socket: Socket) -> Self {
        Self {
            origin,
            socket,
            made: Instant::now(),
            input: BytesMut::new(),
            output: Bytes::new().chain(Bytes::new()),
            sending: Sending::Done,
            has_body: false,
            is_answered: false,
        }
    }

    /// Sends a request, and reads the head of its response. Heads before that one (100, 103) are passed over. The
    /// status is `received` as soon as it comes.
    pub(crate) async fn request(
        &mut self,
        message: Message,
        received: &mut Received<'_>,
    ) -> Result<Head, Broken> {
        let Message { bytes, has_body, is_bodiless } = message;
        self.output = bytes;
        self.has_body = has_body;
        self.sending = Sending::UnderWay;
        self.is_answered = false;
        let (mut passed, mut searched, mut status) = (0, 0, None);
        received.laps.enter(Phase::FirstByte);
        loop {
            if !self.input.is_empty() {
                received.laps.enter(Phase::Body);
            }
            // Empty lines before a head are passed over (RFC 9112, section 2.2).
            while let (0, [b'\r' | b'\n', ..]) = (searched, &self.input[..]) {
                self.input.advance(1);
                passed += 1;
            }
            if status.is_none() {
                status = head::status(&self.input, searched).map_err(|error| self.not_http(error))?;
                if let Some((status, _)) = status {
                    received.status_line(status);
                }
            }
            let end = head::end(&self.input, searched);
            if passed + end.unwrap_or(self.input.len()) > MAX_HEAD_BYTES {
                return self.cut(MAX_HEAD_BYTES.saturating_sub(passed), is_bodiless);
            }
            if let Some(end) = end {
                let head =
                    head::parse(&self.input[..end], is_bodiless).map_err(|error| self.not_http(error))?;
                self.input.advance(end);
                if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                    return Ok(head);
                }
                (passed, searched, status) = (passed + end, 0, None);
                // The response itself is still to come.
                received.laps.enter(Phase::FirstByte);
                continue;
            }
            searched = self.input.len().saturating_sub(2);
            match self.fill().await {
                Ok(0) => return self.head_so_far(is_bodiless).ok_or_else(|| self.broken(closed())),
                Ok(_) => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// The head as far as its lines have come, of a response that the connection ends in or that is too long. There is
    /// none where its first line is not there, or announces another one.
    fn head_so_far(&mut self, is_bodiless: bool) -> Option<Head> {
        let whole = self.input.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let head = head::parse(&self.input[..whole], is_bodiless).ok()?;
        self.input.clear();
        (!head.status.is_informational()).then_some(Head { keep: None, ..head })
    }

    /// The head is longer than `most` bytes. The target has answered, so its status decides; what else it says is not
    /// waited for.
    fn cut(&mut self, most: usize, is_bodiless: bool) -> Result<Head, Broken> {
        self.input.truncate(most);
        match self.head_so_far(is_bodiless) {
            Some(head) => Ok(Head { framing: Ok(Framing::ToEnd), is_cut: true, ..head }),
            None => {
                let why = format!("no status of a response came within {} KiB", MAX_HEAD_BYTES / 1024);
                Err(self.broken(io::Error::new(io::ErrorKind::InvalidData, why)))
            }
        }
    }

    /// Reads a body to its last byte, because an attempt ends only then, or past so many bytes at `most`. Hands on what
    /// comes, and returns whether that is all.
    ///
    /// # Errors
    /// What is missing of it or wrong with it.
    pub(crate) async fn body(
        &mut self,
        framing: &mut Framing,
        most: usize,
        mut content: impl FnMut(&[u8]),
    ) -> Result<bool, String> {
        let mut left = most;
        loop {
            let used = framing.decode(&self.input, &mut content)?;
            self.input.advance(used);
            if framing.is_over() {
                return Ok(true);
            }
            match left.checked_sub(used) {
                Some(rest) => left = rest,
                None => return Ok(false),
            }
            match self.fill().await {
                Ok(0) => return framing.end().map(|()| true),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Passes over a body that has come already. Returns whether all of it has.
    pub(crate) fn pass_over(&mut self, framing: &mut Framing) -> bool {
        let used = framing.decode(&self.input, &mut |_| {});
        self.input.advance(used.unwrap_or(0));
        used.is_ok() && framing.is_over()
    }

    /// Sends what is left of the request. Many targets answer first and read the rest then.
    pub(crate) async fn send_rest(&mut self) {
        poll_fn(|context| {
            self.poll_send(context);
            if self.sending == Sending::UnderWay { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Until when it may wait for another request, where the target keeps it for so long, if it may at all.
    pub(crate) fn rest(&mut self, keep: Duration) -> Option<Instant> {
        let now = Instant::now();
        let until = (now + keep).min(self.made + MAX_AGE);
        // Bytes that nobody asked for would be taken for the next response.
        let is_clean = self.sending == Sending::Done && self.input.is_empty();
        self.input = BytesMut::new();
        self.output = Bytes::new().chain(Bytes::new());
        (is_clean && until > now).then_some(until)
    }

    /// Whether the target has neither closed it nor said anything since, as far as that is known here.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let read = Pin::new(&mut self.socket)
            .poll_read(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(&mut byte));
        read.is_pending()
    }

    /// Closes it with a word to the target, where that takes no waiting.
    pub(crate) fn close(mut self) {
        let _ = Pin::new(&mut self.socket).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }

    fn broken(&self, error: io::Error) -> Broken {
        Broken { is_silent: !self.is_answered, error }
    }

    fn not_http(&self, error: NotHttp) -> Broken {
        self.broken(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Reads more. Returns how many bytes came; none do behind the end of the connection.
    async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|context| self.poll_fill(context)).await
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_send(context);
        self.input.reserve(READ_BYTES);
        let read = ready!(pin!(self.socket.read_buf(&mut self.input)).poll(context));
        Poll::Ready(match read {
            Ok(bytes) => {
                self.is_answered |= bytes > 0;
                Ok(bytes)
            }
            // A TLS connection that ends without `close_notify`. Where a body says how long it is, a cut shows.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            // A target that closes before it has read the request resets the connection behind its answer.
            Err(error) if is_reset(&error) && self.is_answered && self.has_body => Ok(0),
            Err(error) => Err(error),
        })
    }

    /// Sends what the target takes now.
    fn poll_send(&mut self, context: &mut Context<'_>) {
        while self.sending == Sending::UnderWay {
            let sent = if self.output.has_remaining() {
                Pin::new(&mut self.socket).poll_write(context, self.output.chunk())
            } else {
                Pin::new(&mut self.socket).poll_flush(context).map_ok(|()| 0)
            };
            match sent {
                Poll::Ready(Ok(0)) if self.output.has_remaining() => self.sending = Sending::Failed,
                Poll::Ready(Ok(0)) => self.sending = Sending::Done,
                Poll::Ready(Ok(bytes)) => self.output.advance(bytes),
                Poll::Ready(Err(_)) => self.sending = Sending::Failed,
                Poll::Pending => return,
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the target closed it")
}

fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe)
}

//! A body that is being received, in parts, each with a time limit.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::wire::root;

/// A body, and the part of it that was received but not asked for yet.
pub(super) struct Inbound {
    body: Incoming,
    rest: Bytes,
    stall: Duration,
}

impl Inbound {
    pub(super) fn new(body: Incoming, stall: Duration) -> Self {
        Self { body, rest: Bytes::new(), stall }
    }

    /// Returns the next part, or `None` at the end.
    ///
    /// # Errors
    /// The connection broke, or no byte came within the time that a body may stall.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        loop {
            let late = |_| {
                let seconds = self.stall.as_secs_f64();
                io::Error::new(io::ErrorKind::TimedOut, format!("no byte came for {seconds} s"))
            };
            let frame = tokio::time::timeout(self.stall, self.body.frame()).await.map_err(late)?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| io::Error::other(root(&error)))?;
            // A frame that is not data holds trailers, and nobody sends those.
            if let Ok(part) = frame.into_data()
                && !part.is_empty()
            {
                return Ok(Some(part));
            }
        }
    }

    /// Returns the next `bytes` bytes, in one piece.
    ///
    /// # Errors
    /// As [`Self::next`], or the body is shorter.
    pub(super) async fn take(&mut self, bytes: usize) -> io::Result<Bytes> {
        let mut taken = BytesMut::new();
        while taken.len() < bytes {
            let mut part = self.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.rest = part.split_off(part.len().min(bytes - taken.len()));
            taken.extend_from_slice(&part);
        }
        Ok(taken.freeze())
    }

    /// Returns the rest of the body, in one piece.
    ///
    /// # Errors
    /// As [`Self::next`], or the body is larger than `limit`.
    pub(super) async fn all(&mut self, limit: usize) -> io::Result<Bytes> {
        let check = |bytes: usize| match bytes > limit {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is over {limit} bytes"))),
            false => Ok(()),
        };
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        check(first.len())?;
        // Most bodies come in one part, and then there is nothing to copy.
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        check(all.len() + second.len())?;
        all.extend_from_slice(&second);
        while let Some(part) = self.next().await? {
            check(all.len() + part.len())?;
            all.extend_from_slice(&part);
        }
        Ok(all.freeze())
    }
}

//! What a receiver does with a request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Holds answers back until a test opens it. Once open it stays open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn passed(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The whole response, and the connection stays.
    Whole,
    /// Half of the body, then the connection is closed.
    CutShort,
    /// Half of the body, then silence.
    Stalled,
    /// No byte, and the connection is reset.
    Reset,
    /// No byte, ever.
    Silent,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    gate: Option<Gate>,
    late: Duration,
    pub(super) ending: Ending,
}

impl Answer {
    /// A response with this status and no body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            gate: None,
            late: Duration::ZERO,
            ending: Ending::Whole,
        }
    }

    /// `200 {"received": true}`.
    #[must_use]
    pub fn ok() -> Self {
        Self::status(200).body(r#"{"received": true}"#)
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).header("Location", to)
    }

    /// Never answers.
    #[must_use]
    pub fn silence() -> Self {
        Self { ending: Ending::Silent, ..Self::ok() }
    }

    /// Resets the connection instead of answering.
    #[must_use]
    pub fn reset() -> Self {
        Self { ending: Ending::Reset, ..Self::ok() }
    }

    /// Closes the connection in the middle of the body.
    #[must_use]
    pub fn cut_short() -> Self {
        Self { ending: Ending::CutShort, ..Self::ok() }
    }

    /// Stops sending in the middle of the body.
    #[must_use]
    pub fn stalled() -> Self {
        Self { ending: Ending::Stalled, ..Self::ok() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Not before the gate is open.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// So long after the request, or after the gate was opened.
    #[must_use]
    pub fn late(self, late: Duration) -> Self {
        Self { late, ..self }
    }

    /// Waits until it is to be sent.
    pub(super) async fn due(&self) {
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        if !self.late.is_zero() {
            tokio::time::sleep(self.late).await;
        }
    }

    /// The response's bytes, head and body. A HEAD's and a 204's answer have no body.
    pub(super) fn bytes(&self, method: &str) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        let bodiless = self.status == 204 || self.status == 304;
        if !bodiless {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !bodiless && method != "HEAD" {
            let length = match self.ending {
                Ending::CutShort | Ending::Stalled => self.body.len() / 2,
                _ => self.body.len(),
            };
            bytes.extend_from_slice(&self.body[..length]);
        }
        bytes
    }
}

//! A row of the table: what is asked, what the target does, and what comes of it.

use std::time::Duration;

use chronos_types::Method;

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is odd, in words.
    pub name: &'static str,
    pub call: Call,
    /// What the target does on each connection, in the order in which they come.
    pub connections: Vec<Vec<Step>>,
    /// The same for another port, another origin.
    pub other: Vec<Vec<Step>>,
    /// curl's verdict.
    pub curl: &'static str,
    /// Ours.
    pub ours: &'static str,
    /// Why they differ: a heading of the document.
    pub reason: Option<&'static str>,
}

/// What is asked of the target.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// Bytes of the request's body.
    pub body: usize,
    pub headers: &'static [(&'static str, &'static str)],
    /// User name and password.
    pub basic: Option<(&'static str, &'static str)>,
    pub max_redirects: u8,
    /// Calls, one after the other. The verdict is that on the last one.
    pub times: usize,
    /// How often the whole row is tried. Our verdict must be the same every time, curl's is the most frequent one.
    pub tries: usize,
    /// The headers of a request that [`Step::Echo`] shows.
    pub shows: &'static [&'static str],
    /// The URL is one of https.
    pub https: bool,
    /// The target speaks TLS.
    pub speaks_tls: bool,
    /// The other origin does.
    pub other_speaks_tls: bool,
    pub patience: Duration,
    /// The verdict says how long the response asks to wait.
    pub shows_wait: bool,
}

/// What the target does. After its last step it waits until the other side closes. In bytes that it sends, `{port}` is
/// its own port, and `{other}` that of the other origin.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads a request to the end of its body.
    Request,
    /// Reads the head of a request, and leaves its body unread.
    Head,
    /// Waits until something comes, and leaves it unread.
    Touched,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes one by one.
    Trickle(Vec<u8>),
    /// Answers the last request with a 200 whose body says what was asked.
    Echo,
    /// Reads nothing any more, and keeps the connection.
    Ignore,
    /// Sends no more, which it says by TLS too.
    Finish,
    /// Closes. By TLS it does so without a word (`close_notify`).
    Close,
    /// Resets the connection.
    Reset,
}

impl Row {
    /// A GET without a body to a target that does this on its connections.
    pub fn new(name: &'static str, connections: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let call = Call {
            method: Method::Get,
            body: 0,
            headers: &[],
            basic: None,
            max_redirects: 0,
            times: 1,
            tries: 1,
            shows: &[],
            https: false,
            speaks_tls: false,
            other_speaks_tls: false,
            patience: Duration::from_secs(30),
            shows_wait: false,
        };
        let connections = connections.into_iter().collect();
        Self { name, call, connections, other: Vec::new(), curl: "", ours: "", reason: None }
    }

    /// A GET that is answered with these bytes.
    pub fn answer(name: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        Self::new(name, [vec![Step::Request, Step::Send(bytes.as_ref().to_vec())]])
    }

    /// One more step on the last connection.
    pub fn then(mut self, step: Step) -> Self {
        self.connections.last_mut().unwrap().push(step);
        self
    }

    pub fn method(mut self, method: Method) -> Self {
        self.call.method = method;
        self
    }

    /// A POST with a body of so many bytes.
    pub fn posts(mut self, body: usize) -> Self {
        self.call.body = body;
        self.method(Method::Post)
    }

    pub fn body(mut self, body: usize) -> Self {
        self.call.body = body;
        self
    }

    pub fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.call.headers = headers;
        self
    }

    pub fn basic(mut self, username: &'static str, password: &'static str) -> Self {
        self.call.basic = Some((username, password));
        self
    }

    pub fn follows(mut self, redirects: u8) -> Self {
        self.call.max_redirects = redirects;
        self
    }

    pub fn shows(mut self, headers: &'static [&'static str]) -> Self {
        self.call.shows = headers;
        self
    }

    /// Another origin, with one connection.
    pub fn other(mut self, steps: Vec<Step>) -> Self {
        self.other.push(steps);
        self
    }

    /// The same by TLS.
    pub fn other_by_tls(mut self, steps: Vec<Step>) -> Self {
        self.call.other_speaks_tls = true;
        self.other(steps)
    }

    pub fn twice(mut self) -> Self {
        self.call.times = 2;
        self
    }

    pub fn tries(mut self, tries: usize) -> Self {
        self.call.tries = tries;
        self
    }

    /// By TLS.
    pub fn tls(mut self) -> Self {
        self.call.speaks_tls = true;
        self.https()
    }

    /// The URL says https. The target does not speak TLS.
    pub fn https(mut self) -> Self {
        self.call.https = true;
        self
    }

    /// The end never comes, and is not waited for long.
    pub fn stalls(mut self) -> Self {
        self.call.patience = Duration::from_secs(2);
        self
    }

    pub fn shows_wait(mut self) -> Self {
        self.call.shows_wait = true;
        self
    }

    /// Both have this verdict.
    pub fn both(self, verdict: &'static str) -> Self {
        self.fail(verdict, verdict)
    }

    /// Both fail, each with its own name for that.
    pub fn fail(mut self, curl: &'static str, ours: &'static str) -> Self {
        (self.curl, self.ours) = (curl, ours);
        self
    }

    /// The verdicts differ, for this reason.
    pub fn differ(mut self, curl: &'static str, ours: &'static str, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self.fail(curl, ours)
    }
}

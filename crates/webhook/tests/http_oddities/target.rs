//! A target that does on bare sockets what a row says.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::row::{Row, Step};
use crate::wire::Wire;

/// A target, which is gone when this value is.
pub struct Target {
    stage: Arc<Stage>,
    _serving: JoinSet<()>,
}

/// What the connections of a target share.
struct Stage {
    scheme: &'static str,
    port: u16,
    other: u16,
    shows: &'static [&'static str],
    requests: AtomicUsize,
    surplus: AtomicUsize,
    /// How many connections do something other than to wait for the other side.
    acting: watch::Sender<usize>,
}

impl Target {
    pub async fn start(row: &Row) -> Self {
        let (listener, other) = (listen().await, listen().await);
        let stage = Arc::new(Stage {
            scheme: if row.call.https { "https" } else { "http" },
            port: port(&listener),
            other: port(&other),
            shows: row.call.shows,
            requests: AtomicUsize::new(0),
            surplus: AtomicUsize::new(0),
            acting: watch::Sender::new(0),
        });
        let mut serving = JoinSet::new();
        let mut serve_on = |listener, scripts: &[Vec<Step>], speaks_tls| {
            serving.spawn(serve(listener, scripts.to_vec(), speaks_tls, Arc::clone(&stage)));
        };
        serve_on(listener, &row.connections, row.call.speaks_tls);
        serve_on(other, &row.other, row.call.other_speaks_tls);
        Self { stage, _serving: serving }
    }

    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}/a/b?q=1", self.stage.scheme, self.stage.port)
    }

    /// Requests that were read.
    pub fn requests(&self) -> usize {
        self.stage.requests.load(Ordering::Relaxed)
    }

    /// Connections that the row does not know of.
    pub fn surplus(&self) -> usize {
        self.stage.surplus.load(Ordering::Relaxed)
    }

    /// Waits until all connections wait for the other side, which has been told of all that they did.
    pub async fn rests(&self) {
        self.stage.acting.subscribe().wait_for(|acting| *acting == 0).await.unwrap();
        // News of sockets come in their order. So this one comes behind those of the connections.
        let listener = listen().await;
        let (dialed, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        accepted.unwrap().0.write_all(b"!").await.unwrap();
        dialed.unwrap().read_u8().await.unwrap();
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

async fn serve(listener: TcpListener, scripts: Vec<Vec<Step>>, speaks_tls: bool, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    let mut scripts = scripts.into_iter();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Some(script) = scripts.next() else {
            stage.surplus.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let stage = Arc::clone(&stage);
        stage.acting.send_modify(|acting| *acting += 1);
        connections.spawn(async move {
            // What fails here is what the other side makes of it.
            if let Ok(wire) = Wire::accept(stream, speaks_tls).await {
                let _ = play(wire, script, &stage).await;
            }
            stage.acting.send_modify(|acting| *acting -= 1);
        });
    }
}

/// What was asked.
#[derive(Default)]
struct Asked {
    head: String,
    body: usize,
}

async fn play(mut wire: Wire, script: Vec<Step>, stage: &Stage) -> io::Result<()> {
    let mut asked = Asked::default();
    for step in script {
        match step {
            Step::Request => {
                asked = stage.waiting(head(&mut wire)).await?;
                stage.requests.fetch_add(1, Ordering::Relaxed);
                stage.waiting(drain(&mut wire, asked.body)).await?;
            }
            Step::Head => {
                asked = stage.waiting(head(&mut wire)).await?;
                stage.requests.fetch_add(1, Ordering::Relaxed);
            }
            Step::Touched => stage.waiting(wire.touched()).await?,
            Step::Send(bytes) => wire.write(&stage.filled(&bytes)).await?,
            Step::Trickle(bytes) => {
                for byte in bytes.chunks(1) {
                    wire.write(byte).await?;
                }
            }
            Step::Echo => wire.write(stage.echo(&asked).as_bytes()).await?,
            Step::Ignore => stage.waiting(std::future::pending()).await,
            Step::Finish => wire.finish().await?,
            Step::Close => return Ok(()),
            Step::Reset => return wire.reset(),
        }
    }
    stage.waiting(drain(&mut wire, usize::MAX)).await
}

/// Reads a request's head.
async fn head(wire: &mut Wire) -> io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if wire.read(&mut byte).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = fields(&head).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body = length.map_or(0, |(_, value)| value.parse().unwrap());
    Ok(Asked { head, body })
}

fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().skip(1).filter_map(|line| line.split_once(": "))
}

/// Reads so many bytes.
async fn drain(wire: &mut Wire, mut bytes: usize) -> io::Result<()> {
    let mut buffer = vec![0; 8 * 1024];
    while bytes > 0 {
        let most = bytes.min(buffer.len());
        match wire.read(&mut buffer[..most]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes -= read,
        }
    }
    Ok(())
}

impl Stage {
    /// Awaits what is for the other side to do.
    async fn waiting<F: Future>(&self, future: F) -> F::Output {
        self.acting.send_modify(|acting| *acting -= 1);
        let output = future.await;
        self.acting.send_modify(|acting| *acting += 1);
        output
    }

    /// The bytes with the ports in their places.
    fn filled(&self, bytes: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let [first, behind @ ..] = rest {
            let names = [("{port}", self.port), ("{other}", self.other)];
            match names.into_iter().find_map(|(name, port)| Some((rest.strip_prefix(name.as_bytes())?, port)))
            {
                Some((behind, port)) => {
                    filled.extend_from_slice(port.to_string().as_bytes());
                    rest = behind;
                }
                None => {
                    filled.push(*first);
                    rest = behind;
                }
            }
        }
        filled
    }

    /// A response that says what was asked: method, path, bytes of the body, and the headers that are to be shown.
    fn echo(&self, asked: &Asked) -> String {
        let mut words = asked.head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let mut text = format!("{method} {path}");
        if asked.body > 0 {
            text += &format!(" with {} bytes", asked.body);
        }
        for show in self.shows {
            for (name, value) in fields(&asked.head).filter(|(name, _)| name.eq_ignore_ascii_case(show)) {
                text += &format!(", {}: {value}", name.to_ascii_lowercase());
            }
        }
        let text =
            text.replace(&format!(":{}", self.port), ":PORT").replace(&format!(":{}", self.other), ":OTHER");
        let body = if method == "HEAD" { "" } else { text.as_str() };
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", text.len())
    }
}

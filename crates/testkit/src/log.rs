//! What a process has logged so far.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::soon;

/// What a process has logged so far.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    changed: Arc<watch::Sender<()>>,
}

impl Log {
    /// Reads a stream to its end, in a task of its own.
    pub(crate) fn read(&self, stream: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.lines.lock().unwrap().push(line);
                log.changed.send_replace(());
            }
        })
    }

    /// The first line with this message, as JSON.
    pub(crate) async fn find(&self, message: &str) -> Value {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                for line in self.lines.lock().unwrap().iter() {
                    let line: Value = serde_json::from_str(line).unwrap_or_default();
                    if line["message"] == message {
                        return line;
                    }
                }
                let _ = changed.changed().await;
            }
        };
        soon(&format!("the log to say {message:?}"), waiting).await
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

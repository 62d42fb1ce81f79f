//! The key of this node for commands on its machine, such as `chronos key bootstrap`: whoever can read the data directory
//! may do all, as they could do by themselves. It is another one after each start, and no other node knows it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chronos_engine::OwnKey;
use chronos_env::Env;
use chronos_state::private;
use chronos_types::{KeyName, Role, Token, TokenKind};

/// The file in the data directory that has the token.
const FILE: &str = "local-token";

/// The key of this node.
pub(super) struct LocalKey(Token);

impl LocalKey {
    /// A new one.
    pub(super) fn new(env: &Env) -> Self {
        Self(Token::new(TokenKind::Key, env.random_bytes(), env.random_bytes()))
    }

    /// As the ring of keys has it.
    pub(super) fn own(&self) -> OwnKey {
        OwnKey {
            id: self.0.id(),
            name: KeyName::unchecked("local".to_owned()),
            role: Role::Admin,
            hash: self.0.hash(),
            expires_at: None,
            per_second: None,
            scope: None,
            is_configured: false,
        }
    }

    /// Writes it into the data directory, for its owner alone to read.
    pub(super) async fn write(self, directory: &Path, env: &Env) -> io::Result<()> {
        let path = path(directory);
        let write = move || {
            let mut file = private::create(&path)?;
            file.write_all(self.0.secret().as_bytes())?;
            file.write_all(b"\n")
        };
        env.blocking(write).await
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

/// The token of the node whose data directory this is, for a command on the same machine.
///
/// # Errors
/// It is not there, or not to be read by this user. The error is one sentence for the person at the terminal.
pub fn local_token(directory: &Path) -> Result<String, String> {
    let path = path(directory);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!(
            "{}: {error}; expected the token of a node that runs on this machine with auth, read by its user",
            path.display()
        )
    })?;
    Ok(text.trim().to_owned())
}

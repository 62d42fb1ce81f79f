//! The client against a server that answers as it is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test asks the machine itself")]

mod calls;
mod connections;
mod errors;

use chronos_client::{Client, Tcp};
use chronos_testkit::Receiver;

fn client(server: &Receiver) -> Client {
    Client::new(format!("127.0.0.1:{}", server.port()), Tcp).unwrap()
}

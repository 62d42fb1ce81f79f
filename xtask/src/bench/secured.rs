//! What a fire costs with auth, sealing and signing, against the same build and the same jobs without these: the two
//! take turns.
//!
//! Both servers get their jobs through the API, because what is sealed is sealed there. The jobs are what is typical of
//! production: each has a bearer token of its own, which is sealed in it, and signs what it sends by a named secret.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chronos_client::api::Secret;
use chronos_client::{Client, Method, StatusCode};
use chronos_types::{Token, TokenKind};
use serde_json::{Value, json};

use super::batches::wait_for_version;
use super::jobs::{Job, scattered};
use super::server::{Server, free_addresses};
use super::sink::Sink;
use super::table::Table;
use super::turns::{Load, Turn, Turns, in_turn, watch};
use super::{api, data_directory, now_ms};
use crate::Result;

/// The target: so many times what a fire costs without.
const CPU_TIMES: f64 = 1.1;
/// From the last job to the first instant, where each takes as long as it may.
const LEAD_MS: i64 = 10_000;
/// How long creating a job may take, with so many clients.
const A_JOB_MS: usize = 1;
const CLIENTS: usize = 32;
/// How long it may take until a server has gone through what is there and sealed it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What seals: 32 bytes in base64.
const ENCRYPTION_KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
/// What signs, as many bytes.
const SIGNING_KEY: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// Runs the benchmark.
pub async fn run(load: Load) -> Result<Table> {
    let sink = Sink::start()?;
    let mut all = Turns::new(load.turns, ["secured", "open"]);
    for is_secured in in_turn(load.turns) {
        all.add(is_secured, measure(&sink, load, is_secured).await?);
    }
    let Load { jobs, rate, seconds, turns } = load;
    let mut table = Table::new(format!(
        "bench fire --secured: {jobs} jobs, {rate} fires/s for {seconds} s, {turns} turns; as is typical of \
         production, each job has a bearer token of its own, sealed where it stands, and signs by a named secret, and \
         the node asks for keys; the reference is the same build and the same jobs without these"
    ));
    all.tell(&mut table, CPU_TIMES);
    Ok(table)
}

/// Measures one of the two once.
async fn measure(sink: &Sink, load: Load, is_secured: bool) -> Result<Turn> {
    sink.reset().await?;
    let directory = data_directory()?;
    let server =
        if is_secured { secured(directory.path()).await? } else { Server::start(directory.path()).await? };
    wait_for_version(&server.api).await?;
    if is_secured {
        wait_until_sealed(&server.api).await?;
        write_secret(&server.api, sink.address).await?;
    }
    let start = now_ms() + LEAD_MS + i64::try_from(load.jobs * A_JOB_MS)?;
    let jobs = scattered(0, load.jobs, load.rate, start);
    let bodies = jobs.map(|job| body(&job, sink.address, is_secured)).collect::<Result<Vec<_>>>()?;
    api::create_all(&server.api, bodies, CLIENTS).await?;
    watch(&server, sink, load, start).await
}

/// Starts a server that asks for a key of its configuration, and has an encryption key.
async fn secured(directory: &Path) -> Result<Server> {
    let file = directory.join("encryption.key");
    std::fs::write(&file, ENCRYPTION_KEY)?;
    let token = Token::new(TokenKind::Key, [7; 8], [9; 32]);
    let hash: String = token.hash().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let settings = [
        ("CHRONOS_AUTH__API_KEYS", format!("[{{name: bench, role: admin, key_sha256: \"{hash}\"}}]")),
        ("CHRONOS_SECURITY__ENCRYPTION_KEYS", format!("[\"{}\"]", file.display())),
    ];
    let mut server = Server::spawn(directory, free_addresses(1)?[0], &settings)?.ready().await?;
    server.api = server.api.clone().token(token.secret())?;
    Ok(server)
}

/// Waits until a server seals what is written, and has gone through what was there before.
async fn wait_until_sealed(client: &Client) -> Result<()> {
    let begun = Instant::now();
    loop {
        let sealing = client.encryption().await?.sealing;
        if sealing.as_ref().is_some_and(|sealing| sealing.ended_at.is_some()) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("after {PATIENCE:?} not all is sealed: {sealing:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Writes the secret that signs. It must be sealed: else this would measure something else.
async fn write_secret(client: &Client, sink: SocketAddr) -> Result<()> {
    let secret = json!({"value": SIGNING_KEY, "hosts": [sink.ip().to_string()]});
    let headers = [("content-type", "application/json")];
    let answer = client.request(Method::PUT, "/api/v1/secrets/signing", &headers, secret.to_string()).await?;
    let secret: Secret = answer.expect(&[StatusCode::CREATED])?.json()?;
    if secret.sealed { Ok(()) } else { Err("the secret is kept in the clear".into()) }
}

/// What creates a job: as it is, or with a token of 64 characters and a signature.
fn body(job: &Job, sink: SocketAddr, is_secured: bool) -> Result<Bytes> {
    let body = job.to_json(sink);
    if !is_secured {
        return Ok(body);
    }
    let mut secured: Value = serde_json::from_slice(&body)?;
    secured["webhook"]["auth"] = json!({"type": "bearer", "token": format!("{:x<64}", job.name)});
    secured["webhook"]["signing"] = json!({"secret": "{{secret.signing}}"});
    Ok(secured.to_string().into())
}

#[cfg(test)]
mod tests {
    use chronos_client::api::TestRequest;
    use chronos_types::SigningKey;

    use super::*;

    fn read(n: usize, is_secured: bool) -> Value {
        let body = body(&Job::numbered(n, "@every 1s"), ([127, 0, 0, 1], 9).into(), is_secured);
        serde_json::from_slice(&body.unwrap()).unwrap()
    }

    #[test]
    fn a_secured_job_is_the_same_but_for_its_token_and_its_signature() {
        let mut job = read(7, true);
        let webhook = job["webhook"].as_object_mut().unwrap();
        let auth = webhook.remove("auth").unwrap();
        assert_eq!(webhook.remove("signing"), Some(json!({"secret": "{{secret.signing}}"})));
        assert_eq!(job, read(7, false));
        assert_eq!(auth["token"].as_str().unwrap().len(), 64);
        assert_ne!(read(8, true)["webhook"]["auth"], auth, "each has its own");
    }

    #[test]
    fn the_api_takes_a_secured_webhook_and_the_key_that_signs() {
        let webhook = &read(7, true)["webhook"];
        assert!(TestRequest::parse(&json!({"webhook": webhook})).is_ok(), "{webhook:#}");
        assert!(SigningKey::parse(SIGNING_KEY).is_ok());
    }
}

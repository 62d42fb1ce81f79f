//! What the benchmarks ask of a server beside the calls of its client: jobs that are created from bodies made
//! before, so that what is measured is the server.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chronos_client::{Answer, Client, Connection, Method, StatusCode, Tcp};
use serde_json::Value;

use crate::Result;

const JOBS: &str = "/api/v1/jobs";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// A client of the server at an address. Cheap to clone; connections are shared.
pub fn client(address: std::net::SocketAddr) -> Result<Client> {
    // As many as there are requests under way at once.
    Ok(Client::new(address.to_string(), Tcp)?.keep(512))
}

/// Creates a job.
pub async fn create(client: &Client, job: Bytes) -> Result<()> {
    created(&client.request(Method::POST, JOBS, &JSON, job).await?)
}

/// Creates a job over one connection: a load that takes little of the machine.
pub async fn create_over(connection: &mut Connection, job: Bytes) -> Result<()> {
    created(&connection.request(Method::POST, JOBS, &JSON, job).await?)
}

fn created(answer: &Answer) -> Result<()> {
    if answer.status == StatusCode::CREATED {
        Ok(())
    } else {
        Err(format!("POST {JOBS}: {}: {}", answer.status, answer.text()).into())
    }
}

/// Creates jobs, `clients` at a time.
pub async fn create_all(client: &Client, jobs: Vec<Bytes>, clients: usize) -> Result<()> {
    let jobs = Arc::new(Mutex::new(jobs));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (client, jobs) = (client.clone(), Arc::clone(&jobs));
        tasks.spawn(async move {
            loop {
                let next = jobs.lock().map_err(|error| error.to_string())?.pop();
                let Some(job) = next else {
                    return Ok::<(), Box<dyn std::error::Error + Send + Sync>>(());
                };
                create(&client, job).await?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Reads a page as JSON.
pub async fn json(client: &Client, path: &str) -> Result<Value> {
    Ok(serde_json::from_str(&client.text(path).await?)?)
}

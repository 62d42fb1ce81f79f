//! Who does not listen loses the connection, and nobody waits for them

use chronos_client::{Client, Tcp};
use futures::stream::{self, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use super::*;

/// More than wait for one who listens, with what the machine keeps of a connection.
const EVENTS: usize = 12_000;

fn dropped(metrics: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("chronos_event_listeners_dropped_total{reason=\"slow\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn one_that_does_not_read_is_dropped_and_the_others_hear_everything() {
    let server = server().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut silent = socket.connect(server.address()).await.unwrap();
    let request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    silent.write_all(request).await.unwrap();
    let mut stream = listen(&server, types(&["job.created"])).await;
    begun(&server, &mut stream).await;
    let client = Client::new(server.address().to_string(), Tcp).unwrap();
    let create = |n: usize| {
        let client = client.clone();
        async move {
            let job = manual(&format!("{n:0200}"), json!({"url": "http://127.0.0.1:9/"}));
            let job = serde_json::from_value(job).unwrap();
            client.create_job(&job, None).await.unwrap();
        }
    };
    let creating = stream::iter(0..EVENTS).map(create).buffer_unordered(32).for_each(|()| async {});
    let hearing = async {
        for _ in 0..EVENTS {
            next(&mut stream).await;
        }
    };
    tokio::join!(creating, hearing);
    until("the silent one to be dropped", || async {
        (dropped(&server.root("/metrics").await.body) == 1).then_some(())
    })
    .await;
    // What was sent by then can be read, and then it is over: it did not come to an end.
    let mut rest = Vec::new();
    let _ = soon("the connection to end", silent.read_to_end(&mut rest)).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "an end says that nothing is missing");
}

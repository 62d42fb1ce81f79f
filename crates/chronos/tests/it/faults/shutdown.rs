//! SIGTERM: attempts under way end and are reported, then the process goes

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::*;

#[tokio::test]
async fn sigterm_waits_for_the_attempt_under_way_and_reports_it() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/held", [Answer::ok().after(&gate)]);
    server.create(&manual("held", json!({"url": receiver.url("/held")}))).await;
    let id = server.trigger("held").await["id"].as_str().unwrap().to_owned();
    receiver.next("/held").await;
    server.terminate();
    server.logged("stopping: no new attempts; waiting for those under way").await;
    // It still answers while it waits, and says what for.
    assert_eq!(server.execution("held", &id).await["completed_at"], Value::Null);
    let ready = server.root("/ready").await;
    assert_eq!((ready.status, &ready.json()["reason"]), (503, &json!("this node is stopping")));
    gate.open();
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0));
    let server = server.again().await;
    let execution = server.execution("held", &id).await;
    assert_eq!((&execution["status"], &execution["attempts"]), (&json!("success"), &json!(1)));
    assert_eq!(receiver.calls("/held").len(), 1, "it is not delivered again");
}

#[tokio::test]
async fn nothing_new_is_fired_while_it_stops() {
    let (receiver, mut server) = (Receiver::start().await, CHRONOS.start().await);
    let gate = Gate::closed();
    receiver.script("/held", [Answer::ok().after(&gate)]);
    server.create(&manual("held", json!({"url": receiver.url("/held")}))).await;
    server
        .create(&json!({
            "name": "often", "schedule": "@every 1s", "webhook": {"url": receiver.url("/often")},
            "missed_runs": "execute_all",
        }))
        .await;
    server.trigger("held").await;
    receiver.next("/held").await;
    receiver.next("/often").await;
    server.terminate();
    server.logged("stopping: no new attempts; waiting for those under way").await;
    let before = receiver.calls("/often").len();
    // Runs planned before the signal are due in the two seconds after it: they must not go out.
    let due = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(4_200);
    until("four instants to pass", || async { (jiff::Timestamp::now() > due).then_some(()) }).await;
    // Some may have left between the word of it and the end of the firing.
    assert!(receiver.calls("/often").len() <= before + 2);
    gate.open();
    assert_eq!(server.ended().await.code(), Some(0));
    // And none of them is forgotten.
    let fired = receiver.calls("/often").len();
    let server = server.again().await;
    receiver.wait_for("/often", fired + 2).await;
    let mut times: Vec<jiff::Timestamp> = server
        .executions("often", fired + 2)
        .await
        .iter()
        .map(|execution| execution["scheduled_time"].as_str().unwrap().parse().unwrap())
        .collect();
    times.reverse();
    for pair in times.windows(2) {
        assert_eq!(
            pair[1] - pair[0],
            jiff::SignedDuration::from_secs(1),
            "no instant without a record: {times:?}"
        );
    }
}

#[tokio::test]
async fn ctrl_c_stops_it_in_order_too() {
    let mut server = CHRONOS.start().await;
    server.signal(Signal::INT);
    assert_eq!(server.ended().await.code(), Some(0));
    server.logged("stopped").await;
}

/// Who stops looks for so long at a connection on which nothing is asked, before it closes it.
const LINGER: Duration = Duration::from_millis(200);

/// Asks on one connection after another for as long as there is somebody; answers how often.
async fn asking(address: std::net::SocketAddr) -> usize {
    let mut answered = 0;
    while let Ok(stream) = tokio::net::TcpStream::connect(address).await {
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        let driving = tokio::spawn(connection);
        let (mut taken, mut last) = (false, Instant::now());
        loop {
            let request = hyper::Request::get("/health").header("host", "chronos");
            let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
            let response = match sender.send_request(request).await {
                Ok(response) => response,
                // It was in the kernel's queue, and never taken from it; or we were not run for so long
                // that nobody could wait for us.
                Err(_) if !taken || last.elapsed() > LINGER => return answered,
                Err(error) => panic!("{error:?} in place of an answer, and no word before it"),
            };
            (taken, last) = (true, Instant::now());
            answered += 1;
            let closes = response.headers().get("connection").is_some_and(|value| value == "close");
            http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
            if closes {
                break;
            }
        }
        driving.await.unwrap().unwrap();
    }
    answered
}

#[tokio::test]
async fn a_client_is_told_before_its_connection_is_closed() {
    let mut server = CHRONOS.start().await;
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(asking(server.address()))).collect();
    until("some answers", || async { server.root("/health").await.json().is_object().then_some(()) }).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

//! When connections are made, kept and given up.

use chronos_client::{Client, Method, Tcp};
use chronos_testkit::{Receiver, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client;

#[tokio::test]
async fn a_connection_is_used_again_unless_each_request_is_to_have_its_own() {
    for (keep, connections) in [(1, 1), (0, 3)] {
        let server = Receiver::start().await;
        let client = client(&server).keep(keep);
        for _ in 0..3 {
            client.request(Method::GET, "/", &[], "").await.unwrap();
        }
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test]
async fn calls_at_once_have_a_connection_each_and_share_them_afterwards() {
    let server = Receiver::start().await;
    let client = client(&server);
    for _ in 0..2 {
        let call = || client.request(Method::GET, "/", &[], "");
        let (one, other) = tokio::join!(call(), call());
        assert!(one.is_ok() && other.is_ok());
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(listener.local_addr().unwrap().to_string(), Tcp).unwrap();
    // One request a connection, and no word in the answer that it is closed.
    let serving = async {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            stream.shutdown().await.unwrap();
            // Until the client has closed it too: it knows then.
            assert_eq!(stream.read(&mut request).await.unwrap(), 0);
        }
    };
    let asking = async {
        for _ in 0..3 {
            assert_eq!(client.request(Method::GET, "/", &[], "").await.unwrap().text(), "ok");
        }
    };
    soon("three answers", async { tokio::join!(serving, asking) }).await;
}

#[tokio::test]
async fn a_connection_of_its_own_serves_one_request_after_the_other() {
    let server = Receiver::start().await;
    let mut connection = client(&server).connection().await.unwrap();
    for n in 0..3 {
        let body = format!("{n}");
        let answer =
            connection.request(Method::POST, "/mine", &[("X-Own", "yes")], body.clone()).await.unwrap();
        assert_eq!(answer.status, 200);
        let call = server.next("/mine").await;
        assert_eq!((call.body, call.headers.len()), (body, 3));
    }
    assert_eq!(server.connections(), 1);
}

//! The certificate of the API is that of its files, also when these change

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::http2::{https, try_connect};
use crate::support::tls::Authority;
use crate::support::*;

#[tokio::test]
async fn the_api_shows_a_new_certificate_once_its_files_have_it() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = https(&old, |setup| setup).await;
    let mut kept = try_connect(&server, &old, &[]).await.unwrap();
    assert!(try_connect(&server, &new, &[]).await.is_err());
    let (certificate, key) = new.sign().pem();
    // While they are replaced, the two files do not fit.
    server.setup().file("cert.pem", &certificate);
    let line = server.logged("the API keeps its certificate, since its files cannot be used").await;
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("server.http.tls.key_file") && error.contains("key.pem"), "{line}");
    assert!(try_connect(&server, &old, &[]).await.is_ok());
    server.setup().file("key.pem", &key);
    server.logged("the API has a new certificate").await;
    assert!(try_connect(&server, &new, &[]).await.is_ok());
    assert!(try_connect(&server, &old, &[]).await.is_err());
    // Whoever is connected stays so.
    kept.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("an answer", kept.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&answer));
}

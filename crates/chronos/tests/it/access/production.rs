//! The set-up for production of `docs/security.md` is written there, and done here

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::api::http2::try_connect;
use crate::support::tls::Authority;
use crate::support::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
/// How clients call the node there.
const CALLED: &str = "chronos.example.com:8443";
/// 32 bytes in base64.
const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
/// The node runs already with its encryption key, and each request is told, an argument a line.
const STAND_INS: &str = r#"set -e
chronos() { [ "$1" = server ] || "$BINARY" "$@"; }
openssl() { echo "$KEY"; }
curl() { printf '%s\n' "$@" done; }
"#;

/// The first block of code of a kind in the section.
fn block(kind: &str) -> String {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (_, section) = document.split_once("\n## In production\n").unwrap();
    let (_, rest) = section.split_once(&format!("\n```{kind}\n")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// What curl would send with these arguments.
fn request(arguments: &str) -> String {
    let (mut method, mut path, mut headers, mut body) = ("GET", "", String::new(), "");
    let mut arguments = arguments.lines();
    while let Some(argument) = arguments.next() {
        match argument {
            "-H" => headers += &format!("{}\r\n", arguments.next().unwrap()),
            "-d" => (method, body) = ("POST", arguments.next().unwrap()),
            url => path = url.strip_prefix(&format!("https://{CALLED}")).unwrap(),
        }
    }
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {CALLED}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn the_set_up_for_production_works_as_it_is_documented() {
    let authority = Authority::new();
    let setup = CHRONOS.setup();
    let (certificate, key) = authority.sign().pem();
    setup.file("server.key", &key);
    setup.file("encryption.key", KEY);
    let etc = setup.file("server.crt", &certificate).parent().unwrap().to_str().unwrap().to_owned();
    let config = block("yaml").replace("/etc/chronos", &etc);
    let data = setup.data().to_owned();
    let server = setup.yaml(&config).start().await;
    let script = format!("{STAND_INS}{}", block("sh").replace("/etc/chronos", &etc));
    let told = until("the cluster to take a key", || async {
        let mut shell = Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(&script)
            .env_clear()
            .env("BINARY", CHRONOS.path())
            .env("KEY", KEY)
            .kill_on_drop(true);
        shell.env("CHRONOS_SERVER__HTTP__ADDRESS", server.address().to_string());
        shell.env("CHRONOS_CLUSTER__DATA_DIR", &data);
        let done = soon("the commands", shell.output()).await.unwrap();
        done.status.success().then(|| String::from_utf8(done.stdout).unwrap())
    })
    .await;
    let requests: Vec<_> = told.split_terminator("done\n").map(request).collect();
    assert_eq!(requests.len(), 2, "{told}");
    for (request, good) in requests.iter().zip([" 201 ", " 200 "]) {
        let mut stream = try_connect(&server, &authority, &["http/1.1"]).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = soon("an answer", stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.get(8..13) == Some(good), "{request}\n{answer}");
    }
    let line = server.logged("audit").await;
    assert_eq!(line["what"], "key.create", "{line}");
}

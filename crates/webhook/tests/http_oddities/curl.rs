//! The verdict of the real curl.

use std::collections::BTreeMap;
use std::process::Stdio;

use chronos_types::Method;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::row::{Call, Row};
use crate::target::Target;
use crate::verdict::Verdict;

/// The version of Debian 12.
pub const VERSION: &str = "7.88.1";
/// What curl waits for before a retry where the response asks for nothing.
const OWN_WAIT: u64 = 1;

/// Fails where there is no curl, or one of another version.
pub async fn expect_version() {
    let output = Command::new("curl").arg("--version").output().await.expect("curl is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.split(' ').nth(1), Some(VERSION), "the verdicts are those of curl {VERSION}: {text}");
}

/// What comes of a row. Where that is chance, it is what comes of it most often.
pub async fn verdict(row: Row) -> String {
    let mut counts = BTreeMap::new();
    for _ in 0..row.call.tries {
        *counts.entry(once(&row).await).or_insert(0) += 1;
    }
    let (verdict, _) = counts.into_iter().max_by_key(|(_, count)| *count).expect("a try");
    verdict
}

async fn once(row: &Row) -> String {
    let target = Target::start(row).await;
    let mut child = start(&row.call, &target, &[]);
    send_body(&row.call, &mut child).await;
    let output = child.wait_with_output().await.unwrap();
    let code = output.status.code().expect("an exit code");
    // Each call ends with its status, and the last one is that of the last call.
    let statuses = String::from_utf8(output.stderr).unwrap();
    let status = statuses.get(statuses.len().saturating_sub(3)..).unwrap_or_default();
    let is_shown = row.call.method != Method::Head;
    let body = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict = Verdict {
        failure: (code != 0).then(|| format!("exit {code}")),
        status: status.parse().unwrap(),
        body: Some(body).filter(|_| is_shown).unwrap_or_default(),
        requests: target.requests(),
        surplus: target.surplus(),
        wait: if row.call.shows_wait { wait(row).await } else { 0 },
    };
    verdict.to_string()
}

/// For how many seconds it would wait before it tried again.
async fn wait(row: &Row) -> u64 {
    let target = Target::start(row).await;
    let mut child = start(&row.call, &target, &["--no-silent", "--no-progress-meter", "--retry", "1"]);
    send_body(&row.call, &mut child).await;
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut wait = OWN_WAIT;
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, behind)) = line.split_once("Will retry in ") {
            // A negative one is none.
            wait = behind.split(' ').next().unwrap().parse::<i64>().unwrap().try_into().unwrap_or(OWN_WAIT);
            break;
        }
    }
    child.kill().await.unwrap();
    if wait == OWN_WAIT { 0 } else { wait }
}

/// Starts curl with what the row asks. The body of the last response comes to its standard output, and the status of
/// each to its standard error.
fn start(call: &Call, target: &Target, more: &[&str]) -> Child {
    let mut command = Command::new("curl");
    command.args([
        "--disable",
        "--silent",
        "--noproxy",
        "*",
        "--insecure",
        "--write-out",
        "%{stderr}%{http_code}",
    ]);
    command.args(["--max-time", &call.patience.as_secs().to_string()]);
    match call.method {
        Method::Head => command.arg("--head"),
        // With a body this is what curl does by itself, and what it may change at a redirect.
        Method::Get | Method::Post => &mut command,
        method => command.args(["--request", method.as_str()]),
    };
    if call.body > 0 || call.method == Method::Post {
        command.args(["--data-binary", "@-"]);
    }
    for (name, value) in call.headers {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    if let Some((username, password)) = call.basic {
        command.args(["--user", &format!("{username}:{password}")]);
    }
    if call.max_redirects > 0 {
        command.args(["--location", "--max-redirs", &call.max_redirects.to_string()]);
    }
    if call.times > 1 {
        // The next call begins when the target has done what it does behind the one before.
        command.args(["--rate", "120/m"]);
    }
    command.args(more);
    for last in 1..=call.times {
        command.args(["--output", if last == call.times { "-" } else { "/dev/null" }, &target.url()]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().expect("curl is installed")
}

async fn send_body(call: &Call, child: &mut Child) {
    let mut input = child.stdin.take().unwrap();
    // It may have ended already.
    let _ = input.write_all("b".repeat(call.body).as_bytes()).await;
}

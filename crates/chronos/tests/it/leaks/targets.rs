//! Targets that repeat what they were sent, in every way that one may

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::credentials::Credentials;
use crate::support::*;

/// How a target writes what it repeats.
#[derive(Clone, Copy, Debug)]
pub enum Written {
    Plain,
    Base64,
    Base64ForUrls,
    Percent,
    PercentAll,
    Json,
    JsonAll,
    Html,
    HtmlAll,
    HtmlAllHexadecimal,
}

impl Written {
    pub const ALL: [Self; 10] = [
        Self::Plain,
        Self::Base64,
        Self::Base64ForUrls,
        Self::Percent,
        Self::PercentAll,
        Self::Json,
        Self::JsonAll,
        Self::Html,
        Self::HtmlAll,
        Self::HtmlAllHexadecimal,
    ];

    /// A text, written so.
    pub fn text(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Base64 => STANDARD.encode(text),
            Self::Base64ForUrls => URL_SAFE_NO_PAD.encode(text),
            Self::Percent => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            Self::PercentAll => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            Self::Json => serde_json::to_string(text).unwrap(),
            Self::JsonAll => text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
            Self::Html => {
                let signs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
                signs.iter().fold(text.to_owned(), |text, (sign, reference)| text.replace(sign, reference))
            }
            Self::HtmlAll => text.chars().map(|sign| format!("&#{};", u32::from(sign))).collect(),
            Self::HtmlAllHexadecimal => {
                text.chars().map(|sign| format!("&#x{:X};", u32::from(sign))).collect()
            }
        }
    }
}

/// What a target does with a call: the first part of the path says which.
pub const WAYS: [&str; 20] = [
    "echo",
    "page",
    "again",
    "away",
    "elsewhere",
    "head",
    "status",
    "length",
    "coding",
    "wait",
    "reset",
    "cut",
    "plain-cut-1",
    "plain-cut-9",
    "plain-cut-20",
    "base64-cut-9",
    "base64-cut-24",
    "percent-cut-20",
    "json-cut-30",
    "html-cut-30",
];

/// All targets.
pub struct Targets {
    /// What most webhooks call, and what gives tokens.
    pub main: Receiver,
    /// Another origin, to which the first one redirects.
    pub other: Receiver,
    /// What is reached through the proxy.
    pub behind_proxy: Receiver,
    /// What takes only clients with a certificate.
    pub mutual: Receiver,
}

impl Targets {
    /// Starts them. `kept` is what a node keeps of a body.
    pub async fn start(credentials: &Arc<Credentials>, mutual: Receiver, kept: usize) -> Self {
        let (main, other) = (Receiver::start().await, Receiver::start().await);
        let behind_proxy = Receiver::start_at([127, 0, 0, 2].into()).await;
        let elsewhere = other.url("/landed");
        for receiver in [&main, &behind_proxy, &mutual] {
            let (credentials, elsewhere) = (Arc::clone(credentials), elsewhere.clone());
            receiver.respond(move |call| answer(call, &credentials, &elsewhere, kept));
        }
        other.respond(|call| Answer::status(500).body(all_of(&text_of(call))));
        Self { main, other, behind_proxy, mutual }
    }

    /// All that was sent to those that may have it.
    pub fn calls(&self) -> String {
        let receivers = [&self.main, &self.behind_proxy, &self.mutual].into_iter();
        let calls = receivers
            .flat_map(|receiver| receiver.look(|calls| calls.iter().map(text_of).collect::<Vec<_>>()));
        calls.collect::<Vec<_>>().join("\n")
    }
}

/// A call as it came, and as a target understands it.
pub fn text_of(call: &Call) -> String {
    let headers: String = call.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
    let basic = call.headers.iter().filter_map(|(_, value)| value.strip_prefix("Basic "));
    let basic: String =
        basic.filter_map(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok()).collect();
    let is_form = call.header("Content-Type").is_some_and(|kind| kind.contains("form"));
    let form = if is_form { of_form(&call.body) } else { String::new() };
    // Clients of OAuth encode both halves of it, and others do not.
    let pair = if path.ends_with("token") { decoded(&basic) } else { String::new() };
    let read = [decoded(&path.replace('+', "%2B")), of_form(query), form, pair, basic];
    format!("{} {}\n{headers}\n{}\n{}", call.method, call.target, call.body, read.join("\n"))
}

/// What forms and queries say.
fn of_form(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.as_bytes()).map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("\n")
}

/// A text as a part of a form says it.
fn decoded(text: &str) -> String {
    let one = text.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(one.as_bytes()).map(|(text, _)| text.into_owned()).collect()
}

/// A text in all ways.
fn all_of(text: &str) -> String {
    Written::ALL.map(|written| written.text(text)).join("\n")
}

fn answer(call: &Call, credentials: &Credentials, elsewhere: &str, kept: usize) -> Answer {
    let sent = text_of(call);
    let way = WAYS.into_iter().find(|way| call.target.contains(&format!("/{way}/"))).unwrap_or("echo");
    if call.path() == "/token" {
        // What it was sent is in the token's answer too; nothing of that is kept.
        let token = credentials.text("the token of the token server");
        return Answer::ok()
            .body(json!({"access_token": token, "expires_in": 3_600, "sent": sent}).to_string());
    }
    if call.path() == "/no-token" {
        return Answer::status(401)
            .body(json!({"error": "invalid_client", "error_description": sent}).to_string());
    }
    let attempt: u32 = call.header("X-Chronos-Attempt").map_or(2, |attempt| attempt.parse().unwrap());
    // One credential, where the whole is too long.
    let one = one_of(&sent, credentials);
    let in_url = |text: &str| Written::PercentAll.text(text);
    match way {
        "page" => Answer::status(500).header("Content-Type", "text/html").body(format!(
            "<html><body><pre>{}</pre>{}</body></html>",
            Written::Html.text(&sent),
            Written::HtmlAll.text(&one)
        )),
        "again" if attempt < 2 => {
            Answer::status(503).header("Retry-After", "0").body(Written::Json.text(&sent))
        }
        "away" => {
            let written =
                [in_url(&one), Written::Base64ForUrls.text(&sent), Written::Percent.text(&one)].join("/");
            Answer::redirect(302, &format!("{elsewhere}/{written}?all={}", Written::Percent.text(&sent)))
        }
        // The target itself gives nothing away.
        "elsewhere" => Answer::redirect(303, elsewhere).body(all_of(&one)),
        "head" => Answer::ok().header(&format!("bad name {one}"), &one),
        "status" => Answer::status(409).header("Set-Cookie", &one).header("X-Echo", &one).body(all_of(&one)),
        "length" => Answer::ok().header("Content-Length", &one),
        // Its body ends where the connection ends.
        "coding" => Answer::cut_short().header("Transfer-Encoding", &one),
        "wait" => Answer::status(503).header("Retry-After", &one).header("Content-Encoding", &one),
        "reset" => Answer::reset(),
        "cut" => Answer::cut_short().body(all_of(&one).repeat(2)),
        _ => match way.split_once("-cut-") {
            Some((written, before)) => {
                let written = match written {
                    "base64" => Written::Base64,
                    "percent" => Written::PercentAll,
                    "json" => Written::JsonAll,
                    "html" => Written::HtmlAll,
                    _ => Written::Plain,
                };
                // So much of it stands before the place where it is cut.
                let filler = "x ".repeat(kept)[..kept - before.parse::<usize>().unwrap()].to_owned();
                Answer::ok().body(format!("{filler}{}", written.text(&one)))
            }
            None => {
                let first = Answer::status(200).header("X-Echo", &one);
                // Each way of writing has its turn before the bound.
                let turn = usize::try_from(attempt).unwrap() + call.target.len();
                first.body(format!("{one}\n{}", written_from(turn, &one, &sent)))
            }
        },
    }
}

/// The credential alone in all ways, then all that was sent in each.
fn written_from(turn: usize, one: &str, sent: &str) -> String {
    let mut ways = Written::ALL;
    ways.rotate_left(turn % Written::ALL.len());
    let ones = ways.map(|written| written.text(one)).join("\n");
    let all = ways.map(|written| written.text(sent)).join("\n");
    format!("{ones}\n{all}")
}

/// A credential that was sent: the last one that stands there as it is.
fn one_of(sent: &str, credentials: &Credentials) -> String {
    let planted = credentials.planted().into_iter().map(|one| one.value);
    let found = planted.filter_map(|value| Some((sent.rfind(&value)?, value))).max();
    found.map_or_else(|| "nothing".to_owned(), |(_, value)| value)
}

//! Takes secrets out of what a target echoes, before anything of it is recorded or shown.
//!
//! A secret is found as it is, and as others write it: percent-encoded, with the escapes of JSON, with the references of
//! HTML, and in base64, wherever it begins among the bytes that were encoded. The same goes for the forms in which a request
//! has it: percent-encoded in its URL, and escaped in a body of JSON. A secret of less than eight bytes is left:
//! it stands in many a text by chance. Where a text was cut, what is left of a secret is found from eight characters on.
//! One that a target compresses, encrypts or writes backwards is not found.
//!
//! What is looked for is written out once there is a text to look in. Most runs have no credentials, or a target that says
//! less than a credential has, and pay nothing.

use std::borrow::Cow;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chronos_types::{Auth, REDACTED, SecretValues, TargetUrl, Webhook, sent_forms};

/// A shorter secret is left where it is.
const SHORTEST: usize = 8;
/// So many bytes at most a byte of a secret takes in a text: `&#1114111;`.
const WIDEST: usize = 10;
/// And so many at most in which one character is written: two escapes of JSON.
const WIDEST_WRITTEN: usize = 12;
/// What stands at the end of a text that was cut.
const CUT: char = '…';
/// The references of HTML that have names.
const NAMED: [(&str, char); 5] =
    [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\'')];

/// Finds secrets in texts: those that a request is made with.
#[derive(Default)]
pub(crate) struct Scrub<'a> {
    made_with: Option<(&'a Webhook, &'a SecretValues)>,
    /// Others, such as a token that was fetched for it.
    more: Vec<String>,
    needles: OnceLock<Needles>,
}

/// All that is looked for.
#[derive(Default)]
struct Needles {
    /// The longest first: where one is a part of another, all of that goes.
    all: Vec<Needle>,
    /// The bytes of the longest secret.
    longest: usize,
    /// The bytes with which one may begin in a text, a bit each.
    begins: [u64; 4],
}

/// What is looked for.
#[derive(PartialEq, Eq)]
struct Needle {
    text: Vec<char>,
    /// It is base64, which is written with two alphabets.
    is_base64: bool,
}

impl<'a> Scrub<'a> {
    /// Finds what a request is made with: named secrets, and the credentials that stand in the webhook.
    pub(crate) fn of(webhook: &'a Webhook, secrets: &'a SecretValues) -> Self {
        Self { made_with: Some((webhook, secrets)), ..Self::default() }
    }

    /// The same, and finds these too.
    pub(crate) fn and(&self, more: impl IntoIterator<Item = String>) -> Self {
        let more = self.more.iter().cloned().chain(more).collect();
        Self { made_with: self.made_with, more, needles: OnceLock::new() }
    }

    fn needles(&self) -> &Needles {
        self.needles.get_or_init(|| {
            let mut needles = Needles::default();
            if let Some((webhook, secrets)) = self.made_with {
                needles.add_all(webhook, secrets);
            }
            self.more.iter().for_each(|value| needles.add(value));
            needles.sorted()
        })
    }

    /// How much of a text has to be there behind the place where it is cut, so that no part of a secret is left before.
    pub(crate) fn margin(&self) -> usize {
        self.needles().longest * WIDEST
    }

    /// A text without secrets.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.len() < SHORTEST { Cow::Borrowed(text) } else { self.needles().text(text) }
    }
}

impl Needles {
    /// What a request is made with.
    fn add_all(&mut self, webhook: &Webhook, secrets: &SecretValues) {
        secrets.values().for_each(|value| self.add(value));
        // One may have named secrets in it. It is looked for as it was sent.
        webhook.credentials().for_each(|value| self.add(&secrets.filled(value)));
        let token_url = webhook.auth.as_ref().and_then(Auth::token_url);
        let in_urls = [Some(&webhook.url), token_url].into_iter().flatten().flat_map(TargetUrl::credentials);
        in_urls.for_each(|value| self.add(&secrets.filled(&value)));
    }

    fn sorted(mut self) -> Self {
        self.all.sort_by_key(|needle| std::cmp::Reverse(needle.text.len()));
        let Self { all, begins, .. } = &mut self;
        all.iter()
            .flat_map(Needle::begins)
            .for_each(|byte| begins[usize::from(byte >> 6)] |= 1 << (byte & 63));
        self
    }

    fn add(&mut self, value: &str) {
        if value.len() < SHORTEST {
            return;
        }
        // A target may encode once more what it was sent in another form: a line of the request, or a body of JSON.
        for sent in sent_forms(value) {
            self.longest = self.longest.max(sent.len());
            self.look_for(&sent, false);
            for before in 0..3 {
                self.look_for(&in_base64(&sent, before), true);
            }
        }
    }

    fn look_for(&mut self, text: &str, is_base64: bool) {
        let needle = Needle { text: text.chars().collect(), is_base64 };
        if !self.all.contains(&needle) {
            self.all.push(needle);
        }
    }

    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.all.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut out, mut done, mut at) = (String::new(), 0, 0);
        // The first byte of a character is none of those that follow in one.
        let may_begin = |byte: u8| self.begins[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1;
        while let Some(skipped) = text.as_bytes()[at..].iter().position(|byte| may_begin(*byte)) {
            at += skipped;
            match self.all.iter().find_map(|needle| needle.end(text, at)) {
                Some(end) => {
                    out.push_str(&text[done..at]);
                    out.push_str(REDACTED);
                    (done, at) = (end, end);
                }
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }
}

impl Needle {
    /// The bytes with which it may begin in a text: that of its first character, and those of the forms in which others
    /// write it.
    fn begins(&self) -> impl Iterator<Item = u8> {
        let mut bytes = [0; 4];
        let first = self.text.first().map(|first| first.encode_utf8(&mut bytes).as_bytes()[0]);
        let other = first.and_then(|first| match first {
            b' ' => Some(b'+'),
            b'+' if self.is_base64 => Some(b'-'),
            b'/' if self.is_base64 => Some(b'_'),
            _ => None,
        });
        first.into_iter().chain(other).chain(*b"%\\&")
    }

    /// Where it ends, if it begins at a place of a text.
    fn end(&self, text: &str, at: usize) -> Option<usize> {
        // A `%` of the secret may stand there as it is or encoded. Whoever writes it does one or the other.
        self.end_by(text, at, false).or_else(|| self.end_by(text, at, true))
    }

    fn end_by(&self, text: &str, mut at: usize, is_encoded: bool) -> Option<usize> {
        for (matched, wanted) in self.text.iter().enumerate() {
            let rest = &text[at..];
            if matched >= SHORTEST
                && let Some(left) = cut_within(rest)
            {
                return Some(at + left);
            }
            let plain = || self.plain(rest, *wanted);
            let length = match is_encoded {
                true => encoded(rest, *wanted).or_else(plain),
                false => plain().or_else(|| encoded(rest, *wanted)),
            };
            at += length?;
        }
        Some(at)
    }

    /// The bytes of a character that stands there as it is.
    fn plain(&self, rest: &str, wanted: char) -> Option<usize> {
        let found = rest.chars().next()?;
        let is_same = found == wanted || self.is_base64 && matches!((wanted, found), ('+', '-') | ('/', '_'));
        is_same.then(|| found.len_utf8())
    }
}

/// The bytes that are left where a text was cut here: none, or those of a part of an encoded character.
fn cut_within(rest: &str) -> Option<usize> {
    let cut =
        rest.char_indices().take(WIDEST_WRITTEN).find(|(_, found)| *found == CUT).map(|(place, _)| place);
    let end = cut.or_else(|| (rest.len() < WIDEST_WRITTEN).then_some(rest.len()))?;
    let mut left = rest[..end].bytes();
    let is_part = match left.next() {
        None => true,
        Some(b'%') => left.len() < 2 && left.all(|byte| byte.is_ascii_hexdigit()),
        Some(b'\\') => left.all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'u' | b'\\')),
        Some(b'&') => left.all(|byte| byte.is_ascii_alphanumeric() || byte == b'#'),
        Some(_) => false,
    };
    is_part.then_some(end)
}

/// The bytes of a character that stands there in one of the forms that others write it in.
fn encoded(rest: &str, wanted: char) -> Option<usize> {
    match *rest.as_bytes().first()? {
        b'+' => (wanted == ' ').then_some(1),
        b'%' => percent(rest, wanted),
        b'\\' => escaped(rest, wanted),
        b'&' => referred(rest, wanted),
        _ => None,
    }
}

fn percent(rest: &str, wanted: char) -> Option<usize> {
    let mut bytes = [0; 4];
    let bytes = wanted.encode_utf8(&mut bytes).as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        let written = rest.get(3 * place..3 * place + 3)?.strip_prefix('%')?;
        if hex(written)? != u32::from(*byte) {
            return None;
        }
    }
    Some(3 * bytes.len())
}

/// RFC 8259, section 7.
fn escaped(rest: &str, wanted: char) -> Option<usize> {
    let meant = match *rest.as_bytes().get(1)? {
        b'u' => {
            let first = hex(rest.get(2..6)?)?;
            if !(0xd800..0xdc00).contains(&first) {
                return (char::from_u32(first)? == wanted).then_some(6);
            }
            let second = hex(rest.get(6..12)?.strip_prefix("\\u")?)?.checked_sub(0xdc00)?;
            let both = 0x1_0000 + ((first - 0xd800) << 10) + second;
            return (char::from_u32(both)? == wanted).then_some(12);
        }
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        other @ (b'"' | b'\\' | b'/') => char::from(other),
        _ => return None,
    };
    (meant == wanted).then_some(2)
}

fn referred(rest: &str, wanted: char) -> Option<usize> {
    if let Some((name, meant)) = NAMED.iter().find(|(name, _)| rest.starts_with(name)) {
        return (*meant == wanted).then_some(name.len());
    }
    let end = rest.bytes().take(12).position(|b| b == b';')?;
    let number = rest.get(2..end).filter(|_| rest.starts_with("&#"))?;
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => hex(digits)?,
        None => number.parse().ok()?,
    };
    (char::from_u32(number)? == wanted).then_some(end + 1)
}

/// A number in hexadecimal digits alone.
fn hex(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// The characters of base64 that a text alone decides, where so many bytes stand before it in its group of three.
fn in_base64(text: &str, before: usize) -> String {
    let bytes = [&[0; 2][..before], text.as_bytes()].concat();
    let encoded = BASE64.encode(&bytes);
    // Six bits a character: those that share a byte with what stands before or behind are left out.
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded[from..to].to_owned()
}

/// Secrets are never shown.
impl std::fmt::Debug for Scrub<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scrub").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(values: &[&str]) -> Scrub<'static> {
        let mut needles = Needles::default();
        values.iter().for_each(|value| needles.add(value));
        Scrub { needles: OnceLock::from(needles.sorted()), ..Scrub::default() }
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secret = "pä/ss +&\"<'\\%41\n🦀";
        let scrub = scrub(&[secret]);
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let query = "p%C3%A4%2Fss+%2B%26%22%3C%27%5C%2541%0A%F0%9F%A6%80";
        let json = serde_json(secret);
        let ascii = "p\\u00e4\\/ss +&\\\"<'\\\\%41\\n\\ud83e\\udd80";
        let html = "pä/ss +&amp;&quot;&lt;&#39;\\%41\n🦀";
        let numbers: String = secret.chars().map(|c| format!("&#x{:X};", c as u32)).collect();
        for written in [secret, &percent, query, &json, ascii, html, &numbers] {
            let text = format!("<{written}>");
            assert_eq!(scrub.text(&text), "<[redacted]>", "{text}");
        }
    }

    /// A text as it stands in a string of JSON.
    fn serde_json(text: &str) -> String {
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
    }

    #[test]
    fn a_secret_in_base64_is_found_wherever_it_begins() {
        let secret = "correct>?horse~~battery";
        let scrub = scrub(&[secret]);
        for before in ["", "u", "us", "usr", "user:"] {
            for behind in ["", "x", "xy", ":more"] {
                let text = format!("{before}{secret}{behind}");
                let standard = BASE64.encode(&text);
                let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&text);
                for written in [standard.replace('/', "%2F"), standard, url] {
                    let shown = scrub.text(&written).into_owned();
                    assert!(shown.contains(REDACTED), "{text}: {shown}");
                    assert!(shown.len() <= REDACTED.len() + 20, "{text}: {shown}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let found = scrub(&["hunter2", "correct horse"]);
        for text in ["", "hunter2", "correct horsf", "a longer text without any", "%", "\\u", "&#;"] {
            assert_eq!(found.text(text), text);
        }
        assert_eq!(Scrub::default().text("correct horse"), "correct horse");
        assert_eq!(Scrub::default().margin(), 0);
    }

    #[test]
    fn what_is_left_of_a_secret_where_a_text_was_cut_goes_too() {
        let found = scrub(&["correct horse"]);
        assert_eq!(found.text("a correct%20hors"), "a [redacted]");
        assert_eq!(found.text("\"correct h…\""), "\"[redacted]…\"");
        assert_eq!(found.text("correct"), "correct");
    }

    #[test]
    fn what_is_left_of_a_secret_goes_where_an_encoded_character_was_cut() {
        let found = scrub(&["correct horse&battery"]);
        for text in [
            "correct horse&",
            "correct horse&am",
            "correct horse&#3",
            "correct horse&#x",
            "correct horse%",
            "correct horse%2",
            "correct horse\\",
            "correct horse\\u00",
        ] {
            assert_eq!(found.text(text), "[redacted]", "{text}");
            assert_eq!(found.text(&format!("{text}…")), "[redacted]…", "{text}");
        }
        assert_eq!(found.text("correct horse% is"), "correct horse% is");
    }

    #[test]
    fn a_secret_is_found_where_a_form_that_it_was_sent_in_is_encoded_once_more() {
        let secret = "pass+/&\"<'~%41=?word";
        let found = scrub(&[secret]);
        let in_query = "pass%2B%2F%26%22%3C%27~%2541%3D%3Fword";
        let in_json = "pass+/&\\\"<'~%41=?word";
        let in_segment = "pass+%2F&%22%3C%27~%2541=%3Fword";
        for sent in [in_query, in_json, in_segment] {
            let references: String = sent.chars().map(|c| format!("&#{};", c as u32)).collect();
            let percent: String = sent.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let html = sent.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;");
            for written in [sent, &references, &percent, &html, &serde_json(sent), &BASE64.encode(sent)] {
                let shown = found.text(written).into_owned();
                assert!(
                    shown.starts_with(REDACTED) && shown.len() < REDACTED.len() + 3,
                    "{written}: {shown}"
                );
            }
        }
    }

    #[test]
    fn of_secrets_in_each_other_the_longest_goes() {
        let found = scrub(&["password", "my-password-1"]);
        assert_eq!(found.text("a my-password-1 b password"), "a [redacted] b [redacted]");
    }

    #[test]
    fn a_secret_is_found_whatever_it_begins_with() {
        for (secret, written) in [
            (" 2345678", &[" 2345678", "+2345678", "%202345678"][..]),
            ("\"2345678", &["\"2345678", "\\\"2345678", "&quot;2345678", "%222345678"]),
            ("ü2345678", &["ü2345678", "\\u00fc2345678", "&#252;2345678", "%C3%BC2345678"]),
            ("🦀2345678", &["🦀2345678", "\\ud83e\\udd802345678", "%f0%9f%a6%802345678"]),
            ("\u{3ff}2345678", &["z78yMzQ1Njc4"]),
            ("~~~2345678", &["fn5+MjM0NTY3OA==", "fn5-MjM0NTY3OA"]),
        ] {
            for text in written {
                let shown = scrub(&[secret]).text(text).into_owned();
                assert!(shown.starts_with(REDACTED), "{secret:?} in {text}: {shown}");
            }
        }
        // In base64 it may begin with a character that has two forms.
        for text in ["eG/DqTIzNDU2Nzg=", "eG_DqTIzNDU2Nzg"] {
            assert!(scrub(&["oé2345678"]).text(text).starts_with("eG[redacted]"), "{text}");
        }
    }

    #[test]
    fn a_percent_of_a_secret_may_be_written_as_it_is() {
        let found = scrub(&["abc%2Fdef"]);
        for text in ["abc%2Fdef", "abc%252Fdef"] {
            assert_eq!(found.text(text), "[redacted]");
        }
    }
}

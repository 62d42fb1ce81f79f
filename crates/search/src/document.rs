//! What of a job is searched, and how it is written into the file.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter::once;

use chronos_state::{JobMark, JobSeq, JobTexts};
use chronos_types::{TargetUrl, is_credential_header};
use sha2::{Digest as _, Sha256};

use crate::fold::folded;

/// Stands between two texts, and for every control character but tabs and line ends. No text that is searched for
/// has one, so nothing is found across two texts.
pub(crate) const GAP: char = '\u{1}';
/// Before one or two characters with which a word begins.
const WORD: char = '\u{2}';
/// Around the host.
const HOST: char = '\u{3}';
/// Before the time zone.
const ZONE: char = '\u{4}';

/// A job as it is written into the file. `Debug` shows its number alone.
pub struct Entry {
    pub(crate) job: JobSeq,
    pub(crate) stamp: i64,
    /// What it is found by, with blanks between.
    pub(crate) keys: String,
    pub(crate) host: Option<String>,
    pub(crate) zone: String,
}

impl Entry {
    /// The entry of a job.
    #[must_use]
    pub fn new(job: JobSeq, mark: &JobMark, texts: &JobTexts<'_>) -> Self {
        let text = searched(texts);
        let host = host_of(&texts.url);
        let mut keys: BTreeSet<Key> = text.split(GAP).flat_map(triples).collect();
        keys.extend(host.iter().flat_map(|host| triples(&around(host))));
        for at in begins(&text) {
            let two: Vec<char> = text[at..].chars().take(2).take_while(|c| *c != GAP).collect();
            keys.extend((1..=two.len()).map(|count| begin(&two[..count])));
        }
        keys.insert(zone(&texts.timezone));
        let keys = keys.into_iter().map(|Key(key)| key).collect::<Vec<_>>().join(" ");
        Self { job, stamp: stamp(mark), keys, host, zone: texts.timezone.clone().into_owned() }
    }

    /// Roughly how many bytes it has.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.keys.len()
    }
}

/// What a job is found by, as it is written: one word to the tokenizer `ascii`, which takes what is no letter, digit or
/// character outside of ASCII for a blank. So each of these has a place beside all characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(String);

impl Key {
    fn new(characters: impl IntoIterator<Item = char>) -> Self {
        let written = |c: char| match c {
            c if !c.is_ascii() || c.is_ascii_alphanumeric() => c,
            // Private use: where a text has one, a job is named that is looked at in vain.
            c => char::from_u32(0xE000 + u32::from(c)).unwrap_or(c),
        };
        Self(characters.into_iter().map(written).collect())
    }

    /// As it is asked for.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// Each three characters of a text that stand in a row.
pub(crate) fn triples(text: &str) -> Vec<Key> {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(3).map(|triple| Key::new(triple.iter().copied())).collect()
}

/// One or two characters with which a word begins.
pub(crate) fn begin(characters: &[char]) -> Key {
    Key::new(once(WORD).chain(characters.iter().copied()))
}

/// A time zone.
pub(crate) fn zone(name: &str) -> Key {
    Key::new(once(ZONE).chain(folded(name).chars()))
}

/// A host as no part of one stands there.
pub(crate) fn around(host: &str) -> String {
    format!("{HOST}{host}{HOST}")
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("job", &self.job).finish_non_exhaustive()
    }
}

/// Tells one record of a job from another.
pub(crate) fn stamp(mark: &JobMark) -> i64 {
    let JobMark { id, version, updated_at } = mark;
    let mut digest = Sha256::new();
    digest.update(id.as_bytes());
    digest.update(version.to_be_bytes());
    digest.update(updated_at.to_be_bytes());
    let mut stamp = [0; 8];
    stamp.copy_from_slice(&digest.finalize()[..8]);
    i64::from_be_bytes(stamp)
}

/// All that is searched of a job, folded: its name, its description, each tag as `key=value`, and its URL.
pub(crate) fn searched(texts: &JobTexts<'_>) -> String {
    let JobTexts { name, description, tags, url, timezone: _ } = texts;
    let mut text = String::with_capacity(name.len() + description.len() + url.len() + 16);
    text.push(GAP);
    for part in [name, description] {
        text.push_str(&plain(part));
        text.push(GAP);
    }
    for (key, value) in tags {
        text.push_str(&plain(key));
        text.push('=');
        text.push_str(&plain(value));
        text.push(GAP);
    }
    text.push_str(&plain(&without_secrets(url)));
    text.push(GAP);
    folded(&text)
}

/// A tag as it stands there.
pub(crate) fn tag(key: &str, value: &str) -> String {
    folded(&format!("{}={}", plain(key), plain(value)))
}

/// A text without the characters that have a meaning here.
fn plain(text: &str) -> Cow<'_, str> {
    let is_meant = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if text.contains(is_meant) { text.replace(is_meant, "\u{1}").into() } else { text.into() }
}

/// Where words begin in a folded text: at letters and digits behind something else, and at each letter of a script
/// that has no capitals, since many of these put nothing between words.
pub(crate) fn begins(text: &str) -> impl Iterator<Item = usize> {
    let mut within = false;
    text.char_indices().filter_map(move |(at, c)| {
        let (was_within, is_word) = (within, c.is_alphanumeric());
        within = is_word;
        (is_word && (!was_within || has_no_capitals(c))).then_some(at)
    })
}

fn has_no_capitals(c: char) -> bool {
    c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase()
}

/// The host of a URL, as it is called.
pub(crate) fn host_of(url: &str) -> Option<String> {
    TargetUrl::parse(url).ok().map(|url| url.host().to_owned())
}

/// A URL without what may be secret in it: the values of parameters whose names are those of credentials. One that no
/// URL can be may have a password where today's rules allow none, and is left out where it looks like that.
fn without_secrets(url: &str) -> Cow<'_, str> {
    if url.contains('@') && TargetUrl::parse(url).is_err() {
        return "".into();
    }
    let Some((front, query)) = url.split_once('?') else { return url.into() };
    let mut shown = format!("{front}?");
    for (number, pair) in query.split('&').enumerate() {
        if number > 0 {
            shown.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if names_credential(name) => shown.extend([name, "="]),
            _ => shown.push_str(pair),
        }
    }
    shown.into()
}

fn names_credential(name: &str) -> bool {
    let decoded = url::form_urlencoded::parse(name.as_bytes()).next();
    decoded.is_some_and(|(name, _)| is_credential_header(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_searched_without_the_values_of_credentials() {
        for (url, shown) in [
            ("https://h/a", "https://h/a"),
            ("https://h/a?b=c&d", "https://h/a?b=c&d"),
            ("https://h/?api_key=hidden&x=1", "https://h/?api_key=&x=1"),
            ("https://h/?x=1&ACCESS_TOKEN=hidden", "https://h/?x=1&ACCESS_TOKEN="),
            ("https://h/?%74oken=hidden=hidden", "https://h/?%74oken="),
            ("https://h/?auth=hidden@h", "https://h/?auth="),
            ("https://u:hidden@h/", ""),
            ("https://h/me@h", "https://h/me@h"),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }

    #[test]
    fn words_begin_behind_other_characters_and_at_each_letter_without_capitals() {
        for (text, expected) in [
            ("", &[][..]),
            ("nightly-backup v2", &["ni", "ba", "v2"]),
            ("a_b", &["a_", "b"]),
            ("每日備份", &["每日", "日備", "備份", "份"]),
            ("db備份", &["db", "備份", "份"]),
            ("--", &[]),
        ] {
            let found: Vec<String> = begins(text).map(|at| text[at..].chars().take(2).collect()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}

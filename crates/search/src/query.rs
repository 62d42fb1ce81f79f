//! What is asked of the texts of jobs: whether a job is meant, and how the file is asked which may be.

use std::collections::BTreeSet;

use chronos_state::{JobTexts, TextCondition};
use chronos_types::TargetUrl;

use crate::document::{self, GAP, Key};
use crate::fold::folded;

/// A text of fewer characters is looked for at the begins of words.
const SHORT: usize = 3;
/// The file is asked for so many keys at most. More make it slower and the answer hardly shorter, and each job is looked
/// at again.
const MAX_KEYS: usize = 16;

/// What the texts of a job must be like. Every condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobQuery {
    text: Option<Text>,
    host: Option<String>,
    timezone: Option<String>,
    /// Not asked of the texts: the state has these in columns. They make the answer of the file shorter.
    tags: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    folded: String,
    /// It is looked for at the begins of words alone.
    at_begins: bool,
}

/// The host that a text names, as [`TargetUrl::host`] has it.
#[must_use]
pub fn host(text: &str) -> Option<String> {
    // The port of the scheme would go without a trace.
    if text.contains(':') && !text.ends_with(']') {
        return None;
    }
    let url = TargetUrl::parse(&format!("http://{text}/")).ok()?;
    (url.as_str() == format!("http://{}/", url.host())).then(|| url.host().to_owned())
}

impl JobQuery {
    /// Asks for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for jobs that have this text, in any case and script, as a part of their name, their description, a tag
    /// (`key=value`) or their URL. One or two characters are to be found where a word begins; if the first is no
    /// letter and no digit, anywhere.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let folded = folded(text);
        let is_short = folded.chars().count() < SHORT;
        let at_begins = is_short && folded.starts_with(char::is_alphanumeric);
        Self { text: Some(Text { folded, at_begins }), ..self }
    }

    /// Asks for jobs that call this host, as [`host`] reads it.
    #[must_use]
    pub fn host(self, host: String) -> Self {
        Self { host: Some(host), ..self }
    }

    /// Asks for jobs in this time zone. Its name may be in any case, as it may be in a job.
    #[must_use]
    pub fn timezone(self, name: String) -> Self {
        Self { timezone: Some(name), ..self }
    }

    /// The jobs that are asked for carry these tags, which somebody else sees to.
    #[must_use]
    pub fn tagged(self, tags: &[(String, String)]) -> Self {
        Self { tags: tags.to_vec(), ..self }
    }

    /// Whether anything is asked of the texts.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.text.is_some() || self.host.is_some() || self.timezone.is_some()
    }

    /// How the file is asked; none where it cannot help.
    pub(crate) fn expression(&self) -> Option<String> {
        let Self { text, host, timezone, tags } = self;
        let mut keys = Keys::default();
        match text {
            None => {}
            Some(Text { folded, at_begins: true }) => {
                keys.add(document::begin(&folded.chars().collect::<Vec<_>>()));
            }
            // Fewer than three characters give none.
            Some(Text { folded, at_begins: false }) => keys.cover(folded),
        }
        if let Some(host) = host {
            keys.cover(&document::around(host));
        }
        if let Some(timezone) = timezone {
            keys.add(document::zone(timezone));
        }
        for (key, value) in tags {
            // None goes from one text to the next.
            document::tag(key, value).split(GAP).for_each(|part| keys.cover(part));
        }
        keys.expression()
    }
}

impl TextCondition for JobQuery {
    fn holds(&self, texts: &JobTexts<'_>) -> bool {
        let Self { text, host, timezone, tags: _ } = self;
        timezone.as_ref().is_none_or(|zone| texts.timezone.eq_ignore_ascii_case(zone))
            && text.as_ref().is_none_or(|text| text.is_in(&document::searched(texts)))
            && host.as_ref().is_none_or(|host| document::host_of(&texts.url).as_ref() == Some(host))
    }
}

impl Text {
    fn is_in(&self, searched: &str) -> bool {
        let Self { folded, at_begins } = self;
        if *at_begins {
            document::begins(searched).any(|at| searched[at..].starts_with(folded))
        } else {
            searched.contains(folded)
        }
    }
}

/// What the jobs that are asked for are found by.
#[derive(Default)]
struct Keys(BTreeSet<Key>);

impl Keys {
    fn add(&mut self, key: Key) {
        if self.0.len() < MAX_KEYS {
            self.0.insert(key);
        }
    }

    /// Adds those of a text that together cover it, or as much of it as there is place for.
    fn cover(&mut self, text: &str) {
        let triples = document::triples(text);
        let last = triples.len().saturating_sub(1);
        for at in (0..last).step_by(3).chain([last]) {
            triples.get(at).cloned().into_iter().for_each(|key| self.add(key));
        }
    }

    /// All of them, as FTS5 reads it.
    fn expression(&self) -> Option<String> {
        let quoted: Vec<String> = self.0.iter().map(Key::quoted).collect();
        (!quoted.is_empty()).then(|| quoted.join(" AND "))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::*;

    fn texts(name: &'static str, description: &'static str, url: &'static str) -> JobTexts<'static> {
        JobTexts {
            name: name.into(),
            description: description.into(),
            tags: BTreeMap::from([(Cow::from("team"), Cow::from("Web"))]),
            url: url.into(),
            timezone: "Europe/Berlin".into(),
        }
    }

    #[test]
    fn a_text_is_found_in_name_description_tag_and_url_in_any_case_and_script() {
        let url = "https://API.example.com/Übung?token=hidden&a=b";
        let job = texts("nightly-Backup", "Straße 7, РЕЗЕРВ\nЗАВТРА 備份計劃", url);
        for (q, found) in [
            ("BACK", true),
            ("kup", true),
            ("strasse", true),
            ("резерв", true),
            ("рв\nза", true),
            ("份計劃", true),
            ("team=web", true),
            ("m=w", true),
            ("api.EXAMPLE", true),
            ("/übung?", true),
            ("a=b", true),
            ("hidden", false),
            ("backupstr", false),
            ("webhttps", false),
            ("europe", false),
            // One or two characters begin a word.
            ("ni", true),
            ("N", true),
            ("ba", true),
            ("ac", false),
            ("ig", false),
            ("計劃", true),
            ("劃", true),
            ("7", true),
            ("-", true),
            ("//", true),
            ("r", false),
        ] {
            assert_eq!(JobQuery::new().text(q).holds(&job), found, "{q:?}");
        }
    }

    #[test]
    fn a_host_and_a_time_zone_are_found_exactly() {
        let job = texts("a", "", "https://API.example.com:8443/x");
        let by_host = |text: &str| JobQuery::new().host(host(text).expect(text)).holds(&job);
        assert!(by_host("api.example.com") && by_host("API.Example.COM"));
        assert!(!by_host("example.com") && !by_host("api.example.co"));
        for zone in ["Europe/Berlin", "europe/berlin"] {
            assert!(JobQuery::new().timezone(zone.into()).holds(&job));
        }
        assert!(!JobQuery::new().timezone("Europe".into()).holds(&job));
        for (text, expected) in [
            ("0x7f.1", Some("127.0.0.1")),
            ("[::1]", Some("[::1]")),
            ("h:80", None),
            ("h/x", None),
            ("", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
    }
}

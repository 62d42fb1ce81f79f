//! Finds credentials in what came out, however they are written

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::credentials::Credential;

/// Bytes with which a needle is looked up. None is shorter.
const BEGIN: usize = 8;
/// Bytes around a find that are told.
const AROUND: usize = 60;

/// Finds credentials in bytes.
pub struct Search {
    needles: Vec<Needle>,
    /// The places of needles, by the bytes with which they begin.
    by_begin: HashMap<[u8; BEGIN], Vec<usize>>,
    /// Whether one begins with two bytes.
    may_begin: Vec<bool>,
}

struct Needle {
    credential: String,
    form: &'static str,
    bytes: Vec<u8>,
}

/// A credential that was found: how it is written there, and what stands around it.
#[derive(Debug)]
pub struct Found {
    pub form: &'static str,
    pub around: String,
}

impl Search {
    /// Finds these.
    pub fn of(credentials: &[Credential]) -> Self {
        let mut search =
            Self { needles: Vec::new(), by_begin: HashMap::new(), may_begin: vec![false; 1 << 16] };
        for credential in credentials {
            for (form, bytes) in credential.parts.iter().flat_map(|part| forms(part)) {
                search.add(Needle { credential: credential.name.clone(), form, bytes });
            }
        }
        search
    }

    fn add(&mut self, needle: Needle) {
        let begin: [u8; BEGIN] = needle.bytes[..BEGIN].try_into().unwrap();
        self.may_begin[two(&begin)] = true;
        self.by_begin.entry(begin).or_default().push(self.needles.len());
        self.needles.push(needle);
    }

    /// Which of them are in these bytes, each once.
    pub fn found(&self, bytes: &[u8]) -> BTreeMap<&str, Found> {
        let mut found = BTreeMap::new();
        for (at, begin) in bytes.windows(BEGIN).enumerate() {
            if !self.may_begin[two(begin)] {
                continue;
            }
            let known = self.by_begin.get(begin).into_iter().flatten();
            for needle in known.map(|number| &self.needles[*number]) {
                if bytes[at..].starts_with(&needle.bytes) {
                    let around = &bytes[at.saturating_sub(AROUND)..bytes.len().min(at + AROUND)];
                    let around = String::from_utf8_lossy(around).escape_debug().to_string();
                    let what = Found { form: needle.form, around };
                    found.entry(needle.credential.as_str()).or_insert(what);
                }
            }
        }
        found
    }
}

fn two(begin: &[u8]) -> usize {
    usize::from(begin[0]) << 8 | usize::from(begin[1])
}

/// How a part may be written.
fn forms(part: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each =
        |write: &dyn Fn(u8) -> String| part.iter().map(|byte| write(*byte)).collect::<String>().into_bytes();
    let mut forms = vec![
        ("plain", part.to_vec()),
        ("hexadecimal", each(&|byte| format!("{byte:02x}"))),
        ("hexadecimal, capitals", each(&|byte| format!("{byte:02X}"))),
        ("percent-encoded", each(&|byte| format!("%{byte:02x}"))),
        ("percent-encoded, capitals", each(&|byte| format!("%{byte:02X}"))),
        ("percent-encoded twice", each(&|byte| format!("%25{byte:02x}"))),
        ("percent-encoded twice, capitals", each(&|byte| format!("%25{byte:02X}"))),
        ("escaped for JSON", each(&|byte| format!("\\u{byte:04x}"))),
        ("escaped for JSON, capitals", each(&|byte| format!("\\u{byte:04X}"))),
        // A text that is itself a string of JSON is escaped once more.
        ("escaped for JSON twice", each(&|byte| format!("\\\\u{byte:04x}"))),
        ("escaped for JSON twice, capitals", each(&|byte| format!("\\\\u{byte:04X}"))),
        ("escaped for JSON thrice", each(&|byte| format!("\\\\\\\\u{byte:04x}"))),
        ("escaped for JSON thrice, capitals", each(&|byte| format!("\\\\\\\\u{byte:04X}"))),
        ("references of HTML", each(&|byte| format!("&#{byte};"))),
        ("references of HTML, hexadecimal", each(&|byte| format!("&#x{byte:x};"))),
        ("references of HTML, hexadecimal capitals", each(&|byte| format!("&#x{byte:X};"))),
        ("a list of numbers", numbers(part, ",")),
        ("a list of numbers, with blanks", numbers(part, ", ")),
    ];
    for before in 0..3 {
        let standard = in_base64(part, before, |bytes| STANDARD_NO_PAD.encode(bytes));
        let url_safe = in_base64(part, before, |bytes| URL_SAFE_NO_PAD.encode(bytes));
        forms.push(("base64", standard));
        forms.push(("base64, safe for URLs", url_safe));
    }
    forms
}

/// As `serde` and `Debug` write bytes.
fn numbers(part: &[u8], between: &str) -> Vec<u8> {
    part.iter().map(u8::to_string).collect::<Vec<_>>().join(between).into_bytes()
}

/// The characters that the part alone decides where so many bytes stand before it in its group of three.
fn in_base64(part: &[u8], before: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let bytes = [&[0; 2][..before], part].concat();
    encode(&bytes).as_bytes()[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_vec()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;
    use crate::leaks::targets::Written;

    fn some() -> Vec<Credential> {
        vec![Credential::text("a"), Credential::text("b"), Credential::key("signing", "whsec_")]
    }

    /// Which are found in a text.
    fn names(text: &[u8]) -> Vec<String> {
        Search::of(&some()).found(text).into_keys().map(str::to_owned).collect()
    }

    #[test]
    fn a_credential_is_found_however_it_is_written_and_no_other_one_is() {
        for credential in some() {
            let value = &credential.value;
            let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
            let mut texts = vec![hex.to_uppercase(), hex, format!("{:?}", value.as_bytes())];
            texts.extend(Written::ALL.map(|written| written.text(value)));
            texts.extend(Written::ALL.map(|written| json(&written.text(value))));
            texts.extend(Written::ALL.map(|written| json(&json(&written.text(value)))));
            for before in ["", "u", "us", "use", "user:"] {
                for behind in ["", "x", "xy"] {
                    let text = format!("{before}{value}{behind}");
                    texts.extend([
                        STANDARD.encode(&text),
                        URL_SAFE.encode(&text),
                        URL_SAFE_NO_PAD.encode(&text),
                    ]);
                }
            }
            for text in texts {
                let text = format!("{{\"before\": \"{text}\", \"behind\": 1}}");
                assert_eq!(names(text.as_bytes()), [credential.name.as_str()], "{text}");
            }
        }
    }

    fn json(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    #[test]
    fn one_that_was_cut_is_found_and_so_is_its_other_end() {
        for credential in some() {
            for cut in [&credential.value[..18], &credential.value[credential.value.len() - 34..]] {
                let text = [b"\0\x01", cut.as_bytes(), b"\xff"].concat();
                let is_prefix = cut.starts_with("whsec_");
                assert_eq!(names(&text).is_empty(), is_prefix, "{cut}");
            }
        }
    }

    #[test]
    fn the_bytes_that_a_key_is_written_for_are_found() {
        let key = Credential::key("signing", "whsec_");
        let bytes = STANDARD.decode(key.value.strip_prefix("whsec_").unwrap()).unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [&bytes, hex.as_bytes(), format!("{bytes:?}").as_bytes()] {
            assert_eq!(names(&[b"x", text, b"y"].concat()), ["signing"]);
        }
    }

    #[test]
    fn where_there_is_none_none_is_found() {
        assert!(names(b"").is_empty() && names(b"short").is_empty());
        let others: String = (0..200).map(|number| Credential::text(&number.to_string()).value).collect();
        assert!(names(others.as_bytes()).is_empty());
    }
}

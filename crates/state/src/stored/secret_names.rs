//! The secrets that a stored webhook names.
//!
//! `apply` finds them, so the rule is part of what commands mean: another rule needs a new version of the cluster. It
//! takes each text for itself, as it was written.

use std::collections::BTreeSet;

use super::webhook::{StoredAuth, StoredClientCertificate, StoredSigning, StoredWebhook};

/// So many names of one webhook count at most. Whoever writes a job takes fewer.
const MOST: usize = 64;
const MOST_BYTES: usize = 63;
const WORD: &str = "secret.";

/// The names in the placeholders of its URL, the values of its headers, its body, its credentials, its certificate and what
/// it is signed with.
pub(crate) fn of(webhook: &StoredWebhook<'_>) -> BTreeSet<String> {
    let StoredWebhook { url, headers, body, auth, signing, client_certificate, sealed, .. } = webhook;
    let mut names = BTreeSet::new();
    // Whoever sealed them says which there are.
    names.extend(sealed.iter().flat_map(|sealed| &sealed.secrets).take(MOST).cloned());
    let mut look = |text: &str| find(text, &mut names);
    look(url);
    headers.iter().for_each(|(_, value)| look(value));
    body.iter().for_each(|body| look(body));
    match auth {
        None => {}
        Some(StoredAuth::Bearer { token: secret } | StoredAuth::ApiKey { api_key: secret, .. }) => {
            look(secret)
        }
        Some(StoredAuth::Basic { username, password }) => {
            look(username);
            look(password);
        }
        Some(StoredAuth::ClientCredentials(credentials)) => credentials.texts().for_each(&mut look),
    }
    if let Some(StoredClientCertificate { cert, key }) = client_certificate {
        look(cert);
        look(key);
    }
    if let Some(StoredSigning { secret, previous }) = signing {
        look(secret);
        previous.iter().for_each(|previous| look(&previous.secret));
    }
    names
}

fn find(text: &str, names: &mut BTreeSet<String>) {
    let blank = [' ', '\t'];
    let mut at = 0;
    while let Some(word) = text[at..].find(WORD).map(|place| at + place) {
        at = word + WORD.len();
        let (before, behind) = (&text[..word], &text[at..]);
        let is_of_names = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let length = behind.bytes().position(|b| !is_of_names(b)).unwrap_or(behind.len());
        let (name, rest) = behind.split_at(length);
        let is_open = before.trim_end_matches(blank).ends_with("{{") || before.ends_with("%7B%7B");
        let is_closed = rest.trim_start_matches(blank).starts_with("}}") || rest.starts_with("%7D%7D");
        if is_open && is_closed && (1..=MOST_BYTES).contains(&length) && names.len() < MOST {
            names.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_they_are_written() {
        for (text, found) in [
            ("", &[][..]),
            ("{{secret.a}} secret.b {{ secret.c-1_D }}{{secret.a}}", &["a", "c-1_D"]),
            ("https://h/%7B%7Bsecret.a%7D%7D/{{secret.b}}?k={{secret.c}}", &["a", "b", "c"]),
            ("{{secret.}} {{secret.ü}} {secret.a} {{secret.a} {{.secret.a}}", &[]),
        ] {
            let mut names = BTreeSet::new();
            find(text, &mut names);
            assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), found, "{text}");
        }
        let mut names = BTreeSet::new();
        let many: String = (0..100).map(|number| format!("{{{{secret.n{number}}}}}")).collect();
        find(&format!("{many}{{{{secret.{}}}}}", "x".repeat(64)), &mut names);
        assert_eq!(names.len(), MOST);
    }
}

//! What is planted. Each credential is of its own, and every encoding changes it

use std::sync::{Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// What stands inside of those that may be any text: each way of writing a text changes some of it.
const MIDDLE: &str = "+/&\"<'~%41=?";
/// The characters that begin and end such a text. They stay the same in a URL, in JSON and in HTML where nobody encodes
/// more than is needed.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const LETTERS_AT_AN_END: usize = 12;

/// A credential.
#[derive(Clone)]
pub struct Credential {
    /// Where it stands.
    pub name: String,
    /// The whole of it.
    pub value: String,
    /// What is searched for: its two ends, so that one that was cut is found too. What it is made of where it is itself an
    /// encoding.
    pub parts: Vec<Vec<u8>>,
}

impl Credential {
    /// One that may be any text.
    pub fn text(name: &str) -> Self {
        let end = |which: &str| -> String {
            let hash = Sha256::digest(format!("{which} of {name}"));
            let letters = hash.iter().take(LETTERS_AT_AN_END);
            letters.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
        };
        let (head, tail) = (end("head"), end("tail"));
        let parts = vec![head.clone().into_bytes(), tail.clone().into_bytes()];
        Self { name: name.to_owned(), value: format!("{head}{MIDDLE}{tail}"), parts }
    }

    /// 32 bytes in base64 behind a prefix: a key that signs or seals.
    pub fn key(name: &str, prefix: &str) -> Self {
        let key = |number: u32| Sha256::digest(format!("the key {name} {number}")).to_vec();
        let bytes = (0..).map(key).find(|bytes| is_of_letters(&STANDARD.encode(bytes)[..40])).unwrap();
        let text = STANDARD.encode(&bytes);
        let parts = vec![text.as_bytes()[..20].to_vec(), text.as_bytes()[20..40].to_vec(), bytes];
        Self { name: name.to_owned(), value: format!("{prefix}{text}"), parts }
    }

    /// A token that Chronos has made: its secret, as it is written and as bytes.
    pub fn token(name: &str, token: &str) -> Self {
        let secret = token.split('_').nth(2).unwrap_or_else(|| panic!("{name} is no token: {token}"));
        let digits = secret.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        let bytes: Vec<u8> = digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
        assert_eq!(bytes.len(), 32, "{name}");
        let parts = vec![secret.as_bytes()[..32].to_vec(), secret.as_bytes()[32..].to_vec(), bytes];
        Self { name: name.to_owned(), value: token.to_owned(), parts }
    }

    /// A private key on P-256, as PKCS #8 in PEM; none where parts of it look another way in a URL.
    pub fn private_key(name: &str, pem: &str) -> Option<Self> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let bytes = STANDARD.decode(&body).unwrap();
        // What stands before it is the same in all of them; what stands behind it is public.
        let (first, second) = (&body[48..64], &body[64..88]);
        let parts = vec![bytes[36..68].to_vec(), first.as_bytes().to_vec(), second.as_bytes().to_vec()];
        let value = pem.to_owned();
        (is_of_letters(first) && is_of_letters(second)).then(|| Self { name: name.to_owned(), value, parts })
    }
}

/// Whether nobody encodes a character of it who encodes no more than is needed.
fn is_of_letters(base64: &str) -> bool {
    base64.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// All that is planted so far.
#[derive(Default)]
pub struct Credentials(Mutex<Vec<Credential>>);

impl Credentials {
    fn all(&self) -> MutexGuard<'_, Vec<Credential>> {
        self.0.lock().unwrap()
    }

    /// Adds one. Answers its value.
    pub fn add(&self, credential: Credential) -> String {
        let mut all = self.all();
        let value = credential.value.clone();
        all.retain(|one| one.name != credential.name);
        all.push(credential);
        value
    }

    /// The value of one that may be any text. It is planted by being asked for.
    pub fn text(&self, name: &str) -> String {
        let known = self.all().iter().find(|one| one.name == name).map(|one| one.value.clone());
        known.unwrap_or_else(|| self.add(Credential::text(name)))
    }

    /// The value of one that is planted.
    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        let all = self.all();
        let found = all.iter().find(|one| one.name == name);
        found.unwrap_or_else(|| panic!("{name} is not planted")).value.clone()
    }

    /// All of them.
    pub fn planted(&self) -> Vec<Credential> {
        self.all().clone()
    }
}

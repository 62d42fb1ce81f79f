//! Sealed values. The first line says what the rest is: the `text` of one, a `key` in JSON, `credentials` in JSON, or a
//! `value` that is sealed. A sealed value opens in its place and as it was, and in no other way.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chronos_fuzz::{check_refusal, limit_memory};
use chronos_seal::{
    EncryptionKey, KEY_BYTES, Keyring, NONCE_BYTES, NewKey, OpenError, Owner, Place, Sealed, WrappedKey,
};
use chronos_types::{Credentials, JobId};
use libfuzzer_sys::fuzz_target;

const PLACE: Place<'_> = Place { object: "secret/github", field: "value" };
const ELSEWHERE: Place<'_> = Place { object: "secret/gitlab", field: "value" };

fuzz_target!(|input: &str| {
    limit_memory(input.len());
    let Some((what, rest)) = input.split_once('\n') else { return };
    match what {
        "text" => text(rest),
        "key" => key(rest),
        "credentials" => credentials(rest),
        "value" => value(rest),
        _ => {}
    }
});

fn ring() -> (Keyring, WrappedKey) {
    let ring = Keyring::new(vec![EncryptionKey::from([1; KEY_BYTES])]);
    let new = NewKey { id: [9; 8], bytes: [9; KEY_BYTES], nonce: [9; NONCE_BYTES] };
    let key = ring.data_key(new).expect("a key to wrap it with");
    (ring, key)
}

/// A nonce and a bit that follow from a value.
fn drawn(value: &str) -> ([u8; NONCE_BYTES], usize) {
    let sum = crc32fast::hash(value.as_bytes());
    let mut nonce = [7; NONCE_BYTES];
    nonce[..4].copy_from_slice(&sum.to_be_bytes());
    (nonce, sum as usize)
}

/// A sealed value has one text.
fn text(text: &str) {
    match Sealed::parse(text) {
        Ok(sealed) => {
            assert_eq!(sealed.to_text(), text);
            assert!(sealed.weight().abs_diff(text.len()) <= 4, "{} for {text}", sealed.weight());
            let (ring, key) = ring();
            // Who has no key makes up what is in the clear, and nothing else.
            assert_eq!(ring.open(&sealed, &PLACE, Some(&key)).is_ok(), sealed.key().is_none());
        }
        Err(error) => check_refusal(&error.to_string()),
    }
}

/// No data key is made up by one who does not have the encryption key.
fn key(json: &str) {
    match serde_json::from_str::<WrappedKey>(json) {
        Ok(key) => {
            let again = serde_json::to_string(&key).expect("plain data");
            assert_eq!(serde_json::from_str::<WrappedKey>(&again).expect("what was written"), key);
            let (ring, own) = ring();
            if key != own {
                let sealed = ring.seal("hunter2", &PLACE, &key, [3; NONCE_BYTES]);
                check_refusal(&sealed.expect_err("a key that nobody has wrapped").to_string());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn credentials(json: &str) {
    let Ok(credentials) = serde_json::from_str::<Credentials>(json) else { return };
    let (ring, key) = ring();
    let owner = Owner::Webhook(JobId::new(1, [0; 10]));
    let sealed = ring.seal_credentials(owner, &credentials, &key, [3; NONCE_BYTES]).expect("sealed");
    let opened = ring.open_credentials(owner, &sealed, Some(&key)).expect("opened");
    // They do not show what they are.
    assert!(opened == credentials);
    assert_eq!(opened.secrets(), credentials.secrets());
    let other = Owner::Webhook(JobId::new(2, [0; 10]));
    assert!(ring.open_credentials(other, &sealed, Some(&key)).is_err());
}

/// It opens where it was sealed. It does not elsewhere, nor with a bit changed in its text or in its bytes.
fn value(value: &str) {
    let (ring, key) = ring();
    let (nonce, bit) = drawn(value);
    let sealed = ring.seal(value, &PLACE, &key, nonce).expect("sealed");
    let open = |sealed: &Sealed, place| ring.open(sealed, place, Some(&key)).map(|value| value.to_string());
    let text = sealed.to_text();
    assert_eq!(open(&Sealed::parse(&text).expect("its text"), &PLACE).as_deref(), Ok(value));
    assert_eq!(open(&sealed, &ELSEWHERE), Err(OpenError::Damaged));

    if let Ok(text) = String::from_utf8(flipped(text.as_bytes(), bit))
        && let Ok(sealed) = Sealed::parse(&text)
    {
        open(&sealed, &PLACE).expect_err("a text of which a bit was changed");
    }
    let (front, bytes) = text.rsplit_once('.').expect("a text of three parts");
    let bytes = BASE64.decode(bytes).expect("base64");
    for changed in [flipped(&bytes, bit), bytes[..bytes.len() - 1].to_vec(), [&bytes[..], &[0]].concat()] {
        let sealed = Sealed::parse(&format!("{front}.{}", BASE64.encode(changed))).expect("a text");
        assert_eq!(open(&sealed, &PLACE), Err(OpenError::Damaged));
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

//! Reads certificates and keys from PEM files, with errors that name the file and what was expected.

mod forms;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use chronos_types::clip;
use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::path_error;

/// The most bytes of a file. All the authorities of a machine have some hundred thousand.
const MAX_BYTES: u64 = 16 << 20;
/// What a file of certificates is expected to be.
const CERTIFICATES: &str = "a file of PEM certificates";
/// What a file of a private key is expected to be.
const KEY: &str = "a private key in PEM";
/// The keys that our TLS can use.
const KINDS: &str = "RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, or Ed25519";

/// Reads all certificates of a file, in their order. There is at least one.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds no certificate.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(file, CERTIFICATES)?;
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&text).map(|found| found.map(forms::first_value)).collect();
    let found = found.map_err(|error| bad(file, in_words(&error), CERTIFICATES))?;
    if found.is_empty() {
        return Err(bad(file, "holds no certificate", CERTIFICATES));
    }
    Ok(found)
}

/// Reads the private key of a file.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds no private key.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(file, KEY)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        // The section of such a key has a label of its own, or headers between its lines.
        if text.windows(9).any(|part| part == b"ENCRYPTED") {
            return bad(file, "holds a private key with a passphrase", "one without, in PEM");
        }
        bad(file, in_words(&error), KEY)
    })
}

/// Adds all certificates of a file to the trusted roots, and returns them.
///
/// # Errors
/// As for [`certificates`], or a certificate cannot be an authority's.
pub fn add_roots(roots: &mut RootCertStore, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = certificates(file)?;
    for (certificate, number) in certificates.iter().zip(1..) {
        let added = roots.add(certificate.clone());
        added.map_err(|_| {
            let what = format!("certificate {number} in it is no X.509 certificate of version 3");
            bad(file, what, "certificates of an authority in PEM")
        })?;
    }
    Ok(certificates)
}

/// Why a certificate chain and a private key do not go together: the key of the configuration that is to blame
/// (`cert_file` or `key_file`), and the problem, which names its file.
#[must_use]
pub fn misfit(error: &rustls::Error, cert_file: &Path, key_file: &Path) -> (&'static str, String) {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            let what = "its first certificate is no X.509 certificate of version 3";
            ("cert_file", bad(cert_file, what, "the certificate of this node, and then those of its issuers"))
        }
        rustls::Error::InconsistentKeys(_) => {
            let expected = format!("the private key of the certificate in {}", cert_file.display());
            ("key_file", bad(key_file, "is the key of another certificate", &expected))
        }
        _ => ("key_file", bad(key_file, "holds a private key of a kind that cannot be used", KINDS)),
    }
}

/// The text of a file, in the form that the parser knows.
fn read(file: &Path, expected: &str) -> Result<Vec<u8>, String> {
    let open = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = open().map_err(|error| format!("{}; expected {expected}", path_error(file, &error)))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(bad(file, format!("has more than {MAX_BYTES} bytes"), expected));
    }
    Ok(forms::plain(&bytes))
}

/// What is wrong with a text that should be PEM, for somebody who does not know the parser.
fn in_words(error: &PemError) -> String {
    match error {
        PemError::NoItemsFound => "holds no private key".to_owned(),
        PemError::MissingSectionEnd { end_marker } => {
            let label = String::from_utf8_lossy(end_marker);
            format!("has no line \"-----END {}-----\", as a file that was cut short", clip(&label))
        }
        PemError::IllegalSectionStart { line } => {
            let line = String::from_utf8_lossy(line);
            format!("has the line {:?}, which begins no section", clip(&line))
        }
        PemError::Base64Decode(_) => "has something else than base64 between BEGIN and END".to_owned(),
        _ => "is not PEM".to_owned(),
    }
}

fn bad(file: &Path, problem: impl Display, expected: &str) -> String {
    format!("{} {problem}; expected {expected}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_in_words() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("file.pem");
        let certificate = |text: &[u8]| {
            std::fs::write(&file, text).expect("a file");
            certificates(&file).err().unwrap_or_default()
        };
        let none = "holds no certificate; expected a file of PEM certificates";
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (text, said) in [
            (&b""[..], none),
            (b"\x30\x82\x01\x0a", none),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", none),
            (cut.as_bytes(), "has no line \"-----END CERTIFICATE-----\", as a file that was cut short"),
            (
                b"-----BEGIN CERTIFICATE----\n",
                "has the line \"-----BEGIN CERTIFICATE----\", which begins no section",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n",
                "has something else than base64 between BEGIN and END",
            ),
        ] {
            let error = certificate(text);
            assert!(error.contains(said) && error.contains("file.pem"), "{error} lacks {said}");
            assert!(error.contains("expected a file of PEM certificates"), "{error}");
        }
        let whole = "\u{feff}-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n";
        assert_eq!(certificate(whole.as_bytes()), "", "a mark in front says nothing");

        let key = |text: &str| {
            std::fs::write(&file, text).expect("a file");
            private_key(&file).err().unwrap_or_default()
        };
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert!(key(locked).ends_with("holds a private key with a passphrase; expected one without, in PEM"));
        assert!(key("").ends_with("holds no private key; expected a private key in PEM"));
        let error = add_roots(&mut RootCertStore::empty(), directory.path()).expect_err("a directory");
        assert!(error.ends_with("is a directory; expected a file of PEM certificates"), "{error}");
        std::fs::write(&file, whole).expect("a file");
        let error = add_roots(&mut RootCertStore::empty(), &file).expect_err("no certificate");
        assert!(error.contains("certificate 1 in it is no X.509 certificate"), "{error}");
    }

    #[test]
    fn what_editors_and_other_tools_write_is_read() {
        let plainly = "-----BEGIN CERTIFICATE-----\nMAMBAgM=\n-----END CERTIFICATE-----\n";
        let utf_16: Vec<u8> =
            "\u{feff}".encode_utf16().chain(plainly.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let trusted =
            "-----BEGIN TRUSTED CERTIFICATE-----\nMAMBAgMJCQ==\n-----END TRUSTED CERTIFICATE-----\n";
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ca.crt");
        for text in [
            plainly.as_bytes(),
            plainly.replace('\n', "\r\n").as_bytes(),
            plainly.replace('\n', "\r").as_bytes(),
            plainly.replace('\n', " \t\n  ").as_bytes(),
            format!("\u{feff}{plainly}").as_bytes(),
            &utf_16,
            plainly.replace("CERTIFICATE", "X509 CERTIFICATE").as_bytes(),
            trusted.as_bytes(),
            format!("Certificate:\n    Data:\n{plainly}").as_bytes(),
        ] {
            std::fs::write(&file, text).expect("it is written");
            let found = certificates(&file).unwrap_or_else(|error| panic!("{error}: {text:?}"));
            assert_eq!(found, [CertificateDer::from(vec![0x30, 3, 1, 2, 3])], "{text:?}");
        }
    }
}

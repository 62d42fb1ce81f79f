//! Reads certificates and keys from PEM files, with errors that name the file and what was expected.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What OpenSSL and older tools write instead of `CERTIFICATE`. Behind a certificate that OpenSSL calls trusted lies what
/// it trusts it for.
const OTHER_LABELS: [&str; 2] = ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"];

/// Reads all certificates of a file, in their order. There is at least one.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds no certificate.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error: &dyn std::fmt::Display| {
        bad(file, &format_args!("{error}; expected a file of PEM certificates"))
    };
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    let found = CertificateDer::pem_slice_iter(&plain(&text)).collect::<Result<Vec<_>, _>>();
    let found: Vec<_> = found.map_err(|error| wrong(&error))?.into_iter().map(first_value).collect();
    if found.is_empty() {
        return Err(wrong(&"holds no certificate"));
    }
    Ok(found)
}

/// Reads the private key of a file.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds no private key.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let wrong =
        |error: &dyn std::fmt::Display| bad(file, &format_args!("{error}; expected a private key in PEM"));
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    PrivateKeyDer::from_pem_slice(&plain(&text)).map_err(|error| wrong(&error))
}

/// Adds all certificates of a file to the trusted roots, and returns them.
///
/// # Errors
/// As for [`certificates`], or a certificate cannot be an authority's.
pub fn add_roots(roots: &mut RootCertStore, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = certificates(file)?;
    for certificate in &certificates {
        let added = roots.add(certificate.clone());
        added.map_err(|error| {
            bad(file, &format_args!("{error}; expected certificates of an authority in PEM"))
        })?;
    }
    Ok(certificates)
}

/// The text as the parser knows it: without the marks that editors put before it (Windows' write UTF-16 too), without
/// blanks around its lines, and with the one label for certificates.
fn plain(text: &[u8]) -> Vec<u8> {
    let decoded = text.strip_prefix(&[0xff, 0xfe]).map(|units| {
        let units: Vec<_> =
            units.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        String::from_utf16_lossy(&units).into_bytes()
    });
    let text = decoded.as_deref().unwrap_or(text);
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut plain = Vec::with_capacity(text.len() + 1);
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.trim_ascii();
        let other = |edge: &str| {
            OTHER_LABELS.iter().any(|label| line == format!("-----{edge} {label}-----").as_bytes())
        };
        match line {
            [b'-', ..] if other("BEGIN") => plain.extend_from_slice(b"-----BEGIN CERTIFICATE-----"),
            [b'-', ..] if other("END") => plain.extend_from_slice(b"-----END CERTIFICATE-----"),
            line => plain.extend_from_slice(line),
        }
        plain.push(b'\n');
    }
    plain
}

/// The first value of what was read, which is the certificate, without what lies behind it.
fn first_value(der: CertificateDer<'static>) -> CertificateDer<'static> {
    match length(&der) {
        Some(length) if length < der.len() => CertificateDer::from(der[..length].to_vec()),
        _ => der,
    }
}

/// How long the value is that these bytes begin with, its tag and its length included (X.690, section 8.1.3).
fn length(der: &[u8]) -> Option<usize> {
    let first = usize::from(*der.get(1)?);
    if first < 0x80 {
        return Some(2 + first);
    }
    let bytes = first - 0x80;
    if !(1..=4).contains(&bytes) {
        return None;
    }
    let length = der.get(2..2 + bytes)?.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
    Some(2 + bytes + length)
}

fn bad(file: &Path, problem: &dyn std::fmt::Display) -> String {
    format!("{}: {problem}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_as_long_as_it_says() {
        for (der, expected) in [
            (&[0x30, 3, 1, 2, 3, 9, 9][..], Some(5)),
            (&[0x30, 0x81, 0x80], Some(131)),
            (&[0x30, 0x82, 1, 2, 0], Some(262)),
            (&[0x30, 0x80, 0, 0], None),
            (&[0x30, 0x82, 1], None),
            (&[0x30], None),
            (&[], None),
        ] {
            assert_eq!(length(der), expected, "{der:?}");
        }
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

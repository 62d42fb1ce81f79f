//! The forms in which editors and other tools write PEM files, brought into the one that the parser knows.

use rustls::pki_types::CertificateDer;

/// What OpenSSL and older tools write instead of `CERTIFICATE`. Behind a certificate that OpenSSL calls trusted lies what
/// it trusts it for.
const OTHER_LABELS: [&str; 2] = ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"];

/// The text as the parser knows it: without the marks that editors put before it (Windows' write UTF-16 too), without
/// blanks around its lines, and with the one label for certificates.
pub(super) fn plain(text: &[u8]) -> Vec<u8> {
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
pub(super) fn first_value(der: CertificateDer<'static>) -> CertificateDer<'static> {
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
}

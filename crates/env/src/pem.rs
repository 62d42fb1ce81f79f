//! Reads certificates and keys from PEM files, with errors that name the file and what was expected.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads all certificates of a file, in their order. There is at least one.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds no certificate.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| bad(file, &format_args!("{error}; expected a file of PEM certificates")))?;
    if found.is_empty() {
        return Err(bad(file, &"holds no certificate; expected a file of PEM certificates"));
    }
    Ok(found)
}

/// Reads the private key of a file.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds no private key.
pub fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| bad(file, &format_args!("{error}; expected a private key in PEM")))
}

/// Adds all certificates of a file to the trusted roots.
///
/// # Errors
/// As for [`certificates`], or a certificate cannot be an authority's.
pub fn add_roots(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|error| {
            bad(file, &format_args!("{error}; expected certificates of an authority in PEM"))
        })?;
    }
    Ok(())
}

fn bad(file: &Path, problem: &dyn std::fmt::Display) -> String {
    format!("{}: {problem}", file.display())
}

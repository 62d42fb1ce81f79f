//! The certificate that a webhook shows to its target.

use crate::{is_secret_reference, secrets_in};

/// A certificate and its key, each by the secret that holds it. Neither ever stands in a job itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `{{secret.NAME}}`: the certificate in PEM, and those of its issuers behind it.
    pub cert: String,
    /// `{{secret.NAME}}`: its private key in PEM.
    pub key: String,
}

impl ClientCertificate {
    /// Checks the texts. An error names the field inside `client_certificate`, and quotes nothing.
    ///
    /// # Errors
    /// The field and what was expected of it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.texts().try_for_each(|(field, text)| {
            let names = secrets_in(text).map_err(|error| (field, error.to_string()))?;
            // A word before it (`Bearer`) would be taken for a reference too.
            match names.len() == 1 && text.starts_with("{{") && is_secret_reference(text) {
                true => Ok(()),
                false => Err((
                    field,
                    "names no secret; expected {{secret.NAME}} alone, which holds PEM".to_owned(),
                )),
            }
        })
    }

    /// Its secrets, by their fields.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("cert", self.cert.as_str()), ("key", self.key.as_str())].into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_are_secrets_and_nothing_is_quoted() {
        let of = |cert: &str, key: &str| ClientCertificate { cert: cert.into(), key: key.into() }.check();
        assert_eq!(of("{{secret.cert}}", "{{ secret.key }}"), Ok(()));
        for bad in ["", "hunter2", "[redacted]", "x {{secret.a}}", "{{secret.a}}{{secret.b}}", "{{secret.}}"]
        {
            for (field, checked) in [("cert", of(bad, "{{secret.a}}")), ("key", of("{{secret.a}}", bad))] {
                let (found, message) = checked.expect_err(bad);
                assert!(found == field && message.contains("{{secret.NAME}}"), "{found}: {message}");
                assert!(!message.contains("hunter2"), "{message}");
            }
        }
    }
}

//! By what texts are compared: without their case, and whichever way their characters are put together.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// A text as it is compared: composed (NFC), with its case folded, and composed again, since a folded text may not be
/// (Unicode Standard, section 3.13, D145). All of a case that folds to several characters does: `ß` is found by `SS`.
/// The folding knows no language: a dotted capital `İ` is an `i` with a dot above it, and `ı` is no `i`.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfc = const { ComposingNormalizer::new_nfc() };
    let composed = nfc.normalize(text);
    let without_case = CaseMapper::new().fold_string(&composed);
    nfc.normalize(&without_case).into_owned()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn texts_that_differ_in_case_or_in_composition_are_the_same() {
        for same in [
            &["BACKUP", "backup", "Backup"][..],
            &["ÜBUNG", "übung", "u\u{308}bung", "U\u{308}BUNG"],
            &["Straße", "STRASSE", "STRAẞE", "strasse"],
            &["ΟΔΟΣ", "οδος", "οδοσ"],
            &["РЕЗЕРВНАЯ", "резервная"],
            &["ЙОД", "йод", "и\u{306}од"],
            &["ISTANBUL", "istanbul"],
            &["İ", "i\u{307}"],
            &["ﬁn", "FIN", "fin"],
            &["각", "\u{1100}\u{1161}\u{11a8}"],
            &["備份", "備份"],
            // Of two marks on one letter, the order that they were written in does not count.
            &["a\u{323}\u{302}", "a\u{302}\u{323}", "ậ"],
            &["Å", "\u{212b}", "å"],
            &["ᾼ", "ΑΙ", "αι"],
            &["Ꭰ", "ꭰ"],
            &["Ⴀ", "ⴀ"],
        ] {
            for text in same {
                assert_eq!(folded(text), folded(same[0]), "{text:?} and {:?}", same[0]);
            }
        }
    }

    #[test]
    fn texts_that_differ_otherwise_are_not() {
        for (one, other) in [
            ("u", "ü"),
            ("i", "ı"),
            ("İ", "i"),
            ("е", "e"),
            ("備", "备"),
            ("a", "ａ"),
            ("1", "²"),
            ("か", "カ"),
        ] {
            assert_ne!(folded(one), folded(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn what_is_folded_stays_as_it_is() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let once = folded(&c.to_string());
            assert_eq!(folded(&once), once, "{c:?}");
        }
    }

    /// A file that was written with another folding finds nothing of what has changed.
    #[test]
    fn the_folding_is_that_of_the_format_of_the_file() {
        let mut digest = Sha256::new();
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            digest.update(folded(&c.to_string()));
            digest.update([0]);
        }
        let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, FOLDING, "another release of Unicode: raise FORMAT in file.rs, and put this here");
    }

    /// What `folded` makes of each character, with format 1.
    const FOLDING: &str = "1172b6f7d5854d0cc9b2047a6a55def0e6dce14d57d85ecaa5466570be49f99a";
}

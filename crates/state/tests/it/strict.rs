//! What a batch says is read as it was meant, or not at all: nothing unknown is passed over, nothing cut short
//! is taken for something else, and no damage ends in a panic.

use chronos_state::{Batch, Outcome};
use chronos_testkit::load::Dice;

use crate::forms;

/// A text with one field more than it should have.
pub struct Object {
    pub text: String,
    /// Whether the field is in a map whose keys are the users' own.
    pub open: bool,
}

/// Adds a field to each object of a text, one after the other.
pub fn with_a_stranger(text: &str) -> Vec<Object> {
    let mut objects = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => {
                let (before, after) = text.split_at(at + 1);
                let comma = if after.starts_with('}') { "" } else { "," };
                let text = format!("{before}\"?\":0{comma}{after}");
                objects.push(Object { text, open: before.ends_with("\"tags\":{") });
            }
            _ => {}
        }
    }
    objects
}

#[test]
fn a_field_that_is_not_known_is_refused_wherever_it_is() {
    let batches = forms::batches().into_iter();
    let batches = batches.map(|(name, batch)| (name, String::from_utf8(batch.encode().unwrap()).unwrap()));
    let outcomes = forms::outcomes().into_iter();
    let outcomes = outcomes.map(|(name, outcome)| (name, serde_json::to_string(&outcome).unwrap()));
    let read_batch: fn(&str) -> String = |text| Batch::decode(text.as_bytes()).unwrap_err().to_string();
    let read_outcome: fn(&str) -> String =
        |text| serde_json::from_str::<Outcome>(text).unwrap_err().to_string();
    let texts = batches.map(|form| (form, read_batch)).chain(outcomes.map(|form| (form, read_outcome)));
    let (mut closed, mut open) = (0, 0);
    for ((name, text), read) in texts {
        for object in with_a_stranger(&text) {
            let error = read(&object.text);
            if object.open {
                // A tag that is no text.
                assert!(error.contains("invalid type: integer `0`"), "{name}: {error}");
                open += 1;
            } else {
                let says = ["unknown field `?`", "unknown variant `?`"];
                assert!(says.iter().any(|say| error.contains(say)), "{name}: {error}: {}", object.text);
                closed += 1;
            }
        }
    }
    assert!(closed > 300 && open > 0, "{closed} objects and {open} maps were tried");
}

/// How often each kind of damage is tried.
const TRIES: usize = 10_000;
/// A failure says which try of this seed it was.
const SEED: u64 = 20_261_126;

fn encoded() -> Vec<Vec<u8>> {
    forms::batches().into_iter().map(|(_, batch)| batch.encode().unwrap()).collect()
}

#[test]
fn a_batch_that_was_cut_is_never_read() {
    let (all, mut dice) = (encoded(), Dice::new(SEED));
    for number in 0..TRIES {
        let bytes = &all[dice.below(all.len())];
        let cut = &bytes[..dice.below(bytes.len())];
        let read = Batch::decode(cut);
        assert!(read.is_err(), "try {number}: {:?} was read as {read:?}", String::from_utf8_lossy(cut));
    }
}

/// A bit that flips in a number or in a text can make another number or text. The rows of the log and the
/// messages have checksums against that; here it must be read as what stands there, or not at all.
#[test]
fn a_flipped_bit_ends_in_an_error_or_in_a_batch_that_says_so() {
    let (all, mut dice) = (encoded(), Dice::new(SEED));
    let mut refused = 0;
    for number in 0..TRIES {
        let mut bytes = all[dice.below(all.len())].clone();
        let (place, bit) = (dice.below(bytes.len()), dice.below(8));
        bytes[place] ^= 1 << bit;
        match Batch::decode(&bytes) {
            Err(_) => refused += 1,
            Ok(batch) => {
                // Tags are in the order of their names, the letters of an id have no case, and blanks between
                // the parts of JSON say nothing.
                let parts = |bytes: &[u8]| {
                    let mut parts = bytes.to_ascii_lowercase();
                    parts.retain(|byte| !byte.is_ascii_whitespace());
                    parts.sort_unstable();
                    parts
                };
                let again = batch.encode().unwrap();
                assert_eq!(parts(&again), parts(&bytes), "try {number}: {}", String::from_utf8_lossy(&bytes));
            }
        }
    }
    assert!((TRIES / 2..TRIES).contains(&refused), "{refused} of {TRIES} were refused");
}

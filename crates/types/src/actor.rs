//! Who asks for a change, and what they say of it.

use std::net::IpAddr;

use crate::choice::choice;
use crate::{KeyId, KeyName, Trigger, clip};

choice! {
    /// What kind of actor asks.
    ActorKind "a kind of actor" {
        /// A client of the API that does not say who it is.
        Anonymous "anonymous",
        /// Chronos itself, by its schedules and its policies.
        System "system",
        /// A key of the API.
        Key "key",
    }
}

/// Who asks for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// Its identifier, where it has one.
    pub id: Option<String>,
    /// Its name for people, where it has one.
    pub name: Option<String>,
    /// The address that a client asks from: that of the other end of its connection, which may be a proxy.
    pub address: Option<IpAddr>,
}

/// Who asks for a change, and what they say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// What they say, where they say anything.
    pub note: Option<Note>,
}

impl By {
    /// A client that does not say who it is.
    #[must_use]
    pub fn anonymous(address: Option<IpAddr>, note: Option<Note>) -> Self {
        Self { actor: Actor { kind: ActorKind::Anonymous, id: None, name: None, address }, note }
    }

    /// A key of the API.
    #[must_use]
    pub fn key(id: KeyId, name: &KeyName, address: Option<IpAddr>, note: Option<Note>) -> Self {
        let (id, name) = (Some(id.to_string()), Some(name.as_str().to_owned()));
        Self { actor: Actor { kind: ActorKind::Key, id, name, address }, note }
    }

    /// Chronos itself.
    #[must_use]
    pub fn system() -> Self {
        let actor = Actor { kind: ActorKind::System, id: None, name: None, address: None };
        Self { actor, note: None }
    }

    /// Who asked for a run: who is on record, or, of one that a schedule asked for, Chronos itself.
    #[must_use]
    pub fn of_run(trigger: Trigger, recorded: Option<Self>) -> Option<Self> {
        let is_planned = matches!(trigger, Trigger::Schedule | Trigger::CatchUp);
        recorded.or_else(|| is_planned.then(Self::system))
    }
}

/// The longest note, in bytes.
pub const MAX_NOTE_BYTES: usize = 1_024;

/// What somebody says of a change: a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// It is empty, too long, or has control characters, tabs and line ends among them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("expected 1 to {MAX_NOTE_BYTES} bytes of text without control characters");
        if let Some(found) = text.chars().find(|c| c.is_control()) {
            return Err(format!("{:?} has the control character {found:?}; {}", clip(text), expected()));
        }
        match text.len() {
            0 => Err(format!("is empty; {}", expected())),
            1..=MAX_NOTE_BYTES => Ok(Self(text.to_owned())),
            bytes => Err(format!("{:?} has {bytes} bytes; {}", clip(text), expected())),
        }
    }

    /// A note that was read before.
    #[must_use]
    pub fn unchecked(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_a_line_of_text_with_a_bound() {
        for good in ["x", "nach der Störung 🙂", &"x".repeat(MAX_NOTE_BYTES)] {
            assert_eq!(Note::parse(good).as_ref().map(Note::as_str), Ok(good));
        }
        let long = "ä".repeat(MAX_NOTE_BYTES / 2) + "x";
        for (bad, why) in
            [("", "is empty"), ("a\tb", "'\\t'"), ("a\u{85}b", "'\\u{85}'"), (long.as_str(), "1025 bytes")]
        {
            let refused = Note::parse(bad).expect_err("refused");
            assert!(refused.contains(why) && refused.contains("1 to 1024 bytes"), "{bad:?}: {refused}");
        }
    }
}

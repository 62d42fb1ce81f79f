//! What was given, as it was written: texts, lists and keys, and where each of them stands.
//!
//! A text has no type here. The key that it is given for decides what it is read as. So `no`, `0012` and `1e3` are
//! texts where a text is expected, and only a key that takes a number reads one.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use chronos_types::{REDACTED, clip};

use super::load::ConfigError;

/// What a user does who sets a variable that is no key.
const STRAY: &str =
    "a variable that begins with CHRONOS_ sets a key, with __ before each key inside another one";

/// Where something was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In this line of the file, counted from 1.
    Line(usize),
    /// In the environment variable of this name.
    Variable(Arc<str>),
}

/// Something that was given.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub shape: Shape,
    pub origin: Origin,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Nothing: a key whose value is not there, or whose keys are all commented out.
    Nothing,
    /// A text of the file.
    Text { text: String, is_plain: bool },
    /// The text of a variable. Where it is also a list or keys in braces, `inside` has those.
    Variable { text: String, inside: Option<Box<Shape>> },
    /// A list.
    List(Vec<Node>),
    /// Keys, in their order. No key is there twice.
    Keys(Vec<(String, Node)>),
}

impl Shape {
    /// The list or the keys in it, where it is the text of a variable that holds such.
    fn opened(&self) -> &Self {
        match self {
            Self::Variable { inside: Some(inside), .. } => inside,
            shape => shape,
        }
    }

    /// Whether nothing is given, or `null` in the file. The text of a variable is a text.
    pub fn is_left_out(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Text { text, is_plain: true } => matches!(&**text, "null" | "Null" | "NULL"),
            _ => false,
        }
    }
}

impl Display for Shape {
    /// As it may be quoted: a text in quotes, the rest in YAML's style of brackets and braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Text { text, .. } | Self::Variable { text, .. } => {
                write!(f, "{:?}", clip(&shown(text)))
            }
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.shape.to_string()).collect();
                write!(f, "[{}]", clip(&items.join(", ")))
            }
            Self::Keys(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(key, node)| format!("{}: {}", clip(key), of_key(key, &node.shape)))
                    .collect();
                write!(f, "{{{}}}", clip(&pairs.join(", ")))
            }
        }
    }
}

/// A text as it may be quoted: without what may be a password in it.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if is_secret(text) {
        return REDACTED.into();
    }
    match (text.find("://"), text.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => {
            format!("{}{REDACTED}{}", &text[..colon + 3], &text[at..]).into()
        }
        _ => text.into(),
    }
}

/// What is given for a key, as it may be quoted.
pub(super) fn of_key(key: &str, shape: &Shape) -> String {
    if is_secret(key) { format!("{REDACTED:?}") } else { shape.to_string() }
}

/// Whether a key is that of a secret, or a text may hold one with its key.
pub(super) fn is_secret(text: &str) -> bool {
    text.to_ascii_lowercase().contains("password")
}

/// All that was given.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub root: Node,
    /// The file, for people. Without one, only variables were given.
    pub file: Option<String>,
}

impl Tree {
    /// Nothing at all.
    pub fn empty() -> Self {
        Self { root: Node { shape: Shape::Nothing, origin: Origin::Line(1) }, file: None }
    }

    /// The whole.
    pub fn given(&self) -> Given<'_> {
        Given { tree: self, node: &self.root, path: String::new() }
    }

    /// An error about a key that was given or has its default.
    pub fn refuse(&self, path: &str, problem: impl Display) -> ConfigError {
        self.error(self.at(path).map(|node| &node.origin), path, problem)
    }

    fn at(&self, path: &str) -> Option<&Node> {
        let mut node = &self.root;
        for key in path.split('.') {
            let Shape::Keys(pairs) = node.shape.opened() else { return None };
            let (_, inner) = pairs.iter().find(|(name, _)| name == key)?;
            node = inner;
        }
        Some(node)
    }

    fn error(&self, origin: Option<&Origin>, path: &str, problem: impl Display) -> ConfigError {
        let mut text = match (origin, &self.file) {
            (Some(Origin::Variable(name)), _) => format!("environment variable {name}: "),
            (Some(Origin::Line(line)), Some(file)) => format!("{file}, line {line}: "),
            (None, Some(file)) => format!("{file}: "),
            (_, None) => "the configuration: ".to_owned(),
        };
        if !path.is_empty() {
            // Writing to a text does not fail.
            let _ = write!(text, "{path}: ");
        }
        let _ = write!(text, "{problem}");
        ConfigError(text)
    }
}

/// Something that was given, and the path of the key it was given for.
#[derive(Clone, Debug)]
pub(super) struct Given<'a> {
    tree: &'a Tree,
    node: &'a Node,
    path: String,
}

impl<'a> Given<'a> {
    /// An error about it. The problem names the value.
    pub fn refuse(&self, problem: impl Display) -> ConfigError {
        self.tree.error(Some(&self.node.origin), &self.path, problem)
    }

    /// An error that shows the value.
    pub fn wrong(&self, expected: &str) -> ConfigError {
        self.refuse(format_args!("{}; expected {expected}", self.node.shape))
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&'a str> {
        match &self.node.shape {
            Shape::Text { text, .. } | Shape::Variable { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text, or an error that shows what stands there instead.
    pub fn text(&self, expected: &str) -> Result<&'a str, ConfigError> {
        self.as_text().ok_or_else(|| self.wrong(expected))
    }

    /// The items of a list.
    pub fn items(&self, expected: &str) -> Result<Vec<Given<'a>>, ConfigError> {
        match self.node.shape.opened() {
            Shape::List(items) => {
                let item = |node| Given { tree: self.tree, node, path: self.path.clone() };
                Ok(items.iter().map(item).collect())
            }
            _ => Err(self.wrong(expected)),
        }
    }

    /// The keys, which are all among these.
    pub fn keys(self, known: &[&str], expected: &str) -> Result<Keys<'a>, ConfigError> {
        let pairs = match self.node.shape.opened() {
            Shape::Keys(pairs) => &**pairs,
            Shape::Nothing => &[],
            _ => return Err(self.wrong(expected)),
        };
        for (name, node) in pairs {
            if !known.contains(&&**name) {
                let hint = match &node.origin {
                    Origin::Variable(_) => format!("; {STRAY}"),
                    Origin::Line(_) => String::new(),
                };
                let problem = format!("unknown key; expected one of {}{hint}", known.join(", "));
                return Err(self.tree.error(Some(&node.origin), &self.inside(&clip(name)), problem));
            }
        }
        Ok(Keys { pairs, section: self })
    }

    fn inside(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// The keys inside a key.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    section: Given<'a>,
    pairs: &'a [(String, Node)],
}

impl<'a> Keys<'a> {
    /// What is given for a key. None where nothing is.
    pub fn get(&self, name: &str) -> Option<Given<'a>> {
        let (_, node) = self.pairs.iter().find(|(known, _)| known == name)?;
        let Given { tree, .. } = self.section;
        (!node.shape.is_left_out()).then(|| Given { tree, node, path: self.section.inside(name) })
    }

    /// What is given for a key without which the others are of no use.
    pub fn require(&self, name: &str, expected: &str) -> Result<Given<'a>, ConfigError> {
        self.get(name).ok_or_else(|| {
            let Given { tree, node, .. } = &self.section;
            let problem = format!("is missing; expected {expected}");
            tree.error(Some(&node.origin), &self.section.inside(name), problem)
        })
    }
}

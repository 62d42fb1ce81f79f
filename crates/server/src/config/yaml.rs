//! YAML into what was given. No value is taken for a number, a date or a yes: see [`super::tree`].

use std::collections::BTreeMap;

use chronos_types::{REDACTED, clip};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::tree::{Node, Origin, Shape, is_secret, of_key, shown};

/// The most levels of keys and lists inside each other. Ours are five deep.
const MAX_DEPTH: usize = 32;
/// The most values, with those that an alias repeats. We have some thirty keys.
const MAX_VALUES: usize = 10_000;

/// Why a text cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    /// Counted from 1.
    pub line: usize,
    pub problem: String,
}

/// Reads one document. `origin` says where a line stands.
pub(super) fn parse(text: &str, origin: impl Fn(usize) -> Origin) -> Result<Node, Fault> {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    // YAML has none of them but these. In a path or a name they would be seen too late, or never.
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some((at, character)) = text.char_indices().find(|(_, c)| control(*c)) {
        let line = text[..at].matches('\n').count() + 1;
        return Err(Fault { line, problem: format!("the character {character:?}; expected text") });
    }
    let events = Parser::new_from_str_with_options(text, options);
    let anchors = BTreeMap::new();
    Reader { text, events, origin, anchors, path: Vec::new(), values: 0 }.document()
}

struct Reader<'a, F> {
    text: &'a str,
    events: Parser<'a, StrInput<'a>>,
    origin: F,
    /// What has an anchor, by the number that the parser gives it.
    anchors: BTreeMap<usize, Node>,
    /// The keys that are being read, from the outermost.
    path: Vec<String>,
    values: usize,
}

impl<'a, F: Fn(usize) -> Origin> Reader<'a, F> {
    fn document(mut self) -> Result<Node, Fault> {
        let mut document = Node { shape: Shape::Nothing, origin: (self.origin)(1) };
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => {
                    let node = self.value(event, &span)?;
                    match (&document.shape, &node.shape) {
                        (_, Shape::Nothing) => {}
                        (Shape::Nothing, _) => document = node,
                        _ => return Err(fault(&span, "a second document; expected one")),
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Err(Fault { line: 1, problem: "it ends too early".to_owned() }),
        }
    }

    fn value(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Fault> {
        self.count(1, span)?;
        if let Some(tag) = event.tag().filter(|tag| tag.is_custom()) {
            let tag = tag.original();
            return Err(fault(span, format!("the tag {}; expected a value without one", clip(&tag))));
        }
        let anchor = event.anchor_id();
        let shape = match event {
            Event::Scalar(text, style, ..) => self.text(&text, style, span),
            Event::SequenceStart(..) => Shape::List(self.items()?),
            Event::MappingStart(..) => Shape::Keys(self.keys()?),
            Event::Alias(anchor) => return self.repeated(anchor, span),
            _ => return Err(fault(span, "something that is no value")),
        };
        let node = Node { shape, origin: (self.origin)(span.start.line()) };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn text(&self, text: &str, style: ScalarStyle, span: &Span) -> Shape {
        let is_plain = style == ScalarStyle::Plain;
        // To the parser a value that is not there is `~`. One that is written is a text: a home directory, say.
        let is_there = text != "~" || span.slice(self.text) == Some("~");
        if is_plain && (text.is_empty() || !is_there) {
            return Shape::Nothing;
        }
        Shape::Text { text: text.to_owned(), is_plain }
    }

    fn items(&mut self) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            items.push(self.value(event, &span)?);
        }
    }

    fn keys(&mut self) -> Result<Vec<(String, Node)>, Fault> {
        let mut pairs: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(pairs),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(fault(&at, "a key that is no text; expected one such as \"server\"")),
            };
            let (event, span) = self.next()?;
            self.path.push(key.clone());
            let mut node = self.value(event, &span)?;
            // A value that is not there ends where the next key begins.
            node.origin = (self.origin)(at.start.line());
            if let Some((_, first)) = pairs.iter().find(|(known, _)| *known == key) {
                let before = of_key(&key, &first.shape);
                let before = match &first.origin {
                    Origin::Line(line) => format!("{before} in line {line}"),
                    Origin::Variable(_) => before,
                };
                let path = self.path.join(".");
                let again = of_key(&key, &node.shape);
                let problem =
                    format!("{}: given twice, as {before} and as {again}; expected once", clip(&path));
                return Err(fault(&at, problem));
            }
            self.path.pop();
            pairs.push((key, node));
        }
    }

    /// What an alias stands for.
    fn repeated(&mut self, anchor: usize, span: &Span) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(fault(span, "an alias (*) inside what it stands for"));
        };
        self.count(values(&node), span)?;
        Ok(node)
    }

    fn count(&mut self, more: usize, span: &Span) -> Result<(), Fault> {
        self.values += more;
        if self.values <= MAX_VALUES {
            return Ok(());
        }
        Err(fault(span, format!("more than {MAX_VALUES} values; expected the keys of a node")))
    }

    /// What is wrong with the text, and the line of it.
    fn syntax(&self, error: &ScanError) -> Fault {
        // At the end of the text the parser may be behind its last line.
        let last = self.text.lines().count().max(1);
        let line = error.marker().line().clamp(1, last);
        let whole = self.text.lines().nth(line - 1).unwrap_or_default();
        let mut before = whole.chars().take(error.marker().col());
        let why = match error.kind() {
            // The dash of an item is no value.
            ErrorKind::ExpectedBlockMappingKey if before.any(|c| !matches!(c, ' ' | '-')) => {
                "something stands behind the value; put a text that begins with a bracket or * into quotes"
                    .to_owned()
            }
            kind => in_words(kind),
        };
        // The value of a key may begin in the line below it.
        let above = self.text.lines().nth(line.saturating_sub(2)).is_some_and(is_secret);
        let quoted = if above { REDACTED.into() } else { shown(whole.trim()) };
        let problem = format!("{:?} is not YAML: {why}", clip(&quoted));
        Fault { line, problem }
    }
}

fn fault(at: &Span, problem: impl Into<String>) -> Fault {
    Fault { line: at.start.line(), problem: problem.into() }
}

fn values(node: &Node) -> usize {
    1 + match &node.shape {
        Shape::List(items) => items.iter().map(values).sum(),
        Shape::Keys(pairs) => pairs.iter().map(|(_, node)| values(node)).sum(),
        _ => 0,
    }
}

/// What the parser says, for somebody who does not know it.
fn in_words(kind: &ErrorKind) -> String {
    use ErrorKind as K;
    let said = match kind {
        K::UnclosedFlowCollection { open } => return format!("{open} is not closed"),
        K::MismatchedFlowCollectionEnd { open, close } => {
            return format!("{open} is closed by {close}");
        }
        K::UnexpectedCharacter { character } => {
            return format!("{character:?} begins no value; put the value into quotes");
        }
        K::RecursionLimitExceeded => return format!("more than {MAX_DEPTH} levels"),
        K::UnexpectedEofFlowSequence
        | K::UnexpectedEofFlowMapping
        | K::UnexpectedEofImplicitFlowMapping
        | K::ExpectedFlowSequenceSeparator
        | K::ExpectedFlowMappingSeparator => "a bracket is not closed, or a comma is missing",
        K::MisplacedFlowCollectionEnd => "a bracket is closed that is not open",
        K::UnclosedQuotedScalar | K::DocumentIndicatorInQuotedScalar => "a quote is not closed",
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            "something stands behind a closing quote"
        }
        K::UnknownQuotedScalarEscape
        | K::InvalidQuotedScalarHexEscape
        | K::InvalidUnicodeEscape
        | K::InvalidLowSurrogate
        | K::InvalidLowSurrogateHexEscape
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate => {
            "what stands behind \\ in double quotes is unknown; in single quotes \\ is itself"
        }
        K::TabNotAllowed
        | K::TabInBlockIndentation
        | K::TabInIndentation
        | K::TabInPlainScalar
        | K::TabAtBlockScalarStart => "a tab stands where only blanks may",
        K::InvalidIndentation | K::InvalidQuotedScalarIndent | K::InvalidFlowScalarIndent => {
            "it is indented by another number of blanks than what it belongs to"
        }
        K::MappingValueNotAllowed | K::InvalidColonPlacement | K::InvalidMappingValueWhitespace => {
            "a colon stands where no key is expected; put a text that has one into quotes"
        }
        K::SimpleKeyExpected | K::InvalidSimpleKey | K::MappingKeyNotAllowed => {
            "expected a key and a colon, such as \"server:\""
        }
        K::ExpectedBlockMappingKey => {
            "expected a key and a colon, such as \"server:\", indented as the keys beside it"
        }
        K::BlockSequenceEntryNotAllowed
        | K::BlockEntryInFlowCollection
        | K::InvalidBlockEntryWhitespace
        | K::ExpectedBlockSequenceEntry => "an item of a list stands where none is expected",
        K::UnknownAnchor => {
            "an alias (*) stands for nothing above it; put a text that begins with * into quotes"
        }
        _ => "it does not fit what stands before it",
    };
    said.to_owned()
}

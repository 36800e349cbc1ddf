//! Strict reading of YAML: policies, waivers, deny lists, configuration files, and what other tools keep in YAML. The only
//! place that knows the parser.
//!
//! People review these documents and machines obey them, so both must see the same: one document, UTF-8, no
//! control, bidirectional or invisible characters (CVE-2021-42574), no duplicate keys, no merge keys, only
//! `true` and `false` as booleans, no custom tags, no field that the format does not have. Aliases are
//! allowed within a small budget (CVE-2019-11253 shows why). JSON is YAML too and is read by the same code.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

pub use self::error::{Error, TextFault};
pub use self::faults::{Faulty, MAX_FAULTS, read_or_faults};
use crate::nearest::nearest;
use crate::text::terminal;

mod error;
mod faults;

/// How much a document may hold. The caller bounds its bytes, with `Limits::document_bytes` or
/// `Limits::deny_list_bytes`.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Scalars, sequences and mappings.
    nodes: usize,
}

impl Size {
    /// A policy, a waiver, a configuration file.
    pub const DOCUMENT: Self = Self { nodes: 50_000 };
    /// A deny list: 100,000 entries of a digest and a short reason.
    pub const LIST: Self = Self { nodes: 1_000_000 };

    /// Documents that people write have at most one node in 20 bytes, so a document whose size was raised on
    /// purpose may contain more.
    fn nodes(self, bytes: usize) -> usize {
        self.nodes.max(bytes / 20)
    }
}

/// Bytes that all scalars together may have with aliases expanded, unless the document itself is larger.
const SCALAR_BYTES: usize = 1 << 20;
/// Nesting of sequences and mappings. A policy needs seven levels.
const DEPTH: usize = 16;
/// Aliases in one document. Sharing one approver between two lists takes one.
const ALIASES: usize = 32;
/// Parser events that all aliases together may repeat.
const REPLAYED_EVENTS: usize = 2_000;

/// Reads `bytes` into `T`, whose `deny_unknown_fields` decides whether unknown fields are allowed. `origin`
/// names the document in messages.
pub fn read<T: DeserializeOwned>(bytes: &[u8], origin: &str, size: Size) -> Result<T, Error> {
    let text = readable(bytes, origin)?;
    let mut failed_at = String::new();
    let read = serde_saphyr::with_deserializer_from_str_with_options(
        text,
        options(text.len(), size),
        |deserializer| {
            serde_path_to_error::deserialize(deserializer).map_err(|error| {
                failed_at = known_part(error.path());
                error.into_inner()
            })
        },
    );
    read.map_err(|error| explain(&error, origin, &failed_at))
}

/// [`read`] for documents that other programs write: messages give the line but not the path, which halves
/// the code for each type.
pub fn read_generated<T: DeserializeOwned>(bytes: &[u8], origin: &str, size: Size) -> Result<T, Error> {
    let text = readable(bytes, origin)?;
    let options = options(text.len(), size);
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |d| T::deserialize(d));
    read.map_err(|error| explain(&error, origin, ""))
}

/// One document of a file that holds several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The line of the file that it begins in, from 1.
    pub line: usize,
    /// Its text.
    pub bytes: &'a [u8],
}

/// The documents of a file, separated by lines that begin with `---`. Such a line is nothing else in YAML, not even in a
/// text of several lines. Parts without any content but comments are left out.
pub fn documents(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut first, mut at) = (0, 1, 0);
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let rest = line.strip_prefix(b"---");
        if rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace)) {
            parts.push(Part { line: first, bytes: bytes.get(start..at).unwrap_or_default() });
            // What follows on the same line belongs to the next document.
            (start, first) = (at + 3, index + 1);
        }
        at += line.len();
    }
    parts.push(Part { line: first, bytes: bytes.get(start..).unwrap_or_default() });
    parts.retain(|part| {
        let says = |line: &[u8]| line.trim_ascii().first().is_some_and(|byte| *byte != b'#');
        part.bytes.split(|byte| *byte == b'\n').any(says)
    });
    parts
}

fn options(bytes: usize, size: Size) -> serde_saphyr::Options {
    let nodes = size.nodes(bytes);
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: nodes.saturating_mul(2),
            max_nodes: nodes,
            // Aliases repeat the nodes that they refer to.
            max_total_scalar_bytes: bytes.max(SCALAR_BYTES),
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_aliases: ALIASES,
            max_anchors: ALIASES,
            max_recorded_anchor_events: REPLAYED_EVENTS,
            max_recorded_anchor_bytes: 1 << 16,
            max_documents: 1,
            max_inclusion_depth: 0,
            max_merge_keys: 0,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED_EVENTS,
            max_replay_stack_depth: 4,
            max_alias_expansions_per_anchor: ALIASES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// The text, if a person and the parser read the same in it.
fn readable<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str, Error> {
    let fault = |before: &[u8], reason| Error::Text {
        origin: origin.to_owned(),
        line: before.split(|b| *b == b'\n').count() as u64,
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        fault(valid, TextFault::NotUtf8)
    })?;
    let mut buffer = [0; 4];
    for (at, c) in text.char_indices() {
        let plain = matches!(c, ' '..='~' | '\n' | '\t')
            || (c == '\r' && bytes.get(at + 1) == Some(&b'\n'))
            || matches!(terminal(c.encode_utf8(&mut buffer)), Cow::Borrowed(_));
        if !plain {
            return Err(fault(bytes.get(..at).unwrap_or_default(), TextFault::Character(c)));
        }
        let starts_line = at == 0 || bytes.get(at.wrapping_sub(1)) == Some(&b'\n');
        if starts_line && bytes.get(at..).is_some_and(|rest| rest.starts_with(b"...")) {
            return Err(fault(bytes.get(..at).unwrap_or_default(), TextFault::DocumentEnd));
        }
    }
    Ok(text)
}

fn explain(error: &serde_saphyr::Error, origin: &str, path: &str) -> Error {
    let error = error.without_snippet();
    let location = error.location();
    let line = location.map(|l| l.line()).filter(|line| *line > 0);
    let origin = origin.to_owned();
    if let serde_saphyr::Error::SerdeUnknownField { field, expected, .. } = error {
        return Error::UnknownField {
            origin,
            path: child(path, field),
            line,
            nearest: nearest(field, expected.iter().copied()),
            expected: expected.clone(),
        };
    }
    // The parser repeats the position at the end of its messages; ours comes first.
    let mut reason = error.to_string();
    if let Some(location) = location {
        let suffix = format!(" at line {}, column {}", location.line(), location.column());
        if let Some(bare) = reason.strip_suffix(&suffix) {
            reason.truncate(bare.len());
        }
    }
    for (of_parser, of_reader) in WORDS {
        reason = reason.replace(of_parser, of_reader);
    }
    let mut path = path.to_owned();
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error {
        path = child(&path, key);
        "duplicate key".clone_into(&mut reason);
    }
    Error::Syntax { origin, path, line, reason: terminal(&reason).into_owned() }
}

/// What the parser says in the words of YAML's grammar, and what whoever wrote the document would call it.
const WORDS: [(&str, &str); 24] = [
    ("budget breached: ", "more than a document may hold: "),
    ("expected sequence start", "expected a list"),
    ("expected mapping start", "expected fields with values"),
    ("unknown variant", "unknown value"),
    ("YAML merge keys are not allowed by configured policy", "merge keys (`<<`) are not allowed"),
    ("recursive references require weak recursion types", "an alias inside its own anchor is not allowed"),
    ("while parsing node, found unknown anchor", "an alias without its anchor before it"),
    (
        "while parsing a block mapping, did not find expected key",
        "the line is not indented like the fields before it",
    ),
    (
        "while parsing a block collection, did not find expected '-' indicator",
        "the line is not indented like the entries of the list before it",
    ),
    ("block sequence entries are not allowed in this context", "an entry of a list, `- `, cannot begin here"),
    (
        "mapping values are not allowed in this context",
        "a field cannot begin here; text with `: ` in it needs quotes",
    ),
    ("mapping keys are not allowed in this context", "a field cannot begin here"),
    ("simple key expected ':'", "a field without `:`"),
    ("simple key expect ':'", "a field without `:`"),
    (
        "while parsing a flow sequence, expected ',' or ']'",
        "the list in brackets has neither `,` nor `]` here",
    ),
    (
        "while parsing a flow mapping, did not find expected ',' or '}'",
        "the fields in braces have neither `,` nor `}` here",
    ),
    ("unexpected EOF while parsing a flow sequence", "the list in brackets is not closed"),
    ("unexpected EOF while parsing an implicit flow mapping", "the list in brackets is not closed"),
    ("unexpected EOF while parsing a flow mapping", "the fields in braces are not closed"),
    (
        "invalid indentation in flow construct",
        "what is in brackets or braces is not indented further than its field",
    ),
    ("tab cannot be used as indentation", "a tab in front of the line; YAML is indented with blanks"),
    (
        "tabs disallowed within this context (block indentation)",
        "a tab in front of the line; YAML is indented with blanks",
    ),
    ("while parsing a node, did not find expected node content", "a value is missing"),
    ("unexpected character: ", "a value cannot begin, without quotes, with "),
];

/// The path without the steps whose name is unknown.
fn known_part(path: &serde_path_to_error::Path) -> String {
    let mut known = String::new();
    for step in path {
        match step {
            Segment::Seq { index } => {
                // Writing to a String cannot fail.
                let _ = write!(known, "[{index}]");
            }
            Segment::Map { key } => known = joined(&known, key),
            Segment::Enum { variant } => known = joined(&known, variant),
            Segment::Unknown => {}
        }
    }
    known
}

/// `path.name`.
fn joined(path: &str, name: &str) -> String {
    let name = terminal(name);
    if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") }
}

/// Like [`joined`], unless the path already ends in the name. Whether it does depends on how far the parser
/// got.
fn child(path: &str, name: &str) -> String {
    let shown = terminal(name);
    let ends = path.strip_suffix(&*shown).is_some_and(|parent| parent.is_empty() || parent.ends_with('.'));
    if ends { path.to_owned() } else { joined(path, name) }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Outer {
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        flag: Option<bool>,
        #[serde(default)]
        words: Vec<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Inner {
        max_age: u8,
    }

    fn refusal(text: &[u8]) -> String {
        read::<Outer>(text, "p.yaml", Size::DOCUMENT).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_named_with_line_path_and_the_likely_name() {
        assert_eq!(
            refusal(b"flag: true\nlist:\n  - maxAge: 1\n  - maxAeg: 2\n"),
            "p.yaml: line 4: list[1].maxAeg: unknown field, did you mean \"maxAge\"?"
        );
        assert_eq!(refusal(b"zebra: 1\n"), "p.yaml: line 1: zebra: unknown field");
        let wrong_type = refusal(b"list:\n  - maxAge: often\n");
        assert!(wrong_type.starts_with("p.yaml: line 2: list[0].maxAge: "), "{wrong_type}");
        assert!(!wrong_type.contains("column"), "{wrong_type}");
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_whoever_makes_them() {
        for (text, words) in [
            ("flag: true\n list: []\n", ""),
            ("list:\n  - maxAge: 1\n maxAge: 2\n", "indented"),
            ("list: [{maxAge: 1}, {maxAge: 2}\n", "bracket"),
            ("list: [{maxAge: 1\n", "bracket"),
            ("flag: true: b\n", "needs quotes"),
            ("list:\n\t- maxAge: 1\n", "tab"),
            ("flag: @true\n", "quotes"),
            ("flag: *nothing\n", "anchor"),
            ("flag\n", ""),
            ("list: [{maxAge: 1} {maxAge: 2}]\n", "bracket"),
            ("flag: true\nlist\n", "without `:`"),
        ] {
            let message = refusal(text.as_bytes());
            assert!(message.contains(words), "{text:?}: {message}");
            for of_grammar in ["while ", "context", "EOF", "mapping", "sequence", "scalar", "variant"] {
                assert!(!message.contains(of_grammar), "{text:?}: {message}");
            }
        }
    }

    #[test]
    fn a_key_twice_is_refused_also_in_json() {
        for text in ["flag: true\nflag: false\n", "{\"flag\": true, \"fl\\u0061g\": false}"] {
            let message = refusal(text.as_bytes());
            assert!(message.contains("flag: duplicate"), "{message}");
        }
    }

    #[test]
    fn dangerous_features_of_yaml_are_refused() {
        assert!(refusal(b"flag: yes\n").contains("flag"));
        assert!(refusal(b"flag: !!python/object true\n").contains("tag"));
        assert!(refusal(b"base: &b {maxAge: 1}\n").contains("unknown field"));
        assert!(refusal(b"list:\n  - <<: {maxAge: 1}\n").contains("merge"));
        assert!(refusal(b"flag: true\n---\nflag: false\n").contains("p.yaml"));
        assert_eq!(
            refusal(b"flag: true\n...\n]]] not read by a parser\n"),
            "p.yaml: line 2: document end marker `...`, expected one document"
        );
    }

    #[test]
    fn invisible_and_broken_text_is_refused() {
        assert_eq!(refusal(b"a: 1\nb: \xff\n"), "p.yaml: line 2: not valid UTF-8");
        for (bad, code) in [
            ("\u{feff}flag: true", "FEFF"),
            ("words: [\"\u{202e}\"]", "202E"),
            ("words: [\"\0\"]", "0000"),
            ("a: \r1", "000D"),
        ] {
            assert_eq!(
                refusal(bad.as_bytes()),
                format!("p.yaml: line 1: control or invisible character U+{code}"),
            );
        }
        assert!(read::<Outer>(b"flag: true\r\nwords: [\"\xc3\xbc\"]\r\n", "p", Size::DOCUMENT).is_ok());
    }

    #[test]
    fn a_billion_laughs_end_at_the_budget() {
        let mut bomb = String::from("words:\n  - &a0 lol\n");
        for level in 1..40 {
            let previous = format!("*a{}", level - 1);
            let _ = writeln!(bomb, "  - &a{level} [{}]", [previous.as_str(); 10].join(", "));
        }
        assert!(refusal(bomb.as_bytes()).starts_with("p.yaml"), "{}", refusal(bomb.as_bytes()));
        let many = format!("words:\n  - &a lol\n{}", "  - *a\n".repeat(ALIASES + 1));
        let refused = refusal(many.as_bytes());
        assert!(refused.contains("more than a document may hold"), "{refused}");
        let few = format!("words:\n  - &a lol\n{}", "  - *a\n".repeat(3));
        assert_eq!(read::<Outer>(few.as_bytes(), "p", Size::DOCUMENT).unwrap().words.len(), 4);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(refusal(format!("words: {}", "[".repeat(100_000)).as_bytes()).starts_with("p.yaml"));
        assert!(refusal("a:\n ".repeat(40).as_bytes()).starts_with("p.yaml"));
        let wide = format!("words: [{}]", "a,".repeat(60_000));
        assert!(refusal(wide.as_bytes()).starts_with("p.yaml"));
    }
}

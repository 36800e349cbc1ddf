//! The list of formats that `scan` writes, and what they share.
//!
//! A format is a file in `scan/` and a line in [`FORMATS`], which brings the value of `-o` with its help. Each shows, in the
//! place that its standard has for it, what was found and also what was *not* covered: a document that only has findings would
//! look clean where nobody looked. None of them computes what a library should know.

mod csaf;
mod cyclonedx;
mod escape;
mod gitlab;
mod html;
mod json;
mod junit;
mod markdown;
mod openvex;
mod plan;
mod sarif;
mod table;
mod template;
mod vuln;
pub(crate) mod words;

use std::io::{self, Write};

use plimsoll_core::Digest;

use super::table::Page;
use crate::render::for_terminals::ForTerminals;
use crate::report::scan::Report;

pub(crate) use template::{InvalidTemplate, Template};

/// All formats, those for people first.
pub(crate) static FORMATS: [&dyn ScanFormat; 13] = [
    &table::Table,
    &markdown::Markdown,
    &html::Html,
    &json::Json,
    &json::JsonLines,
    &sarif::Sarif,
    &gitlab::GitLab,
    &junit::JUnit,
    &cyclonedx::CycloneDx,
    &openvex::OpenVex,
    &csaf::Csaf,
    &vuln::Vuln,
    &template::OfTemplate,
];

/// One format for the result of a scan.
pub(crate) trait ScanFormat: Sync + std::panic::RefUnwindSafe {
    /// The value of `-o`.
    fn name(&self) -> &'static str;

    /// What it is, in one line of help.
    fn about(&self) -> &'static str;

    /// Whether each subject has a line of its own, which is written as soon as it was scanned.
    fn is_streamed(&self) -> bool {
        false
    }

    /// What a document of this format is, if it can only be about one image. Several are refused.
    fn about_one(&self) -> Option<&'static str> {
        None
    }

    /// Why there can be no document about this result.
    fn refuses(&self, _: &Report, _: &Style<'_>) -> Option<String> {
        None
    }

    /// What becomes of a comparison with an earlier result.
    fn compared(&self) -> Compared {
        Compared::Refused
    }

    /// Writes the document. Equal reports give equal bytes.
    fn write(&self, report: &Report, style: &Style<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// What a format makes of a comparison with an earlier result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It shows only what is new, worse or fixed. For people.
    OnlyChanges,
    /// It shows everything, and what changed.
    Marked,
    /// It describes an image, and would be wrong without what did not change.
    Refused,
}

/// What a document may look like.
#[derive(Clone, Copy)]
pub(crate) struct Style<'a> {
    pub(crate) page: Page,
    /// The template, for the format that needs one.
    pub(crate) template: Option<&'a Template>,
}

/// Writes a JSON document, indented, with a line end.
fn write_json(value: &impl serde::Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(ForTerminals(out), value)?;
    out.write_all(b"\n")
}

/// A UUID that depends on nothing but `parts`: of version 8 (RFC 9562), which leaves the bits to whoever makes it.
fn uuid(parts: &[&str]) -> String {
    let mut digits: Vec<char> = Digest::sha256(parts.join("\0").as_bytes()).hex().chars().take(32).collect();
    for (place, digit) in [(12, '8'), (16, 'a')] {
        if let Some(place) = digits.get_mut(place) {
            *place = digit;
        }
    }
    let mut uuid = String::with_capacity(36);
    for (position, digit) in digits.into_iter().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_in_parts_and_controls_no_terminal() {
        let texts = ["plain", "\u{9b}31m", "größe \"\u{202e}\u{1b}[0m\n\u{7f}", "\u{1f600}\u{e0041}"];
        let mut out = Vec::new();
        write_json(&texts, &mut out).unwrap();
        let text = plimsoll_core::text::terminal_json;
        let whole = serde_json::to_string_pretty(&texts).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}\n", text(&whole)));
    }

    #[test]
    fn identifiers_are_uuids_and_depend_on_their_parts_alone() {
        let one = uuid(&["a", "b"]);
        assert_eq!(one, uuid(&["a", "b"]));
        assert_ne!(one, uuid(&["ab", ""]));
        let groups: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert!(one.split('-').nth(2).is_some_and(|group| group.starts_with('8')), "{one}");
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::BTreeSet<_> = FORMATS.iter().map(|format| format.name()).collect();
        assert_eq!(names.len(), FORMATS.len());
    }
}

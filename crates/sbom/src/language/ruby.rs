//! Installed gems: the specifications that RubyGems writes.
//!
//! A specification is a Ruby program, which is not run. RubyGems writes the most important fields into a comment on the
//! first lines, and reads that itself if possible (`Gem::StubSpecification`). Without the comment, plain assignments
//! are understood.
//!
//! ```text
//! # -*- encoding: utf-8 -*-
//! # stub: nokogiri 1.16.2 x86_64-linux lib
//!
//! Gem::Specification.new do |s|
//!   s.name = "nokogiri".freeze
//!   s.version = "1.16.2"
//!   s.licenses = ["MIT".freeze]
//! ```

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact};

use super::shown::{Shown, component};
use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, origin};
use crate::licence::Licence;

const SELECTIONS: &[Selection] = &[Selection::whole(
    &["**/specifications/*.gemspec", "**/specifications/default/*.gemspec"],
    Bound::Metadata,
)];

/// Finds gems.
pub(crate) struct Ruby;

impl Cataloger for Ruby {
    fn id(&self) -> &'static str {
        "ruby"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["gem"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(Shown::fact(file.content, read(file.content).map(|found| vec![found])))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, 0);
    }
}

/// Licences of one gem. Real ones have one or two.
const MAX_LICENCES: usize = 32;

fn read(content: &[u8]) -> Result<Component, String> {
    let text = String::from_utf8_lossy(content);
    let stub = text.lines().take(3).find_map(|line| line.strip_prefix("# stub: "));
    let mut found = if let Some(stub) = stub {
        let mut words = stub.split(' ');
        component("gem", "", words.next().unwrap_or_default(), words.next().unwrap_or_default())?
    } else {
        let name = assigned(&text, "name").and_then(|value| literal(&text, value)).ok_or("has no name")?;
        let version = assigned(&text, "version").and_then(|value| literal(&text, value));
        component("gem", "", name, version.ok_or("has no version that is a literal")?)?
    };
    let licences = assigned(&text, "licenses").or_else(|| assigned(&text, "license")).unwrap_or_default();
    found.licenses = strings(licences).take(MAX_LICENCES).filter_map(Licence::stated).collect();
    let homepage = assigned(&text, "homepage").and_then(|value| literal(&text, value));
    found.origin = origin::homepage(homepage.and_then(origin::page).as_deref());
    Ok(found)
}

/// The text to the right of the first `s.field =`.
fn assigned<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (left, right) = line.split_once('=')?;
        let (variable, name) = left.trim().split_once('.')?;
        let is_variable =
            !variable.is_empty() && variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (is_variable && name == field).then(|| right.trim())
    })
}

/// The text of a literal, or of a constant with a literal.
fn literal<'a>(text: &'a str, value: &'a str) -> Option<&'a str> {
    if let Some(text) = strings(value).next().filter(|_| value.starts_with(['"', '\''])) {
        return Some(text);
    }
    let is_constant = value.starts_with(|c: char| c.is_ascii_uppercase())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let constant = |line: &'a str| line.trim().strip_prefix(value)?.trim_start().strip_prefix('=');
    let right = text.lines().filter(|_| is_constant).find_map(constant)?.trim();
    strings(right).next().filter(|_| right.starts_with(['"', '\'']))
}

/// The texts in quotes, none of which contains quotes.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    let mut left = text;
    std::iter::from_fn(move || {
        let start = left.find(['"', '\''])?;
        let quote = left.get(start..)?.chars().next()?;
        let inside = left.get(start + 1..)?;
        let (found, rest) = inside.split_once(quote)?;
        left = rest;
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: &str) -> Result<String, String> {
        let found = read(content.as_bytes())?;
        let licences: Vec<String> = found.licenses.iter().map(ToString::to_string).collect();
        Ok(format!("{} {}", found.purl, licences.join(",")))
    }

    #[test]
    fn the_comment_counts_before_the_assignments() {
        let written = "# -*- encoding: utf-8 -*-\n# stub: nokogiri 1.16.2 x86_64-linux lib\n\n\
                       Gem::Specification.new do |s|\n  s.name = \"x\".freeze\n  s.version = \"9\"\n\
                       \x20 s.licenses = [\"MIT\".freeze, 'Ruby'.freeze]\nend\n";
        assert_eq!(shown(written).unwrap(), "pkg:gem/nokogiri@1.16.2 MIT,Ruby");
    }

    #[test]
    fn plain_assignments_are_understood_and_nothing_else() {
        let program = |name: &str, version: &str| {
            format!(
                "V = '3.0'\nGem::Specification.new do |spec|\n spec.name = {name}\n spec.version={version}\nend\n"
            )
        };
        assert_eq!(shown(&program("'a-b'", "V")).unwrap(), "pkg:gem/a-b@3.0 ");
        assert_eq!(shown(&program("\"a\".freeze", "\"1.0\".freeze")).unwrap(), "pkg:gem/a@1.0 ");
        for (content, expected) in [
            (program("'a'", "Other::VERSION"), "has no version that is a literal"),
            (program("'a'", "\"#{x}\""), "gives a the invalid version `#{x}`"),
            (program("n", "'1'"), "has no name"),
            (String::new(), "has no name"),
            ("# stub: a\n".to_owned(), "gives a the invalid version ``"),
        ] {
            assert_eq!(shown(&content).unwrap_err(), expected);
        }
    }
}

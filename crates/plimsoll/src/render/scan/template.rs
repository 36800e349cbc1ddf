//! What a template of the user's own makes of the JSON result, in the language of Jinja (`minijinja`).
//!
//! ```text
//! {% for result in results %}{% for finding in result.findings %}
//! {{ finding.id }};{{ finding.package }};{{ finding.severity }}
//! {% endfor %}{% endfor %}
//! ```
//!
//! The template is the user's, the values are strangers'. So every value is escaped for the document that the template's name
//! promises: HTML and XML, Markdown, JSON and YAML, else text for a terminal; `| safe` is the way around it. Work and memory
//! are bounded by [`FUEL`]. A template includes no other one, reads no file, and sees neither clock nor environment.

use std::fmt::Write as _;
use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use plimsoll_core::text::terminal;

use super::{Compared, ScanFormat, Style, escape};
use crate::report::scan::Report;

/// Bytes of a template. The largest that people publish for such tools have some 30 KiB.
const MAX_BYTES: usize = 1 << 20;

/// Steps of a template, or 64 bytes of what it makes, each: some seconds and 640 MB at the very most. A line of ten values for
/// each of 10,000 findings takes about a million.
const FUEL: u64 = 10_000_000;

/// Macros and loops in one another.
const MAX_DEPTH: usize = 64;

pub(super) struct OfTemplate;

/// A template that can be parsed.
pub(crate) struct Template {
    source: String,
    escaping: Escaping,
}

/// Not a template.
#[derive(Debug)]
pub(crate) struct InvalidTemplate(pub(crate) String);

/// What the values in a document are escaped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escaping {
    Html,
    Markdown,
    Json,
    Terminal,
}

impl Template {
    /// The template in a file of this name.
    pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Self, InvalidTemplate> {
        if bytes.len() > MAX_BYTES {
            let what = format!("got a template of {} bytes, expected at most {MAX_BYTES}", bytes.len());
            return Err(InvalidTemplate(what));
        }
        let source =
            str::from_utf8(bytes).map_err(|_| InvalidTemplate("the template is not UTF-8".to_owned()))?;
        let template = Self { source: source.to_owned(), escaping: Escaping::of_name(name) };
        template
            .environment()
            .template_from_str(&template.source)
            .map_err(|error| InvalidTemplate(words(&error)))?;
        Ok(template)
    }

    fn environment(&self) -> Environment<'_> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(MAX_DEPTH);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Blocks on lines of their own leave no empty lines.
        let whitespace =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        if let Ok(whitespace) = whitespace {
            environment.set_syntax(whitespace);
        }
        let escaping = self.escaping;
        environment.set_formatter(move |out, _, value| {
            if value.is_undefined() {
                return Err(ErrorKind::UndefinedError.into());
            }
            let text = if value.is_none() { String::new() } else { value.to_string() };
            let text = if value.is_safe() { text } else { escaping.escape(value, &text)? };
            out.write_str(&text).map_err(Error::from)
        });
        environment
    }

    fn render(&self, report: &Report) -> Result<String, String> {
        let values = serde_json::to_value(report).map_err(|error| error.to_string())?;
        let environment = self.environment();
        let template = environment.template_from_str(&self.source).map_err(|error| words(&error))?;
        template.render(Value::from(Serde(&values))).map_err(|error| words(&error))
    }
}

impl Escaping {
    /// By the ending of the name, before those that say that it is a template.
    fn of_name(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let endings = [".j2", ".jinja", ".jinja2", ".tmpl", ".tpl"];
        let bare = endings.iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(&lower);
        match bare.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html" | "htm" | "xhtml" | "xml" | "svg") => Self::Html,
            Some("md" | "markdown") => Self::Markdown,
            Some("json" | "yaml" | "yml" | "js") => Self::Json,
            _ => Self::Terminal,
        }
    }

    fn escape(self, value: &Value, text: &str) -> Result<String, Error> {
        Ok(match self {
            Self::Html => escape::xml(text),
            Self::Markdown => escape::markdown(text),
            Self::Terminal => terminal(text).into_owned(),
            Self::Json => {
                let json = serde_json::to_string(value);
                let json =
                    json.map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
                plimsoll_core::text::terminal_json(&json).into_owned()
            }
        })
    }
}

/// What is wrong, and in which line.
fn words(error: &Error) -> String {
    let mut words = String::from("template");
    if let Some(line) = error.line() {
        // Writing to a String cannot fail.
        let _ = write!(words, ", line {line}");
    }
    let _ = write!(words, ": {}", error.kind());
    if let Some(detail) = error.detail() {
        let _ = write!(words, ": {detail}");
    }
    words
}

impl ScanFormat for OfTemplate {
    fn name(&self) -> &'static str {
        "template"
    }

    fn about(&self) -> &'static str {
        "What the Jinja template in --template makes of the JSON"
    }

    fn compared(&self) -> Compared {
        Compared::Marked
    }

    fn refuses(&self, report: &Report, style: &Style<'_>) -> Option<String> {
        style.template?.render(report).err()
    }

    fn write(&self, report: &Report, style: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let template = style.template.ok_or_else(|| io::Error::other("there is no template"))?;
        out.write_all(template.render(report).map_err(io::Error::other)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::Timestamp;

    fn rendered(name: &str, source: &str) -> Result<String, String> {
        let template = Template::parse(name, source.as_bytes()).map_err(|InvalidTemplate(what)| what)?;
        template.render(&Report::new(Timestamp::UNIX_EPOCH, Vec::new(), Vec::new()))
    }

    #[test]
    fn values_are_escaped_for_what_the_name_promises() {
        let source = "{{ '<b>|@x\\u001b[2J' }}";
        assert_eq!(rendered("a.html", source).unwrap(), "&lt;b&gt;|@x\\u{1b}[2J");
        assert_eq!(rendered("a.json.j2", source).unwrap(), "\"<b>|@x\\u001b[2J\"");
        assert_eq!(rendered("a.txt", source).unwrap(), "<b>|@x\\u{1b}[2J");
        let markdown = rendered("a.md.tmpl", source).unwrap();
        assert!(!markdown.contains(['<', '|', '@', '\u{1b}']), "{markdown}");
        assert_eq!(
            rendered("a.html", "{{ '<b>' | safe }} {{ schemaVersion }}").unwrap(),
            "<b> plimsoll.dev/scan/v1"
        );
    }

    #[test]
    fn what_never_ends_or_grows_is_stopped() {
        for source in [
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "{% set x = 'a' * 1000000000000 %}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% include 'other' %}",
            "{{ nothing.at.all }}",
            "{{ results | nofilter }}",
            "{% for a in",
        ] {
            let error = rendered("a.txt", source).unwrap_err();
            assert!(error.starts_with("template"), "{source}: {error}");
        }
        assert!(rendered("a.txt", &"x".repeat(MAX_BYTES + 1)).unwrap_err().contains("expected at most"));
    }
}

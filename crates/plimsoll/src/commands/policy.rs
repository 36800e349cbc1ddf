//! `plimsoll policy lint|schema`.

use plimsoll_core::{Kind, Limits, clock};
use plimsoll_judge::documents::{self, is_document, is_trusted_root, parse_policy};
use plimsoll_policy::{DenyList, Diagnostic, DocumentKind, Severity, Waiver, schema};
use serde::Serialize;

use crate::args::db::Format;
use crate::args::policy::{Command, Document, Lint, Policy, Schema};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render::table::{Paint, Tone, count, safe};

/// The version of the JSON result.
const LINT_V1: &str = "plimsoll.dev/policy-lint/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema_version: &'static str,
    documents: Vec<Linted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Linted {
    file: String,
    diagnostics: Vec<Diagnostic>,
}

pub(super) fn run(arguments: &Policy, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Lint(arguments) => lint(arguments, limits, console),
        Command::Schema(arguments) => print_schema(arguments),
    }
}

fn lint(arguments: &Lint, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let mut linted = Vec::new();
    for path in &arguments.paths {
        for file in documents::files(path, is_document)? {
            let bytes = documents::read(&file, limits)?;
            let origin = file.display().to_string();
            if is_trusted_root(&bytes) {
                continue;
            }
            let kind = DocumentKind::read(&bytes, &origin)?;
            if kind != DocumentKind::DenyList {
                documents::fits(&bytes, &file, limits)?;
            }
            let diagnostics = match kind {
                DocumentKind::Policy => parse_policy(&bytes, &file)?.lint(clock::now()),
                // There is nothing to lint in these beyond that they can be read.
                DocumentKind::DenyList => DenyList::parse(&bytes, &origin).map(|_| Vec::new())?,
                DocumentKind::Waiver => Waiver::from_unsigned(&bytes, &origin).map(|_| Vec::new())?,
                _ => {
                    return Err(Failure::new(
                        Kind::Usage,
                        format!("{origin} is of a kind that is not linted"),
                    ));
                }
            };
            linted.push(Linted { file: origin, diagnostics });
        }
    }
    let all = || linted.iter().flat_map(|document| &document.diagnostics);
    let errors = all().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let found = all().count();
    let (read, plural) = (linted.len(), if linted.len() == 1 { "document" } else { "documents" });
    match arguments.output {
        Format::Json => output::emit_json(None, &Report { schema_version: LINT_V1, documents: linted })?,
        Format::Table => output::emit(None, |out| {
            let paint = Paint(console.stdout_colors());
            for document in &linted {
                for diagnostic in &document.diagnostics {
                    let tone = if diagnostic.severity == Severity::Error { Tone::Bad } else { Tone::Doubt };
                    let label = format!("{}[{}]", diagnostic.severity, diagnostic.code);
                    let (file, path) = (safe(&document.file), safe(&diagnostic.path));
                    writeln!(
                        out,
                        "{}: {file}: {path}: {}",
                        paint.paint(tone, &label),
                        safe(&diagnostic.message)
                    )?;
                    writeln!(out, "  hint: {}", safe(&diagnostic.hint))?;
                }
            }
            Ok(())
        })?,
    }
    console.say(format_args!("{read} {plural} read, {}", count(found, "finding")));
    Ok(if errors > 0 { Exit::Kind(Kind::Failed) } else { Exit::Done })
}

fn print_schema(arguments: &Schema) -> Result<Exit, Failure> {
    let schema = match arguments.document {
        Document::Policy => schema::policy(),
        Document::Waiver => schema::waiver(),
        Document::DenyList => schema::deny_list(),
        Document::Verdict => schema::verdict(),
    };
    output::emit_json(None, &schema)?;
    Ok(Exit::Done)
}

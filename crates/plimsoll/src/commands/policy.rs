//! `plimsoll policy example|import|lint|schema`.

mod import;

use std::path::Path;

use plimsoll_core::Kind;
use plimsoll_judge::documents::{self, is_document, is_trusted_root, parse_policy_or_faults};
use plimsoll_policy::{DenyList, DocumentFaults, DocumentKind, Policy, Waiver, schema};

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::policy_lint::{Linted, Report};
use crate::settings::Format;
use crate::settings::policy::{Document, LintSettings, PolicySettings};
use plimsoll_core::quantity::count;

pub(super) fn run(settings: &PolicySettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        PolicySettings::Example => example(),
        PolicySettings::Import(settings) => import::run(settings, console),
        PolicySettings::Lint(settings) => lint(settings, console),
        PolicySettings::Schema(document) => print_schema(*document),
    }
}

fn example() -> Result<Exit, Failure> {
    output::emit(None, |out| out.write_all(Policy::example_document().as_bytes()))?;
    Ok(Exit::Done)
}

fn lint(settings: &LintSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let (mut linted, mut exit) = (Vec::new(), Exit::Done);
    for path in &settings.paths {
        let listing = documents::list(path, is_document)?;
        listing.ignored.iter().for_each(|ignored| console.warn(ignored));
        for file in listing.files {
            // An unreadable document does not affect the others.
            match lint_file(&file, settings) {
                Ok(one) => linted.extend(one),
                Err(Unread { failures, more }) => {
                    for failure in &failures {
                        console.report(failure);
                        exit = exit.and(Exit::Kind(failure.kind()));
                    }
                    if more {
                        let shown = failures.len();
                        console.warn(format_args!(
                            "{}: only the first {shown} faults are shown; correct them and run this again",
                            file.display()
                        ));
                    }
                }
            }
        }
    }
    let (read, plural) = (linted.len(), if linted.len() == 1 { "document" } else { "documents" });
    let report = Report::new(linted);
    match settings.format {
        Format::Json => output::emit_json(None, &report)?,
        Format::Table => {
            let paint = console.page(None).paint;
            output::emit(None, |out| render::policy_lint::write(&report, paint, out))?;
        }
    }
    console.say(format_args!("{read} {plural} read, {}", count(report.findings(), "finding")));
    Ok(if report.has_errors() { exit.and(Exit::Kind(Kind::Failed)) } else { exit })
}

/// Why a document was not linted.
struct Unread {
    failures: Vec<Failure>,
    /// Whether there may be more of them.
    more: bool,
}

impl<E: Into<Failure>> From<E> for Unread {
    fn from(error: E) -> Self {
        Self { failures: vec![error.into()], more: false }
    }
}

impl Unread {
    /// A hint that holds for several faults in a row is given once, after the last of them.
    fn of(faults: DocumentFaults) -> Self {
        let mut failures: Vec<Failure> = faults.faults.into_iter().map(Failure::from).collect();
        let mut next: Option<String> = None;
        for failure in failures.iter_mut().rev() {
            let hint = failure.hint().map(str::to_owned);
            if hint.is_some() && hint == next {
                failure.drop_hint();
            }
            next = hint;
        }
        Self { failures, more: faults.more }
    }
}

/// Lints one document. A trusted root, which may be in the same folder as policies, is not linted.
fn lint_file(file: &Path, settings: &LintSettings<'_>) -> Result<Option<Linted>, Unread> {
    let bytes = documents::read(file, settings.limits)?;
    let origin = file.display().to_string();
    if is_trusted_root(&bytes) {
        return Ok(None);
    }
    let kind = DocumentKind::read_despite_faults(&bytes, &origin)?;
    if kind != DocumentKind::DenyList {
        documents::fits(&bytes, file, settings.limits)?;
    }
    let diagnostics = match kind {
        DocumentKind::Policy => parse_policy_or_faults(&bytes, file).map_err(Unread::of)?.lint(settings.now),
        // For these, lint only checks that they can be read.
        DocumentKind::DenyList => {
            DenyList::parse_or_faults(&bytes, &origin).map(|_| Vec::new()).map_err(Unread::of)?
        }
        DocumentKind::Waiver => {
            Waiver::from_unsigned_or_faults(&bytes, &origin).map(|_| Vec::new()).map_err(Unread::of)?
        }
        _ => {
            let reason = format!("{origin} is not of a kind that can be linted");
            return Err(Failure::new(Kind::Usage, reason).into());
        }
    };
    Ok(Some(Linted { file: origin, diagnostics }))
}

fn print_schema(document: Document) -> Result<Exit, Failure> {
    let schema = match document {
        Document::Policy => schema::policy(),
        Document::Waiver => schema::waiver(),
        Document::DenyList => schema::deny_list(),
        Document::Evidence => schema::evidence(),
        Document::Verdict => schema::verdict(),
    };
    output::emit_json(None, &schema)?;
    Ok(Exit::Done)
}

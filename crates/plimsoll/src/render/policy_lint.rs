//! The findings of linting policies, for people.

use std::io::{self, Write};

use plimsoll_policy::Severity;

use super::table::{Paint, Tone, safe};
use crate::report::policy_lint::Report;

/// Writes one line per finding, and the hint below it.
pub(crate) fn write(report: &Report, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for document in &report.documents {
        for diagnostic in &document.diagnostics {
            let tone = if diagnostic.severity == Severity::Error { Tone::Bad } else { Tone::Doubt };
            let label = format!("{}[{}]", diagnostic.severity, diagnostic.code);
            let (file, path) = (safe(&document.file), safe(&diagnostic.path));
            let message = safe(&diagnostic.message);
            writeln!(out, "{}: {file}: {path}: {message}", paint.paint(tone, &label))?;
            writeln!(out, "  hint: {}", safe(&diagnostic.hint))?;
        }
    }
    Ok(())
}

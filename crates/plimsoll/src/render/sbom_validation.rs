//! The faults of SBOMs, for people.

use std::io::{self, Write};

use plimsoll_sbom::{Level, ValidationExtent};

use super::table::{Page, Tone, safe};
use crate::report::sbom_validation::Report;

/// Writes one paragraph per finding, below its document.
pub(crate) fn write(report: &Report<'_>, page: Page, out: &mut dyn Write) -> io::Result<()> {
    for document in &report.documents {
        let verdict = if document.valid {
            page.paint.paint(Tone::Good, "no errors")
        } else {
            page.paint.paint(Tone::Bad, "errors")
        };
        let inside = document.envelopes.iter().rev().map(|envelope| match *envelope {
            statement @ "in-toto statement" => format!(" in an {statement}"),
            envelope => format!(" in a {envelope}"),
        });
        writeln!(
            out,
            "{}: {} {}{}: {verdict}{}",
            safe(document.file),
            document.format,
            safe(document.version),
            inside.collect::<String>(),
            match document.checked {
                ValidationExtent::Members => "",
                ValidationExtent::Meaning => " in its meaning; its form was not checked",
            }
        )?;
        for finding in document.findings {
            let tone = if finding.level == Level::Error { Tone::Bad } else { Tone::Doubt };
            let lead = format!("  {}: ", page.paint.paint(tone, finding.level.as_str()));
            let place = if finding.place.is_empty() { String::new() } else { format!("{}: ", finding.place) };
            let text = format!("{} {place}{}", finding.code, finding.message);
            page.paragraph(out, &lead, 4 + finding.level.as_str().len(), &safe(&text))?;
        }
        if document.more_findings > 0 {
            writeln!(out, "  and {} more", document.more_findings)?;
        }
    }
    Ok(())
}

//! The scores of an SBOM, for people.

use std::io::{self, Write};

use super::table::{Page, Tone, safe};
use crate::report::sbom_score::Report;

/// Writes a table for each guideline, then what to fix.
pub(crate) fn write(report: &Report, page: Page, out: &mut dyn Write) -> io::Result<()> {
    for (number, score) in report.scores.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        let percent = format!("{} %", score.percent);
        let tone = match score.percent {
            100 => Tone::Good,
            50.. => Tone::Doubt,
            _ => Tone::Bad,
        };
        writeln!(out, "{}: {}", score.guideline.title(), page.paint.paint(tone, &percent))?;
        let rows: Vec<[String; 2]> = score
            .elements
            .iter()
            .map(|element| [element.element.to_owned(), format!("{} of {}", element.present, element.of)])
            .collect();
        page.columns(out, "  ", Some(["ELEMENT", "STATED"]), &rows)?;
        for element in score.elements.iter().filter(|element| !element.is_complete()) {
            let names = element.missing.join(", ");
            let more = if element.of - element.present > element.missing.len() { ", …" } else { "" };
            let missing = if names.is_empty() { String::new() } else { format!(" (missing: {names}{more})") };
            page.paragraph(out, "  fix: ", 7, &safe(&format!("{}{missing}", element.fix)))?;
        }
    }
    Ok(())
}

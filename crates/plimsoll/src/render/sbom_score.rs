//! The scores of an SBOM, for people.

use std::io::{self, Write};

use plimsoll_sbom::ScoredElement;

use super::table::{Page, Tone, safe};
use crate::report::sbom_score::Report;

/// Writes a table for each guideline, then what to fix for all of them.
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
    }
    fixes(report, page, out)
}

/// What to fix, each item once, with the guidelines that require it.
fn fixes(report: &Report, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let mut missing: Vec<(&ScoredElement, Vec<&str>)> = Vec::new();
    for score in &report.scores {
        for element in score.elements.iter().filter(|element| !element.is_complete()) {
            match missing.iter_mut().find(|(known, _)| known.element == element.element) {
                Some((_, guidelines)) => guidelines.push(score.guideline.as_str()),
                None => missing.push((element, vec![score.guideline.as_str()])),
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nwhat to fix:")?;
    for (element, guidelines) in missing {
        let names = element.missing.join(", ");
        let more = if element.is_cut { ", …" } else { "" };
        let without = if names.is_empty() { String::new() } else { format!(". Missing: {names}{more}") };
        let text = format!("{} ({}){without}", element.fix, guidelines.join(", "));
        page.paragraph(out, &format!("  {}: ", element.element), 4, &safe(&text))?;
    }
    Ok(())
}

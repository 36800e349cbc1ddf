//! Markdown in GitHub's and GitLab's dialect, for comments on changes and summaries of jobs: what to do, as tables.
//!
//! ```text
//! ## app.tar
//! **2 findings**: 1 critical, 1 low
//!
//! | upgrade | from | to | fixes |
//! | --- | --- | --- | --- |
//! | `pymysql` | `1.1.0` | `1.1.1` | critical: `CVE-2024-36039` (known to be exploited) |
//! ```
//!
//! Services cut long comments or refuse them (GitHub: 65,536 characters), so a table ends after [`MOST_ROWS`] rows and a cell
//! after [`MOST_IDS`] identifiers, which is said. Gaps are never cut: they come before the tables.

use std::io::{self, Write};

use plimsoll_core::quantity::count;
use plimsoll_vuln::Finding;

use super::escape::{markdown, markdown_code};
use super::plan::{Action, Step, effect, steps};
use super::{Compared, ScanFormat, Style, words};
use crate::report::scan::{Report, Scanned};

/// Rows of one table.
const MOST_ROWS: usize = 100;

/// Identifiers in one cell.
const MOST_IDS: usize = 12;

pub(super) struct Markdown;

impl ScanFormat for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn about(&self) -> &'static str {
        "For comments and job summaries"
    }

    fn compared(&self) -> Compared {
        Compared::OnlyChanges
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        for (position, result) in report.results.iter().enumerate() {
            if position > 0 {
                writeln!(out)?;
            }
            write_result(result, out)?;
        }
        if !report.errors.is_empty() {
            writeln!(out, "\n## Not scanned\n")?;
            for unscanned in &report.errors {
                writeln!(out, "- {}", markdown(&words::failure(unscanned)))?;
            }
        }
        Ok(())
    }
}

fn write_result(result: &Scanned, out: &mut dyn Write) -> io::Result<()> {
    let scan = &result.scan;
    writeln!(out, "## {}\n", markdown_code(&result.name()))?;
    if let Some(manifest) = result.manifest {
        writeln!(out, "{}\n", markdown_code(&manifest.to_string()))?;
    }
    writeln!(out, "**{}**; {}.", words::summary(result), markdown(&words::looked_up(scan)))?;
    let steps = steps(result);
    let (fixed, upgrades) = effect(&steps);
    if upgrades > 0 {
        let verb = if upgrades == 1 { "fixes" } else { "fix" };
        writeln!(out, "{} {verb} {fixed} of them.", count(upgrades, "upgrade"))?;
    }
    if let Some(newer) = &result.newer_base {
        writeln!(out, "\n{}.", markdown(&newer.words()))?;
    }
    list(out, "Not covered", "No findings there does not mean safety.", scan.gaps.iter().map(words::gap))?;
    if let Some(changes) = &result.changes {
        list(out, "Compared with an earlier result", "", changes.words().into_iter())?;
        list(out, "No longer found", "", result.fixed())?;
    }
    let remove: Vec<&Step<'_>> = steps.iter().filter(|step| step.action == Action::Remove).collect();
    let is_upgrade = |step: &&Step<'_>| matches!(step.action, Action::Upgrade(_) | Action::Fix(_));
    let upgrade: Vec<&Step<'_>> = steps.iter().filter(is_upgrade).collect();
    let wait: Vec<&Step<'_>> = steps.iter().filter(|step| matches!(step.action, Action::Wait(_))).collect();
    table(out, "Remove", ["package", "version", "because", "in"], &remove, |step| {
        [name(step), markdown_code(step.version), findings(&step.findings), place(step, result)]
    })?;
    table(out, "Upgrade", ["package", "from", "to", "fixes", "in"], &upgrade, |step| {
        let to = match step.action {
            Action::Upgrade(to) => markdown_code(to),
            Action::Fix(versions) => {
                versions.iter().map(|version| markdown_code(version)).collect::<Vec<_>>().join(" or ")
            }
            Action::Remove | Action::Wait(_) => String::new(),
        };
        [name(step), markdown_code(step.version), to, findings(&step.findings), place(step, result)]
    })?;
    table(out, "Nothing to upgrade to", ["package", "version", "state", "findings", "in"], &wait, |step| {
        let state = match step.action {
            Action::Wait(state) => state.to_owned(),
            Action::Remove | Action::Upgrade(_) | Action::Fix(_) => String::new(),
        };
        [name(step), markdown_code(step.version), state, findings(&step.findings), place(step, result)]
    })?;
    list(out, "Informational", "", scan.informational.iter().map(words::informational))?;
    let aside =
        scan.suppressed.iter().map(words::suppressed).chain(scan.set_aside.iter().map(words::set_aside));
    list(out, "Set aside", "", aside)
}

fn name(step: &Step<'_>) -> String {
    let installed: Vec<String> = step.installed.iter().map(|name| markdown_code(name)).collect();
    if installed.is_empty() {
        markdown_code(step.package)
    } else {
        format!("{} ({})", markdown_code(step.package), installed.join(", "))
    }
}

/// Identifiers by severity, the worst first.
fn findings(findings: &[&Finding]) -> String {
    let mut cell = String::new();
    let mut last = "";
    for finding in findings.iter().take(MOST_IDS) {
        let severity = words::severity(finding);
        let joint = match last {
            "" => format!("{severity}: "),
            last if last == severity => ", ".to_owned(),
            _ => format!("; {severity}: "),
        };
        last = severity;
        cell.push_str(&joint);
        cell.push_str(&markdown_code(&finding.id));
        if finding.exploited.is_some() {
            cell.push_str(" **exploited**");
        }
        if finding.linked == Some(false) {
            cell.push_str(" (not linked)");
        }
    }
    match findings.len().checked_sub(MOST_IDS) {
        Some(rest) if rest > 0 => format!("{cell}, and {rest} more"),
        _ => cell,
    }
}

fn place(step: &Step<'_>, result: &Scanned) -> String {
    let first = step.places.first().and_then(|(place, _)| *place);
    let Some(location) = first else { return String::new() };
    let more = match step.places.len() {
        0 | 1 => String::new(),
        number => format!(" and {}", count(number - 1, "more place")),
    };
    let base = match step.is_of_base(result.base.as_ref()) {
        Some(true) => ", of the base image",
        _ => "",
    };
    format!("{}{more}{base}", markdown_code(&location.path))
}

fn list(out: &mut dyn Write, title: &str, lead: &str, items: impl Iterator<Item = String>) -> io::Result<()> {
    for (position, item) in items.enumerate() {
        if position == 0 {
            writeln!(out, "\n### {title}\n")?;
            if !lead.is_empty() {
                writeln!(out, "{lead}\n")?;
            }
        }
        writeln!(out, "- {}", markdown(&item))?;
    }
    Ok(())
}

fn table<const N: usize>(
    out: &mut dyn Write,
    title: &str,
    header: [&str; N],
    steps: &[&Step<'_>],
    row: impl Fn(&Step<'_>) -> [String; N],
) -> io::Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### {title}\n\n| {} |\n|{}", header.join(" | "), " --- |".repeat(N))?;
    for step in steps.iter().take(MOST_ROWS) {
        writeln!(out, "| {} |", row(step).join(" | "))?;
    }
    if steps.len() > MOST_ROWS {
        let rest = count(steps.len() - MOST_ROWS, "more package");
        writeln!(out, "\n… and {rest}, which `plimsoll scan` without `-o markdown` lists.")?;
    }
    Ok(())
}

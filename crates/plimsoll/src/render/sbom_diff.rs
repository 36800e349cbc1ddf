//! The difference of two inventories, for people.

use std::io::{self, Write};

use plimsoll_core::quantity::count;
use plimsoll_sbom::ChangeKind;

use super::table::{Page, Tone, safe};
use crate::report::sbom_diff::{Report, ReportedChange, State};

/// Writes a row a change, then how many there are of each kind.
pub(crate) fn table(report: &Report<'_>, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<[String; 6]> = report
        .changes
        .iter()
        .map(|change| {
            [
                change.kind.as_str().to_owned(),
                change.r#type.to_owned(),
                safe(change.name).into_owned(),
                versions(change),
                licences(change),
                layer(change),
            ]
        })
        .collect();
    if !rows.is_empty() {
        page.columns(out, "", Some(["CHANGE", "TYPE", "NAME", "VERSION", "LICENCE", "LAYER"]), &rows)?;
        writeln!(out)?;
    }
    systems(report, out)?;
    writeln!(out, "{}", summary(report))?;
    if report.incomplete {
        let note = "components may be missing from either, so that more may differ";
        writeln!(out, "{}", page.paint.paint(Tone::Doubt, note))?;
    }
    Ok(())
}

/// Writes a checklist in Markdown, a section for each kind of change.
pub(crate) fn markdown(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Changes from {} to {}\n", plain(report.before.subject), plain(report.after.subject))?;
    systems(report, out)?;
    writeln!(out, "{}", summary(report))?;
    if report.incomplete {
        writeln!(out, "\nComponents may be missing from either, so that more may differ.")?;
    }
    for kind in ChangeKind::ALL {
        let changes = || report.changes.iter().filter(move |change| change.kind == kind);
        if changes().next().is_none() {
            continue;
        }
        let mut title = kind.as_str().to_owned();
        title.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        writeln!(out, "\n## {title}\n\n| | type | name | version | licence | layer |\n|-|-|-|-|-|-|")?;
        for change in changes() {
            writeln!(
                out,
                "| [ ] | {} | {} | {} | {} | {} |",
                plain(change.r#type),
                plain(change.name),
                plain(&versions(change)),
                plain(&licences(change)),
                layer(change),
            )?;
        }
    }
    Ok(())
}

/// The operating systems, where they differ.
fn systems(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let name = |os: &Option<String>| os.as_deref().map_or("none".into(), |os| safe(os).into_owned());
    if report.before.os != report.after.os {
        writeln!(out, "operating system: {} → {}\n", name(&report.before.os), name(&report.after.os))?;
    }
    Ok(())
}

fn summary(report: &Report<'_>) -> String {
    let of = &report.summary;
    let counts = [
        (of.added, "added"),
        (of.removed, "removed"),
        (of.upgraded, "upgraded"),
        (of.downgraded, "downgraded"),
        (of.changed, "changed"),
        (of.relicensed, "relicensed"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let same = format!("{} the same", count(of.unchanged, "component"));
    if told.is_empty() { format!("no difference, {same}") } else { format!("{}, {same}", told.join(", ")) }
}

fn versions(change: &ReportedChange<'_>) -> String {
    let version = |state: &Option<State<'_>>| state.as_ref().map(|state| safe(state.version).into_owned());
    match (version(&change.before), version(&change.after)) {
        (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
        (before, after) => after.or(before).unwrap_or_default(),
    }
}

fn licences(change: &ReportedChange<'_>) -> String {
    let names = |state: &Option<State<'_>>| {
        state.as_ref().map(|state| safe(&state.licenses.join(", ")).into_owned()).unwrap_or_default()
    };
    match (names(&change.before), names(&change.after)) {
        (before, after) if change.relicensed => format!("{before} → {after}"),
        (before, after) if after.is_empty() => before,
        (_, after) => after,
    }
}

/// The layer that has the package, or had it, counted from one.
fn layer(change: &ReportedChange<'_>) -> String {
    let state = change.after.as_ref().or(change.before.as_ref());
    state.and_then(|state| state.layer).map(|layer| (layer.index + 1).to_string()).unwrap_or_default()
}

/// Foreign text in Markdown: what would end a cell or begin a link, an image or HTML is escaped.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in safe(text).chars() {
        if matches!(character, '\\' | '|' | '<' | '>' | '[' | ']' | '`' | '*' | '_' | '!' | '&' | '#' | '@') {
            plain.push('\\');
        }
        plain.push(if character == '\n' { ' ' } else { character });
    }
    plain
}

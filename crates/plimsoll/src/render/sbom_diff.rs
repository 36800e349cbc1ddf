//! The difference of two inventories, for people.

use std::io::{self, Write};

use plimsoll_core::quantity::count;
use plimsoll_sbom::{Aspect, ChangeKind};

use super::table::{Page, Tone, safe, short};
use crate::report::sbom_diff::{ComparedInventory, LayerChanges, Origin, Report, ReportedChange, State};

/// Writes one row per change, then the number of each kind.
pub(crate) fn table(report: &Report<'_>, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let cells = |change: &ReportedChange<'_>| {
        let kind = change.kind.as_str().to_owned();
        let name = safe(change.name).into_owned();
        [kind, change.r#type.to_owned(), name, versions(change), licences(change)]
    };
    if let Some(layers) = &report.by_layer {
        for group in layers {
            writeln!(out, "{}: {}", title(group), counts(group))?;
            let rows: Vec<[String; 5]> = changes_of(report, group).map(cells).collect();
            page.columns(out, "  ", Some(["CHANGE", "TYPE", "NAME", "VERSION", "LICENCE"]), &rows)?;
            writeln!(out)?;
        }
    } else if !report.changes.is_empty() {
        let row = |change: &ReportedChange<'_>| {
            let [kind, r#type, name, version, licence] = cells(change);
            [kind, r#type, name, version, licence, layer(change)]
        };
        let rows: Vec<[String; 6]> = report.changes.iter().map(row).collect();
        page.columns(out, "", Some(["CHANGE", "TYPE", "NAME", "VERSION", "LICENCE", "LAYER"]), &rows)?;
        writeln!(out)?;
    }
    aspects(report, out)?;
    writeln!(out, "{}", summary(report))?;
    if let Some(note) = incomplete(report) {
        writeln!(out, "{}", page.paint.paint(Tone::Doubt, &note))?;
    }
    Ok(())
}

/// Writes a checklist in Markdown, with a section for each kind of change.
pub(crate) fn markdown(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Changes from {} to {}\n", plain(report.before.subject), plain(report.after.subject))?;
    aspects(report, out)?;
    writeln!(out, "{}", summary(report))?;
    if let Some(note) = incomplete(report) {
        writeln!(out, "\n{}", plain(&note))?;
    }
    if let Some(layers) = &report.by_layer {
        for group in layers {
            let mut title = title(group);
            title.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
            writeln!(out, "\n## {title}\n\n{}\n", counts(group))?;
            writeln!(out, "| | change | type | name | version | licence |\n|-|-|-|-|-|-|")?;
            for change in changes_of(report, group) {
                writeln!(
                    out,
                    "| [ ] | {} | {} | {} | {} | {} |",
                    change.kind.as_str(),
                    plain(change.r#type),
                    plain(change.name),
                    plain(&versions(change)),
                    plain(&licences(change)),
                )?;
            }
        }
        return Ok(());
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

fn changes_of<'r, 'a>(
    report: &'r Report<'a>,
    group: &'r LayerChanges,
) -> impl Iterator<Item = &'r ReportedChange<'a>> {
    group.changes.iter().filter_map(|number| report.changes.get(*number))
}

/// `layer 3 (sha256:…)`, counted from one.
fn title(group: &LayerChanges) -> String {
    let Some(layer) = &group.layer else { return "unknown layer".to_owned() };
    let digest = layer.diff_id.map(|digest| format!(" ({})", short(&digest))).unwrap_or_default();
    let named = format!("layer {}{digest}", layer.index + 1);
    match group.origin {
        Origin::After | Origin::Unknown => named,
        Origin::RemovedAbove => format!("{named}, which both have, below the one that removed its packages"),
        Origin::Before => format!("{named} of the older one, which is gone"),
    }
}

/// `2 added, 1 upgraded`.
fn counts(group: &LayerChanges) -> String {
    let told: Vec<_> =
        group.summary.iter().map(|(kind, number)| format!("{number} {}", kind.as_str())).collect();
    told.join(", ")
}

/// Other differences than packages: operating systems and architectures.
fn aspects(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (before, after) = (&report.before, &report.after);
    for aspect in &report.aspects {
        let (what, before, after) = match aspect {
            Aspect::OperatingSystem => ("operating system", system(before), system(after)),
            Aspect::Architecture => ("architecture", architectures(before), architectures(after)),
        };
        writeln!(out, "{what}: {before} → {after}\n")?;
    }
    Ok(())
}

fn system(side: &ComparedInventory<'_>) -> String {
    side.os.as_deref().map_or_else(|| "none".to_owned(), |os| safe(os).into_owned())
}

fn architectures(side: &ComparedInventory<'_>) -> String {
    let names: Vec<_> = side.architectures.iter().map(|name| safe(name)).collect();
    names.join(", ")
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
    match (told.is_empty(), report.aspects.is_empty(), report.incomplete) {
        (false, ..) => format!("{}, {same}", told.join(", ")),
        (true, false, _) => format!("no component differs, {same}"),
        (true, true, true) => format!("no difference in what is known, {same}"),
        (true, true, false) => format!("no difference, {same}"),
    }
}

/// Which of the two may lack components.
fn incomplete(report: &Report<'_>) -> Option<String> {
    let sides = [&report.before, &report.after];
    let names: Vec<_> = sides.iter().filter(|side| !side.complete).map(|side| safe(side.subject)).collect();
    (!names.is_empty())
        .then(|| format!("components may be missing from {}, so more may differ", names.join(" and ")))
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

/// The layer that contains or contained the package, counted from one.
fn layer(change: &ReportedChange<'_>) -> String {
    let state = change.after.as_ref().or(change.before.as_ref());
    state.and_then(|state| state.layer).map(|layer| (layer.index + 1).to_string()).unwrap_or_default()
}

/// Foreign text in Markdown: characters that would end a cell or start a link, an image or HTML are escaped.
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

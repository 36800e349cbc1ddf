//! The trust material, for people.

use std::io::{self, Write};

use plimsoll_core::{Timestamp, quantity};
use plimsoll_trust::Entry;

use super::table::{Paint, Tone, columns, safe};
use crate::report::trust::Report;

/// Writes its origin and age, then a line for each authority, log and service.
pub(crate) fn write(report: &Report, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    match (report.origin, &report.cache) {
        ("built-in", _) => writeln!(out, "{}: built in, as of this version", safe(&report.name))?,
        (_, Some(cache)) => {
            let age = quantity::age(report.checked_at, cache.updated);
            writeln!(out, "{}: from {}, {age}", safe(&report.name), safe(&cache.mirror))?;
            let (tone, word) =
                if cache.expired { (Tone::Bad, "expired at") } else { (Tone::Good, "valid until") };
            let until = format!("{word} {}", cache.expires);
            let versions = cache.versions;
            writeln!(
                out,
                "{} (root {}, timestamp {}, snapshot {}, targets {})",
                paint.paint(tone, &until),
                versions.root,
                versions.timestamp,
                versions.snapshot,
                versions.targets
            )?;
        }
        _ => writeln!(out, "{}", safe(&report.name))?,
    }
    if let Some(root) = &report.trusted_root {
        writeln!(out, "\n{} {}", paint.paint(Tone::Strong, "Trusted root"), root.digest)?;
        table(&root.entries, out)?;
    }
    if let Some(services) = &report.services {
        writeln!(out, "\n{}", paint.paint(Tone::Strong, "Services for signing"))?;
        table(services, out)?;
    }
    Ok(())
}

fn table(entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
    let day = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let rows: Vec<[String; 6]> = entries
        .iter()
        .map(|entry| {
            let name = entry.name.as_deref().unwrap_or_default();
            [
                entry.kind.shown().to_owned(),
                safe(&entry.url).into_owned(),
                safe(&if name.is_empty() {
                    entry.detail.clone()
                } else {
                    format!("{name} ({})", entry.detail)
                })
                .into_owned(),
                day(entry.start),
                day(entry.end),
                if entry.in_force { "in force" } else { "not now" }.to_owned(),
            ]
        })
        .collect();
    columns(out, "  ", Some(["WHAT", "WHERE", "WHOSE", "FROM", "UNTIL", ""]), &rows)
}

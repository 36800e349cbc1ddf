//! Findings of a scan for people.

use std::io::{self, Write};

use plimsoll_core::Timestamp;
use plimsoll_core::rootfs::LayerRef;
use plimsoll_vuln::{Finding, Fix, Scan};

use super::table::{Paint, Tone, columns, count, safe, short};

/// Writes the findings, the worst first, then what was set aside and what is not covered.
pub(crate) fn write(
    scan: &Scan,
    layers: &[LayerRef],
    now: Timestamp,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut findings: Vec<&Finding> = scan.findings.iter().collect();
    findings.sort_by(|a, b| b.severity.cmp(&a.severity));
    let rows: Vec<_> = findings.iter().map(|finding| row(finding, layers)).collect();
    if !rows.is_empty() {
        columns(out, "", Some(["ID", "SEVERITY", "PACKAGE", "VERSION", "FIX", "WHERE"]), &rows)?;
        writeln!(out)?;
    }
    writeln!(out, "{}", summary(scan))?;
    for feed in &scan.database {
        let age = super::database::age(now, feed.as_of);
        writeln!(out, "database {}: {}, {age}", safe(&feed.ecosystem), safe(&feed.publisher))?;
    }
    for suppressed in &scan.suppressed {
        let finding = &suppressed.finding;
        let (id, package) = (safe(&finding.id), safe(&finding.package));
        writeln!(out, "set aside: {id} in {package}: {}", safe(&suppressed.reason.to_string()))?;
    }
    for gap in &scan.gaps {
        let what = paint.paint(Tone::Bad, "not covered");
        let components = count(gap.components, "component");
        writeln!(out, "{what}: {} ({components}): {}", safe(&gap.ecosystem), safe(&gap.reason.to_string()))?;
    }
    Ok(())
}

/// Writes every finding of a verdict's scan, those that block nothing included.
pub(crate) fn explain(scan: &Scan, layers: &[LayerRef], out: &mut dyn Write) -> io::Result<()> {
    if scan.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "  every finding:")?;
    let rows: Vec<_> = scan.findings.iter().map(|finding| row(finding, layers)).collect();
    columns(out, "    ", None, &rows)
}

fn summary(scan: &Scan) -> String {
    let mut text = count(scan.findings.len(), "finding");
    let mut severities: Vec<_> = scan.findings.iter().map(|finding| finding.severity).collect();
    severities.sort_unstable_by(|a, b| b.cmp(a));
    for (position, group) in severities.chunk_by(|a, b| a == b).enumerate() {
        let separator = if position == 0 { ": " } else { ", " };
        let name = group.first().map_or("", |severity| severity.name());
        text.push_str(&format!("{separator}{} {name}", group.len()));
    }
    text
}

fn row(finding: &Finding, layers: &[LayerRef]) -> [String; 6] {
    let place = finding.locations.first().map(|location| {
        let layer = location.layer.map(|index| {
            let digest = layers.get(index).map(|layer| format!(", {}", short(&layer.digest))).unwrap_or_default();
            format!(" (layer {}{digest})", index + 1)
        });
        format!("{}{}", safe(&location.path), layer.unwrap_or_default())
    });
    [
        safe(&finding.id).into_owned(),
        finding.severity.name().to_owned(),
        safe(&finding.package).into_owned(),
        safe(&finding.version).into_owned(),
        fix(&finding.fix),
        place.unwrap_or_default(),
    ]
}

fn fix(fix: &Fix) -> String {
    match fix {
        Fix::Fixed(_) => safe(fix.nearest().unwrap_or_default()).into_owned(),
        Fix::NotFixed => "none yet".to_owned(),
        Fix::WontFix => "will not be fixed".to_owned(),
        Fix::Unknown => "unknown".to_owned(),
    }
}

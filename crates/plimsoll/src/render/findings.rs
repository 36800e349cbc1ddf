//! Findings of a scan for people.

use std::cmp::Reverse;
use std::io::{self, Write};

use plimsoll_core::Timestamp;
use plimsoll_core::rootfs::LayerRef;
use plimsoll_vuln::{Finding, Fix, Scan};

use super::inventory::{Aside, set_aside};
use super::table::{Paint, Tone, columns, count, package, safe, short};
use crate::report::scan::Report;

/// Writes what was found in each subject.
pub(crate) fn write_all(report: &Report, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for (position, result) in report.results.iter().enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        let platform = result.platform.as_deref().map(|name| format!(", {}", safe(name)));
        let manifest = result.manifest.map(|digest| format!(" ({digest}{})", platform.unwrap_or_default()));
        writeln!(out, "{}{}\n", safe(&result.subject), manifest.unwrap_or_default())?;
        write(&result.scan, &result.layers, report.scanned_at, paint, out)?;
    }
    Ok(())
}

/// Writes the findings, the worst first, then what was set aside and what is not covered.
pub(crate) fn write(
    scan: &Scan,
    layers: &[LayerRef],
    now: Timestamp,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut findings: Vec<&Finding> = scan.findings.iter().collect();
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let rows = rows(findings, layers);
    if !rows.is_empty() {
        columns(out, "", Some(["ID", "SEVERITY", "PACKAGE", "VERSION", "FIX", "WHERE"]), &rows)?;
        writeln!(out)?;
    }
    writeln!(out, "{}\n{}", summary(scan), looked_up(scan))?;
    for feed in &scan.database {
        let age = super::database::age(now, feed.as_of);
        writeln!(out, "database {}: {}, {age}", safe(&feed.ecosystem), safe(&feed.publisher))?;
    }
    for suppressed in &scan.suppressed {
        let finding = &suppressed.finding;
        let (id, package) = (safe(&finding.id), safe(&finding.package));
        writeln!(out, "set aside: {id} in {package}: {}", safe(&suppressed.reason.to_string()))?;
    }
    let aside = scan.set_aside.iter().map(|aside| Aside {
        ecosystem: &aside.ecosystem,
        files: &aside.files,
        owner: aside.owner.as_ref(),
        path: &aside.path,
    });
    set_aside(aside, out)?;
    for gap in &scan.gaps {
        let what = paint.paint(Tone::Bad, "not covered");
        let components = concerned(gap.components, gap.reason.files());
        writeln!(out, "{what}: {}{components}: {}", safe(&gap.ecosystem), safe(&gap.reason.to_string()))?;
    }
    Ok(())
}

/// Writes every finding of a verdict's scan, those that block nothing included.
pub(crate) fn explain(scan: &Scan, layers: &[LayerRef], out: &mut dyn Write) -> io::Result<()> {
    if scan.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "  every finding:")?;
    columns(out, "    ", None, &rows(&scan.findings, layers))
}

/// A row for each finding. Those that look the same share one, as where an SBOM does not say where its components are.
fn rows<'a>(findings: impl IntoIterator<Item = &'a Finding>, layers: &[LayerRef]) -> Vec<[String; 6]> {
    let rows: Vec<_> = findings.into_iter().map(|finding| row(finding, layers)).collect();
    let same = rows.chunk_by(|one, next| one == next);
    let shared = same.filter_map(|group| {
        let [id, severity, package, version, fix, place] = group.first()?.clone();
        let place = match group.len() {
            1 => place,
            several => format!("{place} ({several} times)").trim_start().to_owned(),
        };
        Some([id, severity, package, version, fix, place])
    });
    shared.collect()
}

/// How many components or which files a gap concerns. What may be missing from the inventory cannot be counted.
pub(super) fn concerned(components: usize, files: Option<&str>) -> String {
    match (components, files) {
        (_, Some(files)) => format!(" ({})", safe(files)),
        (0, None) => String::new(),
        (_, None) => format!(" ({})", count(components, "component")),
    }
}

fn summary(scan: &Scan) -> String {
    let mut severities: Vec<_> = scan.findings.iter().map(|finding| finding.severity).collect();
    severities.sort_unstable_by_key(|severity| Reverse(*severity));
    let of_each = severities.chunk_by(|a, b| a == b).filter_map(|group| {
        let name = group.first()?.name();
        Some(format!("{} {name}", group.len()))
    });
    let of_each: Vec<String> = of_each.collect();
    let total = count(scan.findings.len(), "finding");
    if of_each.is_empty() { total } else { format!("{total}: {}", of_each.join(", ")) }
}

/// How many components were looked up, and where: with nothing found, that is what tells a clean image from one that nobody
/// looked into.
fn looked_up(scan: &Scan) -> String {
    let of_each: Vec<String> =
        scan.looked_up.iter().map(|it| format!("{} in {}", it.components, safe(&it.ecosystem))).collect();
    let total = count(scan.components, "component");
    match of_each.as_slice() {
        [] => format!("looked up none of {total}"),
        _ if scan.matched_components == scan.components => {
            format!("looked up {total}: {}", of_each.join(", "))
        }
        _ => format!("looked up {} of {total}: {}", scan.matched_components, of_each.join(", ")),
    }
}

fn row(finding: &Finding, layers: &[LayerRef]) -> [String; 6] {
    let place = finding.locations.first().map(|location| {
        let layer = location.layer.map(|index| {
            let digest =
                layers.get(index).map(|layer| format!(", {}", short(&layer.digest))).unwrap_or_default();
            format!(" (layer {}{digest})", index + 1)
        });
        format!("{}{}", safe(&location.path), layer.unwrap_or_default())
    });
    [
        safe(&finding.id).into_owned(),
        finding.severity.name().to_owned(),
        package(Some(&finding.component), &finding.package),
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

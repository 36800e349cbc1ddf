//! The result for people at a terminal: what to do, the greatest risk first, then what is beside it.
//!
//! ```text
//! upgrade pymysql 1.1.0 to 1.1.1
//!   critical  CVE-2024-36039 (exploited; EPSS 12 %)
//!   in        usr/local/lib/python3.11/site-packages/pymysql-1.1.0.dist-info/METADATA (layer 2 of 2)
//!
//! zlib 1:1.2.13.dfsg-1 (zlib1g): no fix yet
//!   low       CVE-2023-45853
//!   rebuild   the newer base fixes it
//!   in        var/lib/dpkg/status (layer 1 of 2, of the base image)
//! ```

use std::io::{self, Write};

use plimsoll_core::Digest;
use plimsoll_core::quantity::{self, count};
use plimsoll_sbom::ProblemSeverity;
use plimsoll_vuln::{Class, Finding, Severity};

use super::plan::{Action, Step, effect, steps};
use super::{Compared, ScanFormat, Style, words};
use crate::render::finding::{fixed, heading, identifier, tone, write_places};
use crate::render::findings;
use crate::render::inventory::{self, Aside, set_aside};
use crate::render::table::{Page, Tone, first, safe};
use crate::report::scan::{Report, Scanned};

/// So many identifiers of one severity are shown at a terminal, unless everything is asked for. Old versions of large packages
/// have hundreds, and what to do about them is one line.
const IDS: usize = 30;

/// So many identifiers that an upgrade leaves are shown, unless everything is asked for.
const LEFT: usize = 4;

pub(super) struct Table;

impl ScanFormat for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn about(&self) -> &'static str {
        "For people to read"
    }

    fn compared(&self) -> Compared {
        Compared::OnlyChanges
    }

    fn write(&self, report: &Report, style: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let page = style.page;
        for (position, result) in report.results.iter().enumerate() {
            if position > 0 {
                writeln!(out)?;
            }
            heading(&result.subject, result.platform.as_deref(), result.manifest.as_ref(), page, out)?;
            writeln!(out)?;
            write_result(result, report, page, out)?;
        }
        Ok(())
    }
}

fn write_result(result: &Scanned, report: &Report, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let scan = &result.scan;
    let layers: Vec<Digest> = result.layers.iter().map(|layer| layer.digest).collect();
    let steps = steps(result);
    if let Some(newer) = &result.newer_base {
        page.paragraph(out, "", 2, &safe(&newer.words()))?;
        writeln!(out)?;
    }
    for step in &steps {
        write_step(step, result, &layers, page, out)?;
        writeln!(out)?;
    }
    findings::informational(scan, "", page, out)?;
    page.paragraph(out, "", 0, &words::summary(result))?;
    let (fixed, upgrades) = effect(&steps);
    if upgrades > 0 {
        let verb = if upgrades == 1 { "fixes" } else { "fix" };
        writeln!(out, "{} {verb} {fixed} of them", count(upgrades, "upgrade"))?;
    }
    if let Some(changes) = &result.changes {
        for line in changes.words() {
            page.paragraph(out, "compared: ", 10, &safe(&line))?;
        }
        let most = if page.verbose { usize::MAX } else { crate::report::baseline::MOST_SHOWN };
        let write = |fixed: &crate::report::baseline::Earlier, out: &mut dyn Write| {
            page.paragraph(out, "fixed: ", 7, &safe(&fixed.words()))
        };
        first(&changes.fixed, most, out, write, |rest| format!("fixed: … and {rest} more"))?;
    }
    page.paragraph(out, "", 0, &safe(&words::looked_up(scan)))?;
    if scan.compared_without_epochs > 0 {
        let components = count(scan.compared_without_epochs, "component");
        let text = format!("compared without epochs, because the document states none: {components}");
        page.paragraph(out, "", 0, &text)?;
    }
    for feed in scan.database.iter().chain(&scan.overlays) {
        let age = quantity::age(report.scanned_at, feed.as_of);
        writeln!(out, "database {}: {}, {age}", safe(&feed.ecosystem), safe(&feed.publisher))?;
    }
    for suppressed in &scan.suppressed {
        page.paragraph(out, "set aside: ", 11, &safe(&words::suppressed(suppressed)))?;
    }
    findings::vex(scan, page, out)?;
    findings::ignored(scan, page, out)?;
    let aside = scan.set_aside.iter().map(|aside| Aside {
        ecosystem: &aside.ecosystem,
        files: &aside.files,
        owner: aside.owner.as_ref(),
        path: &aside.path,
    });
    set_aside(aside, page, out)?;
    for gap in &scan.gaps {
        let what = format!("{}: ", page.paint.paint(Tone::Bad, "not covered"));
        page.paragraph(out, &what, 13, &safe(&words::gap(gap)))?;
    }
    for noted in &scan.noted {
        inventory::problem(noted.problem, ProblemSeverity::Noted, &noted.path, &noted.detail, page, out)?;
    }
    Ok(())
}

fn write_step(
    step: &Step<'_>,
    result: &Scanned,
    layers: &[Digest],
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let named = format!("{} {}", safe(step.package), safe(step.version));
    let (title, told) = match step.action {
        Action::Remove => (format!("remove {named}"), ": it was published to do harm".to_owned()),
        Action::Upgrade(to) => (format!("upgrade {named} to {}", safe(to)), String::new()),
        Action::Fix(versions) => (named, format!(": {}", fixed(versions.iter().map(String::as_str), page))),
        Action::Wait(state) => (named, format!(": {state}")),
    };
    let installed = match step.installed.as_slice() {
        [] => String::new(),
        all => format!(" ({})", safe(&all.join(", "))),
    };
    let lead = page.paint.paint(Tone::Strong, &title);
    let width = title.chars().count() + installed.chars().count() + told.chars().count();
    if page.width.is_some_and(|most| width > most) {
        // A title that is too wide by itself is broken as well, without its colour.
        let is_wide = page.width.is_some_and(|most| title.chars().count() > most);
        let (lead, rest) = if is_wide {
            ("", format!("{title}{installed}{told}"))
        } else {
            (&*lead, format!("{installed}{told}"))
        };
        page.paragraph(out, lead, 2, &rest)?;
    } else {
        writeln!(out, "{lead}{installed}{told}")?;
    }
    for group in step.findings.chunk_by(|a, b| key(a) == key(b)) {
        let Some(worst) = group.first() else { continue };
        let severity = words::severity(worst);
        let word = page.paint.paint(tone(worst.class == Class::Malicious, worst.severity), severity);
        let padding = " ".repeat(10_usize.saturating_sub(severity.len()));
        let most = if page.verbose || page.width.is_none() { usize::MAX } else { IDS };
        let mut ids: Vec<String> = group.iter().take(most).map(|finding| identifier(finding)).collect();
        if group.len() > most {
            ids.push(format!("… and {} more (-v shows them)", group.len() - most));
        }
        page.paragraph(out, &format!("  {word}{padding}"), 12, &ids.join(", "))?;
    }
    if !step.leaves.is_empty() {
        let most = if page.verbose { usize::MAX } else { LEFT };
        let mut text =
            safe(&step.leaves.iter().take(most).cloned().collect::<Vec<_>>().join(", ")).into_owned();
        if step.leaves.len() > most {
            text = format!("{text}, … and {} more", step.leaves.len() - most);
        }
        page.paragraph(out, "  leaves    ", 12, &text)?;
    }
    let newer = result.newer_base.as_ref();
    if let Some(effect) = newer.and_then(|newer| newer.about(step.findings.iter().copied())) {
        page.paragraph(out, "  rebuild   ", 12, &format!("the newer base {effect}"))?;
    }
    let base = result.base.as_ref().and_then(|base| Some((base.layers?, base.boundary?.is_certain())));
    write_places(&step.places, "", layers, base, page, out)
}

/// Those that share a line.
fn key(finding: &Finding) -> (bool, bool, Severity) {
    (finding.class == Class::Malicious, finding.exploited.is_some(), finding.severity)
}

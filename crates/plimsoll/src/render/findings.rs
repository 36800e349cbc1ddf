//! Findings of a verdict for people: a paragraph for each package, the worst first. Those of `scan` are in `scan/table.rs`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use plimsoll_core::Digest;
use plimsoll_core::quantity::count;
use plimsoll_vuln::{Class, Finding, Fix, Scan, Severity, Share};

use super::finding::{fixed, identifier, places, tone, write_places};
use super::table::{Page, Tone, safe};

/// What came of the VEX documents, and what they contradict each other in.
pub(super) fn vex(scan: &Scan, page: Page, out: &mut dyn Write) -> io::Result<()> {
    for used in &scan.vex.documents {
        let (document, author) = (safe(&used.document), safe(&used.author));
        let (statements, aside) = (count(used.statements, "statement"), count(used.set_aside, "finding"));
        let text = format!("{document}: {} by {author}, {statements}, set aside {aside}", used.format);
        page.paragraph(out, "vex: ", 5, &text)?;
        let what = format!("{}: ", page.paint.paint(Tone::Doubt, "vex refused"));
        for reason in &used.reasons {
            page.paragraph(out, &what, 13, &format!("{document}: {}", safe(reason)))?;
        }
        if let Some(more) = used.refused.checked_sub(used.reasons.len()).filter(|more| *more > 0) {
            page.paragraph(out, &what, 13, &format!("{document}: {}", count(more, "more statement")))?;
        }
    }
    for conflict in &scan.vex.conflicts {
        let what = format!("{}: ", page.paint.paint(Tone::Doubt, "vex conflict"));
        page.paragraph(out, &what, 14, &safe(conflict))?;
    }
    Ok(())
}

/// What came of the files of ignore rules.
pub(super) fn ignored(scan: &Scan, page: Page, out: &mut dyn Write) -> io::Result<()> {
    for used in &scan.ignored {
        let file = safe(&used.file);
        let (rules, aside) = (count(used.rules, "rule"), count(used.set_aside, "finding"));
        let unused = if used.unused > 0 { format!(", {} about none", used.unused) } else { String::new() };
        let text = format!("{file}: {}, {rules}{unused}, set aside {aside}", used.format);
        page.paragraph(out, "ignore rules: ", 14, &text)?;
        let told = [("ended", &used.ended), ("refused", &used.reasons)];
        for (word, text) in told.into_iter().flat_map(|(word, all)| all.iter().map(move |text| (word, text)))
        {
            let what = format!("{}: ", page.paint.paint(Tone::Doubt, &format!("rule {word}")));
            page.paragraph(out, &what, word.len() + 7, &format!("{file}: {}", safe(text)))?;
        }
    }
    Ok(())
}

/// Writes every finding of a verdict's scan, including those that do not block.
pub(crate) fn explain(scan: &Scan, layers: &[Digest], page: Page, out: &mut dyn Write) -> io::Result<()> {
    if !scan.findings.is_empty() {
        writeln!(out, "  every finding:")?;
        packages(&scan.findings, "    ", layers, page, out)?;
    }
    informational(scan, "    ", page, out)
}

/// Informational advisories about packages.
pub(super) fn informational(scan: &Scan, indent: &str, page: Page, out: &mut dyn Write) -> io::Result<()> {
    // Several components of one package are one line.
    let mut told: Vec<(&str, &str, &str, Class, &str)> = scan
        .informational
        .iter()
        .map(|it| (it.package.as_str(), it.version.as_str(), it.id.as_str(), it.class, it.summary.as_str()))
        .collect();
    told.dedup();
    for (package, version, id, class, summary) in &told {
        let (package, version, id) = (safe(package), safe(version), safe(id));
        let text = format!("{package} {version}: {class} ({id}): {}", safe(summary));
        page.paragraph(out, &format!("{indent}informational: "), indent.len() + 15, &text)?;
    }
    if told.is_empty() { Ok(()) } else { writeln!(out) }
}

/// The statements of advisories about one version of a package, the same for each component that was built from it.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    advisories: Vec<Advisory<'a>>,
    findings: Vec<&'a Finding>,
}

/// The shown part of an advisory. The worst comes first, and those with the same fix are adjacent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Advisory<'a> {
    malicious: Reverse<bool>,
    exploited: Reverse<bool>,
    severity: Reverse<Severity>,
    versions: Vec<&'a str>,
    state: &'static str,
    likelihood: Reverse<Option<Share>>,
    id: &'a str,
    /// The identifier with the facts about it.
    words: String,
}

impl Advisory<'_> {
    /// Whether it shares a line with `other`.
    fn is_beside(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.malicious, it.exploited, it.severity, it.state);
        key(self) == key(other) && self.versions == other.versions
    }

    /// Its kind, with its colour.
    fn severity(&self) -> (&'static str, Tone) {
        match (self.malicious.0, self.severity.0) {
            (true, severity) => ("malicious", tone(true, severity)),
            (false, severity) => (severity.name(), tone(false, severity)),
        }
    }
}

/// The packages, the greatest risk first; those with equal risks by how many there are, and by name.
fn grouped(findings: &[Finding]) -> Vec<Package<'_>> {
    let mut components: BTreeMap<(String, &str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let key = (finding.component.to_string(), finding.package.as_str(), finding.version.as_str());
        components.entry(key).or_default().push(finding);
    }
    let mut packages: BTreeMap<(&str, &str, Vec<Advisory<'_>>), Vec<&Finding>> = BTreeMap::new();
    for ((_, name, version), findings) in components {
        let mut advisories: Vec<Advisory<'_>> = findings.iter().map(|finding| advisory(finding)).collect();
        advisories.sort_unstable();
        advisories.dedup();
        packages.entry((name, version, advisories)).or_default().extend(findings);
    }
    let package = |((name, version, advisories), findings)| Package { name, version, advisories, findings };
    let mut packages: Vec<Package<'_>> = packages.into_iter().map(package).collect();
    packages.sort_by_cached_key(|package| {
        let worst = package.findings.iter().map(|finding| finding.risk()).max();
        (Reverse(worst), Reverse(package.advisories.len()))
    });
    packages
}

fn advisory(finding: &Finding) -> Advisory<'_> {
    let (versions, state): (Vec<&str>, _) = match &finding.fix {
        Fix::Fixed(versions) => (versions.iter().map(String::as_str).collect(), ""),
        Fix::NotFixed => (Vec::new(), "no fix yet"),
        Fix::WontFix => (Vec::new(), "will not be fixed"),
        Fix::Unknown => (Vec::new(), "no known fix"),
    };
    Advisory {
        malicious: Reverse(finding.class == Class::Malicious),
        exploited: Reverse(finding.exploited.is_some()),
        severity: Reverse(finding.severity),
        versions,
        state,
        likelihood: Reverse(finding.likelihood.as_ref().map(|likelihood| likelihood.score)),
        id: &finding.id,
        words: identifier(finding),
    }
}

fn packages(
    findings: &[Finding],
    indent: &str,
    layers: &[Digest],
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    for package in grouped(findings) {
        write_package(&package, indent, layers, page, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn write_package(
    package: &Package<'_>,
    indent: &str,
    layers: &[Digest],
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let title = format!("{} {}", safe(package.name), safe(package.version));
    // Advisories of a distribution name the source package.
    let mut installed: Vec<&str> = package.findings.iter().map(|finding| finding.component.name()).collect();
    installed.sort_unstable();
    installed.dedup();
    installed.retain(|name| !name.eq_ignore_ascii_case(package.name));
    let deb = package.findings.iter().any(|finding| finding.component.package_type() == "deb");
    let installed = match installed.as_slice() {
        [] => String::new(),
        names if deb => format!(" ({})", safe(&names.join(", "))),
        _ => String::new(),
    };
    let all = package.advisories.iter().map(|it| fix(it, page));
    let mut fixes: Vec<String> = all.collect();
    fixes.dedup();
    let only = if fixes.len() == 1 { fixes.pop() } else { None };
    let told = only.as_deref().map(|fix| format!(", {fix}")).unwrap_or_default();
    let lead = format!("{indent}{}", page.paint.paint(Tone::Strong, &title));
    let width = indent.len() + title.chars().count();
    if page.width.is_some_and(|most| width + installed.chars().count() + told.chars().count() > most) {
        page.paragraph(out, &lead, indent.len() + 2, &format!("{installed}{told}"))?;
    } else {
        writeln!(out, "{lead}{installed}{told}")?;
    }
    // Those with the same severity and fix share a line.
    for group in package.advisories.chunk_by(Advisory::is_beside) {
        let Some(first) = group.first() else { continue };
        let (severity, tone) = first.severity();
        let fix = if only.is_some() { String::new() } else { format!(" ({})", fix(first, page)) };
        let ids: Vec<&str> = group.iter().map(|advisory| advisory.words.as_str()).collect();
        let word = page.paint.paint(tone, severity);
        let padding = " ".repeat(10_usize.saturating_sub(severity.len()));
        let lead = format!("{indent}  {word}{padding}");
        page.paragraph(out, &lead, indent.len() + 12, &format!("{}{fix}", ids.join(", ")))?;
    }
    write_places(&places(&package.findings), indent, layers, None, page, out)
}

/// `fixed in 1.1.1 or 2.0.3`, or why there is no version.
fn fix(advisory: &Advisory<'_>, page: Page) -> String {
    if advisory.versions.is_empty() {
        return advisory.state.to_owned();
    }
    fixed(advisory.versions.iter().copied(), page)
}

/// How many components or which files a gap concerns. Components that may be missing from the inventory cannot be
/// counted.
pub(crate) fn concerned(components: usize, files: Option<&str>) -> String {
    match (components, files) {
        (_, Some(files)) => format!(" ({})", safe(files)),
        (0, None) => String::new(),
        (_, None) => format!(" ({})", count(components, "component")),
    }
}

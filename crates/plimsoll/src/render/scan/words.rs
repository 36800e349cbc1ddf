//! What formats say in words, the same in each. Nothing here is escaped yet.

use plimsoll_core::quantity::count;
use plimsoll_vuln::{Class, Finding, Fix, Gap, Noted, Scan, SetAside, Severity, SeveritySource, Suppressed};

use crate::render::findings::concerned;
use crate::report::scan::Scanned;
use crate::report::unscanned::Unscanned;

/// The severity as it is shown: that of a package that was published to do harm is its own.
pub(super) fn severity(finding: &Finding) -> &'static str {
    if finding.class == Class::Malicious { "malicious" } else { finding.severity.name() }
}

/// Where the severity comes from.
pub(crate) fn origin(source: &SeveritySource) -> String {
    match source {
        SeveritySource::Vendor => "rated by the publisher of the advisory".to_owned(),
        SeveritySource::Cvss(vector) => format!("by {vector}"),
        SeveritySource::Alias(id) => format!("as {id} is rated"),
        SeveritySource::None => "nobody rated it".to_owned(),
    }
}

/// The name of the installed package, with the one of its advisories if that is another: `libssl3 (openssl)`.
pub(super) fn package(finding: &Finding) -> String {
    let (name, source) = (finding.component.name(), &finding.package);
    let is_same = source.eq_ignore_ascii_case(name)
        || source.ends_with(name)
        || finding.component.package_type() != "deb";
    if is_same { source.clone() } else { format!("{name} ({source})") }
}

/// What to do about a finding.
pub(super) fn action(finding: &Finding) -> String {
    let package = &finding.package;
    match &finding.fix {
        _ if finding.class == Class::Malicious => format!("Remove {package}: it was published to do harm."),
        Fix::Fixed(versions) => format!("Upgrade {package} to {}.", versions.join(" or ")),
        Fix::NotFixed => format!("There is no fix for {package} yet."),
        Fix::WontFix => format!("The publisher of {package} will not fix it."),
        Fix::Unknown => format!("No fix for {package} is known."),
    }
}

/// Whether there is a fix, in a few words.
pub(super) fn fix(finding: &Finding) -> String {
    match &finding.fix {
        Fix::Fixed(versions) => format!("fixed in {}", versions.join(" or ")),
        Fix::NotFixed => "no fix yet".to_owned(),
        Fix::WontFix => "will not be fixed".to_owned(),
        Fix::Unknown => "no fix is known".to_owned(),
    }
}

/// `known to be exploited, also by ransomware, since 2024-02-01`, `EPSS 94.2 %`, whether the vulnerable functions are linked; only what
/// is known.
pub(crate) fn likelihood(finding: &Finding) -> Vec<String> {
    let exploited = finding.exploited.as_ref().map(|exploited| {
        let ransomware = if exploited.ransomware { ", also by ransomware" } else { "" };
        let due = exploited.due.map(|due| format!(", due {due}")).unwrap_or_default();
        format!("known to be exploited{ransomware} (KEV, {}{due})", exploited.added)
    });
    let epss = finding.likelihood.as_ref();
    let epss = epss.map(|likelihood| format!("EPSS {:.1} %", likelihood.score.as_f64() * 100.0));
    let linked = finding.linked.map(|is_linked| {
        let not = if is_linked { "" } else { "not " };
        format!("the vulnerable functions are {not}linked into the program")
    });
    exploited.into_iter().chain(epss).chain(linked).collect()
}

/// `npm (3 components): no feed in the database`.
pub(crate) fn gap(gap: &Gap) -> String {
    format!("{}{}: {}", gap.ecosystem, concerned(gap.components, gap.reason.files()), gap.reason)
}

/// `CVE-2024-1 in zlib: fixed in …`.
pub(super) fn suppressed(suppressed: &Suppressed) -> String {
    let finding = &suppressed.finding;
    format!("{} in {}: {}", finding.id, finding.package, suppressed.reason)
}

/// `npm (12 package.json): part of …, such as usr/share/x`.
pub(super) fn set_aside(aside: &SetAside) -> String {
    format!("{} ({}): {}, such as {}", aside.ecosystem, aside.files, aside.reason(), aside.path)
}

/// `metadata-disagrees: usr/lib/x: …`.
pub(super) fn noted(noted: &Noted) -> String {
    let parts = [noted.path.as_str(), noted.detail.as_str()];
    let words: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}: {}", noted.problem, words.join(": "))
}

/// What is known about a package without being a vulnerability: `x 1.0: unmaintained (RUSTSEC-1): …`.
pub(super) fn informational(finding: &Finding) -> String {
    let Finding { package, version, class, id, summary, .. } = finding;
    format!("{package} {version}: {class} ({id}): {summary}")
}

/// Everything that was not covered, with the subjects that could not be scanned at all.
pub(super) fn not_covered<'a>(
    results: &'a [Scanned],
    errors: &'a [Unscanned],
) -> impl Iterator<Item = String> + 'a {
    let gaps = results.iter().flat_map(|result| {
        result.scan.gaps.iter().map(|it| format!("{}: not covered: {}", result.name(), gap(it)))
    });
    gaps.chain(errors.iter().map(failure))
}

/// `app.tar: could not be scanned: …`.
pub(crate) fn failure(unscanned: &Unscanned) -> String {
    let platform = unscanned.platform.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}{platform}: could not be scanned: {}", unscanned.subject, unscanned.error.message)
}

/// `3 findings: 1 critical, 2 low`; compared with an earlier result, `3 new or worse findings: …`.
pub(super) fn summary(result: &Scanned) -> String {
    let scan = &result.scan;
    let of_each = counts(&scan.findings).into_iter().map(|(name, number)| format!("{number} {name}"));
    let of_each: Vec<String> = of_each.collect();
    let what = if result.changes.is_some() { "new or worse finding" } else { "finding" };
    let total = count(scan.findings.len(), what);
    if of_each.is_empty() { total } else { format!("{total}: {}", of_each.join(", ")) }
}

/// The number of findings of each severity, the worst first, without those that do not occur.
pub(super) fn counts<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<(&'static str, usize)> {
    let names = Severity::ALL.into_iter().map(Severity::name).chain(["malicious"]);
    let mut counts: Vec<(&'static str, usize)> = names.map(|name| (name, 0)).collect();
    for finding in findings {
        let name = severity(finding);
        counts.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, number)| *number += 1);
    }
    counts.reverse();
    counts.retain(|(_, number)| *number > 0);
    counts
}

/// How many components were looked up, and where: with nothing found, that is what tells a clean image from one that nobody
/// looked into.
pub(super) fn looked_up(scan: &Scan) -> String {
    let of_each: Vec<String> =
        scan.looked_up.iter().map(|it| format!("{} in {}", it.components, it.ecosystem)).collect();
    let total = count(scan.components, "component");
    match of_each.as_slice() {
        [] => format!("looked up none of {total}"),
        _ if scan.matched_components == scan.components => {
            format!("looked up {total}: {}", of_each.join(", "))
        }
        _ => format!("looked up {} of {total}: {}", scan.matched_components, of_each.join(", ")),
    }
}

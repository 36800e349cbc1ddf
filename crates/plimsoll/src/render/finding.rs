//! The parts of tables of findings that `scan` and `check` share: identifiers, fixes, places.

use std::collections::BTreeMap;
use std::io::{self, Write};

use plimsoll_core::Digest;
use plimsoll_core::quantity::count;
use plimsoll_sbom::Location;
use plimsoll_vuln::{Finding, Severity, Share};

use super::table::{Page, Tone, first, fit, in_layer, safe};

/// How many places of a package are shown, unless everything is requested.
const PLACES: usize = 3;

/// How many versions that fix a vulnerability are shown: one for each maintained branch.
const VERSIONS: usize = 3;

/// The lowest probability that is shown. Most are below one in a hundred, and would be noise after every identifier.
const LIKELY: Share = Share(1_000);

/// A place of a package, and how often it occurs there.
pub(super) type Place<'a> = (Option<&'a Location>, usize);

/// Writes what the lines that follow are about.
pub(super) fn heading(
    subject: &str,
    platform: Option<&str>,
    manifest: Option<&Digest>,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}", page.paint.paint(Tone::Strong, &safe(subject)))?;
    let Some(manifest) = manifest else { return Ok(()) };
    let platform = platform.map(|name| format!("{}, ", safe(name)));
    writeln!(out, "{}{}", platform.unwrap_or_default(), page.digest(manifest))
}

/// The identifier with the facts about it: `CVE-2024-36039 (exploited; EPSS 12 %)`.
pub(super) fn identifier(finding: &Finding) -> String {
    let exploited = finding.exploited.as_ref().map(|exploited| {
        if exploited.ransomware { "exploited, also by ransomware".to_owned() } else { "exploited".to_owned() }
    });
    let likely = finding.likelihood.as_ref().map(|likelihood| likelihood.score);
    let likely = likely.filter(|share| *share >= LIKELY);
    let likely = likely.map(|share| format!("EPSS {:.0} %", share.as_f64() * 100.0));
    let not_linked = (finding.linked == Some(false)).then(|| "not linked".to_owned());
    let known: Vec<String> = exploited.into_iter().chain(likely).chain(not_linked).collect();
    let id = safe(&finding.id);
    if known.is_empty() { id.into_owned() } else { format!("{id} ({})", known.join("; ")) }
}

/// The colour of a finding.
pub(super) fn tone(malicious: bool, severity: Severity) -> Tone {
    match severity {
        _ if malicious => Tone::Bad,
        Severity::Critical | Severity::High => Tone::Bad,
        // Unrated is not harmless.
        Severity::Medium | Severity::Unrated => Tone::Doubt,
        Severity::Low | Severity::None => Tone::Quiet,
    }
}

/// `fixed in 1.1.1 or 2.0.3`.
pub(super) fn fixed<'v>(versions: impl ExactSizeIterator<Item = &'v str>, page: Page) -> String {
    let most = if page.verbose { usize::MAX } else { VERSIONS };
    let more = if versions.len() > most { " or later" } else { "" };
    let shown: Vec<&str> = versions.take(most).collect();
    format!("fixed in {}{more}", safe(&shown.join(" or ")))
}

/// The places of components that have the same vulnerabilities, and how many are in each.
pub(super) fn places<'a>(findings: &[&'a Finding]) -> Vec<Place<'a>> {
    // Equal components in one place, which nothing else distinguishes. One vulnerability has a finding for each.
    let one = findings.first().map(|finding| finding.id.as_str());
    let mut components: BTreeMap<(Option<&Location>, String), usize> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| Some(finding.id.as_str()) == one) {
        *components.entry((finding.locations.first(), finding.component.to_string())).or_default() += 1;
    }
    let mut places: BTreeMap<Option<&Location>, usize> = BTreeMap::new();
    for ((place, _), times) in components {
        let known = places.entry(place).or_default();
        *known = times.max(*known);
    }
    places.into_iter().collect()
}

/// Writes a line for each place. `base` is the number of layers of the base image, and whether that is certain.
pub(super) fn write_places(
    places: &[Place<'_>],
    indent: &str,
    layers: &[Digest],
    base: Option<(usize, bool)>,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let most = if page.verbose { usize::MAX } else { PLACES };
    let write = |(place, times): &Place<'_>, out: &mut dyn Write| {
        let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        let Some(location) = place else {
            return if times.is_empty() {
                Ok(())
            } else {
                writeln!(out, "{indent}  in{:8}an unknown place{times}", "")
            };
        };
        let mut layer = in_layer(location.layer, layers, page);
        // A guess says that it is one.
        let of_base = match (location.layer, base) {
            (Some(index), Some((layers, true))) if index < layers => ", of the base image)",
            (Some(index), Some((layers, false))) if index < layers => ", of the base image?)",
            _ => ")",
        };
        if layer.ends_with(')') {
            layer.pop();
            layer.push_str(of_base);
        }
        let taken = indent.len() + 12 + layer.chars().count() + times.len();
        let path = safe(&location.path);
        let path = match page.width.filter(|_| !page.verbose) {
            Some(width) => fit(&path, width.saturating_sub(taken)),
            None => path.into_owned(),
        };
        writeln!(out, "{indent}  in{:8}{path}{layer}{times}", "")
    };
    first(places, most, out, write, |rest| format!("{indent}{:12}… and {}", "", count(rest, "more place")))
}

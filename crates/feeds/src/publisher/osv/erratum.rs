//! Errata: advisories in which a distribution fixes several vulnerabilities at once.
//!
//! ```json
//! {"id": "ALSA-2023:4536", "summary": "Moderate: nodejs:18 security, bug fix, and enhancement update",
//!  "related": ["CVE-2023-30581", "CVE-2023-30588"],
//!  "affected": [{"package": {"ecosystem": "AlmaLinux:8", "name": "nodejs"},
//!                "ranges": [{"type": "ECOSYSTEM",
//!                            "events": [{"introduced": "0"}, {"fixed": "1:18.16.1-1.module_el8.8.0+3613+1ed8c91d"}]}]}]}
//! ```
//!
//! Users, waivers, VEX documents and ratings refer to vulnerabilities, so an erratum becomes one advisory for each CVE
//! that it names, with a link to itself. It is not an alias of them: that would join all of them into one
//! vulnerability. An erratum that only fixes bugs or adds features (`ALBA-…`, `RHEA-…`) and names no CVE is not an
//! advisory.
//!
//! The stream of a module is only in the summary, and matters: `nodejs:16` has other fixes than `nodejs:18`.

use plimsoll_vuln::Severity;

use super::Advisory;

/// The CVEs that a distribution's advisory fixes, sorted. Empty if it is a single CVE itself, or names none.
pub(super) fn vulnerabilities(advisory: &Advisory) -> Vec<&str> {
    let named = advisory.upstream.iter().chain(&advisory.related).flatten().map(String::as_str);
    let mut cves: Vec<&str> = named.filter(|id| id.starts_with("CVE-")).collect();
    if cves.iter().any(|cve| advisory.id.ends_with(cve)) {
        return Vec::new();
    }
    cves.sort_unstable();
    cves.dedup();
    cves
}

/// Whether the identifier is that of an erratum about bugs or enhancements: `ALBA-2019:4275`, `RHEA-2024:1`.
pub(super) fn is_no_security(id: &str) -> bool {
    let kind = id.split_once('-').map_or("", |(kind, _)| kind);
    kind.len() == 4 && (kind.ends_with("BA") || kind.ends_with("EA"))
}

/// The module streams in a summary: `nodejs:18`; `virt:rhel` and `virt-devel:rhel`.
pub(super) fn streams(summary: &str) -> Vec<&str> {
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
    };
    let words = summary.split_whitespace().map(|word| word.trim_end_matches([',', '.', ';']));
    words
        .filter(|word| {
            let parts = word.split_once(':');
            // The erratum itself, at the start of some summaries: `ALSA-2022:5468: php:8.0 …`.
            parts.is_some_and(|(name, stream)| is_name(name) && is_name(stream) && !is_erratum(name))
        })
        .collect()
}

fn is_erratum(name: &str) -> bool {
    let (kind, year) = name.split_once('-').unwrap_or_default();
    kind.len() == 4
        && kind.bytes().all(|b| b.is_ascii_uppercase())
        && year.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a version is that of a package built for a module.
pub(super) fn is_of_module(version: &str) -> bool {
    version.contains(".module")
}

/// The severity before a summary, `Moderate: …`, or after it, `… (Important)`.
pub(super) fn severity(summary: &str) -> Option<Severity> {
    let first = summary.split_once(':').and_then(|(word, _)| Severity::from_word(word.trim()));
    let last = || {
        summary.trim_end().strip_suffix(')')?.rsplit_once('(').and_then(|(_, word)| Severity::from_word(word))
    };
    first.or_else(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_severities_are_read_from_summaries() {
        for (summary, expected, word) in [
            (
                "Moderate: nodejs:18 security, bug fix, and enhancement update",
                vec!["nodejs:18"],
                Some("medium"),
            ),
            (
                "Important: virt:rhel and virt-devel:rhel security update",
                vec!["virt:rhel", "virt-devel:rhel"],
                Some("high"),
            ),
            ("ALSA-2022:5468: php:8.0 security update (Important)", vec!["php:8.0"], Some("high")),
            ("grub2 security update", vec![], None),
            ("Critical: nginx security update", vec![], Some("critical")),
        ] {
            assert_eq!(streams(summary), expected, "{summary}");
            assert_eq!(severity(summary), word.and_then(Severity::from_word), "{summary}");
        }
    }

    #[test]
    fn errata_about_bugs_are_recognised_by_their_identifier() {
        for (id, expected) in [
            ("ALBA-2019:4275", true),
            ("RHEA-2024:1", true),
            ("RLBA-2022:1", true),
            ("ALSA-2020:1", false),
            ("ELSA-2020-1", false),
            ("CVE-2024-1", false),
            ("SUSE-SU-2024:1", false),
        ] {
            assert_eq!(is_no_security(id), expected, "{id}");
        }
    }
}

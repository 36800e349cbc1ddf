//! What to do about the findings that block: the upgrades that fix them, and which findings have no fix.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::{Ecosystem, Purl};
use plimsoll_vuln::order::{self, VersionOrder};

use crate::detail::FindingRecord;

/// How many upgrades are named. The findings themselves name the others.
const NAMED: usize = 5;

/// The upgrades that fix `findings`, or what to do if there is none.
pub(super) fn hint(findings: &[&FindingRecord]) -> Option<String> {
    let mut fixes: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut position: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut unfixed, mut packages): (InOrder<'_>, InOrder<'_>) = Default::default();
    for finding in findings {
        let (id, package) = (finding.id.as_str(), finding.package.as_str());
        let Some(nearest) = finding.fixed_in.first() else {
            unfixed.add(id);
            packages.add(package);
            continue;
        };
        let position = *position.entry(package).or_insert(fixes.len());
        match fixes.get_mut(position) {
            Some((_, versions)) => newest(versions, nearest, order(finding)),
            None => fixes.push((package, vec![nearest])),
        }
    }
    let upgrades: Vec<String> = fixes
        .iter()
        .map(|(package, versions)| format!("{package} to {} or newer", versions.join(" and ")))
        .collect();
    let mut parts = Vec::new();
    if !upgrades.is_empty() {
        parts.push(format!("upgrade {}", named(&upgrades)));
    }
    if !unfixed.texts.is_empty() {
        let them = if unfixed.texts.len() == 1 { "it" } else { "them" };
        parts.push(format!(
            "no fix is known for {}: replace {}, or have an approver waive {them}: \
             plimsoll waiver sign --key KEY WAIVER.yaml",
            named(&unfixed.texts),
            named(&packages.texts)
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Texts in the order in which they came, each once.
#[derive(Default)]
struct InOrder<'a> {
    texts: Vec<&'a str>,
    known: BTreeSet<&'a str>,
}

impl<'a> InOrder<'a> {
    fn add(&mut self, text: &'a str) {
        if self.known.insert(text) {
            self.texts.push(text);
        }
    }
}

fn named<T: std::borrow::Borrow<str>>(items: &[T]) -> String {
    let shown = items.get(..NAMED).unwrap_or(items).join(", ");
    match items.len().checked_sub(NAMED) {
        Some(rest) if rest > 0 => format!("{shown}, and {rest} more"),
        _ => shown,
    }
}

fn order(finding: &FindingRecord) -> Option<&'static dyn VersionOrder> {
    let component: Purl = finding.component.parse().ok()?;
    order::of_ecosystem(Ecosystem::of_purl(&component))
}

/// Keeps in `versions` the version that has all fixes, or both if they cannot be compared.
fn newest<'a>(versions: &mut Vec<&'a str>, another: &'a str, order: Option<&dyn VersionOrder>) {
    for known in versions.iter_mut() {
        match order.map(|order| order.compare(known, another)) {
            Some(Ok(Ordering::Less)) => {
                *known = another;
                return;
            }
            Some(Ok(_)) => return,
            _ if *known == another => return,
            _ => {}
        }
    }
    if versions.len() < NAMED {
        versions.push(another);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detail::Disposition;

    fn finding(id: &str, package: &str, fixed_in: &[&str]) -> FindingRecord {
        FindingRecord {
            id: id.to_owned(),
            advisory: id.to_owned(),
            aliases: Vec::new(),
            component: format!("pkg:pypi/{package}@1.0"),
            package: package.to_owned(),
            version: "1.0".to_owned(),
            severity: "high".to_owned(),
            counted_as: None,
            fixed_in: fixed_in.iter().map(|version| (*version).to_owned()).collect(),
            summary: String::new(),
            locations: Vec::new(),
            disposition: Disposition::Blocks,
            waived_by: Vec::new(),
        }
    }

    #[test]
    fn every_upgrade_is_named_and_of_one_package_the_newest() {
        let findings = [
            finding("CVE-1", "jinja2", &["1.9", "2.0"]),
            finding("CVE-2", "jinja2", &["1.10"]),
            finding("CVE-3", "pymysql", &["1.1.1"]),
            finding("CVE-4", "jinja2", &["1.2"]),
        ];
        let told = hint(&findings.iter().collect::<Vec<_>>());
        assert_eq!(told.as_deref(), Some("upgrade jinja2 to 1.10 or newer, pymysql to 1.1.1 or newer"));
    }

    #[test]
    fn findings_without_a_fix_are_named_next_to_the_upgrades() {
        let findings = [finding("CVE-1", "a", &["2"]), finding("CVE-2", "b", &[])];
        let told = hint(&findings.iter().collect::<Vec<_>>()).unwrap();
        assert!(
            told.starts_with("upgrade a to 2 or newer; no fix is known for CVE-2: replace b, "),
            "{told}"
        );
        assert_eq!(hint(&[]), None);
    }

    #[test]
    fn a_hint_stays_short() {
        let all: Vec<_> =
            (0..50).map(|number| finding(&format!("CVE-{number}"), &format!("p{number}"), &["2"])).collect();
        let told = hint(&all.iter().collect::<Vec<_>>()).unwrap();
        assert!(told.ends_with("p4 to 2 or newer, and 45 more"), "{told}");
    }

    fn told(findings: &[FindingRecord]) -> String {
        hint(&findings.iter().collect::<Vec<_>>()).unwrap()
    }

    /// Five are named, and how many more there are is their true number.
    #[test]
    fn findings_without_a_fix_are_named_each_once_and_the_others_counted() {
        let unfixed = |count: usize| -> Vec<FindingRecord> {
            (1..=count)
                .map(|number| finding(&format!("CVE-{number}"), &format!("p{}", number % 3), &[]))
                .collect()
        };
        let five = "no fix is known for CVE-1, CVE-2, CVE-3, CVE-4, CVE-5";
        let packages = "replace p1, p2, p0, or have an approver waive them: ";
        for (count, start) in [
            (5, format!("{five}: {packages}")),
            (6, format!("{five}, and 1 more: {packages}")),
            (50, format!("{five}, and 45 more: {packages}")),
        ] {
            let told = told(&unfixed(count));
            assert!(told.starts_with(&start), "{told}");
        }
        let twice = told(&[unfixed(1), unfixed(1)].concat());
        assert!(
            twice.starts_with("no fix is known for CVE-1: replace p1, or have an approver waive it: "),
            "{twice}"
        );
    }

    #[test]
    fn five_upgrades_are_named_and_the_others_counted() {
        let all = |count: usize| -> Vec<FindingRecord> {
            (1..=count).map(|number| finding("CVE-1", &format!("p{number}"), &["2"])).collect()
        };
        assert!(told(&all(5)).ends_with("p4 to 2 or newer, p5 to 2 or newer"), "{}", told(&all(5)));
        assert!(told(&all(6)).ends_with("p5 to 2 or newer, and 1 more"), "{}", told(&all(6)));
    }

    /// Which of two is newer is unknown where the ecosystem has no order, or the version is none of it.
    #[test]
    fn versions_that_cannot_be_compared_are_all_named_each_once_up_to_five() {
        let of = |versions: &[&str]| -> Vec<FindingRecord> {
            let one = |version: &&str| {
                let component = "pkg:generic/a@1".to_owned();
                FindingRecord { component, ..finding("CVE-1", "a", &[version]) }
            };
            versions.iter().map(one).collect()
        };
        assert_eq!(told(&of(&["x", "y", "x"])), "upgrade a to x and y or newer");
        assert_eq!(told(&of(&["x", "x"])), "upgrade a to x or newer");
        assert_eq!(
            told(&of(&["1", "2", "3", "4", "5", "6"])),
            "upgrade a to 1 and 2 and 3 and 4 and 5 or newer"
        );
    }
}

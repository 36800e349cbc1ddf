//! Which versions of which products a CVE's configurations name.
//!
//! | criterion | what it becomes |
//! | --- | --- |
//! | `vulnerable` false, a node with `negate` | nothing: it says where a product runs |
//! | part `o` or `h`: systems and devices | nothing: they are no programs |
//! | for software in something else, or another system (`wordpress`, `windows`) | nothing |
//! | only on systems of others (`AND` a node with nothing but Windows) | nothing: a program in an image does not run there |
//! | `*` with bounds | affected between them |
//! | `*` without bounds | affected in every version |
//! | a version | that version |
//! | a version with an update (`9.3:p1`, `1.9.12:patch1`) | the version as programs print it: `9.3p1`, `1.9.12p1` |
//! | `-` | undecided in every version |
//! | bounds that are no versions, or the wrong way round | undecided in every version |

use std::borrow::Cow;
use std::collections::BTreeMap;

use plimsoll_vuln::affected::{Affected, End, FixState, Interval, Start};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::cpe::Cpe;
use plimsoll_vuln::{Class, Rating};
use serde::Deserialize;

use crate::Doubt;
use crate::draft::{PackageStatement, is_package_name};

#[derive(Debug, Deserialize)]
pub(super) struct Configuration {
    operator: Option<String>,
    #[serde(default)]
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    negate: bool,
    #[serde(default)]
    cpe_match: Vec<Match>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerable: bool,
    criteria: String,
    version_start_including: Option<String>,
    version_start_excluding: Option<String>,
    version_end_including: Option<String>,
    version_end_excluding: Option<String>,
}

/// A formatted string of CPE 2.3 (NISTIR 7695, 6.2), by its attributes.
struct Name(Vec<String>);

impl Name {
    fn read(text: &str) -> Option<Self> {
        let mut attributes = vec![String::new()];
        let mut characters = text.strip_prefix("cpe:2.3:")?.chars();
        while let Some(character) = characters.next() {
            match (character, attributes.last_mut()?) {
                ('\\', last) => last.push(characters.next()?),
                (':', _) => attributes.push(String::new()),
                (other, last) => last.push(other),
            }
        }
        (attributes.len() == 11).then_some(Self(attributes))
    }

    fn attribute(&self, number: usize) -> &str {
        self.0.get(number).map(String::as_str).unwrap_or_default()
    }

    fn is_program(&self) -> bool {
        let target = self.attribute(8);
        self.attribute(0) == "a" && ["*", "-", "linux", "linux_kernel", "unix"].contains(&target)
    }

    fn product(&self) -> String {
        format!("{}:{}", self.attribute(1), self.attribute(2)).to_lowercase()
    }

    fn is_foreign_system(&self) -> bool {
        let (part, vendor, product) = (self.attribute(0), self.attribute(1), self.attribute(2));
        part == "o" && (["microsoft", "apple"].contains(&vendor) || product == "android")
    }
}

/// What is known about one product.
#[derive(Debug, Default)]
struct Versions<'c> {
    intervals: Vec<Interval<'c>>,
    single: Vec<String>,
    is_undecided: bool,
}

/// The statements of a CVE, by product. `doubt` is told of what is not clear.
pub(super) fn statements(
    configurations: &[Configuration],
    rating: &Rating,
    mut doubt: impl FnMut(Doubt),
) -> Vec<PackageStatement> {
    let mut products: BTreeMap<String, Versions<'_>> = BTreeMap::new();
    for configuration in configurations {
        if configuration.operator.as_deref() == Some("AND") && configuration.nodes.iter().any(is_foreign) {
            continue;
        }
        let nodes = configuration.nodes.iter().filter(|node| !node.negate);
        for criterion in nodes.flat_map(|node| &node.cpe_match).filter(|it| it.vulnerable) {
            let Some(name) = Name::read(&criterion.criteria) else {
                doubt(Doubt::Malformed);
                continue;
            };
            let product = name.product();
            if name.is_program() && is_package_name(&product) {
                criterion.add(&name, products.entry(product).or_default());
            }
        }
    }
    let stated = products.into_iter().filter(|(_, versions)| versions.says_something());
    stated.map(|(key, versions)| versions.statement(key, rating)).collect()
}

/// Whether a node names nothing but systems that programs of images do not run on.
fn is_foreign(node: &Node) -> bool {
    let foreign =
        |it: &Match| !it.vulnerable && Name::read(&it.criteria).is_some_and(|it| it.is_foreign_system());
    !node.cpe_match.is_empty() && node.cpe_match.iter().all(foreign)
}

impl Match {
    fn add<'c>(&'c self, name: &Name, versions: &mut Versions<'c>) {
        match (name.attribute(3), name.attribute(4)) {
            ("*", _) => match self.interval() {
                Some(interval) => versions.intervals.push(interval),
                None => versions.is_undecided = true,
            },
            ("-", _) => versions.is_undecided = true,
            (version, "*" | "-") => versions.single.push(version.to_owned()),
            (version, update) => versions.single.push(format!("{version}{}", printed(update))),
        }
    }

    /// `None` if a bound is no version.
    fn interval(&self) -> Option<Interval<'_>> {
        let bounds = [
            &self.version_start_including,
            &self.version_start_excluding,
            &self.version_end_including,
            &self.version_end_excluding,
        ];
        if bounds.into_iter().flatten().any(|bound| Cpe.check(bound).is_err()) {
            return None;
        }
        let from = match (&self.version_start_including, &self.version_start_excluding) {
            (Some(version), _) => Start::At(version),
            (None, Some(version)) => Start::After(version),
            (None, None) => Start::First,
        };
        let end = match (&self.version_end_excluding, &self.version_end_including) {
            (Some(version), _) => End::Before(version),
            (None, Some(version)) => End::Through(version),
            (None, None) => End::Open,
        };
        // `2.4.7-alpha0` up to `2.4.7`: a pre-release comes after its release in this order, which would leave nothing between.
        if let (Start::At(from) | Start::After(from), End::Before(end) | End::Through(end)) = (from, end)
            && Cpe.compare(from, end).is_ok_and(std::cmp::Ordering::is_gt)
        {
            return None;
        }
        Some(Interval { from, end })
    }
}

/// An update as programs print it: `p1` for `patch1`.
fn printed(update: &str) -> Cow<'_, str> {
    match update.strip_prefix("patch") {
        Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            format!("p{number}").into()
        }
        _ => update.into(),
    }
}

impl Versions<'_> {
    fn says_something(&self) -> bool {
        !self.intervals.is_empty() || !self.single.is_empty() || self.is_undecided
    }

    fn statement(mut self, key: String, rating: &Rating) -> PackageStatement {
        self.intervals.sort_unstable();
        self.intervals.dedup();
        self.single.sort_unstable();
        self.single.dedup();
        let mut affected = Affected {
            intervals: self.intervals,
            doubtful: if self.is_undecided { vec![Interval::ALL] } else { Vec::new() },
            versions: self.single.iter().map(String::as_str).collect(),
            fix_state: FixState::Unknown,
        };
        Cpe.drop_enumerated(&mut affected);
        let mut encoded = Vec::new();
        affected.encode(&mut encoded);
        let (module, class) = (None, Class::Vulnerability);
        PackageStatement { key, rating: rating.clone(), module, class, affected: encoded }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn products(configurations: Value) -> Vec<String> {
        let read: Vec<Configuration> = serde_json::from_value(configurations).unwrap();
        let stated = statements(&read, &Rating::default(), |_| {});
        stated.into_iter().map(|statement| statement.key).collect()
    }

    fn cpe(part: &str, vendor: &str, product: &str, target: &str) -> String {
        format!("cpe:2.3:{part}:{vendor}:{product}:*:*:*:*:*:{target}:*:*")
    }

    #[test]
    fn only_programs_that_an_image_may_have_are_products() {
        let one =
            |vulnerable: bool, criteria: String| json!({"vulnerable": vulnerable, "criteria": criteria});
        let nodes = |operator: &str, matches: &[Value]| {
            let nodes: Vec<Value> =
                matches.iter().map(|it| json!({"negate": false, "cpeMatch": [it]})).collect();
            json!([{"operator": operator, "nodes": nodes}])
        };
        let nginx = || one(true, cpe("a", "f5", "nginx", "*"));
        let windows = one(false, cpe("o", "microsoft", "windows", "*"));
        let linux = one(false, cpe("o", "linux", "linux_kernel", "*"));
        assert_eq!(products(nodes("OR", &[nginx()])), ["f5:nginx"]);
        assert_eq!(products(nodes("AND", &[nginx(), linux])), ["f5:nginx"]);
        assert!(products(nodes("AND", &[nginx(), windows])).is_empty());
        for other in [
            one(false, cpe("a", "f5", "nginx", "*")),
            one(true, cpe("o", "linux", "linux_kernel", "*")),
            one(true, cpe("h", "f5", "big-ip", "*")),
            one(true, cpe("a", "f5", "nginx", "wordpress")),
            one(true, cpe("a", "f5", "nginx", "windows")),
            one(true, "cpe:/a:f5:nginx".to_owned()),
            one(true, "cpe:2.3:a:f5:nginx:1".to_owned()),
            one(true, cpe("a", "f 5", "nginx", "*")),
        ] {
            assert!(products(nodes("OR", std::slice::from_ref(&other))).is_empty(), "{other}");
        }
        let quoted = one(true, cpe("a", "NodeJS", r"node\.js", "*"));
        assert_eq!(products(nodes("OR", &[quoted])), ["nodejs:node.js"]);
        let negated = json!([{"nodes": [{"negate": true, "cpeMatch": [nginx()]}]}]);
        assert!(products(negated).is_empty());
    }
}

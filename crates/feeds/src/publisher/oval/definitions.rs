//! The parts of OVAL that matter here, collected from the stream of elements.
//!
//! ```xml
//! <definition id="oval:com.microsoft.azurelinux:def:39708" class="vulnerability"><metadata>
//!   <title>CVE-2024-24258 affecting package freeglut for versions less than 3.4.0-1</title>
//!   <affected family="unix"><platform>Azure Linux</platform></affected>
//!   <reference source="CVE" ref_id="CVE-2024-24258" ref_url="https://nvd.nist.gov/vuln/detail/CVE-2024-24258"/>
//!   <advisory_date>2024-04-17T22:02:46Z</advisory_date><severity>High</severity></metadata>
//!  <criteria operator="AND"><criterion test_ref="tst:1" comment="…"/></criteria></definition>
//! <rpminfo_test id="tst:1"><object object_ref="obj:1"/><state state_ref="ste:1"/></rpminfo_test>
//! <rpminfo_object id="obj:1"><name>freeglut</name></rpminfo_object>
//! <rpminfo_state id="ste:1"><evr datatype="evr_string" operation="less than">0:3.4.0-1.azl3</evr></rpminfo_state>
//! ```
//!
//! Definitions refer to tests, tests to an object and a state, and all of them come later in the file. Criteria are a tree; what
//! stands in one `AND` holds together, and a system or a module also for the criteria below.

use std::collections::{BTreeMap, HashMap};

use plimsoll_core::xml::{Element, Step};
use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::rpm::Rpm;

/// What the names of systems in criteria start with.
const PLATFORM: &str = "Oracle Linux ";

/// One definition.
#[derive(Debug, Default)]
pub(super) struct Definition {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) platforms: Vec<String>,
    pub(super) severity: Option<String>,
    pub(super) date: Option<String>,
    /// Where it is described: the erratum, if it is one.
    pub(super) url: Option<String>,
    erratum: Option<String>,
    cves: Vec<String>,
    /// What each group of criteria tests together.
    groups: Vec<Group>,
}

#[derive(Debug, Default, Clone)]
struct Group {
    is_alternative: bool,
    /// The system that has to be installed.
    platform: Option<String>,
    module: Option<String>,
    tests: Vec<String>,
}

/// A bound of the affected versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    operation: String,
    pub(super) version: String,
}

/// A package that a definition is about.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// The system that it is a package of; `None` if the criteria do not say.
    pub(super) platform: Option<String>,
    pub(super) module: Option<String>,
    pub(super) bounds: Vec<Bound>,
}

/// Everything in a file.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub(super) definitions: Vec<Definition>,
    /// Object and state of each test.
    pairs: HashMap<String, (String, String)>,
    names: HashMap<String, String>,
    bounds: HashMap<String, Bound>,
}

/// Collects what is in a file.
pub(super) struct Reader {
    read: Tests,
    definition: Option<Definition>,
    /// The criteria around the place, the innermost last.
    open: Vec<Group>,
    /// The test, object or state around the place.
    current: Option<String>,
    pair: (String, String),
    /// How many more elements that are kept there may be.
    left: u64,
}

impl Reader {
    pub(super) fn new(limit: u64) -> Self {
        let read = Tests::default();
        // Each definition needs some tests, objects and states.
        let left = limit.saturating_mul(8);
        Self { read, definition: None, open: Vec::new(), current: None, pair: Default::default(), left }
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.left == 0
    }

    pub(super) fn finish(self) -> Tests {
        self.read
    }

    pub(super) fn step(&mut self, step: Step<'_>) {
        if self.left == 0 {
            return;
        }
        match step {
            Step::Begins(element) => self.begins(element),
            Step::Ends(element) => self.ends(element),
        }
    }

    fn begins(&mut self, element: &Element) {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        match element.name.as_str() {
            "definition" => {
                self.definition =
                    Some(Definition { id: attribute("id").unwrap_or_default(), ..Definition::default() });
                self.open.clear();
                self.left = self.left.saturating_sub(1);
            }
            "criteria" => {
                let is_alternative = element.attribute("operator") == Some("OR");
                let around = self.open.last().cloned().unwrap_or_default();
                self.open.push(Group { is_alternative, tests: Vec::new(), ..around });
            }
            "criterion" => self.criterion(element),
            "reference" => self.reference(element),
            name if name.ends_with("_test") || name.ends_with("_object") || name.ends_with("_state") => {
                self.current = attribute("id");
                self.pair = Default::default();
                self.left = self.left.saturating_sub(1);
            }
            "object" => self.pair.0 = attribute("object_ref").unwrap_or_default(),
            "state" => self.pair.1 = attribute("state_ref").unwrap_or_default(),
            "issued" => {
                if let Some(definition) = &mut self.definition {
                    definition.date = attribute("date");
                }
            }
            _ => {}
        }
    }

    fn criterion(&mut self, element: &Element) {
        self.left = self.left.saturating_sub(1);
        let Some(group) = self.open.last_mut() else { return };
        let comment = element.attribute("comment").unwrap_or_default();
        let module = comment.strip_prefix("Module ").and_then(|rest| rest.strip_suffix(" is enabled"));
        // One of several that may be installed says nothing about what stands beside it.
        if let Some(platform) = comment
            .strip_suffix(" is installed")
            .filter(|it| it.starts_with(PLATFORM) && !group.is_alternative)
        {
            group.platform = Some(platform.to_owned());
        }
        match (module, element.attribute("test_ref")) {
            (Some(module), _) => group.module = Some(module.to_owned()),
            (None, Some(test)) => group.tests.push(test.to_owned()),
            (None, None) => {}
        }
    }

    fn reference(&mut self, element: &Element) {
        let Some(definition) = &mut self.definition else { return };
        let (Some(source), Some(id)) = (element.attribute("source"), element.attribute("ref_id")) else {
            return;
        };
        let url = element
            .attribute("ref_url")
            .map(|url| url.replacen("http://linux.oracle", "https://linux.oracle", 1));
        if source.eq_ignore_ascii_case("CVE") {
            definition.cves.push(id.to_owned());
            definition.url = definition.url.take().or(url);
        } else {
            definition.erratum = Some(id.to_owned());
            definition.url = url;
        }
    }

    fn ends(&mut self, element: &Element) {
        let text = || Some(element.text.clone()).filter(|text| !text.is_empty());
        match (element.name.as_str(), &mut self.definition) {
            ("definition", definition) => self.read.definitions.extend(definition.take()),
            ("criteria", Some(definition)) => definition.groups.extend(self.open.pop()),
            ("title", Some(definition)) => definition.title.clone_from(&element.text),
            ("platform", Some(definition)) => definition.platforms.extend(text()),
            ("severity", Some(definition)) => definition.severity = text(),
            ("advisory_date", Some(definition)) => definition.date = text(),
            ("name", None) => {
                if let Some(object) = &self.current {
                    self.read.names.insert(object.clone(), element.text.clone());
                }
            }
            ("evr", None) => {
                if let Some(state) = &self.current {
                    let operation = element.attribute("operation").unwrap_or("equals").to_owned();
                    let version = element.text.strip_prefix("0:").unwrap_or(&element.text).to_owned();
                    self.read.bounds.insert(state.clone(), Bound { operation, version });
                }
            }
            ("rpminfo_test", None) => {
                let pair = std::mem::take(&mut self.pair);
                self.read.pairs.extend(self.current.take().map(|test| (test, pair)));
            }
            _ => {}
        }
    }
}

impl Definition {
    /// The CVEs, or the erratum if it names none.
    pub(super) fn vulnerabilities(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.cves.iter().map(String::as_str).collect();
        if ids.is_empty() {
            ids.extend(self.erratum.as_deref());
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Tests {
    /// The packages that a definition is about, each with the bounds that hold together.
    pub(super) fn packages(&self, definition: &Definition) -> Vec<Package> {
        let mut packages = Vec::new();
        for group in &definition.groups {
            let mut together: BTreeMap<&str, Vec<Bound>> = BTreeMap::new();
            for test in &group.tests {
                let Some((object, state)) = self.pairs.get(test) else { continue };
                let (Some(name), Some(bound)) = (self.names.get(object), self.bounds.get(state)) else {
                    continue;
                };
                if group.is_alternative {
                    let bounds = vec![bound.clone()];
                    let (platform, module) = (group.platform.clone(), group.module.clone());
                    packages.push(Package { name: name.clone(), platform, module, bounds });
                } else {
                    together.entry(name).or_default().push(bound.clone());
                }
            }
            packages.extend(together.into_iter().map(|(name, bounds)| Package {
                name: name.to_owned(),
                platform: group.platform.clone(),
                module: group.module.clone(),
                bounds,
            }));
        }
        packages
    }
}

/// The versions within all bounds; `None` if one of them is no version, or has an operation that is not known.
pub(super) fn interval(bounds: &[Bound]) -> Option<Interval<'_>> {
    let mut interval = Interval::ALL;
    for Bound { operation, version } in bounds {
        Rpm.check(version).ok()?;
        match operation.as_str() {
            "less than" => interval.end = End::Before(version),
            "less than or equal" => interval.end = End::Through(version),
            "greater than" => interval.from = Start::After(version),
            "greater than or equal" => interval.from = Start::At(version),
            _ => return None,
        }
    }
    Some(interval)
}

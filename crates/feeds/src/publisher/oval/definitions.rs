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
//!
//! A condition that is not about versions, such as who signed a package, is left out where it stands in an `AND`: without it, more
//! is affected. What is left out otherwise would be a package without a vulnerability, so a definition is undecided for all its
//! packages if it negates something, refers to other definitions or to what is not in the file, or has another operator.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_core::xml::{Element, Step};
use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::rpm::Rpm;

/// The state of a test that is not understood. No name in XML has this character.
const UNKNOWN: &str = "\0";
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
    /// Whether there is something in its criteria that is not understood here.
    is_undecided: bool,
}

#[derive(Debug, Default, Clone)]
struct Group {
    is_alternative: bool,
    /// The system that has to be installed.
    platform: Option<String>,
    module: Option<String>,
    tests: Vec<Criterion>,
}

/// A reference to a test.
#[derive(Debug, Clone)]
struct Criterion {
    test: String,
    /// The package that its comment is about: `bind is earlier than 30:9.3.3-8.el5`.
    package: Option<String>,
    /// Whether it is a condition of another kind by its comment: `bind is signed with the Oracle Linux 5 key`.
    is_condition: bool,
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
    /// Whether it is not known which versions are affected.
    pub(super) is_undecided: bool,
}

/// What a test says.
enum Told<'t> {
    Bound(&'t str, &'t Bound),
    /// A condition of another kind, about a package or something else.
    Condition(Option<&'t str>),
    /// It is not in the file, or not as it should be.
    Nothing,
}

/// Everything in a file.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub(super) definitions: Vec<Definition>,
    /// Object and state of each test.
    pairs: HashMap<String, (String, String)>,
    names: HashMap<String, String>,
    bounds: HashMap<String, Bound>,
    /// The states that are there, of which some are not about versions.
    states: HashSet<String>,
    /// Tests of other kinds, which are not about packages.
    others: HashSet<String>,
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
    /// Whether the test around the place is that something does not exist.
    is_negated: bool,
    /// How many more elements that are kept there may be.
    left: u64,
}

impl Reader {
    pub(super) fn new(limit: u64) -> Self {
        let read = Tests::default();
        // Each definition needs some tests, objects and states.
        let left = limit.saturating_mul(8);
        Self {
            read,
            definition: None,
            open: Vec::new(),
            current: None,
            pair: Default::default(),
            is_negated: false,
            left,
        }
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
                let operator = element.attribute("operator").unwrap_or("AND");
                let is_alternative = operator == "OR";
                self.doubt(operator != "AND" && !is_alternative);
                self.doubt(is_negated(element));
                let around = self.open.last().cloned().unwrap_or_default();
                self.open.push(Group { is_alternative, tests: Vec::new(), ..around });
            }
            "criterion" => self.criterion(element),
            // Other definitions are not looked up. Beside them in an `AND`, more is affected.
            "extend_definition" => {
                let is_alternative = self.open.last().is_some_and(|group| group.is_alternative);
                self.doubt(is_alternative || is_negated(element));
            }
            "reference" => self.reference(element),
            name if name.ends_with("_test") || name.ends_with("_object") || name.ends_with("_state") => {
                self.current = attribute("id");
                self.pair = Default::default();
                self.left = self.left.saturating_sub(1);
                // What must not exist is negated.
                let words = [element.attribute("check"), element.attribute("check_existence")];
                self.is_negated = words.into_iter().flatten().any(|word| word.starts_with("none"));
                if name.ends_with("_state") {
                    self.read.states.extend(attribute("id"));
                } else if name.ends_with("_test") && name != "rpminfo_test" {
                    self.read.others.extend(attribute("id"));
                }
            }
            "object" => self.pair.0 = attribute("object_ref").unwrap_or_default(),
            "state" => {
                // Of several, nothing is read.
                let is_first = self.pair.1.is_empty();
                self.pair.1 =
                    attribute("state_ref").filter(|_| is_first).unwrap_or_else(|| UNKNOWN.to_owned());
            }
            "issued" => {
                if let Some(definition) = &mut self.definition {
                    definition.date = attribute("date");
                }
            }
            _ => {}
        }
    }

    /// Makes the definition undecided.
    fn doubt(&mut self, is_doubtful: bool) {
        if let Some(definition) = &mut self.definition {
            definition.is_undecided |= is_doubtful;
        }
    }

    fn criterion(&mut self, element: &Element) {
        self.left = self.left.saturating_sub(1);
        self.doubt(is_negated(element));
        let Some(group) = self.open.last_mut() else { return };
        let comment = element.attribute("comment").unwrap_or_default();
        let module = comment.strip_prefix("Module ").and_then(|rest| rest.strip_suffix(" is enabled"));
        let platform = comment.strip_suffix(" is installed").filter(|it| it.starts_with(PLATFORM));
        if let Some(platform) = platform {
            // One of several that may be installed says nothing about what stands beside it.
            if !group.is_alternative {
                group.platform = Some(platform.to_owned());
            }
            return;
        }
        match (module, element.attribute("test_ref")) {
            (Some(module), _) => group.module = Some(module.to_owned()),
            (None, Some(test)) => {
                let package = comment.split_once(" is earlier than ").map(|(name, _)| name);
                let package = package.map(|name| name.strip_prefix("Package ").unwrap_or(name).to_owned());
                let is_condition = comment.contains(" is signed with ") || comment.starts_with(PLATFORM);
                group.tests.push(Criterion { test: test.to_owned(), package, is_condition });
            }
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
            // A pattern, or a variable, is no name.
            ("name", None) if element.attribute("operation").is_none_or(|it| it == "equals") => {
                if let Some(object) = self.current.as_ref().filter(|_| !element.text.is_empty()) {
                    self.read.names.insert(object.clone(), element.text.clone());
                }
            }
            ("evr", None) => {
                if let Some(state) = &self.current {
                    let operation = element.attribute("operation").unwrap_or("equals").to_owned();
                    let version = element.text.strip_prefix("0:").unwrap_or(&element.text).to_owned();
                    let bound = Bound { operation, version };
                    // Of several versions in one state, none is known.
                    if let Some(other) = self.read.bounds.insert(state.clone(), bound) {
                        let unknown = Bound { operation: UNKNOWN.to_owned(), ..other };
                        self.read.bounds.insert(state.clone(), unknown);
                    }
                }
            }
            ("rpminfo_test", None) => {
                let mut pair = std::mem::take(&mut self.pair);
                if std::mem::take(&mut self.is_negated) {
                    UNKNOWN.clone_into(&mut pair.1);
                }
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
    fn told(&self, test: &str) -> Told<'_> {
        let Some((object, state)) = self.pairs.get(test) else {
            return if self.others.contains(test) { Told::Condition(None) } else { Told::Nothing };
        };
        match (self.names.get(object), self.bounds.get(state)) {
            (Some(name), Some(bound)) => Told::Bound(name, bound),
            (Some(name), None) if self.states.contains(state) => Told::Condition(Some(name)),
            _ => Told::Nothing,
        }
    }

    /// The packages that a definition is about, each with the bounds that hold together. `None` if it is undecided, but names no
    /// package.
    pub(super) fn packages(&self, definition: &Definition) -> Option<Vec<Package>> {
        let (mut packages, mut is_undecided) = (Vec::new(), definition.is_undecided);
        for group in &definition.groups {
            let package = |name: &str, bounds: Vec<Bound>, is_undecided: bool| Package {
                name: name.to_owned(),
                platform: group.platform.clone(),
                module: group.module.clone(),
                bounds,
                is_undecided,
            };
            let mut together: BTreeMap<&str, Vec<Bound>> = BTreeMap::new();
            for criterion in &group.tests {
                match (self.told(&criterion.test), criterion.package.as_deref()) {
                    (Told::Bound(name, bound), _) if group.is_alternative => {
                        packages.push(package(name, vec![bound.clone()], false));
                    }
                    (Told::Bound(name, bound), _) => together.entry(name).or_default().push(bound.clone()),
                    (Told::Condition(_), None) if !group.is_alternative => {}
                    (Told::Nothing, None) if criterion.is_condition && !group.is_alternative => {}
                    // If only the comment says what it is about, it is about that package alone.
                    (_, Some(name)) | (Told::Condition(Some(name)), None) => {
                        packages.push(package(name, Vec::new(), true));
                    }
                    (Told::Condition(None) | Told::Nothing, None) => is_undecided = true,
                }
            }
            packages.extend(together.into_iter().map(|(name, bounds)| package(name, bounds, false)));
        }
        if is_undecided {
            for package in &mut packages {
                package.is_undecided = true;
            }
        }
        (!is_undecided || !packages.is_empty()).then_some(packages)
    }
}

/// Whether the opposite of a criterion is meant.
fn is_negated(element: &Element) -> bool {
    element.attribute("negate").is_some_and(|word| word != "false" && word != "0")
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

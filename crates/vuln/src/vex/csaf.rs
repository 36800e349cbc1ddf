//! CSAF 2.0 and 2.1 with the profile VEX, or of a security advisory (<https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>).
//!
//! ```json
//! {"document": {"category": "csaf_vex", "csaf_version": "2.0", "publisher": {"name": "ACME"},
//!   "tracking": {"id": "ACME-1", "status": "final", "current_release_date": "2026-11-01T00:00:00Z"}},
//!  "product_tree": {"branches": [
//!     {"category": "product_version", "name": "curl", "product": {"product_id": "curl", "name": "curl",
//!       "product_identification_helper": {"purl": "pkg:rpm/redhat/curl"}}}, …],
//!   "relationships": [{"category": "default_component_of", "product_reference": "curl",
//!     "relates_to_product_reference": "rhel-9", "full_product_name": {"product_id": "rhel-9:curl", "name": "…"}}]},
//!  "vulnerabilities": [{"cve": "CVE-2026-1",
//!     "product_status": {"known_not_affected": ["rhel-9:curl"]},
//!     "flags": [{"label": "vulnerable_code_not_present", "product_ids": ["rhel-9:curl"]}]}]}
//! ```
//!
//! | `product_status` | status |
//! | --- | --- |
//! | `known_not_affected` | not affected; a flag is the justification, a threat of the category `impact` the words (7.1.5 of profile VEX asks for one of them) |
//! | `fixed`, `first_fixed` | fixed |
//! | `known_affected`, `first_affected`, `last_affected` | affected |
//! | `under_investigation` | under investigation |
//! | `recommended` | nothing: it is advice |
//!
//! A product of a branch that is a range of versions, or a version that its package URL does not have, clears nothing; nor does one
//! with a serial number, a model or an address, which are not compared.
//!
//! A product in a relationship is the one that it refers to, inside of the one that it relates to. The time of all statements is
//! that of the current release. A draft is refused.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use plimsoll_core::{Digest, Purl, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::identity::Identity;
use super::statement::{Document, Product, Refusal, Statement};
use super::{Claims, Error, Format};
use crate::database::VexStatus;

/// The format.
pub struct Csaf;

const NAME: &str = "CSAF";

/// Branches that say which versions of a product are meant.
const VERSIONS: [&str; 4] = ["product_version", VERSION_RANGE, "patch_level", "service_pack"];
const VERSION_RANGE: &str = "product_version_range";

/// Relationships that lead from one product to another. Real ones have one, those of modules two.
const CHAIN: usize = 4;

#[derive(Deserialize)]
struct Root {
    document: Head,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Head {
    category: String,
    csaf_version: String,
    publisher: Publisher,
    tracking: Tracking,
}

#[derive(Deserialize)]
struct Publisher {
    name: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    status: String,
    current_release_date: String,
}

#[derive(Deserialize, Default)]
struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<FullName>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(default)]
    product_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    category: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    branches: Vec<Branch>,
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
    #[serde(default)]
    product_identification_helper: Helper,
}

#[derive(Deserialize, Default)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
    /// Of 2.1.
    #[serde(default)]
    purls: Vec<String>,
    #[serde(default)]
    hashes: Vec<Hashes>,
    // What follows narrows the product, and is not compared.
    #[serde(default)]
    skus: Vec<Value>,
    #[serde(default)]
    model_numbers: Vec<Value>,
    #[serde(default)]
    serial_numbers: Vec<Value>,
    #[serde(default)]
    x_generic_uris: Vec<Value>,
}

#[derive(Deserialize)]
struct Hashes {
    #[serde(default)]
    file_hashes: Vec<FileHash>,
}

#[derive(Deserialize)]
struct FileHash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Relationship {
    product_reference: String,
    relates_to_product_reference: String,
    full_product_name: FullName,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<Id>,
    #[serde(default)]
    product_status: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    flags: Vec<Flag>,
    #[serde(default)]
    threats: Vec<Threat>,
}

#[derive(Deserialize)]
struct Id {
    text: String,
}

#[derive(Deserialize)]
struct Flag {
    label: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Threat {
    category: String,
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

impl Format for Csaf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn recognises(&self, claims: &Claims) -> bool {
        claims.document.get("csaf_version").is_some_and(Value::is_string)
    }

    fn read(&self, bytes: &[u8]) -> Result<Document, Error> {
        let invalid = |reason: &dyn std::fmt::Display| Error::invalid(NAME, reason);
        let root: Root = serde_json::from_slice(bytes).map_err(|error| invalid(&error))?;
        let Head { category, csaf_version, publisher, tracking } = &root.document;
        if !matches!(csaf_version.as_str(), "2.0" | "2.1") {
            let got = plimsoll_core::text::shown(csaf_version);
            return Err(Error::Version { format: NAME, got, expected: "2.0 or 2.1" });
        }
        if !matches!(category.as_str(), "csaf_vex" | "csaf_security_advisory") {
            return Err(invalid(&format_args!("its category is {category}, expected csaf_vex")));
        }
        if !matches!(tracking.status.as_str(), "final" | "interim") {
            return Err(invalid(&format_args!(
                "its status is {}, expected final or interim",
                tracking.status
            )));
        }
        let time: Timestamp = tracking
            .current_release_date
            .parse()
            .map_err(|_| invalid(&"its current_release_date is not a time"))?;
        let mut document = Document::new(NAME, Some(&tracking.id), &publisher.name);
        document.edition = time.as_nanosecond();
        let products = Products::new(&root.product_tree).map_err(|reason| invalid(&reason))?;
        for (position, vulnerability) in root.vulnerabilities.iter().enumerate() {
            statements(vulnerability, position, time, &products, &mut document);
        }
        Ok(document)
    }
}

/// The products of a document by their identifiers.
struct Products<'a> {
    named: HashMap<&'a str, Arc<Identity>>,
    related: HashMap<&'a str, (&'a str, &'a str)>,
    groups: HashMap<&'a str, &'a [String]>,
}

impl<'a> Products<'a> {
    fn new(tree: &'a Tree) -> Result<Self, String> {
        let mut products = Self { named: HashMap::new(), related: HashMap::new(), groups: HashMap::new() };
        // With the innermost branch around each that names a version.
        let mut left: Vec<(&Branch, Option<&Branch>)> = tree.branches.iter().map(|it| (it, None)).collect();
        let mut names: Vec<(&FullName, Option<&Branch>)> =
            tree.full_product_names.iter().map(|it| (it, None)).collect();
        while let Some((branch, around)) = left.pop() {
            let is_range = |branch: &&Branch| branch.category == VERSION_RANGE;
            let own = Some(branch).filter(|it| VERSIONS.contains(&it.category.as_str()));
            let version = around.filter(is_range).or(own).or(around);
            left.extend(branch.branches.iter().map(|it| (it, version)));
            names.extend(branch.product.iter().map(|it| (it, version)));
        }
        // Readers would choose differently. Published documents do repeat products in the same words.
        let twice = |id: &str| format!("product {} is defined twice", plimsoll_core::text::shown(id));
        for (name, version) in names {
            let mut identity = identity(&name.product_identification_helper);
            identity.incomparable |= version.is_some_and(|version| narrows(version, &identity));
            let identity = Arc::new(identity);
            let known = products.named.insert(&name.product_id, Arc::clone(&identity));
            if known.is_some_and(|known| known != identity) {
                return Err(twice(&name.product_id));
            }
        }
        for it in &tree.relationships {
            let id = it.full_product_name.product_id.as_str();
            let parts = (it.product_reference.as_str(), it.relates_to_product_reference.as_str());
            let known = products.related.insert(id, parts);
            if known.is_some_and(|known| known != parts) || products.named.contains_key(id) {
                return Err(twice(id));
            }
        }
        for group in &tree.product_groups {
            products.groups.insert(&group.group_id, &group.product_ids);
        }
        Ok(products)
    }

    /// What an identifier stands for; `None` if nothing is known by which a part of it could be recognised.
    fn resolve(&self, id: &str) -> Option<Product> {
        let mut parts = Vec::new();
        self.chain(id, 0, &mut parts)?;
        Some(Product(parts))
    }

    /// The innermost part of what an identifier stands for, where what is around it is unknown.
    fn innermost(&self, id: &str) -> Option<Product> {
        let mut innermost = id;
        for _ in 0..=CHAIN {
            match self.related.get(innermost) {
                Some((reference, _)) => innermost = reference,
                None => break,
            }
        }
        let identity = self.named.get(innermost).filter(|identity| !identity.is_empty())?;
        Some(Product(vec![Arc::clone(identity)]))
    }

    fn chain(&self, id: &str, depth: usize, parts: &mut Vec<Arc<Identity>>) -> Option<()> {
        if let Some(identity) = self.named.get(id) {
            parts.push(Arc::clone(identity));
            return (!identity.is_empty()).then_some(());
        }
        let (reference, relates_to) = self.related.get(id).filter(|_| depth < CHAIN)?;
        self.chain(relates_to, depth + 1, parts)?;
        self.chain(reference, depth + 1, parts)
    }

    /// The products of a flag or threat; of all, if it names none.
    fn named<'f>(
        &'f self,
        product_ids: &'f [String],
        group_ids: &'f [String],
    ) -> impl Iterator<Item = &'f str> {
        let groups = group_ids.iter().filter_map(|id| self.groups.get(id.as_str()));
        product_ids.iter().chain(groups.flat_map(|ids| ids.iter())).map(String::as_str)
    }
}

fn identity(helper: &Helper) -> Identity {
    let mut identity = Identity::default();
    let purls = helper.purl.iter().chain(&helper.purls).filter_map(|text| text.parse::<Purl>().ok());
    identity.purls = purls.collect();
    identity.cpes = helper.cpe.iter().cloned().collect();
    let all = || helper.hashes.iter().flat_map(|hashes| &hashes.file_hashes);
    let digest = |hash: &FileHash| {
        format!("{}:{}", hash.algorithm.to_ascii_lowercase(), hash.value.to_ascii_lowercase())
            .parse::<Digest>()
            .ok()
    };
    identity.digests = all().filter_map(digest).collect();
    let narrowing = [&helper.skus, &helper.model_numbers, &helper.serial_numbers, &helper.x_generic_uris];
    identity.incomparable = all().next().is_some() && identity.digests.is_empty()
        || narrowing.iter().any(|list| !list.is_empty());
    identity
}

/// Whether a branch says which versions of a product are meant, and its package URLs do not.
fn narrows(branch: &Branch, identity: &Identity) -> bool {
    // Red Hat's name of a version without one is the package: `curl`, `nodejs:18/nodejs`.
    let package = branch.name.rsplit('/').next();
    let is_said = |purl: &Purl| purl.version().is_some() || package == Some(purl.name());
    branch.category == VERSION_RANGE || !identity.purls.iter().all(is_said)
}

/// A status, the justification and the words for it.
type Reason<'a> = (u8, Option<&'a str>, Option<&'a str>);

/// Adds the statements about one vulnerability: one for each status and reason.
fn statements(
    vulnerability: &Vulnerability,
    position: usize,
    time: Timestamp,
    products: &Products<'_>,
    document: &mut Document,
) {
    let ids = vulnerability.cve.iter().chain(vulnerability.ids.iter().map(|id| &id.text));
    let vulnerabilities: Vec<String> = ids.cloned().collect();
    let what = match vulnerabilities.first() {
        Some(first) => first.clone(),
        None => format!("vulnerability {}", position + 1),
    };
    let mut justified: HashMap<&str, &str> = HashMap::new();
    for flag in &vulnerability.flags {
        let named = products.named(&flag.product_ids, &flag.group_ids);
        justified.extend(named.map(|product| (product, flag.label.as_str())));
    }
    let mut told: HashMap<&str, &str> = HashMap::new();
    for threat in vulnerability.threats.iter().filter(|threat| threat.category == "impact") {
        let named = products.named(&threat.product_ids, &threat.group_ids);
        told.extend(named.map(|product| (product, threat.details.as_str())));
    }
    let mut by_reason: BTreeMap<Reason<'_>, (VexStatus, Vec<Product>)> = BTreeMap::new();
    for (list, ids) in &vulnerability.product_status {
        let status = match list.as_str() {
            "known_not_affected" => VexStatus::NotAffected,
            "fixed" | "first_fixed" => VexStatus::Fixed,
            "known_affected" | "first_affected" | "last_affected" => VexStatus::Affected,
            "under_investigation" => VexStatus::UnderInvestigation,
            _ => continue,
        };
        for id in ids {
            let reason = match status {
                VexStatus::NotAffected => {
                    (justified.get(id.as_str()).copied(), told.get(id.as_str()).copied())
                }
                _ => (None, None),
            };
            let entry = by_reason.entry((status as u8, reason.0, reason.1));
            let (_, named) = entry.or_insert_with(|| (status, Vec::new()));
            let clears = matches!(status, VexStatus::NotAffected | VexStatus::Fixed);
            let innermost = || products.innermost(id).filter(|_| !clears);
            named.extend(products.resolve(id).or_else(innermost));
        }
    }
    for ((_, justification, impact), (status, products)) in by_reason {
        if products.is_empty() {
            let reason = format!("no product that is {} has a package URL or CPE", status.as_str());
            document.add(Err(Refusal::new(&what, reason).about(&vulnerabilities, Some(time))));
            continue;
        }
        let statement = Statement {
            vulnerabilities: vulnerabilities.clone(),
            products,
            status,
            justification: justification.map(str::to_owned),
            impact: impact.map(str::to_owned),
            timestamp: Some(time),
        };
        document.add(statement.checked());
    }
}

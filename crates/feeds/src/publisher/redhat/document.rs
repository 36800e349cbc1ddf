//! The parts of a CSAF document that matter here, and its products.
//!
//! ```json
//! {"document": {"category": "csaf_vex", "tracking": {"id": "CVE-2023-38545", "current_release_date": "2025-11-21T14:31:32+00:00"}},
//!  "product_tree": {
//!    "branches": [{"branches": [
//!      {"product": {"product_id": "BaseOS-9.3.0.Z.MAIN", "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:9::baseos"}}},
//!      {"product": {"product_id": "libcurl-0:7.76.1-26.el9_3.2.x86_64", "product_identification_helper": {
//!         "purl": "pkg:rpm/redhat/libcurl@7.76.1-26.el9_3.2?arch=x86_64"}}}]}],
//!    "relationships": [{"category": "default_component_of", "product_reference": "libcurl-0:7.76.1-26.el9_3.2.x86_64",
//!       "relates_to_product_reference": "BaseOS-9.3.0.Z.MAIN",
//!       "full_product_name": {"product_id": "BaseOS-9.3.0.Z.MAIN:libcurl-0:7.76.1-26.el9_3.2.x86_64"}}]},
//!  "vulnerabilities": [{"cve": "CVE-2023-38545",
//!     "product_status": {"fixed": ["BaseOS-9.3.0.Z.MAIN:libcurl-0:7.76.1-26.el9_3.2.x86_64"]},
//!     "threats": [{"category": "impact", "details": "Important", "product_ids": ["…"]}]}]}
//! ```
//!
//! A package of a module is a component of the module, which is a component of the platform, or names the module in its
//! `rpmmod`: `ruby:2.5:8090020230627084142:b46abd14`. Without a stream, as in `rhel10`, it names none. Some components have no
//! package URL, only a name.

use std::collections::HashMap;

use plimsoll_core::{Purl, Timestamp};
use plimsoll_vuln::{Rating, Severity, SeveritySource};
use serde::Deserialize;

/// How often a platform may be a component of another. Real ones are at most once: a module of a repository.
const MAX_PLATFORMS: usize = 4;

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    #[serde(rename = "document")]
    pub(super) about: About,
    #[serde(default)]
    pub(super) product_tree: Tree,
    #[serde(default)]
    pub(super) vulnerabilities: Vec<Vulnerability>,
}

#[derive(Debug, Deserialize)]
pub(super) struct About {
    category: String,
    pub(super) aggregate_severity: Option<Word>,
    pub(super) title: Option<String>,
    pub(super) tracking: Tracking,
}

#[derive(Debug, Deserialize)]
pub(super) struct Word {
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tracking {
    pub(super) id: String,
    pub(super) current_release_date: Timestamp,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<Product>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Debug, Deserialize)]
struct Branch {
    #[serde(default)]
    branches: Vec<Branch>,
    product: Option<Product>,
}

#[derive(Debug, Deserialize)]
struct Product {
    product_id: String,
    product_identification_helper: Option<Helper>,
}

#[derive(Debug, Deserialize)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Relationship {
    product_reference: String,
    relates_to_product_reference: String,
    full_product_name: Product,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vulnerability {
    pub(super) cve: Option<String>,
    pub(super) title: Option<String>,
    pub(super) release_date: Option<Timestamp>,
    #[serde(default)]
    pub(super) product_status: Status,
    #[serde(default)]
    remediations: Vec<Remark>,
    #[serde(default)]
    threats: Vec<Remark>,
    #[serde(default)]
    scores: Vec<Score>,
}

/// The products by what is known about them. Those without the vulnerability are not read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default)]
    first_fixed: Vec<String>,
    #[serde(default)]
    first_affected: Vec<String>,
    #[serde(default)]
    known_affected: Vec<String>,
    #[serde(default)]
    last_affected: Vec<String>,
    #[serde(default)]
    under_investigation: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Remark {
    category: String,
    details: Option<String>,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Score {
    cvss_v3: Option<Vector>,
    cvss_v4: Option<Vector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    vector_string: String,
}

/// What is known about a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fixed,
    Affected,
    Undecided,
}

impl Document {
    pub(super) fn is_about_vulnerabilities(&self) -> bool {
        matches!(self.about.category.as_str(), "csaf_vex" | "csaf_security_advisory")
    }
}

impl Status {
    /// What is known, with the products.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (Kind, &Vec<String>)> {
        [
            (Kind::Fixed, &self.fixed),
            (Kind::Fixed, &self.first_fixed),
            (Kind::Affected, &self.first_affected),
            (Kind::Affected, &self.known_affected),
            (Kind::Affected, &self.last_affected),
            (Kind::Undecided, &self.under_investigation),
        ]
        .into_iter()
    }
}

impl Vulnerability {
    /// The products that will never be fixed.
    pub(super) fn without_fix_ever(&self) -> impl Iterator<Item = &str> {
        let never = self.remediations.iter().filter(|it| it.category == "no_fix_planned");
        never.flat_map(|it| &it.product_ids).map(String::as_str)
    }

    /// The impact on each product.
    pub(super) fn impacts(&self) -> impl Iterator<Item = (&str, Severity)> {
        let impacts = self.threats.iter().filter(|it| it.category == "impact");
        impacts.flat_map(|it| {
            let word = it.details.as_deref().and_then(Severity::from_word);
            it.product_ids.iter().filter_map(move |product| Some((product.as_str(), word?)))
        })
    }

    /// The highest of its vectors.
    pub(super) fn score(&self) -> Rating {
        let vectors = self.scores.iter().flat_map(|score| [&score.cvss_v3, &score.cvss_v4]).flatten();
        let rated =
            vectors.filter_map(|it| Some((Severity::from_cvss(&it.vector_string)?, &it.vector_string)));
        rated.max().map_or_else(Rating::default, |(severity, vector)| Rating {
            severity,
            source: SeveritySource::Cvss(vector.clone()),
        })
    }
}

/// The products of a document, by their identifiers.
#[derive(Debug)]
pub(super) struct Products<'d> {
    helpers: HashMap<&'d str, &'d Helper>,
    /// A component and its platform, by the identifier of both together.
    parts: HashMap<&'d str, (&'d str, &'d str)>,
}

/// A package in a release of the distribution.
#[derive(Debug)]
pub(super) struct Package<'d> {
    /// The number of the release.
    pub(super) release: String,
    /// Whether this is one of the products that a release is maintained longer in.
    pub(super) is_extended: bool,
    /// The stream of the module that it is a component of.
    module: Option<String>,
    component: &'d str,
    purl: Option<&'d str>,
}

/// What a component is called.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    /// With the epoch, if it has one.
    pub(super) version: Option<String>,
    pub(super) module: Option<String>,
}

impl Package<'_> {
    /// The package that it is; nothing if it is something else, such as an image. `Err` if its package URL is invalid.
    pub(super) fn named(&self) -> Result<Option<Named>, ()> {
        let Some(purl) = self.purl else {
            // What was there before package URLs has its name only, behind that of its module if it has one.
            let (module, name) = self.component.split_once('/').unwrap_or(("", self.component));
            let module = self.module.clone().or_else(|| stream(module));
            return Ok(Some(Named { name: name.to_owned(), version: None, module }));
        };
        let purl: Purl = purl.parse().map_err(drop)?;
        if purl.package_type() != "rpm" {
            return Ok(None);
        }
        let epoch = purl.qualifier("epoch").filter(|epoch| *epoch != "0");
        let version = purl.version().map(|version| match epoch {
            Some(epoch) => format!("{epoch}:{version}"),
            None => version.to_owned(),
        });
        let module = self.module.clone().or_else(|| purl.qualifier("rpmmod").and_then(stream));
        Ok(Some(Named { name: purl.name().to_owned(), version, module }))
    }

    /// The name in the component's identifier, where the package URL is invalid: `libcurl` of
    /// `libcurl-0:7.76.1-26.el9_3.2.x86_64`, `ruby` of `ruby:2.5/ruby`.
    pub(super) fn name_without_purl(&self) -> &str {
        let component = self.component.split_once('/').map_or(self.component, |(_, name)| name);
        match component.split_once(':') {
            Some((name_and_epoch, _)) => {
                name_and_epoch.rsplit_once('-').map_or(name_and_epoch, |(name, _)| name)
            }
            None => component,
        }
    }
}

impl<'d> Products<'d> {
    pub(super) fn of(tree: &'d Tree) -> Self {
        let mut helpers = HashMap::new();
        let mut add = |product: &'d Product| {
            if let Some(helper) = &product.product_identification_helper {
                helpers.insert(product.product_id.as_str(), helper);
            }
        };
        tree.full_product_names.iter().for_each(&mut add);
        // The reader of JSON bounds how deep they are nested.
        let mut left: Vec<&Branch> = tree.branches.iter().collect();
        while let Some(branch) = left.pop() {
            branch.product.iter().for_each(&mut add);
            left.extend(&branch.branches);
        }
        let part = |it: &'d Relationship| {
            let parts = (it.product_reference.as_str(), it.relates_to_product_reference.as_str());
            (it.full_product_name.product_id.as_str(), parts)
        };
        Self { helpers, parts: tree.relationships.iter().map(part).collect() }
    }

    /// The package that a product is, if its platform is a release of the distribution.
    pub(super) fn package(&self, product: &str) -> Option<Package<'d>> {
        let (component, mut platform) = *self.parts.get(product)?;
        let purl = self.helpers.get(component).and_then(|helper| helper.purl.as_deref());
        let mut module = None;
        for _ in 0..MAX_PLATFORMS {
            let Some((component, below)) = self.parts.get(platform) else { break };
            let helper = self.helpers.get(component).and_then(|helper| helper.purl.as_deref());
            module = module.or_else(|| helper.and_then(module_of));
            platform = below;
        }
        let (release, is_extended) = release(self.helpers.get(platform)?.cpe.as_deref()?)?;
        Some(Package { release: release.to_owned(), is_extended, module, component, purl })
    }

    /// The releases that it has products of for everybody.
    pub(super) fn releases(&self) -> impl Iterator<Item = &'d str> {
        let cpes = self.helpers.values().filter_map(|helper| helper.cpe.as_deref());
        cpes.filter_map(release).filter(|(_, is_extended)| !is_extended).map(|(release, _)| release)
    }
}

/// The release in `cpe:/o:redhat:enterprise_linux:9::baseos`, and whether it is one that is maintained longer.
fn release(cpe: &str) -> Option<(&str, bool)> {
    let mut parts = cpe.split(':').skip(2);
    let (vendor, product, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_extended = match product {
        "enterprise_linux" => false,
        "rhel_eus" | "rhel_aus" | "rhel_tus" | "rhel_e4s" | "rhel_els" | "rhel_eus_long_life" => true,
        _ => return None,
    };
    let release = version.split('.').next()?;
    let is_number = !release.is_empty() && release.bytes().all(|b| b.is_ascii_digit());
    (vendor == "redhat" && is_number).then_some((release, is_extended))
}

/// The stream of a module's own package URL: `pkg:rpmmod/redhat/ruby@2.5:8090020230627084142:b46abd14`.
fn module_of(purl: &str) -> Option<String> {
    let purl: Purl = purl.parse().ok().filter(|purl: &Purl| purl.package_type() == "rpmmod")?;
    let stream = purl.version()?.split(':').next().filter(|stream| !stream.is_empty())?;
    Some(format!("{}:{stream}", purl.name()))
}

/// Name and stream: `ruby:2.5`.
fn stream(module: &str) -> Option<String> {
    let mut parts = module.split(':');
    let (name, stream) = (parts.next()?, parts.next()?);
    (!name.is_empty() && !stream.is_empty()).then(|| format!("{name}:{stream}"))
}

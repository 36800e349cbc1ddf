//! The content of a CycloneDX document, and writing it as JSON. [`super::write_xml`] writes the same as XML.
//!
//! Properties contain everything that the format cannot represent: layers under `plimsoll:`, and under
//! `aquasecurity:trivy:` what Trivy needs to match the operating system's packages (it does not read a purl's
//! `upstream`).
//!
//! ```json
//! {"type":"library","bom-ref":"Package-deb-libc6-…","name":"libc6","version":"2.36-9","purl":"pkg:deb/debian/libc6@2.36-9?…",
//!  "evidence":{"occurrences":[{"location":"var/lib/dpkg/status","additionalContext":"layer 0"}]},
//!  "properties":[{"name":"aquasecurity:trivy:SrcName","value":"glibc"}]}
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use plimsoll_core::Algorithm;
use serde::Serialize;
use serde_json::json;

use super::conventions::{
    BASE, CODENAME, COMPLETE, CPE, DECLARED, DETECTED, FROM_BASE, INCOMPLETE, LAYER, LOCATION, OWNER,
    OWNER_EVIDENCE, PROBLEM, TRIVY,
};
use super::files::{ByOwner, FilePart, OwnFiles};
use super::item::{Hash, Property, property};
use crate::cpe::Cpe;
use crate::document::{BaseEvidence, BaseImage, Completeness, Document, Phase};
use crate::documents::object::Object;
use crate::documents::placed;
use crate::inventory::{
    Checksum, Component, ComponentId, ComponentIndex, Inventory, Location, Origin, OsRelease, Relationship,
    RelationshipKind, SourcePackage,
};
use crate::licence::{self, Licence};

pub(super) const SUBJECT: &str = "Subject";
const TOOL: &str = "plimsoll";
const OPERATING_SYSTEM: &str = "OperatingSystem";

/// The versions that are written, in order. Comparisons decide what each of them can contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    V1_4,
    /// Tools are an object, and evidence has occurrences.
    V1_5,
    /// Occurrences have a context.
    V1_6,
    V1_7,
}

impl Version {
    fn parse(version: &str) -> Self {
        match version {
            "1.4" => Self::V1_4,
            "1.5" => Self::V1_5,
            "1.7" => Self::V1_7,
            _ => Self::V1_6,
        }
    }
}

/// The content of a document for either syntax.
pub(super) struct Bom<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) references: &'a [ComponentId],
    /// As the standard writes it: `1.6`.
    pub(super) version_text: &'a str,
    pub(super) version: Version,
    pub(super) uuid: &'a str,
    /// The files by owner.
    files: Option<&'a ByOwner<'a>>,
}

/// Calls `write` with `document` and an identifier derived from what it writes.
pub(super) fn identified(
    document: &Document<'_>,
    version: &str,
    syntax: &str,
    out: &mut dyn Write,
    write: impl Fn(&Bom<'_>, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let references = document.inventory.identifiers();
    let inventory = document.inventory;
    let files = inventory.files.as_deref().map(|files| ByOwner::new(files, &inventory.components));
    document.identified(syntax, out, |uuid, out| {
        let bom = Bom {
            document,
            references: &references,
            version_text: version,
            version: Version::parse(version),
            uuid,
            files: files.as_ref(),
        };
        write(&bom, out)
    })
}

/// Writes `document` as CycloneDX of `version`.
pub(super) fn write(document: &Document<'_>, version: &str, out: &mut dyn Write) -> io::Result<()> {
    identified(document, version, "cyclonedx", out, |bom, out| {
        let mut object = Object::begin(out)?;
        object.member("$schema", &format!("http://cyclonedx.org/schema/bom-{version}.schema.json"))?;
        object.member("bomFormat", &"CycloneDX")?;
        object.member("specVersion", &version)?;
        object.member("serialNumber", &format!("urn:uuid:{}", bom.uuid))?;
        object.member("version", &1)?;
        object.member("metadata", &bom.metadata())?;
        let files = bom.files().map(Listed::File);
        object.array("components", bom.components().map(|part| Listed::Part(Box::new(part))).chain(files))?;
        object.array("dependencies", bom.dependencies())?;
        if let Some(aggregate) = bom.aggregate() {
            object.member("compositions", &json!([{ "aggregate": aggregate, "assemblies": [SUBJECT] }]))?;
        }
        object.end()
    })
}

impl<'a> Bom<'a> {
    /// The operating system and the packages.
    pub(super) fn components(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let inventory = self.document.inventory;
        let base = self.document.subject.base.as_ref();
        let (version, files) = (self.version, self.files);
        let system = inventory.os.as_ref().map(operating_system);
        let packages = inventory.components.iter().zip(self.references).enumerate();
        system.into_iter().chain(packages.map(move |(index, (component, id))| {
            let mut part = package(inventory, ComponentIndex(index), component, id.as_str(), version);
            part.properties.extend(base.into_iter().flat_map(|base| from_base(base, component)));
            part.files = files.and_then(|files| files.owned_by(Some(index)));
            part
        }))
    }

    /// The files that no package owns.
    pub(super) fn files(&self) -> impl Iterator<Item = FilePart<'a>> + use<'a> {
        let own = self.files.and_then(|files| files.owned_by(None));
        own.into_iter().flat_map(OwnFiles::parts)
    }

    pub(super) fn dependencies(&self) -> impl Iterator<Item = Dependency<'a>> + use<'a> {
        dependencies(self.document.inventory, self.references)
    }

    /// The statement about the completeness of the subject, if there is one.
    pub(super) fn aggregate(&self) -> Option<&'static str> {
        match self.document.completeness() {
            Completeness::Complete => Some(COMPLETE),
            Completeness::Incomplete => Some(INCOMPLETE),
            Completeness::Unstated => None,
        }
    }

    pub(super) fn metadata(&self) -> Metadata<'a> {
        metadata(self.document, self.version)
    }
}

#[derive(Serialize)]
pub(super) struct Metadata<'a> {
    pub(super) timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lifecycles: Option<[Lifecycle; 1]>,
    pub(super) tools: Tools<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authors: Option<[Supplier<'a>; 1]>,
    pub(super) component: Part<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
pub(super) struct Lifecycle {
    pub(super) phase: &'static str,
}

/// An item of the list of components.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed<'a> {
    Part(Box<Part<'a>>),
    File(FilePart<'a>),
}

/// A component, with the members that are used here.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    pub(super) r#type: &'static str,
    #[serde(rename = "bom-ref")]
    pub(super) reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<Supplier<'a>>,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<LicenceChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) external_references: Vec<ExternalReference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Evidence<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property<'a>>,
    /// The files that it owns.
    #[serde(rename = "components", skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<OwnFiles<'a>>,
}

/// The program that made the document.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Tools<'a> {
    /// As components, since 1.5.
    Components { components: [Tool<'a>; 1] },
    /// As a separate list, until 1.4.
    List([Tool<'a>; 1]),
}

#[derive(Serialize)]
pub(super) struct Tool<'a> {
    /// `application`, if it is a component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#type: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) version: &'a str,
}

/// One expression, or one of several names.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LicenceChoice<'a> {
    Expression(String),
    License { name: &'a str },
}

#[derive(Serialize)]
pub(super) struct Supplier<'a> {
    pub(super) name: Cow<'a, str>,
}

/// A place with more information about a component.
#[derive(Serialize)]
pub(super) struct ExternalReference<'a> {
    pub(super) r#type: &'static str,
    pub(super) url: &'a str,
}

#[derive(Serialize)]
pub(super) struct Evidence<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) occurrences: Vec<Occurrence<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<DetectedChoice<'a>>,
}

/// A licence that was detected.
#[derive(Serialize)]
pub(super) struct DetectedChoice<'a> {
    pub(super) license: DetectedId<'a>,
}

#[derive(Serialize)]
pub(super) struct DetectedId<'a> {
    pub(super) id: &'a str,
    pub(super) acknowledgement: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Occurrence<'a> {
    pub(super) location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_context: Option<String>,
}

fn metadata<'a>(document: &'a Document<'a>, version: Version) -> Metadata<'a> {
    let subject = &document.subject;
    let hash = |digest: plimsoll_core::Digest| Hash {
        alg: match digest.algorithm() {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha384 => "SHA-384",
            Algorithm::Sha512 => "SHA-512",
        },
        content: digest.hex(),
    };
    let layers = document.inventory.layers.iter();
    let problems = document.inventory.problems.iter();
    Metadata {
        timestamp: document.created(),
        lifecycles: subject.phase.filter(|_| version >= Version::V1_5).map(|phase| {
            let phase = match phase {
                Phase::Source => "pre-build",
                Phase::Built => "post-build",
            };
            [Lifecycle { phase }]
        }),
        authors: document.author_name().map(|name| [Supplier { name: name.into() }]),
        tools: if version < Version::V1_5 {
            Tools::List([Tool { r#type: None, name: TOOL, version: document.tool_version }])
        } else {
            let r#type = Some("application");
            Tools::Components { components: [Tool { r#type, name: TOOL, version: document.tool_version }] }
        },
        component: Part {
            r#type: if subject.manifest.is_some() { "container" } else { "file" },
            reference: SUBJECT,
            name: &subject.name,
            version: subject.manifest.map(|digest| digest.to_string().into()),
            hashes: subject.manifest.map(hash).into_iter().collect(),
            purl: subject.purl().map(|purl| purl.to_string()),
            properties: layers
                .map(|layer| {
                    property(format!("{LAYER}{}", layer.index), format!("{} {}", layer.digest, layer.diff_id))
                })
                .chain(subject.base.iter().flat_map(base))
                .collect(),
            ..Part::default()
        },
        properties: problems
            .filter_map(|p| Some(property(PROBLEM, serde_json::to_string(p).ok()?)))
            .collect(),
    }
}

fn base(base: &BaseImage) -> impl Iterator<Item = Property<'_>> {
    let name = base.name.as_deref().map(|name| property(BASE, name));
    let digest = base.digest.map(|digest| property(format!("{BASE}:digest"), digest.to_string()));
    let layers = base.layers.map(|layers| property(format!("{BASE}:layers"), layers.to_string()));
    let evidence =
        |of: &str, known: Option<BaseEvidence>| Some(property(format!("{BASE}:{of}"), known?.as_str()));
    let (identity, boundary) = (evidence("identity", base.identity), evidence("boundary", base.boundary));
    [name, digest, identity, layers, boundary].into_iter().flatten()
}

/// Whether a component came with the base, and how that is known.
fn from_base<'a>(base: &BaseImage, component: &Component) -> impl Iterator<Item = Property<'a>> + use<'a> {
    let told = base.brought(component).zip(base.boundary);
    let told = told.map(|(is, boundary)| {
        let evidence = property(format!("{FROM_BASE}:evidence"), boundary.as_str());
        [property(FROM_BASE, if is { "true" } else { "false" }), evidence]
    });
    told.into_iter().flatten()
}

fn operating_system(os: &OsRelease) -> Part<'_> {
    let trivy = |name: &str, value| property(format!("{TRIVY}{name}"), value);
    let mut properties = vec![trivy("Class", "os-pkgs"), trivy("Type", os.id.as_str())];
    properties.extend(os.codename.as_deref().map(|codename| property(CODENAME, codename)));
    Part {
        r#type: "operating-system",
        reference: OPERATING_SYSTEM,
        name: &os.id,
        version: os.version_id.as_deref().map(Cow::from),
        description: os.pretty_name.as_deref(),
        properties,
        ..Part::default()
    }
}

fn package<'a>(
    inventory: &'a Inventory,
    index: ComponentIndex,
    component: &'a Component,
    reference: &'a str,
    version: Version,
) -> Part<'a> {
    let mut properties = properties(inventory, index, component);
    let occurrences: Vec<_> = if version < Version::V1_5 {
        Vec::new()
    } else {
        component.locations.iter().map(|location| occurrence(location, version)).collect()
    };
    if version < Version::V1_6 {
        properties
            .extend(component.locations.iter().map(|location| property(LOCATION, placed::line(location))));
    }
    // Earlier versions could not state that a licence was not declared.
    let licenses_detected = if version < Version::V1_6 { Vec::new() } else { detected(component) };
    let is_shown = !occurrences.is_empty() || !licenses_detected.is_empty();
    let origin = component.origin.as_deref();
    let hash = |it: &Checksum| Hash { alg: it.algorithm.as_str(), content: it.hex.clone() };
    Part {
        r#type: "library",
        reference,
        supplier: component.supplier.as_deref().map(|name| Supplier { name: name.into() }),
        name: &component.name,
        version: (!component.version.is_empty()).then(|| component.version.as_str().into()),
        // Not part of the subject when it runs.
        scope: component.is_for_development().then_some("excluded"),
        hashes: origin.map(|it| it.checksums.iter().map(hash).collect()).unwrap_or_default(),
        licenses: licenses(component),
        cpe: Cpe::for_component(component).into_iter().next(),
        purl: Some(component.purl.to_string()),
        external_references: origin.map(external_references).unwrap_or_default(),
        evidence: is_shown.then_some(Evidence { occurrences, licenses: licenses_detected }),
        properties,
        ..Part::default()
    }
}

fn external_references(origin: &Origin) -> Vec<ExternalReference<'_>> {
    let references =
        [("website", &origin.homepage), ("vcs", &origin.repository), ("distribution", &origin.download)];
    references
        .into_iter()
        .filter_map(|(r#type, url)| Some(ExternalReference { r#type, url: url.as_deref()? }))
        .collect()
}

fn occurrence(location: &Location, version: Version) -> Occurrence<'_> {
    let layer = location.layer.filter(|_| version >= Version::V1_6);
    Occurrence { location: &location.path, additional_context: layer.map(|layer| format!("layer {layer}")) }
}

/// Either one expression or a list of names. Until 1.6 the format does not allow both.
fn licenses(component: &Component) -> Vec<LicenceChoice<'_>> {
    match licence::all(&component.licenses, Licence::expression) {
        Some(expression) => vec![LicenceChoice::Expression(expression)],
        None => {
            component.licenses.iter().map(|name| LicenceChoice::License { name: name.as_str() }).collect()
        }
    }
}

/// Each licence once, wherever its text was found.
fn detected(component: &Component) -> Vec<DetectedChoice<'_>> {
    let ids: BTreeSet<&str> = component.detected.iter().map(|it| it.id.as_str()).collect();
    let choice = |id| DetectedChoice { license: DetectedId { id, acknowledgement: "concluded" } };
    ids.into_iter().map(choice).collect()
}

fn properties<'a>(
    inventory: &'a Inventory,
    index: ComponentIndex,
    component: &'a Component,
) -> Vec<Property<'a>> {
    let mut properties = Vec::new();
    let mut trivy = |name: &str, value: Cow<'a, str>| {
        if !value.is_empty() {
            properties.push(property(format!("{TRIVY}{name}"), value));
        }
    };
    match component.purl.package_type() {
        "deb" | "rpm" | "apk" => {
            trivy("PkgType", component.purl.namespace().unwrap_or_default().into());
        }
        "pypi" => trivy("PkgType", "python-pkg".into()),
        _ => {}
    }
    if let Some(source) = &component.source {
        let (epoch, version, release) = split_version(source);
        trivy("SrcName", source.name.as_str().into());
        trivy("SrcVersion", version.into());
        trivy("SrcRelease", release.into());
        trivy("SrcEpoch", epoch.into());
    }
    let layer = component.locations.first().and_then(|location| inventory.layers.get(location.layer?));
    if let Some(layer) = layer {
        trivy("LayerDiffID", layer.diff_id.to_string().into());
        trivy("LayerDigest", layer.digest.to_string().into());
    }
    properties.extend(component.declared.map(|declared| property(DECLARED, declared.to_string())));
    properties.extend(component.detected.iter().map(|it| property(DETECTED, it.to_string())));
    properties.extend(Cpe::for_component(component).into_iter().skip(1).map(|name| property(CPE, name)));
    if let Some(owner) = inventory.owner(index) {
        properties.push(property(OWNER, owner.package.purl.to_string()));
        properties.push(property(OWNER_EVIDENCE, owner.evidence.as_str()));
    }
    properties
}

/// Trivy stores epoch, version and release of a source package separately and joins them again.
fn split_version(source: &SourcePackage) -> (&str, &str, &str) {
    let (epoch, rest) = match source.version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (epoch, rest),
        _ => ("", source.version.as_str()),
    };
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, version, release)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency<'a> {
    pub(super) r#ref: &'a str,
    pub(super) depends_on: DependsOn<'a>,
}

/// What an element contains or depends on, written without being collected.
pub(super) struct DependsOn<'a> {
    inventory: &'a Inventory,
    references: &'a [ComponentId],
    of: Whose,
}

#[derive(Clone, Copy)]
enum Whose {
    Subject,
    OperatingSystem,
    Component(ComponentIndex),
}

impl Serialize for DependsOn<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.references())
    }
}

impl<'a> DependsOn<'a> {
    /// The references, each once.
    pub(super) fn references(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let Self { inventory, references, of } = *self;
        let system = inventory.os.is_some();
        let packages = move |of_system: bool| {
            let all = inventory.components.iter().zip(references);
            all.filter(move |(component, _)| (system && component.ecosystem.is_os()) == of_system)
                .map(|(_, reference)| reference.as_str())
        };
        match of {
            Whose::Subject => {
                let direct = inventory.direct();
                let packages = inventory.components.iter().zip(references).zip(direct);
                let packages = packages.filter(move |((component, _), is_direct)| {
                    *is_direct && !(system && component.ecosystem.is_os())
                });
                let packages = packages.map(|((_, reference), _)| reference.as_str());
                Box::new(system.then_some(OPERATING_SYSTEM).into_iter().chain(packages))
            }
            Whose::OperatingSystem => Box::new(packages(true)),
            Whose::Component(index) => {
                let needs = inventory.relationships_of(index).filter(|it| is_need(it));
                let others: BTreeSet<ComponentIndex> = needs.map(|it| it.to).collect();
                Box::new(others.into_iter().filter_map(|to| references.get(to.0).map(ComponentId::as_str)))
            }
        }
    }
}

/// Whether it is a containment or a dependency.
fn is_need(relationship: &Relationship) -> bool {
    matches!(relationship.kind, RelationshipKind::Contains | RelationshipKind::DependsOn)
}

/// The subject contains the operating system, and the language packages that nothing else contains or depends on. The
/// operating system contains its packages. Components list what they contain and depend on.
fn dependencies<'a>(
    inventory: &'a Inventory,
    references: &'a [ComponentId],
) -> impl Iterator<Item = Dependency<'a>> {
    let dependency =
        move |r#ref, of| Dependency { r#ref, depends_on: DependsOn { inventory, references, of } };
    let system = inventory.os.as_ref().map(|_| dependency(OPERATING_SYSTEM, Whose::OperatingSystem));
    let needs = inventory.relationships.iter().filter(|it| is_need(it));
    let with_needs: BTreeSet<ComponentIndex> = needs.map(|it| it.from).collect();
    let components = with_needs.into_iter().filter_map(move |index| {
        Some(dependency(references.get(index.0)?.as_str(), Whose::Component(index)))
    });
    std::iter::once(dependency(SUBJECT, Whose::Subject)).chain(system).chain(components)
}

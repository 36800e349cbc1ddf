//! The members of each format that are read and carried over, as tables. Members that no table names are lost.

use serde_json::Value;

use crate::cpe_name::is_cpe;
use crate::documents::{DETECTED, is_read_annotation, is_read_comment, is_read_property};
use crate::inventory::Checksum;

/// How a member is carried over.
#[derive(Clone, Copy)]
pub(super) enum Inner {
    /// All of it is carried over, or it contains nothing that could be lost.
    Whole,
    /// Objects of this kind, one or a list.
    Of(&'static str),
    /// Some values are carried over. The others are lost under the name of the member and the name that this function
    /// returns.
    Some(Lost),
    /// Carried over if the object that contains it satisfies this.
    If(fn(&Value) -> bool),
}

/// The part of a value that is lost: nothing, the value itself (an empty text), or a named part. The second argument
/// says whether the layers of the document are known.
pub(super) type Lost = fn(&Value, bool) -> Option<&str>;

use Inner::{If, Of, Some as Partly, Whole};

type Members = &'static [(&'static str, Inner)];

/// Members that every element of SPDX 3 has.
const OF_ELEMENTS: &[&str] = &["type", "@type", "spdxId", "@id", "creationInfo"];

/// What the tables say about a member of an object of a kind.
pub(super) fn member(kind: &str, name: &str) -> Option<Inner> {
    if kind.starts_with("spdx3 ") && OF_ELEMENTS.contains(&name) {
        return Some(Whole);
    }
    let (_, members) = KINDS.iter().find(|(own, _)| *own == kind)?;
    members.iter().find(|(own, _)| *own == name).map(|(_, inner)| *inner)
}

/// The kind of an object, which may depend on its content.
pub(super) fn kind_of(kind: &'static str, value: &Value) -> &'static str {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "cyclonedx component" if text("type") == "operating-system" => "cyclonedx system",
        "cyclonedx component" if text("type") == "file" && value.get("purl").is_none() => "cyclonedx file",
        "spdx package" if text("primaryPackagePurpose") == "CONTAINER" => "spdx subject",
        "spdx package" if text("SPDXID").starts_with("SPDXRef-OperatingSystem") => "spdx system",
        // Conclusions of this program are in the comment of the package as well.
        "spdx3 relationship"
            if text("relationshipType") == "hasConcludedLicense"
                && text("spdxId").starts_with("https://plimsoll.dev/spdx/") =>
        {
            "spdx3 conclusion"
        }
        "spdx3 package" if text("software_primaryPurpose") == "container" => "spdx3 subject",
        "spdx3 package" if text("software_primaryPurpose") == "operatingSystem" => "spdx3 system",
        other => other,
    }
}

/// The kind of an element of SPDX 3. `None` for one that is not read.
pub(super) fn kind_of_element(element_type: &str) -> Option<&'static str> {
    Some(match element_type {
        "CreationInfo" => "spdx3 creation",
        "SpdxDocument" | "software_Sbom" | "Bom" => "spdx3 document",
        "software_Package" => "spdx3 package",
        "software_File" => "spdx3 file",
        "Relationship" | "LifecycleScopedRelationship" => "spdx3 relationship",
        "Annotation" => "spdx3 annotation",
        "Tool" | "SoftwareAgent" | "Agent" | "Person" | "Organization" => "spdx3 agent",
        "simplelicensing_LicenseExpression" | "simplelicensing_SimpleLicensingText" => "spdx3 licence",
        _ => return None,
    })
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The value is lost unless `is_read`.
fn unless(is_read: bool) -> Option<&'static str> {
    (!is_read).then_some("")
}

/// Properties are named by their namespace: `syft:location:0:path` as `syft`.
fn property(value: &Value, has_layers: bool) -> Option<&str> {
    let name = text(value, "name");
    (!is_read_property(name, has_layers)).then(|| name.split(':').next().unwrap_or(name))
}

fn annotation(value: &Value, has_layers: bool) -> Option<&str> {
    unless(is_read_annotation(value.as_str().unwrap_or_else(|| text(value, "comment")), has_layers))
}

fn comment(value: &Value, _: bool) -> Option<&str> {
    unless(is_read_comment(value.as_str().unwrap_or_default()))
}

/// Whether the exclusion of a component is carried over: only components for development are excluded, and they are
/// declared as such.
fn is_declared(component: &Value) -> bool {
    let properties = component.get("properties").and_then(Value::as_array).into_iter().flatten();
    text(component, "scope") == "excluded"
        && properties.into_iter().any(|property| text(property, "name") == "plimsoll:declared")
}

/// Whether the conclusion repeats what was detected, as this program writes it into the comment.
fn is_detected(package: &Value) -> bool {
    text(package, "licenseConcluded") == "NOASSERTION"
        || text(package, "comment").lines().any(|line| line.starts_with(DETECTED))
}

/// Conclusions of this program are also a property of the component.
fn evidence_licence(value: &Value, _: bool) -> Option<&str> {
    let licence = value.get("license").unwrap_or(value);
    unless(text(licence, "acknowledgement") == "concluded" && !text(licence, "id").is_empty())
}

/// The scope of a component for development, in Plimsoll's own documents: the comment of the package declares it.
fn is_for_development(relationship: &Value) -> bool {
    text(relationship, "scope") == "development"
        && text(relationship, "spdxId").starts_with("https://plimsoll.dev/spdx/")
}

/// Programs that made a document. The new document is made by this program, so only the others are lost.
fn tools(value: &Value, _: bool) -> Option<&str> {
    let tools = value.get("components").unwrap_or(value);
    let one = std::slice::from_ref(tools);
    let mut tools = tools.as_array().map_or(one, Vec::as_slice).iter();
    unless(tools.all(|tool| tool.is_null() || text(tool, "name") == "plimsoll"))
}

fn creator(value: &Value, _: bool) -> Option<&str> {
    unless(value.as_str().is_some_and(|creator| creator.starts_with("Tool: plimsoll-")))
}

/// Plimsoll's statement about completeness is read and written again.
fn composition(value: &Value, _: bool) -> Option<&str> {
    unless(
        matches!(text(value, "aggregate"), "incomplete" | "complete")
            && value.get("assemblies") == Some(&serde_json::json!(["Subject"])),
    )
}

fn occurrence(value: &Value, _: bool) -> Option<&str> {
    let others = value.as_object().into_iter().flatten();
    let mut others =
        others.filter(|(name, _)| *name != "location").map(|(name, value)| match name.as_str() {
            "additionalContext" if value.as_str().is_some_and(|text| text.starts_with("layer ")) => None,
            name => Some(name),
        });
    others.find_map(|lost| lost)
}

fn reference(value: &Value, _: bool) -> Option<&str> {
    let is_read = |kind: &str| match kind {
        "purl" => true,
        "cpe22Type" | "cpe23Type" => is_cpe(text(value, "referenceLocator")),
        _ => false,
    };
    Some(text(value, "referenceType")).filter(|kind| !is_read(kind))
}

fn identifier(value: &Value, _: bool) -> Option<&str> {
    let is_read = |kind: &str| match kind {
        "packageUrl" => true,
        "cpe22" | "cpe23" => is_cpe(text(value, "identifier")),
        _ => false,
    };
    Some(text(value, "externalIdentifierType")).filter(|kind| !is_read(kind))
}

fn has_cpe(component: &Value) -> bool {
    is_cpe(text(component, "cpe"))
}

/// Digests are named by their algorithm.
fn hash(value: &Value, _: bool) -> Option<&str> {
    Some(text(value, "alg")).filter(|algorithm| Checksum::stated(algorithm, text(value, "content")).is_none())
}

fn checksum(value: &Value, _: bool) -> Option<&str> {
    let digits = text(value, "checksumValue");
    Some(text(value, "algorithm")).filter(|algorithm| Checksum::stated(algorithm, digits).is_none())
}

fn verified(value: &Value, _: bool) -> Option<&str> {
    let digits = text(value, "hashValue");
    Some(text(value, "algorithm")).filter(|algorithm| Checksum::stated(algorithm, digits).is_none())
}

/// Of a file, SHA-1 and SHA-256 are carried over.
fn hash_of_file(value: &Value, _: bool) -> Option<&str> {
    let algorithm = ["alg", "algorithm"].into_iter().map(|name| text(value, name)).find(|it| !it.is_empty());
    algorithm
        .filter(|it| !matches!(it.to_ascii_uppercase().as_str(), "SHA1" | "SHA-1" | "SHA256" | "SHA-256"))
}

fn syft_cpe(value: &Value, _: bool) -> Option<&str> {
    unless(is_cpe(value.as_str().unwrap_or_else(|| text(value, "cpe"))))
}

/// Relationships that are not carried over, by their kind.
fn relationship(value: &Value, _: bool) -> Option<&str> {
    let kind = text(value, "relationshipType");
    let is_read = match kind {
        "OTHER" => is_read_comment(text(value, "comment")),
        "DESCRIBES" | "DESCRIBED_BY" | "CONTAINS" | "CONTAINED_BY" | "DEPENDS_ON" => true,
        other => other.ends_with("DEPENDENCY_OF"),
    };
    (!is_read).then_some(kind)
}

/// The text of a licence in addition to its name.
fn extracted(value: &Value, _: bool) -> Option<&str> {
    let (name, extracted) = (text(value, "name"), text(value, "extractedText"));
    (!extracted.is_empty() && extracted != name).then_some("extractedText")
}

fn ownership(value: &Value, _: bool) -> Option<&str> {
    unless(is_read_comment(value.as_str().unwrap_or_default()))
}

fn syft_relationship(value: &Value, _: bool) -> Option<&str> {
    let kind = text(value, "type");
    (!matches!(kind, "ownership-by-file-overlap" | "dependency-of" | "contains")).then_some(kind)
}

fn element_relationship(value: &Value, _: bool) -> Option<&str> {
    let kind = value.as_str().unwrap_or_default();
    let is_read = matches!(
        kind,
        "describes" | "contains" | "dependsOn" | "hasDeclaredLicense" | "other" | "devDependencyOf"
    );
    (!is_read).then_some(kind)
}

/// Other details of a package or source than its origin and maintainer.
fn details(value: &Value, _: bool) -> Option<&str> {
    const READ: &[&str] = &[
        "source",
        "sourceVersion",
        "originPackage",
        "maintainer",
        "vendor",
        "userInput",
        "manifestDigest",
        "architecture",
        "imageID",
        "tags",
        "mediaType",
    ];
    unless(value.as_object().is_none_or(|members| members.keys().all(|name| READ.contains(&name.as_str()))))
}

fn own_agent(value: &Value, _: bool) -> Option<&str> {
    unless(value.as_str().is_some_and(|name| name.starts_with("plimsoll-")))
}

/// Members of packages that are read together with files, and lost if there are none.
pub(super) const OF_FILES: &[(&str, &str)] =
    &[("hasFiles", "packages/hasFiles"), ("packageVerificationCode", "packages/packageVerificationCode")];

const KINDS: &[(&str, Members)] = &[
    (
        "cyclonedx",
        &[
            ("$schema", Whole),
            ("xmlns", Whole),
            ("bomFormat", Whole),
            ("specVersion", Whole),
            // Different documents have different identifiers.
            ("serialNumber", Whole),
            ("version", Whole),
            ("metadata", Of("cyclonedx metadata")),
            ("components", Of("cyclonedx component")),
            ("dependencies", Of("cyclonedx dependency")),
            ("compositions", Partly(composition)),
        ],
    ),
    (
        "cyclonedx metadata",
        &[
            ("timestamp", Whole),
            ("component", Of("cyclonedx subject")),
            ("tools", Partly(tools)),
            ("properties", Partly(property)),
        ],
    ),
    (
        "cyclonedx subject",
        &[
            ("type", Whole),
            ("bom-ref", Whole),
            ("group", Whole),
            ("name", Whole),
            ("version", Whole),
            ("purl", Whole),
            ("hashes", Whole),
            ("properties", Partly(property)),
            ("components", Of("cyclonedx component")),
        ],
    ),
    (
        "cyclonedx system",
        &[
            ("type", Whole),
            ("bom-ref", Whole),
            ("name", Whole),
            ("version", Whole),
            ("description", Whole),
            ("properties", Partly(property)),
        ],
    ),
    (
        "cyclonedx component",
        &[
            ("type", Whole),
            ("bom-ref", Whole),
            // The package URL contains it.
            ("group", Whole),
            ("name", Whole),
            ("version", Whole),
            ("purl", Whole),
            ("publisher", Whole),
            ("cpe", If(has_cpe)),
            ("hashes", Partly(hash)),
            ("scope", If(is_declared)),
            ("supplier", Of("cyclonedx supplier")),
            ("manufacturer", Of("cyclonedx supplier")),
            ("licenses", Of("cyclonedx licence")),
            ("evidence", Of("cyclonedx evidence")),
            ("properties", Partly(property)),
            ("components", Of("cyclonedx component")),
        ],
    ),
    (
        "cyclonedx file",
        &[
            ("type", Whole),
            ("bom-ref", Whole),
            ("name", Whole),
            ("hashes", Partly(hash_of_file)),
            ("properties", Partly(property)),
            ("components", Of("cyclonedx component")),
        ],
    ),
    ("cyclonedx supplier", &[("name", Whole), ("bom-ref", Whole)]),
    ("cyclonedx evidence", &[("occurrences", Partly(occurrence)), ("licenses", Partly(evidence_licence))]),
    (
        "cyclonedx licence",
        &[("license", Of("cyclonedx named licence")), ("expression", Whole), ("bom-ref", Whole)],
    ),
    ("cyclonedx named licence", &[("id", Whole), ("name", Whole), ("bom-ref", Whole)]),
    ("cyclonedx dependency", &[("ref", Whole), ("dependsOn", Whole)]),
    (
        "spdx",
        &[
            ("spdxVersion", Whole),
            ("dataLicense", Whole),
            ("SPDXID", Whole),
            ("name", Whole),
            ("documentNamespace", Whole),
            ("documentDescribes", Whole),
            ("comment", Partly(comment)),
            ("annotations", Partly(annotation)),
            ("creationInfo", Of("spdx creation")),
            ("packages", Of("spdx package")),
            ("files", Of("spdx file")),
            ("relationships", Partly(relationship)),
            ("hasExtractedLicensingInfos", Partly(extracted)),
        ],
    ),
    ("spdx creation", &[("created", Whole), ("creators", Partly(creator)), ("licenseListVersion", Whole)]),
    (
        "spdx package",
        &[
            ("name", Whole),
            ("SPDXID", Whole),
            ("versionInfo", Whole),
            ("supplier", Whole),
            ("originator", Whole),
            ("sourceInfo", Whole),
            ("licenseDeclared", Whole),
            ("licenseConcluded", If(is_detected)),
            ("checksums", Partly(checksum)),
            ("comment", Partly(comment)),
            ("annotations", Partly(annotation)),
            ("externalRefs", Partly(reference)),
            ("primaryPackagePurpose", Whole),
            ("filesAnalyzed", Whole),
            // The first states owners of files, and the second follows from the files: see OF_FILES.
            ("hasFiles", Whole),
            ("packageVerificationCode", Whole),
        ],
    ),
    (
        "spdx file",
        &[
            ("fileName", Whole),
            ("SPDXID", Whole),
            ("checksums", Partly(hash_of_file)),
            ("comment", Partly(comment)),
        ],
    ),
    (
        "spdx subject",
        &[
            ("name", Whole),
            ("SPDXID", Whole),
            ("versionInfo", Whole),
            ("checksums", Whole),
            ("annotations", Partly(annotation)),
            ("externalRefs", Partly(reference)),
            ("primaryPackagePurpose", Whole),
            ("filesAnalyzed", Whole),
        ],
    ),
    (
        "spdx system",
        &[
            ("name", Whole),
            ("SPDXID", Whole),
            ("versionInfo", Whole),
            ("summary", Whole),
            ("annotations", Partly(annotation)),
            ("primaryPackagePurpose", Whole),
            ("filesAnalyzed", Whole),
        ],
    ),
    (
        "spdx3 creation",
        &[
            ("specVersion", Whole),
            ("created", Whole),
            // The agents themselves are counted.
            ("createdBy", Whole),
            ("createdUsing", Whole),
        ],
    ),
    (
        "spdx3 document",
        &[
            ("name", Whole),
            ("dataLicense", Whole),
            ("rootElement", Whole),
            ("element", Whole),
            ("profileConformance", Whole),
            ("comment", Partly(comment)),
        ],
    ),
    (
        "spdx3 package",
        &[
            ("name", Whole),
            ("comment", Partly(comment)),
            ("software_packageVersion", Whole),
            ("software_packageUrl", Whole),
            ("software_sourceInfo", Whole),
            ("software_primaryPurpose", Whole),
            ("suppliedBy", Whole),
            ("originatedBy", Whole),
            ("externalIdentifier", Partly(identifier)),
            ("verifiedUsing", Partly(verified)),
        ],
    ),
    (
        "spdx3 file",
        &[
            ("name", Whole),
            ("software_fileKind", Whole),
            ("verifiedUsing", Partly(hash_of_file)),
            ("comment", Partly(comment)),
        ],
    ),
    (
        "spdx3 subject",
        &[
            ("name", Whole),
            ("software_packageVersion", Whole),
            ("software_packageUrl", Whole),
            ("software_primaryPurpose", Whole),
            ("verifiedUsing", Whole),
        ],
    ),
    (
        "spdx3 system",
        &[
            ("name", Whole),
            ("summary", Whole),
            ("software_packageVersion", Whole),
            ("software_primaryPurpose", Whole),
        ],
    ),
    (
        "spdx3 relationship",
        &[
            ("from", Whole),
            ("to", Whole),
            ("relationshipType", Partly(element_relationship)),
            ("comment", Partly(ownership)),
            ("scope", If(is_for_development)),
        ],
    ),
    ("spdx3 conclusion", &[("relationshipType", Whole), ("from", Whole), ("to", Whole)]),
    ("spdx3 annotation", &[("annotationType", Whole), ("subject", Whole), ("statement", Partly(annotation))]),
    ("spdx3 agent", &[("name", Partly(own_agent))]),
    ("spdx3 supplier", &[("name", Whole)]),
    (
        "spdx3 licence",
        &[
            ("name", Whole),
            ("simplelicensing_licenseExpression", Whole),
            ("simplelicensing_licenseText", Whole),
            ("simplelicensing_customIdToUri", Whole),
            ("simplelicensing_licenseListVersion", Whole),
        ],
    ),
    (
        "syft",
        &[
            ("artifacts", Of("syft artifact")),
            ("artifactRelationships", Partly(syft_relationship)),
            ("source", Of("syft source")),
            ("distro", Whole),
            ("schema", Whole),
        ],
    ),
    (
        "syft artifact",
        &[
            ("id", Whole),
            ("name", Whole),
            ("version", Whole),
            // The package URL contains it.
            ("type", Whole),
            ("language", Whole),
            ("purl", Whole),
            ("cpes", Partly(syft_cpe)),
            ("locations", Of("syft location")),
            ("licenses", Of("syft licence")),
            ("metadataType", Whole),
            ("metadata", Partly(details)),
        ],
    ),
    ("syft location", &[("path", Whole), ("accessPath", Whole)]),
    ("syft licence", &[("value", Whole), ("spdxExpression", Whole), ("type", Whole)]),
    (
        "syft source",
        &[
            ("id", Whole),
            ("type", Whole),
            ("name", Whole),
            ("version", Whole),
            ("metadata", Partly(details)),
            ("target", Partly(details)),
        ],
    ),
];

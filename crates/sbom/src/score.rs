//! How many of the elements that guidelines require an SBOM contains, and how to add the rest.
//!
//! - NTIA, "The Minimum Elements For a Software Bill of Materials" (2021), data fields;
//! - CISA, "2025 Minimum Elements for a Software Bill of Materials (SBOM)" (draft of August 2025), data fields;
//! - BSI TR-03183-2, version 2.1.0, sections 5.2.1 and 5.2.2, required data fields.
//!
//! Only statements are counted. A document does not show whether they are true, or whether components are missing.

use serde::Serialize;

use crate::documents::format::ReadDocument;
use crate::documents::stated::{Element, StatedComponent};

/// Names of components that an element lists.
const MAX_NAMES: usize = 5;

/// A guideline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Guideline {
    /// The minimum elements of the NTIA.
    Ntia,
    /// The minimum elements of CISA of 2025.
    Cisa,
    /// The required fields of BSI TR-03183-2.
    Bsi,
}

impl Guideline {
    /// Every guideline.
    pub const ALL: [Self; 3] = [Self::Ntia, Self::Cisa, Self::Bsi];

    /// The stable name: `ntia`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ntia => "ntia",
            Self::Cisa => "cisa",
            Self::Bsi => "bsi",
        }
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ntia => "NTIA minimum elements (2021)",
            Self::Cisa => "CISA minimum elements (2025)",
            Self::Bsi => "BSI TR-03183-2 (2.1.0)",
        }
    }

    fn fields(self) -> &'static [Field] {
        match self {
            Self::Ntia => &[
                Field::Author,
                Field::Timestamp,
                Field::Name,
                Field::Component(Element::Version),
                Field::Component(Element::Supplier),
                Field::Component(Element::Identifier),
                Field::Component(Element::Dependencies),
            ],
            Self::Cisa => &[
                Field::Author,
                Field::Timestamp,
                Field::Tool,
                Field::Phase,
                Field::Name,
                Field::Component(Element::Version),
                Field::Component(Element::Supplier),
                Field::Component(Element::Identifier),
                Field::Component(Element::Hash),
                Field::Component(Element::Licence),
                Field::Component(Element::Dependencies),
            ],
            Self::Bsi => &[
                Field::Author,
                Field::Timestamp,
                Field::Name,
                Field::Component(Element::Version),
                Field::Component(Element::Supplier),
                Field::Component(Element::FileName),
                Field::Component(Element::FileProperties),
                Field::Component(Element::StrongHash),
                Field::Component(Element::Licence),
                Field::Component(Element::Dependencies),
            ],
        }
    }
}

/// One element that a guideline requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Author,
    Timestamp,
    Tool,
    Phase,
    Name,
    Component(Element),
}

impl Field {
    /// Its stable name.
    fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Timestamp => "timestamp",
            Self::Tool => "tool",
            Self::Phase => "generation-context",
            Self::Name => "component-name",
            Self::Component(element) => match element {
                Element::Supplier => "supplier",
                Element::Version => "component-version",
                Element::Identifier => "identifier",
                Element::Hash => "component-hash",
                Element::StrongHash => "sha-512",
                Element::Licence => "licence",
                Element::FileName => "file-name",
                Element::FileProperties => "file-properties",
                Element::Dependencies => "dependencies",
            },
        }
    }

    /// What to do if it is missing: in CycloneDX, SPDX 2 and SPDX 3.
    fn fixes(self) -> [&'static str; 3] {
        match self {
            Self::Author => [
                "name the person or organisation that makes the document in metadata.authors or metadata.manufacturer",
                "name the person or organisation that makes the document in creationInfo.creators: `Organization: NAME`",
                "name the Person or Organization that makes the document in createdBy",
            ],
            Self::Timestamp => [
                "state when the document was made, as RFC 3339, in metadata.timestamp",
                "state when the document was made, as RFC 3339, in creationInfo.created",
                "state when the document was made, as RFC 3339, in created",
            ],
            Self::Tool => [
                "name the tool that makes the document in metadata.tools",
                "name the tool that makes the document in creationInfo.creators: `Tool: NAME-VERSION`",
                "name the Tool that makes the document in createdUsing",
            ],
            Self::Phase => [
                "state the phase in metadata.lifecycles, which CycloneDX has since 1.5",
                "write SPDX 3 or CycloneDX: SPDX 2 cannot represent the phase",
                "state the phase in software_sbomType",
            ],
            Self::Name => ["name every component"; 3],
            Self::Component(element) => match element {
                Element::Supplier => [
                    "name the maker in supplier, manufacturer or publisher",
                    "name the maker in supplier or originator",
                    "name the maker in suppliedBy or originatedBy",
                ],
                Element::Version => [
                    "state the version, or the date of the file if there is none",
                    "state the versionInfo, or the date of the file if there is none",
                    "state the software_packageVersion, or the date of the file if there is none",
                ],
                Element::Identifier => [
                    "state a purl or a cpe",
                    "state a reference of the type purl or cpe23Type in externalRefs",
                    "state a software_packageUrl, or a cpe23 in externalIdentifier",
                ],
                Element::Hash => [
                    "state a hash of the component's file in hashes",
                    "state a hash of the package's file in checksums",
                    "state a hash of the package's file in verifiedUsing",
                ],
                Element::StrongHash => [
                    "state the SHA-512 of the component as it is deployed in hashes",
                    "state the SHA512 of the package as it is deployed in checksums",
                    "state the sha512 of the package as it is deployed in verifiedUsing",
                ],
                Element::Licence => [
                    "state the licence as an SPDX expression in licenses",
                    "state the licence as an SPDX expression in licenseDeclared",
                    "state the licence as an SPDX expression with hasDeclaredLicense",
                ],
                Element::FileName => [
                    "state the name of the file in the property bsi:component:filename",
                    "state the name of the file in packageFileName",
                    "relate the package to its file with hasDistributionArtifact",
                ],
                Element::FileProperties => [
                    "state the properties bsi:component:executable, bsi:component:archive and bsi:component:structured",
                    "write CycloneDX: SPDX cannot represent executable, archive and structured",
                    "write CycloneDX: SPDX cannot represent executable, archive and structured",
                ],
                Element::Dependencies => [
                    "state what it depends on in dependencies, with an empty dependsOn if there is nothing",
                    "state what it depends on with DEPENDS_ON, to NONE if there is nothing",
                    "state what it depends on with dependsOn, to NoneElement if there is nothing",
                ],
            },
        }
    }

    /// What to do in a document of this kind.
    fn fix(self, document: &ReadDocument) -> &'static str {
        let [cyclonedx, spdx2, spdx3] = self.fixes();
        match document.format {
            "CycloneDX" => cyclonedx,
            "SPDX" if document.version.starts_with("3.") => spdx3,
            "SPDX" => spdx2,
            _ => "have the tool write SPDX or CycloneDX, which can represent it",
        }
    }
}

/// The score of a document under one guideline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The guideline.
    pub guideline: Guideline,
    /// From 0 to 100: the mean of its elements.
    pub percent: u32,
    /// The elements that it requires.
    pub elements: Vec<ScoredElement>,
}

/// One required element, scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoredElement {
    /// Its stable name: `supplier`.
    pub element: &'static str,
    /// How many have it: components, or the document itself.
    pub present: usize,
    /// How many should have it.
    pub of: usize,
    /// The first components without it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Whether more components lack it than are listed.
    #[serde(skip)]
    pub is_cut: bool,
    /// What to do if it is missing.
    pub fix: &'static str,
}

impl ScoredElement {
    /// Whether nothing lacks it.
    pub fn is_complete(&self) -> bool {
        self.present == self.of
    }
}

/// Scores a document that was read in whole.
pub fn score(document: &ReadDocument, guideline: Guideline) -> Score {
    let elements: Vec<_> = guideline.fields().iter().map(|field| scored(document, *field)).collect();
    let share = |element: &ScoredElement| (element.present * 100).checked_div(element.of).unwrap_or(0);
    let sum: usize = elements.iter().map(share).sum();
    let percent = u32::try_from(sum / elements.len().max(1)).unwrap_or(100);
    Score { guideline, percent, elements }
}

fn scored(document: &ReadDocument, field: Field) -> ScoredElement {
    let stated = &document.stated;
    let once = |is_there: bool| (usize::from(is_there), 1, Vec::new(), false);
    let each = |has: &dyn Fn(&StatedComponent) -> bool| {
        let missing = || stated.components.iter().filter(|component| !has(component)).map(|one| &one.name);
        // Several components with one name are listed once.
        let mut names: Vec<String> = Vec::new();
        let mut is_cut = false;
        for name in missing() {
            if names.last() == Some(name) {
                continue;
            }
            is_cut = names.len() == MAX_NAMES;
            if is_cut {
                break;
            }
            names.push(name.clone());
        }
        (stated.components.len() - missing().count(), stated.components.len(), names, is_cut)
    };
    let (present, of, missing, is_cut) = match field {
        Field::Author => once(!stated.authors.is_empty()),
        Field::Timestamp => once(document.created.as_deref().is_some_and(is_time)),
        Field::Tool => once(stated.names_tool),
        Field::Phase => once(stated.names_phase),
        Field::Name => each(&|component| !component.name.trim().is_empty()),
        Field::Component(element) => each(&|component| component.has(element)),
    };
    ScoredElement { element: field.name(), present, of, missing, is_cut, fix: field.fix(document) }
}

fn is_time(text: &str) -> bool {
    text.parse::<plimsoll_core::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;

    use super::*;
    use crate::documents::read_whole;

    fn percent(text: &str, guideline: Guideline) -> u32 {
        score(&read_whole(text.as_bytes(), &Limits::default()).unwrap(), guideline).percent
    }

    #[test]
    fn stated_elements_count_and_components_without_them_are_named() {
        let full = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"2026-11-20T10:00:00Z",
            "authors":[{"name":"Ann"}],"tools":{"components":[{"type":"application","name":"t"}]},"lifecycles":[{"phase":"build"}]},
            "components":[{"type":"library","bom-ref":"a","name":"a","version":"1","purl":"pkg:pypi/a@1","supplier":{"name":"S"},
              "hashes":[{"alg":"SHA-512","content":"ab"}],"licenses":[{"license":{"id":"MIT"}}],
              "properties":[{"name":"bsi:component:filename","value":"a.whl"},{"name":"bsi:component:executable","value":"non-executable"}]}],
            "dependencies":[{"ref":"a","dependsOn":[]}]}"#;
        for guideline in Guideline::ALL {
            assert_eq!(percent(full, guideline), 100, "{guideline:?}");
        }
        let bare = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a"},{"type":"library","name":"b","version":"1"}]}"#;
        let document = read_whole(bare.as_bytes(), &Limits::default()).unwrap();
        let score = score(&document, Guideline::Ntia);
        let version = score.elements.iter().find(|one| one.element == "component-version").unwrap();
        assert_eq!((version.present, version.of, &*version.missing), (1, 2, &["a".to_owned()][..]));
        assert!(score.percent < 30, "{}", score.percent);
        // A document without components states nothing.
        assert!(percent(r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#, Guideline::Ntia) == 0);
    }
    #[test]
    fn fixes_name_the_place_in_the_format_of_the_document() {
        let fix = |text: &str, element: &str| {
            let document = read_whole(text.as_bytes(), &Limits::default()).unwrap();
            let score = score(&document, Guideline::Cisa);
            score.elements.into_iter().find(|one| one.element == element).unwrap()
        };
        let cyclonedx = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#;
        let spdx = r#"{"spdxVersion":"SPDX-2.3","packages":[]}"#;
        let json_ld = r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}"#;
        for (text, place) in
            [(cyclonedx, "metadata.authors"), (spdx, "creationInfo.creators"), (json_ld, "createdBy")]
        {
            let author = fix(text, "author");
            assert!(!author.is_complete() && author.fix.contains(place), "{}", author.fix);
        }
        let phase = json_ld
            .replace("[]", r#"[{"type":"software_Sbom","spdxId":"urn:s","software_sbomType":["build"]}]"#);
        assert!(fix(&phase, "generation-context").is_complete());
        assert!(!fix(json_ld, "generation-context").is_complete());
    }

    #[test]
    fn the_file_that_a_package_of_spdx_3_is_distributed_as_names_it() {
        let named = |kind: &str| {
            let text = format!(
                r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
                {{"type":"software_Package","spdxId":"urn:p","name":"p"}},
                {{"type":"software_File","spdxId":"urn:f","name":"p-1.whl"}},
                {{"type":"Relationship","spdxId":"urn:r","from":"urn:p","relationshipType":"{kind}","to":["urn:f"]}}]}}"#
            );
            let document = read_whole(text.as_bytes(), &Limits::default()).unwrap();
            let score = score(&document, Guideline::Bsi);
            let element = score.elements.iter().find(|one| one.element == "file-name").unwrap();
            (element.present, element.of)
        };
        assert_eq!(named("hasDistributionArtifact"), (1, 1));
        assert_eq!(named("contains"), (0, 1));
    }

    #[test]
    fn the_maker_of_a_package_counts_as_its_supplier() {
        let supplier = |package: &str| {
            let text = format!(
                r#"{{"spdxVersion":"SPDX-2.3","packages":[{{"SPDXID":"SPDXRef-a","name":"a",{package}}}]}}"#
            );
            let document = read_whole(text.as_bytes(), &Limits::default()).unwrap();
            score(&document, Guideline::Ntia)
                .elements
                .iter()
                .find(|one| one.element == "supplier")
                .unwrap()
                .present
        };
        assert_eq!(supplier(r#""supplier":"NOASSERTION","originator":"Person: Ann""#), 1);
        assert_eq!(supplier(r#""supplier":"NOASSERTION""#), 0);
    }
}

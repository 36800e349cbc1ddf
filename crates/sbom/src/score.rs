//! How much of what guidelines ask of an SBOM is in one, and what to do about the rest.
//!
//! - NTIA, "The Minimum Elements For a Software Bill of Materials" (2021), data fields;
//! - CISA, "2025 Minimum Elements for a Software Bill of Materials (SBOM)" (draft of August 2025), data fields;
//! - BSI TR-03183-2, version 2.1.0, sections 5.2.1 and 5.2.2, required data fields.
//!
//! Only what a document states is counted. Whether it is true, and whether components are missing, nobody can see in it.

use serde::Serialize;

use crate::documents::format::ReadDocument;
use crate::documents::stated::{Element, StatedComponent};

/// Names of components that an element repeats.
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

/// One thing that a guideline asks for.
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
    /// What it is called, and what to do where it is missing.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Author => ("author", "name the person or organisation that makes the document"),
            Self::Timestamp => ("timestamp", "state when the document was made, as RFC 3339"),
            Self::Tool => ("tool", "name the tool that makes the document, with its version"),
            Self::Phase => {
                ("generation-context", "state the phase: metadata.lifecycles in CycloneDX 1.5 and later")
            }
            Self::Name => ("component-name", "name every component"),
            Self::Component(element) => match element {
                Element::Supplier => {
                    ("supplier", "state who supplies, makes or publishes the component, or its maintainer")
                }
                Element::Version => {
                    ("component-version", "state the version; the date of the file where there is none")
                }
                Element::Identifier => ("identifier", "give each component a package URL or a CPE"),
                Element::Hash => ("component-hash", "state a hash of each component's file"),
                Element::StrongHash => ("sha-512", "state the SHA-512 of the component as it is deployed"),
                Element::Licence => ("licence", "state the licence as an SPDX expression"),
                Element::FileName => {
                    ("file-name", "state the file: packageFileName, or the property bsi:component:filename")
                }
                Element::FileProperties => (
                    "file-properties",
                    "state the properties bsi:component:executable, :archive and :structured",
                ),
                Element::Dependencies => (
                    "dependencies",
                    "state what each component depends on, with an empty list where that is nothing",
                ),
            },
        }
    }
}

/// How a document does under one guideline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The guideline.
    pub guideline: Guideline,
    /// Of 100: the mean of its elements.
    pub percent: u32,
    /// What it asks for, one by one.
    pub elements: Vec<ScoredElement>,
}

/// One element that a guideline asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoredElement {
    /// Its stable name: `supplier`.
    pub element: &'static str,
    /// How many have it: components, or the document itself.
    pub present: usize,
    /// How many should.
    pub of: usize,
    /// The first components without it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What to do where it is missing.
    pub fix: &'static str,
}

impl ScoredElement {
    /// Whether it is there everywhere.
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
    let (element, fix) = field.words();
    let once = |is_there: bool| (usize::from(is_there), 1, Vec::new());
    let each = |has: &dyn Fn(&StatedComponent) -> bool| {
        let missing = stated.components.iter().filter(|component| !has(component));
        let missing: Vec<&StatedComponent> = missing.collect();
        let first = missing.iter().take(MAX_NAMES).map(|component| component.name.clone()).collect();
        (stated.components.len() - missing.len(), stated.components.len(), first)
    };
    let (present, of, missing) = match field {
        Field::Author => once(!stated.authors.is_empty()),
        Field::Timestamp => once(document.created.as_deref().is_some_and(is_time)),
        Field::Tool => once(stated.names_tool),
        Field::Phase => once(stated.names_phase),
        Field::Name => each(&|component| !component.name.trim().is_empty()),
        Field::Component(element) => each(&|component| component.has(element)),
    };
    ScoredElement { element, present, of, missing, fix }
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
    fn what_is_stated_counts_and_what_is_missing_is_named() {
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
        // A document without components has nothing that could count.
        assert!(percent(r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#, Guideline::Ntia) == 0);
    }
}

//! Deny lists: digests that nothing may use, even if everything else allows them.
//!
//! An entry counts wherever it appears in an image: as the digest of its index, manifest, configuration, of a
//! layer, or of a layer's uncompressed content. It denies the bytes, so it also counts if the image names
//! them by another algorithm. No waiver overrides it. Entries are in a policy or in a document of their own:
//!
//! ```yaml
//! apiVersion: plimsoll.dev/v1
//! kind: DenyList
//! metadata: { name: incident-2026-11 }
//! spec:
//!   digests:
//!     - digest: "sha256:…"
//!       reason: miner in the entry point
//! ```

use plimsoll_core::{Algorithm, Digest, yaml};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::faults::{self, DocumentFaults, Faults};
use crate::metadata::{ApiVersion, Metadata};
use crate::setting::given;
use crate::verdict::DocumentRef;

/// A digest that nothing may use: of an index, manifest, configuration, layer, or of a layer's uncompressed content.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DenialSpec {
    #[schemars(with = "String", regex(pattern = "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"))]
    pub(crate) digest: Digest,
    pub(crate) reason: String,
}

/// One digest that is denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Denial {
    pub(crate) digest: Digest,
    pub(crate) reason: String,
    /// The list that denies it.
    pub(crate) list: String,
}

impl Denial {
    pub(crate) fn new(spec: DenialSpec, list: &str) -> Self {
        Self { digest: spec.digest, reason: spec.reason, list: list.to_owned() }
    }
}

/// The digests denied by deny lists outside of the policy.
#[derive(Debug, Clone, Default)]
pub struct DenyList {
    pub(crate) denials: Vec<Denial>,
    pub(crate) documents: Vec<DocumentRef>,
}

impl DenyList {
    /// A list that denies nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a document of kind `DenyList`.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        faults::read(bytes, origin, yaml::Size::LIST, Self::listed(bytes))
    }

    /// [`Self::parse`] for whoever corrects the document: with every fault.
    pub fn parse_or_faults(bytes: &[u8], origin: &str) -> Result<Self, DocumentFaults> {
        faults::read_or_faults(bytes, origin, yaml::Size::LIST, Self::listed(bytes))
    }

    fn listed(bytes: &[u8]) -> impl FnOnce(DenyListDocument, &Faults<'_>) -> Self {
        |document, faults| {
            let name = document.metadata.name.0;
            let list = format!("deny list {name}");
            let origin = faults.origin.to_owned();
            Self {
                denials: document.spec.digests.into_iter().map(|spec| Denial::new(spec, &list)).collect(),
                documents: vec![DocumentRef { name, origin, digest: Digest::sha256(bytes) }],
            }
        }
    }

    /// Adds the entries of another list.
    pub fn add(&mut self, other: Self) {
        self.denials.extend(other.denials);
        self.documents.extend(other.documents);
    }

    /// The algorithms of its digests.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.denials.iter().map(|denial| denial.digest.algorithm())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.denials.len()
    }

    /// Whether nothing is denied.
    pub fn is_empty(&self) -> bool {
        self.denials.is_empty()
    }
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum DenyListKind {
    DenyList,
}

/// A deny list of Plimsoll.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Plimsoll deny list, version 1")]
pub(crate) struct DenyListDocument {
    #[expect(dead_code, reason = "reading it is the check")]
    api_version: ApiVersion,
    #[expect(dead_code, reason = "reading it is the check")]
    kind: DenyListKind,
    metadata: Metadata,
    spec: DenyListSpec,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DenyListSpec {
    #[serde(deserialize_with = "given")]
    digests: Vec<DenialSpec>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_cannot_be_read_in_full_is_no_list() {
        let digest = Digest::sha256(b"bad");
        let text = |entry: &str| {
            format!(
                "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: i}}\nspec:\n  digests: {entry}\n"
            )
        };
        let good =
            DenyList::parse(text(&format!("[{{digest: \"{digest}\", reason: r}}]")).as_bytes(), "d").unwrap();
        assert_eq!((good.len(), good.denials[0].list.as_str()), (1, "deny list i"));
        let unexplained = format!("[{{digest: \"{digest}\"}}]");
        for (bad, problem) in [
            ("[{digest: \"sha256:00\", reason: r}]", "spec.digests[0].digest: sha256 digest needs 64"),
            (&*unexplained, "spec.digests[0]: missing field `reason`"),
            ("", "spec.digests: has no value"),
            ("~", "spec.digests: has no value"),
            ("[{digets: x, reason: r}]", "digets: unknown field"),
        ] {
            let error = DenyList::parse(text(bad).as_bytes(), "d").unwrap_err().to_string();
            assert!(error.contains(problem), "{bad}: {error}");
        }
        let policy = text("[]").replace("DenyList", "Policy");
        let error = DenyList::parse(policy.as_bytes(), "d").unwrap_err().to_string();
        assert!(error.contains("kind: unknown value `Policy`, expected one of DenyList"), "{error}");
    }

    #[test]
    fn lists_that_are_added_deny_what_each_of_them_denies() {
        let list = |name: &str, content: &[u8]| {
            let text = format!(
                "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: {name}}}\nspec:\n  digests: [{{digest: \"{}\", reason: r}}]\n",
                Digest::sha256(content)
            );
            DenyList::parse(text.as_bytes(), name).unwrap()
        };
        let mut all = DenyList::none();
        assert!(all.is_empty());
        all.add(list("one", b"a"));
        all.add(list("two", b"b"));
        assert!(!all.is_empty());
        let denied: Vec<_> = all.denials.iter().map(|denial| (denial.list.as_str(), denial.digest)).collect();
        assert_eq!(
            denied,
            [("deny list one", Digest::sha256(b"a")), ("deny list two", Digest::sha256(b"b"))]
        );
        let documents: Vec<&str> = all.documents.iter().map(|document| document.name.as_str()).collect();
        assert_eq!(documents, ["one", "two"]);
    }
}

//! The items that a rule examined, as the verdict lists them.
//!
//! ```json
//! {"type": "gap", "ecosystem": "npm", "components": 3, "reason": "no feed in the database"}
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_sbom::ProblemSeverity;
use plimsoll_verify::Signer;
use schemars::JsonSchema;
use serde::Serialize;

use crate::authority::Signed;
use crate::exclusion::Excluded;
use crate::setting::Instant;
use crate::setting::Level;

/// An item that a rule examined.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
#[non_exhaustive]
pub enum Detail {
    /// A digest that is denied.
    Denied {
        /// The digest.
        #[schemars(with = "String")]
        digest: Digest,
        /// The part of the image: `manifest`, `layer`.
        what: String,
        /// Why it is denied.
        reason: String,
        /// The list that denies it.
        list: String,
    },
    /// A signature that counts.
    Signature {
        /// Who signed, by the policy's name for them.
        authority: String,
        /// The key or certificate behind the name.
        #[serde(flatten)]
        by: SignerRecord,
        /// The digest of the bundle.
        #[schemars(with = "String")]
        bundle: Digest,
        /// The digest that was signed.
        #[schemars(with = "String")]
        signed: Digest,
        /// What was not checked: `transparency log`, `trusted time`, `certificate log`.
        not_checked: Vec<String>,
        /// Those of `not_checked` whose material the bundle contains, so that they could have been checked.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        carried: Vec<String>,
    },
    /// An attestation that satisfies a rule.
    Attestation {
        /// Who made it, by the policy's name for them.
        authority: String,
        /// The key or certificate behind the name, and when it signed.
        #[serde(flatten)]
        by: SignerRecord,
        /// The digest of the bundle.
        #[schemars(with = "String")]
        bundle: Digest,
        /// The digest of the manifest or index that it is about.
        #[schemars(with = "String")]
        signed: Digest,
        /// The type of its predicate.
        predicate_type: String,
        /// What was not checked: `transparency log`, `trusted time`, `certificate log`.
        not_checked: Vec<String>,
    },
    /// The attested SBOM that the inventory is from. The image's files were not read.
    AttestedSbom {
        /// Who attested it, by the policy's name for them.
        authority: String,
        /// The key or certificate behind the name, and when it signed.
        #[serde(flatten)]
        by: SignerRecord,
        /// The digest of the bundle.
        #[schemars(with = "String")]
        bundle: Digest,
        /// The digest of the manifest that it is about.
        #[schemars(with = "String")]
        signed: Digest,
        /// The type of the statement's predicate.
        predicate_type: String,
        /// The document's format and version: `CycloneDX 1.6`.
        format: String,
        /// When the document says that it was made.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<Instant>")]
        created: Option<Timestamp>,
        /// What was not checked: `transparency log`, `trusted time`, `certificate log`.
        not_checked: Vec<String>,
    },
    /// The signature of the advisory database that findings are from.
    SignedDatabase {
        /// Who signed it, by the policy's name for them.
        authority: String,
        /// The key or certificate behind the name, and when it signed.
        #[serde(flatten)]
        by: SignerRecord,
        /// The digest of the bundle.
        #[schemars(with = "String")]
        bundle: Digest,
        /// The digest of the list of the database's files, which stands for all of it.
        #[schemars(with = "String")]
        signed: Digest,
        /// What was not checked: `transparency log`, `trusted time`, `certificate log`.
        not_checked: Vec<String>,
    },
    /// An attested VEX document that counts, and what it set aside.
    Vex {
        /// Who signed it, by the policy's name for them.
        authority: String,
        /// The key or certificate behind the name, and when it signed.
        #[serde(flatten)]
        by: SignerRecord,
        /// The digest of the bundle.
        #[schemars(with = "String")]
        bundle: Digest,
        /// The digest of the manifest that it is about.
        #[schemars(with = "String")]
        signed: Digest,
        /// The document's format: `OpenVEX`.
        format: String,
        /// Who wrote it, according to itself.
        author: String,
        /// The number of its statements that are valid.
        statements: usize,
        /// The number of findings that they set aside.
        set_aside: usize,
        /// Why statements of it are not valid.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        refused: Vec<String>,
        /// What was not checked: `transparency log`, `trusted time`, `certificate log`.
        not_checked: Vec<String>,
    },
    /// VEX statements that contradict each other, and which of them counts.
    VexConflict {
        /// In words.
        text: String,
    },
    /// A signature or statement that does not count.
    RefusedSignature {
        /// The digest of its bytes.
        #[schemars(with = "String")]
        bundle: Digest,
        /// Why not.
        reason: String,
    },
    /// Something that looks like a secret: where it is, never its value.
    Secret {
        /// In words.
        what: String,
    },
    /// A finding that blocks, is waived, or has no rating.
    Finding(Box<FindingRecord>),
    /// The number of findings of each severity, including those that do not block.
    Findings {
        /// By severity, as rated.
        by_severity: BTreeMap<String, usize>,
        /// Findings left out because no fix exists and the policy ignores such findings.
        unfixed_ignored: usize,
        /// Findings left out because the program does not contain the vulnerable functions and the policy ignores such findings.
        #[serde(skip_serializing_if = "is_zero")]
        not_linked_ignored: usize,
        /// Findings that the matcher set aside, each with a reason.
        suppressed: usize,
    },
    /// Components that no fresh advisory data covers.
    Gap {
        /// The ecosystem whose data is missing.
        ecosystem: String,
        /// The number and name of the files, if no cataloger reads them: `2 package.json`.
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<String>,
        /// How many components are not covered.
        components: usize,
        /// Why.
        reason: String,
    },
    /// Something that does not count, because a package of the operating system installed it.
    SetAside {
        /// A finding or files.
        what: String,
        /// Why it does not count.
        reason: String,
    },
    /// A problem that leaves the inventory incomplete.
    Problem {
        /// A stable code.
        code: String,
        /// The file concerned.
        path: String,
        /// In words.
        detail: String,
        /// `missing` if components may be missing because of it, else `noted`.
        #[schemars(with = "String")]
        severity: ProblemSeverity,
    },
    /// Paths that the policy leaves out of the inventory and of the findings.
    Excluded {
        /// The pattern.
        path: String,
        /// Why, in the words of the policy.
        reason: String,
        /// How many components it left out.
        components: usize,
        /// How many problems it left out.
        problems: usize,
        /// One of the paths that it left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        example: Option<String>,
    },
}

impl From<&Excluded> for Detail {
    fn from(excluded: &Excluded) -> Self {
        let Excluded { path, reason, components, problems, example } = excluded.clone();
        Self::Excluded { path, reason, components, problems, example }
    }
}

/// A signer, and the time of signing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignerRecord {
    /// The key's ID, for a signature by a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who vouched for the subject, for a signature with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The subject that the certificate was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Other claims of the certificate, by the names of `--certificate-claim`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// When it was signed, by the clocks of trusted logs and timestamp authorities; empty if there is none.
    #[schemars(with = "Vec<Instant>")]
    pub signed_at: Vec<Timestamp>,
}

impl From<&Signed> for SignerRecord {
    fn from(signed: &Signed) -> Self {
        let signed_at = signed.times.clone();
        let nobody = Self { key: None, issuer: None, subject: None, claims: BTreeMap::new(), signed_at };
        match &signed.signer {
            Signer::Key(id) => Self { key: Some(id.to_string()), ..nobody },
            Signer::Certificate(holder) => Self {
                issuer: Some(holder.issuer.clone()),
                subject: Some(holder.subject.clone()),
                claims: holder
                    .claims
                    .iter()
                    .map(|(claim, text)| (claim.name().to_owned(), text.clone()))
                    .collect(),
                ..nobody
            },
            _ => nobody,
        }
    }
}

/// A judged finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FindingRecord {
    /// The CVE, if there is one.
    pub id: String,
    /// The advisory that it comes from.
    pub advisory: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// Package URL.
    pub component: String,
    /// Package name.
    pub package: String,
    /// Installed version.
    pub version: String,
    /// As rated: `critical` … `unrated`; `malicious` if the package was published to do harm.
    pub severity: String,
    /// The severity it counts as; missing if it is unrated and the policy does not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_as: Option<Level>,
    /// Versions that fix it.
    pub fixed_in: Vec<String>,
    /// In one line.
    pub summary: String,
    /// Where it is.
    pub locations: Vec<LocationRecord>,
    /// How it was treated.
    pub disposition: Disposition,
    /// The waivers that cover it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waived_by: Vec<String>,
}

/// A file that shows a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LocationRecord {
    /// Relative to the root.
    pub path: String,
    /// The layer, counted from the base, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

/// The result for a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Disposition {
    /// It blocks.
    Blocks,
    /// It would block, and a waiver covers it.
    Waived,
    /// It has no rating, and the policy does not say what that counts as.
    Unrated,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

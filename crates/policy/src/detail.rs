//! What a rule looked at, item by item, as the verdict lists it.
//!
//! ```json
//! {"type": "gap", "ecosystem": "npm", "components": 3, "reason": "no feed in the database"}
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_verify::Signer;
use schemars::JsonSchema;
use serde::Serialize;

use crate::authority::Signed;
use crate::setting::Level;
use crate::spec::Instant;

/// Something that a rule looked at.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
#[non_exhaustive]
pub enum Detail {
    /// A digest that is denied.
    Denied {
        /// The digest.
        #[schemars(with = "String")]
        digest: Digest,
        /// What of the image it is: `manifest`, `layer`.
        what: String,
        /// Why it is denied.
        reason: String,
        /// Which list says so.
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
        /// What of that the bundle carries, so that it could have been.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        carried: Vec<String>,
    },
    /// A signature or statement that does not count.
    RefusedSignature {
        /// The digest of its bytes.
        #[schemars(with = "String")]
        bundle: Digest,
        /// Why not.
        reason: String,
    },
    /// A finding that blocks, is waived, or has no rating.
    Finding(Box<FindingRecord>),
    /// How many findings there are of each severity, those that block nothing included.
    Findings {
        /// By severity, as rated.
        by_severity: BTreeMap<String, usize>,
        /// Findings left out because no fix exists and the policy ignores such.
        unfixed_ignored: usize,
        /// Findings that the matcher set aside, each for its own reason.
        suppressed: usize,
    },
    /// Components that no fresh advisory data covers.
    Gap {
        /// Whose data is missing.
        ecosystem: String,
        /// How many components it leaves open.
        components: usize,
        /// Why.
        reason: String,
    },
    /// Something that the inventory could not find out.
    Problem {
        /// A stable code.
        code: String,
        /// The file it is about.
        path: String,
        /// In words.
        detail: String,
    },
}

/// Who signed, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignerRecord {
    /// The key's id, for a signature by a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who vouched for the subject, for a signature with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whom the certificate was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What else the certificate says, by the names of `--certificate-claim`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// When it was signed, by clocks of trusted logs and timestamp authorities; empty when none of them says.
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

/// A finding as it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FindingRecord {
    /// CVE where there is one.
    pub id: String,
    /// The advisory that says so.
    pub advisory: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// Package URL.
    pub component: String,
    /// Package name.
    pub package: String,
    /// Installed version.
    pub version: String,
    /// As rated: `critical` … `unrated`.
    pub severity: String,
    /// What it counts as; none when it is unrated and the policy does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_as: Option<Level>,
    /// Versions that fix it.
    pub fixed_in: Vec<String>,
    /// In one line.
    pub summary: String,
    /// Where it is.
    pub locations: Vec<LocationRecord>,
    /// What became of it.
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

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Disposition {
    /// It blocks.
    Blocks,
    /// It would block, and a waiver covers it.
    Waived,
    /// Nobody rated it, and the policy does not say what that counts as.
    Unrated,
}

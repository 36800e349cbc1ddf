//! What a rule looked at, item by item, as the verdict lists it.
//!
//! ```json
//! {"type": "gap", "ecosystem": "npm", "components": 3, "reason": "no feed in the database"}
//! ```

use std::collections::BTreeMap;

use plimsoll_core::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use crate::setting::Level;

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
        /// The key's id.
        key: String,
        /// The digest of the bundle.
        #[schemars(with = "String")]
        bundle: Digest,
        /// The digest that was signed.
        #[schemars(with = "String")]
        signed: Digest,
        /// What the bundle carries and was not looked at.
        not_checked: Vec<String>,
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

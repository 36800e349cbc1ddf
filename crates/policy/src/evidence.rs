//! The basis of a verdict: facts about one platform of one subject.
//!
//! Other crates gather evidence; this file only defines its shape. Each part says explicitly if it is
//! missing, because a rule that needs it is then `unknown`. Signatures arrive as [`Verified`] values, which
//! only a verifier can make.

mod attestations;
mod configuration;

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::{Digest, Platform, Timestamp};
use plimsoll_sbom::Problem;
use plimsoll_verify::{Statement, Verified};
use plimsoll_vuln::Scan;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::attestations::{AttestationFacts, AttestationSearch, RefusedAttestation};
pub(crate) use self::configuration::with_protocol;
pub use self::configuration::{ConfigurationParts, ImageConfiguration, SecretPlace, SuspectedSecret};
use crate::exclusion::{Excluded, Exclusions};
use crate::policy::Policy;

/// Everything known about one platform of one subject.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What the user named and what it resolved to.
    pub subject: SubjectFacts,
    /// The signatures.
    pub signatures: SignaturesByPolicy,
    /// The inventory.
    pub sbom: SbomFacts,
    /// The search for an attested SBOM, where it was made and the inventory is from elsewhere.
    pub sbom_search: SbomSearch,
    /// The findings.
    pub vulnerabilities: VulnerabilityFacts,
    /// The advisory database that they are from.
    pub database: DatabaseFacts,
    /// VEX that is attached to the image.
    pub vex: VexFacts,
    /// Attestations that rules ask for.
    pub attestations: AttestationFacts,
    /// The image's configuration; none if the subject is no image, or the image is missing.
    pub configuration: Option<Arc<ImageConfiguration>>,
    /// Inventory and findings once more for policies that leave out paths. For a policy whose own are not here, nothing is
    /// left out.
    pub narrowed: Vec<Narrowed>,
}

/// What the user named, and its digests.
#[derive(Debug, Clone)]
pub struct SubjectFacts {
    /// Where it came from.
    pub kind: SubjectKind,
    /// What the user typed.
    pub requested: String,
    /// `registry/repository`, for images from a registry. The name that a layout or archive gives itself does not
    /// belong here.
    pub repository: Option<String>,
    /// The requested tag. It decides nothing.
    pub tag: Option<String>,
    /// The requested digest. It must be the index's or the manifest's; for a local image, it may also be the configuration's.
    pub pinned: Option<Digest>,
    /// The digests that it resolved to; `None` for a root file system or an SBOM.
    pub digests: Option<ImageDigests>,
    /// The platform that this evidence covers.
    pub platform: Option<Platform>,
}

/// Where a subject comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SubjectKind {
    /// A registry.
    Registry,
    /// An OCI image layout on disk.
    Layout,
    /// A docker-archive or OCI archive.
    Archive,
    /// A root file system on disk.
    RootDir,
    /// An SBOM document; the artifact itself was not seen.
    Sbom,
    /// An image in the store of a container engine on this machine.
    LocalImage,
    /// A single file.
    File,
}

/// The digests of one platform's image. Those of layers are as the manifest and the configuration name them; where layers were
/// read, their bytes were compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageDigests {
    /// The index that led to it, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub index: Option<Digest>,
    /// The platform's manifest.
    #[schemars(with = "String")]
    pub manifest: Digest,
    /// The configuration.
    #[schemars(with = "String")]
    pub config: Digest,
    /// The layers as stored, from the base upwards.
    #[schemars(with = "Vec<String>")]
    pub layers: Vec<Digest>,
    /// The layers uncompressed.
    #[schemars(with = "Vec<String>")]
    pub diff_ids: Vec<Digest>,
    /// Every index on the way from the requested digest to the manifest: the outermost index and those inside
    /// it.
    #[serde(skip)]
    pub indexes: Vec<Digest>,
    /// Digests that the place states for the image, without the bytes to prove it.
    #[serde(skip)]
    pub stated: Vec<Digest>,
    /// The digests, by the other algorithm, of all of these whose bytes were read.
    #[serde(skip)]
    pub aliases: Vec<Digest>,
}

impl ImageDigests {
    /// The digests that identify the image as a whole: signatures, pins and waivers can name these.
    pub(crate) fn names(&self) -> impl Iterator<Item = Digest> {
        self.index.into_iter().chain([self.manifest])
    }

    /// Every digest, with the part of the image it belongs to.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Digest, &'static str)> {
        let index = self.index.into_iter().chain(self.indexes.iter().copied()).map(|d| (d, "index"));
        let stated = self.stated.iter().map(|d| (*d, "digest stated by the store"));
        let aliases = self.aliases.iter().map(|d| (*d, "content under another name"));
        let layers = self.layers.iter().map(|d| (*d, "layer"));
        let contents = self.diff_ids.iter().map(|d| (*d, "uncompressed layer"));
        index
            .chain([(self.manifest, "manifest"), (self.config, "configuration")])
            .chain(layers)
            .chain(contents)
            .chain(aliases)
            .chain(stated)
    }
}

/// The search for signatures.
#[derive(Debug, Clone)]
pub enum Signatures {
    /// They were searched for in all places.
    Collected(Collected),
    /// The search failed: the registry did not answer, or not completely.
    Unavailable {
        /// Why.
        reason: String,
    },
    /// A subject of this kind cannot have signatures.
    Impossible {
        /// Why.
        reason: String,
    },
}

/// The search for signatures under each policy. Each policy has its own keys, roots and logs, so what was verified for
/// one policy is not evidence for another.
#[derive(Debug, Clone)]
pub struct SignaturesByPolicy(Searches);

#[derive(Debug, Clone)]
enum Searches {
    Only(Signatures),
    Each(BTreeMap<Digest, Signatures>),
}

/// The search under a single policy. Under several policies, it counts for none of them.
impl From<Signatures> for SignaturesByPolicy {
    fn from(signatures: Signatures) -> Self {
        Self(Searches::Only(signatures))
    }
}

impl<'a> FromIterator<(&'a Policy, Signatures)> for SignaturesByPolicy {
    fn from_iter<I: IntoIterator<Item = (&'a Policy, Signatures)>>(searches: I) -> Self {
        let by_policy = searches.into_iter().map(|(policy, found)| (policy.effective_digest(), found));
        Self(Searches::Each(by_policy.collect()))
    }
}

impl SignaturesByPolicy {
    /// The search under `policy`, which is one of `policies`.
    pub(crate) fn under(&self, policy: &Policy, policies: usize) -> Option<&Signatures> {
        match &self.0 {
            Searches::Only(Signatures::Collected(_)) if policies > 1 => None,
            Searches::Only(search) => Some(search),
            Searches::Each(searches) => searches.get(&policy.effective_digest()),
        }
    }

    /// Everything that was found, under any policy.
    pub fn collected(&self) -> impl Iterator<Item = &Collected> {
        let (only, each) = match &self.0 {
            Searches::Only(search) => (Some(search), None),
            Searches::Each(searches) => (None, Some(searches.values())),
        };
        only.into_iter().chain(each.into_iter().flatten()).filter_map(|search| match search {
            Signatures::Collected(found) => Some(found),
            Signatures::Unavailable { .. } | Signatures::Impossible { .. } => None,
        })
    }

    /// The search under one policy.
    pub fn get(&self, policy: &Policy) -> Option<&Signatures> {
        self.under(policy, 1)
    }
}

/// The results of the search for signatures.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// Signatures that verify for a signer whom the policy names, for any subject.
    pub verified: Vec<Verified<Statement>>,
    /// Signatures that do not verify.
    pub rejected: Vec<RejectedSignature>,
    /// Signatures that could not be verified because there is no trusted root. Nothing is known about them.
    pub undecided: Vec<RejectedSignature>,
    /// Whether a limit ended the search before everything was read.
    pub truncated: bool,
    /// The digest of the trusted root that verified them, if there was one.
    pub root: Option<Digest>,
}

/// A signature that did not verify. It harms nothing by itself: anyone can attach one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedSignature {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// A summary of the inventory.
#[derive(Debug, Clone)]
pub enum SbomFacts {
    /// There is one.
    Inventory {
        /// Where it comes from.
        source: InventorySource,
        /// How many components it lists.
        components: usize,
        /// The operating system, as in `debian-12`.
        os: Option<String>,
        /// What makes it incomplete.
        problems: Vec<Problem>,
        /// The digest of the document, if it came from one.
        digest: Option<Digest>,
    },
    /// There is no inventory.
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Where an inventory comes from.
#[derive(Debug, Clone)]
pub enum InventorySource {
    /// The artifact's own files were read.
    Cataloged,
    /// A document lists them.
    Document,
    /// An attested SBOM of the image lists them. No layer was read.
    Attested(Arc<SbomAttestation>),
}

/// The SBOM that an inventory is from.
#[derive(Debug, Clone)]
pub struct SbomAttestation {
    /// The digest of the bundle that contains it.
    pub bundle: Digest,
    /// Its format and version: `CycloneDX 1.6`.
    pub format: String,
    /// When the document says that it was made.
    pub created: Option<Timestamp>,
    /// Each policy has its own keys, roots and logs, so what was verified for one is not evidence for another.
    pub(crate) verified: BTreeMap<Digest, Verified<Statement>>,
}

impl SbomAttestation {
    /// An attestation that was verified for no policy yet.
    pub fn new(bundle: Digest) -> Self {
        Self { bundle, format: String::new(), created: None, verified: BTreeMap::new() }
    }

    /// Adds what was verified for `policy`, without the document, which may be many megabytes.
    pub fn add(&mut self, policy: &Policy, statement: Verified<Statement>) {
        let statement =
            statement.map(|statement| Statement { predicate: serde_json::Value::Null, ..statement });
        self.verified.insert(policy.effective_digest(), statement);
    }

    /// When it was signed at the latest, by the trusted clocks of any policy; none if no clock is known.
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.verified.values().flat_map(|statement| statement.times().iter().copied()).min()
    }
}

/// The search for an attested SBOM, as far as it did not lead to the inventory.
#[derive(Debug, Clone, Default)]
pub struct SbomSearch {
    /// SBOMs that are attested and do not count, each with the reason.
    pub refused: Vec<RejectedSignature>,
    /// Why the image was read, if SBOMs were searched for.
    pub image_read: Option<String>,
}

/// The advisory database as a whole.
#[derive(Debug, Clone, Default)]
pub struct DatabaseFacts {
    /// The digest of the list of its files, which stands for all of it; none without a database.
    pub list: Option<Digest>,
    /// Who signed the list, or why nobody is known to, for each policy that asks: each has its own keys, roots and logs.
    pub(crate) verified: BTreeMap<Digest, Result<Verified<Statement>, String>>,
}

impl DatabaseFacts {
    /// The database with this list, whose signature was verified for no policy yet.
    pub fn new(list: Digest) -> Self {
        Self { list: Some(list), verified: BTreeMap::new() }
    }

    /// Adds what was verified for `policy`. It counts only if all bytes of the database are what the list stands for.
    pub fn add(&mut self, policy: &Policy, verified: Result<Verified<Statement>, String>) {
        self.verified.insert(policy.effective_digest(), verified);
    }
}

/// The search for VEX that is attested about the image.
#[derive(Debug, Clone, Default)]
pub struct VexFacts {
    /// Each policy has its own keys, roots and logs, so what was verified for one is not evidence for another.
    verified: BTreeMap<Digest, Vec<Arc<Verified<Statement>>>>,
    /// Attestations of VEX that do not count under any policy, each with the reason.
    pub refused: Vec<RejectedSignature>,
    /// Why attachments may have been missed.
    pub incomplete: Option<String>,
}

impl VexFacts {
    /// Adds what was verified for `policy`.
    pub fn add(&mut self, policy: &Policy, statement: Verified<Statement>) {
        self.verified.entry(policy.effective_digest()).or_default().push(Arc::new(statement));
    }

    /// What was verified for `policy`.
    pub(crate) fn under(&self, policy: &Policy) -> &[Arc<Verified<Statement>>] {
        self.verified.get(&policy.effective_digest()).map_or(&[], Vec::as_slice)
    }
}

/// What is known of an artifact without the paths that a policy leaves out.
#[derive(Debug, Clone)]
pub struct Narrowed {
    /// The paths.
    pub exclusions: Exclusions,
    /// What each left out.
    pub excluded: Vec<Excluded>,
    /// The inventory without them.
    pub sbom: SbomFacts,
    /// The findings without them.
    pub vulnerabilities: VulnerabilityFacts,
}

/// The scan.
#[derive(Debug, Clone)]
pub enum VulnerabilityFacts {
    /// It took place.
    Scanned(Box<Scan>),
    /// It did not.
    Unavailable {
        /// Why.
        reason: String,
    },
}

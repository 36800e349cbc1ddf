//! The bundles that are attached to an image, and what older versions of cosign attached.
//!
//! Owns finding and fetching them. Nothing is verified here, and nothing is trusted: anybody who may push to the
//! repository can attach anything. [`Search`] is the only way to look: at the OCI referrers, for bundles and for the
//! signatures and attestations that cosign's experimental OCI 1.1 mode wrote ([`bundles`]), and under the tags
//! `sha256-<hex>.sig` and `.att` ([`legacy_bundles`]). An older format is converted to a bundle
//! ([`plimsoll_verify::legacy`]), so that there is one way to verify: [`FoundBundle::verify`]. Because nothing is
//! trusted:
//!
//! - The kind that a listing states (`artifactType`) filters nothing: fallback indexes of GHCR and of older tools state
//!   `application/vnd.oci.empty.v1+json` or nothing for real signatures. It only decides what is read first.
//! - A referrer that is broken, or is something else, is set aside with a reason and does not stop the search.
//! - A registry that cannot answer is an error, never "no signatures" and never "an older format".
//! - Number and bytes are bounded (CVE-2023-46737, CVE-2024-29902), and [`Bundles::truncated`] says when a bound was hit.
//!
//! `.sbom` tags hold unsigned SBOMs; they are copied with an image ([`crate::transfer`]) and are not evidence.
//!
//! Follows cosign's `BUNDLE_SPEC` and `SIGNATURE_SPEC`, and the OCI distribution specification 1.1, "Listing Referrers". The manifest of a
//! referrer is shown in `write.rs`.

mod fetch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::{Digest, Limits, text};
use plimsoll_image::manifest::{self, Document, Manifest};
use plimsoll_image::source::Referrers;
use plimsoll_image::{Descriptor, Error as ImageError, Listing, Source, media};
use plimsoll_verify::legacy::{self, DSSE_ENVELOPE, SIMPLE_SIGNING};
use plimsoll_verify::{Bundle, COSIGN_SIGN_V1, Check, Statement, Verified, verify};

use crate::Error;
use crate::write::CREATED;
pub(crate) use fetch::at_once as parallel;
pub(crate) use fetch::own_fault;
use fetch::{at_once, content, fitting};

/// Every version's media type begins with this: `….bundle.v0.3+json`, `….bundle+json;version=0.3`.
const BUNDLE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";

/// What is attached to a subject.
#[derive(Debug, Default)]
pub struct Bundles {
    /// Bundles; those that claim to be newest come first. Neither parsed nor verified.
    pub found: Vec<FoundBundle>,
    /// Referrers that were read and hold no readable bundle.
    pub skipped: Vec<Skipped>,
    /// There is more than the limits allow: evidence that seems missing may be there.
    pub truncated: bool,
}

impl Bundles {
    /// The referrers that were read.
    pub fn referrers(&self) -> impl Iterator<Item = Digest> {
        let found = self.found.iter().map(|found| found.referrer.digest);
        found.chain(self.skipped.iter().map(|skipped| skipped.descriptor.digest))
    }
}

/// The bytes of a bundle, and where they were.
#[derive(Debug, Clone)]
pub struct FoundBundle {
    /// The manifest that ties the bundle to the subject, with everything that its listing says. Bundles of one manifest share
    /// it.
    pub referrer: Arc<Descriptor>,
    /// The bundle.
    pub bytes: Vec<u8>,
    /// The checked digest of what was stored: of the bundle, or of what it was made from.
    pub digest: Digest,
    /// What was stored.
    pub form: Form,
}

/// The form in which a bundle was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// The bundle itself.
    Bundle,
    /// A signature in cosign's older format, over this payload.
    SimpleSigning(Vec<u8>),
    /// An attestation in cosign's older format.
    Attestation,
}

impl FoundBundle {
    /// Parses it once for all later questions: bundles with an SBOM have some ten MiB.
    pub fn parse(&self, limits: &Limits) -> Result<ParsedBundle<'_>, plimsoll_verify::Error> {
        Ok(ParsedBundle { bundle: Bundle::parse(&self.bytes, limits)?, form: &self.form })
    }

    /// [`ParsedBundle::verify`], for callers that need nothing else.
    pub fn verify(
        &self,
        about: &Digest,
        check: &Check<'_>,
        limits: &Limits,
    ) -> Result<Verified<Statement>, plimsoll_verify::Error> {
        self.parse(limits)?.verify(about, check)
    }

    /// [`ParsedBundle::claimed_predicate`]; `None` if it cannot be read.
    pub fn claimed_predicate(&self, limits: &Limits) -> Option<String> {
        self.parse(limits).ok()?.claimed_predicate()
    }
}

/// A bundle that was found and can be read. Nothing in it has been verified.
#[derive(Debug)]
pub struct ParsedBundle<'a> {
    bundle: Bundle,
    form: &'a Form,
}

impl ParsedBundle<'_> {
    /// The bundle itself.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Verifies the statement, or the signature in the older format as the statement that it stands for.
    pub fn verify(
        &self,
        about: &Digest,
        check: &Check<'_>,
    ) -> Result<Verified<Statement>, plimsoll_verify::Error> {
        match self.form {
            Form::SimpleSigning(payload) => {
                legacy::verify_simple_signing(&self.bundle, payload, about, check)
            }
            _ => verify(&self.bundle, Some(about), check),
        }
    }

    /// The predicate type that its statement claims. Not verified: a bundle of another type than the wanted one need
    /// not be verified, and the right type proves nothing yet.
    pub fn claimed_predicate(&self) -> Option<String> {
        match self.form {
            Form::SimpleSigning(_) => Some(COSIGN_SIGN_V1.to_owned()),
            _ => self.bundle.claimed_predicate(),
        }
    }
}

/// A referrer without a usable bundle.
#[derive(Debug)]
pub struct Skipped {
    /// As it was listed.
    pub descriptor: Arc<Descriptor>,
    /// Why it does not count.
    pub reason: SkipReason,
}

/// Why a referrer does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// An artifact of another kind, such as an SBOM. Nothing is wrong with it.
    #[error("holds {}, not a bundle", text::terminal(media_type))]
    OtherArtifact {
        /// The media type of its layer, or of itself.
        media_type: String,
    },
    /// It does not have exactly one layer.
    #[error("has {got} layers, expected one")]
    LayerCount {
        /// How many it has.
        got: usize,
    },
    /// It is listed for this subject, but says that it belongs to another one, or to none.
    #[error("refers to {}, not to this image", got.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string()))]
    OtherSubject {
        /// The subject in its manifest.
        got: Option<Digest>,
    },
    /// Its manifest or bundle is missing, damaged or beyond a limit.
    #[error(transparent)]
    Object(Box<ImageError>),
    /// A signature or attestation in an older format that cannot be converted to a bundle.
    #[error(transparent)]
    Legacy(Box<plimsoll_verify::Error>),
    /// The bundles together are too large, and this is one of the larger ones.
    #[error("bundle of {size} bytes, more than all bundles of an image together may still have")]
    OverTotal {
        /// Its size.
        size: u64,
    },
    /// The manifests together are too large, and this is one of the larger ones.
    #[error("manifest of {size} bytes, more than the manifests of all referrers together may still have")]
    ManifestOverTotal {
        /// Its size.
        size: u64,
    },
}

impl SkipReason {
    /// Whether it was set aside because of a limit, not because of its content.
    fn is_limit(&self) -> bool {
        match self {
            Self::Object(error) => matches!(**error, ImageError::Limit(_)),
            Self::Legacy(error) => matches!(**error, plimsoll_verify::Error::Limit(_)),
            Self::OverTotal { .. } | Self::ManifestOverTotal { .. } => true,
            _ => false,
        }
    }
}

/// A layer with evidence, as its manifest describes it.
struct Candidate {
    referrer: Arc<Descriptor>,
    layer: Descriptor,
    kind: LayerKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LayerKind {
    Bundle,
    Signature,
    Attestation,
}

impl LayerKind {
    fn from_layer(layer: &Descriptor) -> Option<Self> {
        match layer.media_type.as_str() {
            SIMPLE_SIGNING => Some(Self::Signature),
            DSSE_ENVELOPE => Some(Self::Attestation),
            media_type if media_type.starts_with(BUNDLE_PREFIX) => Some(Self::Bundle),
            _ => None,
        }
    }
}

/// A place where evidence of an image may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Listed(Listing),
    LegacyTags,
}

/// In the order in which they are searched: recently signed images use the first, and the last costs two more requests.
const PLACES: [Place; 3] = [Place::Listed(Listing::First), Place::Listed(Listing::Rest), Place::LegacyTags];

/// The search for what is attached to one or more subjects, place by place: the list of referrers that a registry returns
/// first, its other list, and what older versions of cosign stored under tags. All code that needs to know what is
/// attached uses it.
///
/// A caller that has enough may stop, if what it wants only adds up: a later signature takes nothing away. A caller that wants
/// everything, or whom a later place may contradict, continues to the end. A place that cannot be read is an error, not an empty place,
/// whatever else was found.
pub struct Search<'a> {
    source: &'a dyn Source,
    subjects: &'a [Digest],
    limits: &'a Limits,
    places: std::array::IntoIter<Place, 3>,
    /// The referrers read in earlier places; a list often repeats those of another.
    seen: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl<'a> Search<'a> {
    /// A search that has not started.
    pub fn new(source: &'a dyn Source, subjects: &'a [Digest], limits: &'a Limits) -> Self {
        Self { source, subjects, limits, places: PLACES.into_iter(), seen: BTreeMap::new() }
    }

    /// What is in the next place, for each of the subjects; `None` after the last one.
    pub fn next_place(&mut self) -> Result<Option<Vec<(Digest, Bundles)>>, Error> {
        let Some(place) = self.places.next() else { return Ok(None) };
        let mut all = Vec::with_capacity(self.subjects.len());
        for subject in self.subjects {
            let found = match place {
                Place::Listed(listing) => {
                    let seen = self.seen.entry(*subject).or_default();
                    let mut listed = self.source.listed(subject, listing)?;
                    listed.descriptors.retain(|referrer| !seen.contains(&referrer.digest));
                    let found = referring(self.source, listed, subject, self.limits)?;
                    seen.extend(found.referrers());
                    found
                }
                Place::LegacyTags => legacy_bundles(self.source, subject, self.limits)?,
            };
            all.push((*subject, found));
        }
        Ok(Some(all))
    }
}

/// Everything that is attached to `subject`, in all places.
pub fn all(source: &dyn Source, subject: &Digest, limits: &Limits) -> Result<Bundles, Error> {
    let subjects = [*subject];
    let (mut search, mut all) = (Search::new(source, &subjects, limits), Bundles::default());
    while let Some(places) = search.next_place()? {
        for (_, found) in places {
            all.found.extend(found.found);
            all.skipped.extend(found.skipped);
            all.truncated |= found.truncated;
        }
    }
    Ok(all)
}

/// Fetches the bundles attached to `subject` as referrers, from all lists together.
pub fn bundles(source: &dyn Source, subject: &Digest, limits: &Limits) -> Result<Bundles, Error> {
    referring(source, source.referrers(subject)?, subject, limits)
}

/// Fetches the content of the manifests in a list.
fn referring(
    source: &dyn Source,
    listed: Referrers,
    subject: &Digest,
    limits: &Limits,
) -> Result<Bundles, Error> {
    let Referrers { descriptors: mut listed, mut truncated } = listed;
    listed.sort_by_cached_key(order);
    truncated |= listed.len() > limits.referrers;
    listed.truncate(limits.referrers);

    let mut skipped = Vec::new();
    let mut candidates = Vec::new();
    let sizes: Vec<u64> = listed.iter().map(|referrer| referrer.size).collect();
    let mut wanted = Vec::new();
    for (referrer, fits) in listed.into_iter().map(Arc::new).zip(fitting(&sizes, limits.documents_bytes)) {
        if fits {
            wanted.push(referrer);
        } else {
            let reason = SkipReason::ManifestOverTotal { size: referrer.size };
            skipped.push(Skipped { descriptor: referrer, reason });
        }
    }
    let layers = at_once(&wanted, |referrer| layers_of(source, referrer, subject, limits));
    for (descriptor, layers) in wanted.into_iter().zip(layers) {
        match layers? {
            Ok(layers) => candidates.extend(Candidate::of_layers(&descriptor, layers)),
            Err(reason) => skipped.push(Skipped { descriptor, reason }),
        }
    }
    fetched(source, candidates, skipped, truncated, limits)
}

/// The suffixes of the tags under which cosign kept evidence before there were referrers.
pub(crate) const LEGACY_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// The tag under which older versions of cosign stored evidence of an image: `sha256-<hex>.sig`.
pub fn legacy_tag(subject: &Digest, suffix: &str) -> String {
    format!("{}-{}.{suffix}", subject.algorithm().name(), subject.hex())
}

/// Fetches the signatures and attestations under the tags that older versions of cosign wrote. Separate from
/// [`bundles`], because it costs two more requests, and a recently signed image has none.
pub fn legacy_bundles(source: &dyn Source, subject: &Digest, limits: &Limits) -> Result<Bundles, Error> {
    let (mut candidates, mut skipped) = (Vec::new(), Vec::new());
    let tags = [legacy_tag(subject, "sig"), legacy_tag(subject, "att")];
    for found in at_once(&tags, |tag| source.named(tag)) {
        let Some((descriptor, bytes)) = found? else { continue };
        let descriptor = Arc::new(descriptor);
        match legacy_layers(&descriptor, &bytes, limits)? {
            Ok(layers) => candidates.extend(Candidate::of_layers(&descriptor, layers)),
            Err(reason) => skipped.push(Skipped { descriptor, reason }),
        }
    }
    fetched(source, candidates, skipped, false, limits)
}

/// Fetches the content of the candidates.
fn fetched(
    source: &dyn Source,
    mut candidates: Vec<Candidate>,
    mut skipped: Vec<Skipped>,
    mut truncated: bool,
    limits: &Limits,
) -> Result<Bundles, Error> {
    // One manifest can list any number of signatures in the older format (CVE-2023-46737, CVE-2024-29903).
    truncated |= candidates.len() > limits.referrers;
    candidates.truncate(limits.referrers);
    let sizes: Vec<u64> = candidates.iter().map(|candidate| candidate.layer.size).collect();
    let fitting = fitting(&sizes, limits.bundles_bytes);
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    for (candidate, fits) in candidates.into_iter().zip(fitting) {
        if fits {
            wanted.push(candidate);
        } else {
            truncated = true;
            let reason = SkipReason::OverTotal { size: candidate.layer.size };
            skipped.push(Skipped { descriptor: candidate.referrer, reason });
        }
    }
    let contents = at_once(&wanted, |candidate| content(source, &candidate.layer, limits));
    for (candidate, bytes) in wanted.into_iter().zip(contents) {
        match bytes?.and_then(|bytes| candidate.bundle(bytes, limits)) {
            Ok(bundle) => found.push(bundle),
            Err(reason) => skipped.push(Skipped { descriptor: candidate.referrer, reason }),
        }
    }
    // The evidence that seems missing may be what a limit excluded.
    truncated |= skipped.iter().any(|skipped| skipped.reason.is_limit());
    Ok(Bundles { found, skipped, truncated })
}

impl Candidate {
    fn of_layers(
        referrer: &Arc<Descriptor>,
        layers: Vec<(Descriptor, LayerKind)>,
    ) -> impl Iterator<Item = Self> {
        layers.into_iter().map(|(layer, kind)| Self { referrer: Arc::clone(referrer), layer, kind })
    }

    /// What was stored, as a bundle.
    fn bundle(&self, stored: Vec<u8>, limits: &Limits) -> Result<FoundBundle, SkipReason> {
        let older = |error| SkipReason::Legacy(Box::new(error));
        let annotations = &self.layer.annotations;
        let (bytes, form) = match self.kind {
            LayerKind::Bundle => (stored, Form::Bundle),
            LayerKind::Signature => {
                let bytes = legacy::bundle_of_signature(&stored, annotations, limits).map_err(older)?;
                (bytes, Form::SimpleSigning(stored))
            }
            LayerKind::Attestation => (
                legacy::bundle_of_attestation(&stored, annotations, limits).map_err(older)?,
                Form::Attestation,
            ),
        };
        Ok(FoundBundle { referrer: Arc::clone(&self.referrer), bytes, digest: self.layer.digest, form })
    }
}

/// The order of reading: what claims to be a bundle, then what may be one, then the rest; the newest of each first.
/// These are claims of whoever pushed it. They only decide what is left out if there is too much.
fn order(referrer: &Descriptor) -> (u8, Reverse<String>, Digest) {
    let rank = match referrer.artifact_type.as_deref() {
        Some(kind) if kind.starts_with(BUNDLE_PREFIX) => 0,
        None | Some("" | media::OCI_EMPTY) => 1,
        Some(_) => 2,
    };
    let created = referrer.annotations.get(CREATED).cloned().unwrap_or_default();
    (rank, Reverse(created), referrer.digest)
}

/// The layers of a manifest that contain evidence. The outer error of the functions below stops everything, the inner one
/// concerns this referrer only.
type Layers = Result<Vec<(Descriptor, LayerKind)>, SkipReason>;

fn layers_of(
    source: &dyn Source,
    referrer: &Descriptor,
    subject: &Digest,
    limits: &Limits,
) -> Result<Layers, Error> {
    if !media::is_manifest(&referrer.media_type) {
        return Ok(Err(SkipReason::OtherArtifact { media_type: referrer.media_type.clone() }));
    }
    let bytes = match source.manifest(referrer) {
        Ok(bytes) => bytes,
        Err(error) => return own_fault(error).map(Err),
    };
    let manifest = match parsed(referrer, &bytes, limits)? {
        Ok(manifest) => manifest,
        Err(reason) => return Ok(Err(reason)),
    };
    let refers_to = manifest.subject.as_ref().map(|subject| subject.digest);
    if refers_to.as_ref() != Some(subject) {
        return Ok(Err(SkipReason::OtherSubject { got: refers_to }));
    }
    Ok(match manifest.layers.as_slice() {
        [layer] => match LayerKind::from_layer(layer) {
            Some(kind) => Ok(vec![(layer.clone(), kind)]),
            None => Err(SkipReason::OtherArtifact { media_type: layer.media_type.clone() }),
        },
        // A manifest can have several signatures in the older format, but only one bundle.
        layers => match layers.iter().map(legacy_kind).collect::<Option<Vec<_>>>() {
            Some(older) if !older.is_empty() => Ok(older),
            _ => Err(SkipReason::LayerCount { got: layers.len() }),
        },
    })
}

/// The same for a manifest under one of cosign's tags. It has no subject: only the signed payload says which image it
/// belongs to.
fn legacy_layers(descriptor: &Descriptor, bytes: &[u8], limits: &Limits) -> Result<Layers, Error> {
    Ok(parsed(descriptor, bytes, limits)?.and_then(|manifest| {
        let older: Vec<_> = manifest.layers.iter().filter_map(legacy_kind).collect();
        match manifest.layers.first() {
            Some(layer) if older.is_empty() => {
                Err(SkipReason::OtherArtifact { media_type: layer.media_type.clone() })
            }
            _ => Ok(older),
        }
    }))
}

fn legacy_kind(layer: &Descriptor) -> Option<(Descriptor, LayerKind)> {
    LayerKind::from_layer(layer).filter(|kind| *kind != LayerKind::Bundle).map(|kind| (layer.clone(), kind))
}

fn parsed(
    descriptor: &Descriptor,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Result<Manifest, SkipReason>, Error> {
    let what = format!("referrer {}", descriptor.digest);
    match manifest::parse(bytes, &descriptor.media_type, &what, limits) {
        Ok(Document::Manifest(manifest)) => Ok(Ok(manifest)),
        Ok(Document::Index(_)) => {
            Ok(Err(SkipReason::OtherArtifact { media_type: media::OCI_INDEX.to_owned() }))
        }
        Err(error) => own_fault(error).map(Err),
    }
}

//! The search for an SBOM that is attested for one platform's image, so that its layers need not be pulled.
//!
//! Owns whether a document may stand for the files of an image. The policies decide who may attest it
//! ([`plimsoll_policy::Policy::accepts_sbom`]). It stands for them only if nothing is left open, because the image
//! itself is not read then:
//!
//! - The statement is about the platform's manifest and nothing else, and every policy in question accepts its signer.
//! - The document is of the standard that the statement names and describes this image: it names the same manifest, or
//!   lists the same layers. The SBOM of a source folder can be complete too, but it does not describe the image that
//!   contains the sources.
//! - It states that it is complete, has no problem that hides components, and lists at least one component.
//! - If it lists layers, they are the image's. If a deny list names digests, it must list them: the denied content may
//!   be in a layer with another digest, which only a reader of the layer can know.
//!
//! Otherwise the image is read, and the verdict says why. The image is also read if anything contradicts the SBOM that
//! counts: another one that counts and lists other components, one by an accepted signer that does not count, or
//! attachments that could not all be read. Therefore every place is searched.

use std::sync::Arc;

use plimsoll_attach::evidence::{Bundles, FoundBundle, ParsedBundle};
use plimsoll_core::Digest;
use plimsoll_image::artifact::Image;
use plimsoll_policy::{RejectedSignature, SbomAttestation, SbomSearch, Signers, is_sbom, sbom_standard};
use plimsoll_sbom::{Completeness, Inventory, Problem, ReadDocument, SubjectKind, read_document_until};
use plimsoll_verify::{Statement, Verified};

use crate::Subject;
use crate::candidates::{Candidates, Unread};
use crate::collection::{Collection, UnderPolicy, with_hint};

/// The search for one image.
pub(crate) struct AttestedSboms<'a> {
    collection: &'a Collection<'a>,
    image: &'a Image,
    policies: Vec<(&'a UnderPolicy<'a>, Signers)>,
    counting: Vec<Counting>,
    refused: Vec<RejectedSignature>,
    /// Why the image must be read even if an SBOM counts.
    doubt: Option<String>,
}

/// Why an SBOM does not count.
enum Refusal {
    /// It is not by an accepted signer, or not about this image, so it has no effect.
    NotAccepted(String),
    /// It is by an accepted signer and about this image, so its signer may know what another SBOM omits.
    Contradicts(String),
}

/// An SBOM that may stand for the image's files.
struct Counting {
    attestation: SbomAttestation,
    inventory: Inventory,
}

/// The result of the search.
pub(crate) enum Outcome {
    /// The layers need not be read.
    Found(Arc<SbomAttestation>, Box<Inventory>),
    /// The layers must be read.
    NotFound(SbomSearch),
}

impl<'a> AttestedSboms<'a> {
    /// A search that has not started. `None` if the layers must be read anyway: for a policy that accepts no attested
    /// SBOM, or to hash them by the algorithm of a denied digest. Layers in local places are always read, because
    /// nothing else compares their bytes with their digests.
    pub(crate) fn new(subject: &Subject, image: &'a Image, collection: &'a Collection<'a>) -> Option<Self> {
        let is_remote = matches!(subject, Subject::Registry(_));
        let wanted =
            is_remote && collection.needs().inventory && !collection.has_denials_by_another_name(image);
        let policies = collection.policies.iter().map(|under| Some((under, under.policy.sbom_signers()?)));
        let policies: Vec<_> = policies.collect::<Option<_>>()?;
        (wanted && !policies.is_empty()).then(|| Self {
            collection,
            image,
            policies,
            counting: Vec::new(),
            refused: Vec::new(),
            doubt: None,
        })
    }

    /// The place where it was searched could not be read.
    pub(crate) fn failed(&mut self, reason: &str) {
        self.doubt(format!("could not search for attested SBOMs: {reason}"));
    }

    fn doubt(&mut self, reason: String) {
        self.doubt.get_or_insert(reason);
    }

    /// Examines what was found for `subject`.
    pub(crate) fn add(&mut self, subject: &Digest, found: &Bundles) {
        let candidates = Candidates::new(found, self.collection.layers.limits(), is_sbom);
        match candidates.unread {
            None => {}
            Some(Unread::Truncated) => self.doubt(
                "there are more attachments than the limits allow, one of which may be another SBOM"
                    .to_owned(),
            ),
            Some(Unread::Skipped(reason)) => {
                self.doubt(format!("an attachment that may be another SBOM was not read: {reason}"));
            }
        }
        for (bundle, parsed) in candidates.bundles {
            let counts = if *subject == self.image.manifest.digest {
                self.counts(bundle, &parsed)
            } else {
                Err(Refusal::NotAccepted(
                    "it is attached to the index, not to this platform's image".to_owned(),
                ))
            };
            let reason = match counts {
                Ok(counting) => {
                    self.counting.push(counting);
                    continue;
                }
                Err(Refusal::NotAccepted(reason)) => reason,
                Err(Refusal::Contradicts(reason)) => {
                    let doubt = format!("an attested SBOM by an accepted signer does not count: {reason}");
                    self.doubt(doubt);
                    reason
                }
            };
            self.refused.push(RejectedSignature { digest: bundle.digest, reason });
        }
    }

    fn counts(&self, bundle: &FoundBundle, parsed: &ParsedBundle<'_>) -> Result<Counting, Refusal> {
        let (now, manifest) = (self.collection.now, &self.image.manifest.digest);
        let (mut attestation, mut inventory) = (SbomAttestation::new(bundle.digest), None);
        for (under, signers) in &self.policies {
            let statement = signers
                .verify(parsed.bundle(), under.root.ok(), now, |check| parsed.verify(manifest, check))
                .map_err(|error| match (error, under.root) {
                    (plimsoll_verify::Error::NoTrustedRoot, Err(why)) => why.to_owned(),
                    (error, _) => error.to_string(),
                })
                .map_err(Refusal::NotAccepted)?;
            under.policy.accepts_sbom(&statement, manifest, now).map_err(Refusal::NotAccepted)?;
            if inventory.is_none() {
                let document = self.document(&statement).map_err(Refusal::Contradicts)?;
                attestation.format = format!("{} {}", document.format, document.version);
                attestation.created = document.created.and_then(|created| created.parse().ok());
                inventory = Some(document.inventory);
            }
            attestation.add(under.policy, statement);
        }
        let inventory = inventory.ok_or_else(|| Refusal::NotAccepted("no policy accepts it".to_owned()))?;
        Ok(Counting { attestation, inventory })
    }

    /// The document in a statement, if it may stand for the image's files.
    fn document(&self, statement: &Verified<Statement>) -> Result<ReadDocument, String> {
        let (limits, cancel) = (self.collection.layers.limits(), self.collection.cancel);
        let value = statement.value();
        let document = read_document_until(&value.to_json(), limits, cancel)
            .map_err(|error| format!("its document cannot be read: {}", with_hint(&error)))?;
        let standard = sbom_standard(&value.predicate_type).unwrap_or_default();
        if document.format != standard {
            return Err(format!("its document is not of {standard}, as it states"));
        }
        let manifest = self.image.manifest.digest;
        match document.completeness {
            Completeness::Complete => {}
            Completeness::Incomplete => return Err("its document states that it is incomplete".to_owned()),
            Completeness::Unstated => {
                return Err("its document does not state that it is complete".to_owned());
            }
        }
        match document.stated.subject {
            SubjectKind::Image => {}
            SubjectKind::Index => {
                return Err("its document is about an index, not about this platform's image".to_owned());
            }
            SubjectKind::Other => {
                return Err("its document does not say that it is about an image".to_owned());
            }
        }
        if let Some(other) = document.subject_digest.filter(|digest| *digest != manifest) {
            return Err(format!("its document is about {other}"));
        }
        let inventory = &document.inventory;
        if let Some(Problem { code, .. }) = inventory.problems.iter().find(|it| it.hides_components()) {
            return Err(format!("components may be missing in its document: {code}"));
        }
        if inventory.components.is_empty() {
            return Err("its document lists no component".to_owned());
        }
        if document.subject_digest.is_none() && inventory.layers.is_empty() {
            return Err("its document names neither this image nor its layers".to_owned());
        }
        self.layers_agree(inventory)?;
        Ok(document)
    }

    fn layers_agree(&self, inventory: &Inventory) -> Result<(), String> {
        if inventory.layers.is_empty() {
            if self.collection.denies_digests() {
                return Err("digests are denied, and its document does not list the layers".to_owned());
            }
            return Ok(());
        }
        let listed = inventory.layers.iter().map(|layer| (layer.digest, layer.diff_id));
        let own = self.image.layers.iter().map(|layer| (layer.descriptor.digest, layer.diff_id));
        if listed.eq(own) { Ok(()) } else { Err("its document does not list the image's layers".to_owned()) }
    }

    /// The SBOM that was signed last, by the trusted clocks. Of several, the one with the greatest digest, so that the
    /// order in which a registry lists them does not matter.
    pub(crate) fn finish(self) -> Outcome {
        let Self { mut counting, refused, doubt, .. } = self;
        counting.sort_by_key(|one| (one.attestation.signed_at(), one.attestation.bundle));
        let agree = counting.windows(2).all(|pair| match pair {
            [one, other] => list_the_same(&one.inventory, &other.inventory),
            _ => true,
        });
        let image_read = match (counting.pop(), doubt) {
            (Some(Counting { attestation, inventory }), None) if agree => {
                return Outcome::Found(Arc::new(attestation), Box::new(inventory));
            }
            (Some(_), None) => "attested SBOMs that count list different components".to_owned(),
            (Some(_), Some(doubt)) => doubt,
            // A document that was refused is a better explanation than one that might exist.
            (None, Some(doubt)) if refused.is_empty() => doubt,
            (None, _) => match refused.as_slice() {
                [] => "no attested SBOM was found".to_owned(),
                [only] => format!("the attested SBOM does not count: {}", only.reason),
                [first, ..] => {
                    format!("no attested SBOM counts, of {} found: {}", refused.len(), first.reason)
                }
            },
        };
        Outcome::NotFound(SbomSearch { refused, image_read: Some(image_read) })
    }
}

/// Whether two inventories list the same packages of the same operating system, in the same places and for the same
/// purpose, because findings depend on all of these. The order does not matter.
fn list_the_same(one: &Inventory, other: &Inventory) -> bool {
    let listed = |inventory: &Inventory| {
        let all = inventory.components.iter().map(|it| {
            let mut paths: Vec<_> = it.locations.iter().map(|location| location.path.clone()).collect();
            paths.sort();
            let purpose = it.declared.map(|declared| declared.to_string());
            (it.purl.to_string(), it.version.clone(), it.source.clone(), paths, purpose)
        });
        let mut all: Vec<_> = all.collect();
        all.sort();
        all.dedup();
        all
    };
    let os = |inventory: &Inventory| inventory.os.as_ref().map(plimsoll_sbom::OsRelease::distro);
    os(one) == os(other) && listed(one) == listed(other)
}

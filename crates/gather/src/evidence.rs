//! Collecting: inventory, findings and signatures, side by side.

use std::thread;

use plimsoll_core::{Classify, Digest, Limits, Platform};
use plimsoll_oci::image::{Artifact, Image};
use plimsoll_oci::{Progress, Source, layers, rootdir};
use plimsoll_policy::{
    Evidence, ImageDigests, InventorySource, RejectedSignature, SbomFacts, Signatures, SubjectFacts,
    SubjectKind, VulnerabilityFacts,
};
use plimsoll_sbom::Inventory;
use plimsoll_signing::evidence::{SkipReason, bundles};
use plimsoll_verify::{Bundle, PublicKey, statement_by_key};
use plimsoll_vuln::{Database, ScanSettings};

use crate::{Error, Opened, Subject};

/// What to collect, and with what.
pub struct Collection<'a> {
    /// What the user typed.
    pub requested: &'a str,
    /// The one platform to look at; without it, every runnable one.
    pub platform: Option<&'a Platform>,
    /// The keys that signatures are verified with.
    pub keys: &'a [PublicKey],
    /// The advisory database, opened once for all subjects, or why it cannot be used.
    pub database: &'a Result<Database, plimsoll_vuln::Error>,
    /// What counts as now, and how old advisories may be.
    pub scan: ScanSettings,
    /// Bounds for everything that is read.
    pub limits: &'a Limits,
    /// Hears how far reading has got.
    pub progress: &'a dyn Progress,
}

/// Collects the evidence about each platform of `opened`. What is missing is marked as missing; an artifact that cannot
/// be read whole is an error.
pub fn evidence(opened: &Opened, collection: &Collection<'_>) -> Result<Vec<Evidence>, Error> {
    match opened {
        Opened::Image { source, artifact, subject, .. } => {
            let images = artifact.select(collection.platform)?;
            images
                .into_iter()
                .map(|image| of_image(source.as_ref(), artifact, image, subject, collection))
                .collect()
        }
        Opened::RootDir(dir) => {
            let inventory = inventory(opened, None, collection.limits, collection.progress)?;
            let reason = format!("{} is a folder, which has no digest that could be signed", dir.display());
            Ok(vec![without_image(SubjectKind::RootDir, &inventory, None, reason, collection)])
        }
        Opened::Sbom { document, digest, .. } => {
            let reason = "the subject is an SBOM; the artifact it speaks of was not seen".to_owned();
            Ok(vec![without_image(SubjectKind::Sbom, &document.inventory, Some(*digest), reason, collection)])
        }
    }
}

/// The inventory of a subject; of `image` where it is one of several.
pub fn inventory(
    opened: &Opened,
    image: Option<&Image>,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Inventory, Error> {
    match (opened, image) {
        (Opened::Image { source, .. }, Some(image)) => of_layers(source.as_ref(), image, limits, progress),
        (Opened::Image { .. }, None) => {
            let image = opened.one_image(None)?;
            inventory(opened, image, limits, progress)
        }
        (Opened::RootDir(dir), _) => {
            let files = rootdir::read(dir, plimsoll_sbom::select(), limits, progress)?;
            Ok(plimsoll_sbom::catalog(&files))
        }
        (Opened::Sbom { document, .. }, _) => Ok(document.inventory.clone()),
    }
}

fn of_layers(
    source: &dyn Source,
    image: &Image,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Inventory, Error> {
    let files = layers::read(source, image, plimsoll_sbom::select(), limits, progress)?;
    Ok(plimsoll_sbom::catalog(&files))
}

fn of_image(
    source: &dyn Source,
    artifact: &Artifact,
    image: &Image,
    subject: &Subject,
    collection: &Collection<'_>,
) -> Result<Evidence, Error> {
    let digests = ImageDigests {
        index: artifact.is_index().then_some(artifact.top.digest),
        manifest: image.manifest.digest,
        config: image.config.digest,
        layers: image.layers.iter().map(|layer| layer.descriptor.digest).collect(),
        diff_ids: image.layers.iter().map(|layer| layer.diff_id).collect(),
    };
    // Signatures are a few small requests; the layers are the long way. Both at once, so that the sum is the longer one.
    let (signatures, inventory) = thread::scope(|scope| {
        let signatures = scope.spawn(|| signatures(source, &digests, collection));
        let inventory = of_layers(source, image, collection.limits, collection.progress);
        (signatures.join(), inventory)
    });
    let inventory = inventory?;
    let signatures = signatures.unwrap_or_else(|_| Signatures::Unavailable {
        reason: "internal error while looking for signatures".to_owned(),
    });
    let mut facts = SubjectFacts {
        kind: SubjectKind::Registry,
        requested: collection.requested.to_owned(),
        repository: None,
        tag: None,
        pinned: None,
        digests: Some(digests),
        platform: Some(image.platform.clone()),
    };
    let local = |selector: &Option<String>| match selector.as_deref().map(|s| (s, s.parse())) {
        Some((_, Ok(digest))) => (None, Some(digest)),
        Some((tag, Err(_))) => (Some(tag.to_owned()), None),
        None => (None, None),
    };
    match subject {
        Subject::Registry(reference) => {
            facts.repository = Some(reference.name());
            facts.tag = reference.tag().map(str::to_owned);
            facts.pinned = reference.digest();
        }
        Subject::Layout(_, selector) => {
            facts.kind = SubjectKind::Layout;
            (facts.tag, facts.pinned) = local(selector);
        }
        Subject::Archive(_, selector) => {
            facts.kind = SubjectKind::Archive;
            (facts.tag, facts.pinned) = local(selector);
        }
        Subject::RootDir(_) | Subject::Sbom(_) => {}
    }
    Ok(Evidence {
        subject: facts,
        signatures,
        sbom: sbom_facts(&inventory, InventorySource::Cataloged, None),
        vulnerabilities: vulnerabilities(&inventory, collection),
    })
}

fn without_image(
    kind: SubjectKind,
    inventory: &Inventory,
    document: Option<Digest>,
    unsigned: String,
    collection: &Collection<'_>,
) -> Evidence {
    let source = if document.is_some() { InventorySource::Document } else { InventorySource::Cataloged };
    Evidence {
        subject: SubjectFacts {
            kind,
            requested: collection.requested.to_owned(),
            repository: None,
            tag: None,
            pinned: None,
            digests: None,
            platform: None,
        },
        signatures: Signatures::Impossible { reason: unsigned },
        sbom: sbom_facts(inventory, source, document),
        vulnerabilities: vulnerabilities(inventory, collection),
    }
}

fn sbom_facts(inventory: &Inventory, source: InventorySource, digest: Option<Digest>) -> SbomFacts {
    SbomFacts::Inventory {
        source,
        components: inventory.components.len(),
        os: inventory.os.as_ref().map(plimsoll_sbom::OsRelease::distro),
        problems: inventory.problems.clone(),
        digest,
    }
}

fn vulnerabilities(inventory: &Inventory, collection: &Collection<'_>) -> VulnerabilityFacts {
    let database = match collection.database {
        Ok(database) => database,
        Err(error) => return VulnerabilityFacts::Unavailable { reason: with_hint(error) },
    };
    match plimsoll_vuln::scan(inventory, database, &collection.scan) {
        Ok(scan) => VulnerabilityFacts::Scanned(Box::new(scan)),
        Err(error) => VulnerabilityFacts::Unavailable { reason: with_hint(&error) },
    }
}

/// Looks for signatures on the index and on the platform's manifest. Not being able to look is not the same as finding
/// none: it makes the search unavailable, whatever else was found.
fn signatures(source: &dyn Source, digests: &ImageDigests, collection: &Collection<'_>) -> Signatures {
    let (mut verified, mut rejected, mut truncated) = (Vec::new(), Vec::new(), false);
    for subject in [Some(digests.manifest), digests.index].into_iter().flatten() {
        let attached = match bundles(source, &subject, collection.limits) {
            Ok(attached) => attached,
            Err(error) => return Signatures::Unavailable { reason: with_hint(&error) },
        };
        truncated |= attached.truncated;
        for bundle in attached.found {
            let digest = bundle.digest;
            match Bundle::parse(&bundle.bytes).and_then(|parsed| statement_by_key(&parsed, collection.keys)) {
                Ok(statement) => verified.push(statement),
                Err(error) => rejected.push(RejectedSignature { digest, reason: error.to_string() }),
            }
        }
        // Other artifacts, such as an SBOM, are not bad signatures.
        let broken =
            attached.skipped.iter().filter(|s| !matches!(s.reason, SkipReason::OtherArtifact { .. }));
        rejected.extend(broken.map(|skipped| RejectedSignature {
            digest: skipped.descriptor.digest,
            reason: skipped.reason.to_string(),
        }));
    }
    Signatures::Collected { verified, rejected, truncated }
}

fn with_hint(error: &impl Classify) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

//! The names by which VEX documents may refer to the scanned image or document, and the documents that are attached to an image, for
//! callers that name their signer. Under policies, `attested_vex` searches for them.

use plimsoll_core::{Digest, Limits};
use plimsoll_image::Source;
use plimsoll_image::artifact::Image;
use plimsoll_policy::is_vex;
use plimsoll_sbom::Inventory;
use plimsoll_verify::Check;
use plimsoll_vuln::vex::{self, Document, ScannedImage};

use crate::{AttachmentQuery, Error, Extent, OpenedSubject, Rejection, Subject, attached};

/// The VEX documents that are attached to an image.
#[derive(Debug, Default)]
pub struct AttachedVex {
    /// Those of accepted signers about this image.
    pub documents: Vec<Document>,
    /// What does not count, and why.
    pub refused: Vec<String>,
}

/// The VEX about the image with this manifest that one of the signers in `check` has signed. If not all attachments could be looked
/// at, there is none: the one that is missing may be a correction.
pub fn attached_vex(
    source: &dyn Source,
    manifest: &Digest,
    check: &Check<'_>,
    limits: &Limits,
) -> Result<AttachedVex, Error> {
    let wanted = AttachmentQuery { is: &is_vex, extent: Extent::Everything };
    let found = attached(source, manifest, check, wanted, limits)?;
    let mut vex = AttachedVex::default();
    let mut incomplete =
        found.truncated.then(|| "there are more attachments than the limits allow".to_owned());
    for rejected in &found.rejected {
        let reason = format!("attached VEX {} does not count: {}", rejected.referrer, rejected.reason);
        if let Rejection::Unreadable(_) = rejected.reason {
            incomplete.get_or_insert_with(|| format!("an attachment was not read ({})", rejected.reason));
        }
        vex.refused.push(reason);
    }
    let mut unread = false;
    for proof in &found.verified {
        let (bundle, statement) = (proof.statement.bundle(), proof.statement.value());
        let is_alone = statement.is_about_image(manifest).is_ok();
        let bytes = statement.predicate.to_string().into_bytes();
        let read = match (&incomplete, is_alone) {
            (Some(reason), _) => Err(format!("{reason}, which may contradict it")),
            (None, false) => Err("it is not about this image alone".to_owned()),
            (None, true) => {
                vex::read(&bytes, &bundle.to_string(), bytes.len() as u64).map_err(|error| error.to_string())
            }
        };
        match read {
            Ok(mut document) => {
                document.signer = Some(proof.statement.signer().to_string());
                vex.documents.push(document);
            }
            Err(reason) => {
                unread |= is_alone;
                vex.refused.push(format!("attached VEX {bundle} does not count: {reason}"));
            }
        }
    }
    if unread {
        let told = |document: Document| {
            let why = "a document of an accepted signer could not be read, which may contradict it";
            format!("attached VEX {} does not count: {why}", document.source)
        };
        vex.refused.extend(vex.documents.drain(..).map(told));
    }
    Ok(vex)
}

/// The names of a scanned subject: digests of what was read, and the names by which the user or a document calls it.
pub fn scanned_image(opened: &OpenedSubject, image: Option<&Image>, inventory: &Inventory) -> ScannedImage {
    let os = inventory.os.as_ref();
    let os = os.and_then(|os| Some((os.id.clone(), os.version_id.clone()?)));
    let mut scanned = ScannedImage { os, ..ScannedImage::default() };
    match opened {
        OpenedSubject::Image { artifact, subject, .. } => {
            if let Some(image) = image {
                scanned.digests.push(image.manifest.digest);
                scanned.digests.extend(&image.indexes);
                scanned.architecture = Some(image.platform.architecture.clone());
                if artifact.is_index() {
                    scanned.digests.push(artifact.top.digest);
                }
            }
            if let Subject::Registry(reference) = subject {
                scanned.repository = Some(reference.name());
                scanned.tag = reference.tag().map(str::to_owned);
            }
        }
        OpenedSubject::Sbom { document, .. } => {
            scanned.digests.extend(document.subject_digest);
            scanned.digests.extend(&document.statement_subjects);
            scanned.purl.clone_from(&document.subject_purl);
        }
        OpenedSubject::RootDir(_) | OpenedSubject::File { .. } => {}
    }
    scanned
}

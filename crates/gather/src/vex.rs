//! The names by which VEX documents may refer to the scanned image or document.

use plimsoll_image::artifact::Image;
use plimsoll_sbom::Inventory;
use plimsoll_vuln::vex::ScannedImage;

use crate::{OpenedSubject, Subject};

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

//! `plimsoll sbom merge`.

use plimsoll_sbom::{Completeness, DocumentSubject};

use super::document;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::sbom::MergeSettings;

pub(super) fn run(settings: &MergeSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let limits = settings.new.limits;
    let (mut inventories, mut subjects, mut made) = (Vec::new(), Vec::new(), None);
    let mut states = Completeness::Unstated;
    for path in &settings.documents {
        let bytes = document::bytes(path, limits)?;
        let read = document::read(path, &bytes, limits, console)?;
        document::tell_unread(path, &bytes, &read, limits, console)?;
        subjects.push(document::subject(path, &read));
        // The newest of them.
        made = made.max(document::made(&read));
        // Complete lists of parts do not make a statement about the whole.
        if read.completeness == Completeness::Incomplete {
            states = Completeness::Incomplete;
        }
        inventories.push(read.inventory);
    }
    let mut subject = common(&subjects);
    if subject.manifest.is_none() && subjects.iter().any(|one| one.manifest.is_some()) {
        console.warn("the documents are about different images; the merged one states no digest");
    }
    let first = subjects.into_iter().next().map(|one| one.name);
    subject.name = settings.subject.clone().or(first).unwrap_or_default();
    let merged = plimsoll_sbom::merge(inventories, limits)?;
    document::write(&merged, subject, made, states, &settings.new, console)?;
    Ok(Exit::Done)
}

/// The value on which all subjects that state it agree.
fn common(subjects: &[DocumentSubject]) -> DocumentSubject {
    fn agreed<T: Clone + PartialEq>(stated: impl Iterator<Item = Option<T>> + Clone) -> Option<T> {
        let stated = stated.flatten();
        let first = stated.clone().next()?;
        stated.clone().all(|other| other == first).then_some(first)
    }
    let all = subjects.iter();
    let manifest = agreed(all.clone().map(|one| one.manifest));
    DocumentSubject {
        name: String::new(),
        manifest,
        // The origin is useless without the image.
        repository: manifest.and_then(|_| agreed(all.clone().map(|one| one.repository.clone()))),
        tag: manifest.and_then(|_| agreed(all.clone().map(|one| one.tag.clone()))),
        architecture: agreed(all.clone().map(|one| one.architecture.clone())),
        // After merging several images, it is unknown which layers came with the base.
        base: None,
        phase: agreed(all.map(|one| one.phase)),
    }
}

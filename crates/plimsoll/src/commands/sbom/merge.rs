//! `plimsoll sbom merge`.

use plimsoll_sbom::DocumentSubject;

use super::document;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::render::table::safe;
use crate::settings::sbom::MergeSettings;

pub(super) fn run(settings: &MergeSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let limits = settings.new.limits;
    let (mut inventories, mut subjects, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for path in &settings.documents {
        let bytes = document::bytes(path, limits)?;
        let read = document::read(path, &bytes, limits, console)?;
        subjects.push(document::subject(&read));
        made.extend(read.created);
        inventories.push(read.inventory);
    }
    let digest = subjects.first().and_then(|first| first.manifest);
    let agree = subjects.iter().all(|subject| subject.manifest == digest);
    if !agree {
        console.warn("the documents are about different subjects; the merged one states no digest");
    }
    let name = settings.subject.clone().or_else(|| subjects.into_iter().next().map(|first| first.name));
    let subject = DocumentSubject {
        name: name.unwrap_or_default(),
        manifest: digest.filter(|_| agree),
        ..DocumentSubject::default()
    };
    let merged = plimsoll_sbom::merge(inventories);
    for problem in merged.problems.iter().filter(|problem| problem.hides_components()) {
        console.warn(format_args!("{}: {}", problem.code, safe(&problem.words())));
    }
    // The newest of them; texts of one form sort by time.
    made.sort();
    document::write(&merged, subject, made.last().map(String::as_str), &settings.new, console)?;
    Ok(Exit::Done)
}

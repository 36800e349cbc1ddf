//! Java archives: the Maven coordinates in jars, and in the jars inside wars, ears and applications.
//!
//! Maven writes `META-INF/maven/GROUP/ARTIFACT/pom.properties` into the archives that it builds; most archives of
//! Gradle and others have none. Such an archive is identified by its manifest and its name. A file name does not
//! contain the group, by which advisories are looked up, so an archive that has classes and an uncertain group is
//! listed and remains a gap. Artifacts that were copied into another jar with their `pom.properties` are contained in
//! that jar.

mod archive;
pub(super) mod coordinates;
mod manifest;

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{
    Component, ComponentIndex, Location, Origin, ProblemCode, Relationship, RelationshipKind,
};
use crate::ownership::{ComponentFile, FileDigests};
use crate::telltales::{Kind, Unidentified};
use archive::{Budget, Level};

const SELECTIONS: &[Selection] = &[Selection::whole(
    &[
        "**/*.jar",
        "**/*.war",
        "**/*.ear",
        "**/*.par",
        "**/*.sar",
        "**/*.hpi",
        "**/*.jpi",
        "**/*.nar",
        "**/*.kar",
        "**/*.lpkg",
        "**/*.rar",
        "**/*.JAR",
        "**/*.WAR",
        "**/*.EAR",
    ],
    Bound::List,
)];

/// Finds artifacts in archives.
pub(crate) struct Java;

/// The fact about an archive.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Archive {
    /// The archive itself, and those inside it.
    levels: Vec<Level>,
    digests: FileDigests,
}

impl Footprint for Archive {
    fn footprint(&self) -> usize {
        let level = |it: &Level| {
            let named: usize = it.named.iter().map(|it| size_of::<Component>() + it.text_bytes()).sum();
            let unreadable: usize = it.unreadable.iter().map(|it| size_of::<String>() + it.len()).sum();
            let texts: usize = it.texts.iter().map(|(name, text)| name.len() + text.footprint()).sum();
            size_of::<Level>() + it.path.len() + it.manifest.bytes() + named + unreadable + texts
        };
        size_of::<Self>() + self.levels.iter().map(level).sum::<usize>()
    }
}

impl Cataloger for Java {
    fn id(&self) -> &'static str {
        "java"
    }

    fn version(&self) -> u32 {
        6
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["maven"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Archive>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let bytes = usize::try_from(file.limits.kept_file_bytes).unwrap_or(usize::MAX);
        let levels = archive::read(file.content, Budget { bytes, things: file.limits.packages })?;
        Some(Arc::new(Archive { levels, digests: FileDigests::of_content(file.content) }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread([0]);
        for (file, archive) in context.distinct::<Archive>(&[0]) {
            components(context, file, archive);
        }
    }
}

/// Whether a file is named like a Java archive, which may not identify itself.
pub(crate) fn is_archive(path: &str) -> bool {
    is_archive_name(path.as_bytes())
}

/// Whether a name ends like those in [`SELECTIONS`], in upper or lower case.
fn is_archive_name(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else { return false };
    let extension = name.get(dot..).unwrap_or_default();
    let mut known = SELECTIONS.iter().flat_map(|selection| selection.paths);
    known.any(|path| path.trim_start_matches("**/*").as_bytes().eq_ignore_ascii_case(extension))
}

/// Archives with classes that do not identify themselves.
const WITHOUT_COORDINATES: Kind = Kind { ecosystem: "Maven", files: "*.jar without coordinates" };

/// Adds what an archive contains.
fn components<'f>(context: &mut Context<'_, 'f>, file: &'f FoundFile, archive: &'f Archive) {
    // The component of each level, by its index in the list.
    let mut artifacts: Vec<Option<ComponentIndex>> = Vec::new();
    for level in &archive.levels {
        let path = match &*level.path {
            "" => file.path.clone(),
            inside => format!("{}/{inside}", file.path),
        };
        for detail in &level.unreadable {
            context.problem(ProblemCode::UnparsableMetadata, &path, detail.clone());
        }
        // One of them names the archive itself: the one that the file is named after, or the only one. If the archive
        // itself states another name, the only one was copied into it.
        let named_after =
            level.named.iter().position(|it| coordinates::is_named_after(&path, it.purl.name()));
        let own = named_after.or_else(|| match level.named.as_slice() {
            [only] if !level.is_library || level.manifest.may_be(&path, &only.purl) => Some(0),
            _ => None,
        });
        // An archive without classes, such as Spring's starters, is not a gap.
        let seeming = if own.is_none() { level.manifest.seeming(&path) } else { None };
        let seeming = seeming.filter(|it| level.is_library || it.is_sure);
        if own.is_none() && level.is_library && !seeming.as_ref().is_some_and(|it| it.is_sure) {
            let digests = Some(&archive.digests);
            context.found.unidentified.push(Unidentified { kind: WITHOUT_COORDINATES, file, digests });
        }
        // The guess comes last.
        let own = own.or(seeming.as_ref().map(|_| level.named.len()));
        let named = level.named.iter().chain(seeming.as_ref().map(|it| &it.component));
        let added: Vec<ComponentIndex> = named
            .zip(0..)
            .map(|(found, number)| {
                let locations = vec![Location { path: path.clone(), layer: file.layer }];
                // The file belongs to the archive itself, not to what is inside it.
                let is_file = level.path.is_empty() && own == Some(number);
                let origin =
                    is_file.then(|| Origin { checksums: archive.digests.checksums(), ..Origin::default() });
                let origin = origin.and_then(Origin::boxed);
                let component = context.add(Component { origin, locations, ..found.clone() });
                let (path, real_path) = (file.path.as_str(), file.real_path.as_str());
                context.found.component_files.push(ComponentFile {
                    component,
                    path,
                    real_path,
                    digests: Some(&archive.digests),
                });
                component
            })
            .collect();
        let itself = own.and_then(|own| added.get(own).copied());
        for (name, text) in &level.texts {
            let path = format!("{path}/{name}");
            if let Some(itself) = itself {
                context.detect(itself, text.detected(&path));
            }
        }
        let around = level.parent.and_then(|parent| artifacts.get(parent).copied().flatten());
        // The content of an archive without its own name belongs to the archive around it.
        artifacts.push(itself.or(around));
        for to in added {
            let from = if Some(to) == itself { around } else { itself.or(around) };
            let contains = |from| Relationship { from, kind: RelationshipKind::Contains, to };
            context.found.inventory.relationships.extend(from.map(contains));
        }
    }
}

#[cfg(test)]
mod tests;

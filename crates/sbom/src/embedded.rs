//! SBOMs that lie in the image: Bitnami's of what it compiled, those of wheels (PEP 770), and others.
//!
//! They are the image's own claim: a component of one has the document for its location, and none of the files that it is about
//! were looked at. What catalogers found themselves counts instead; that the document says another version is noted. What a document says about an operating
//! system is left out: its package database is here, or nobody can say what is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact};
use plimsoll_core::text::shortened;

use crate::cataloger::{Cataloger, File, Room, Selection};
use crate::context::Context;
use crate::documents::read_document;
use crate::fact::FactKind;
use crate::inventory::{Component, ProblemCode};
use crate::language::shown::Shown;

const SELECTIONS: &[Selection] = &[Selection::whole(
    &["**/*.spdx", "**/*.spdx.json", "**/*.cdx.json", "**/*.cyclonedx.json", "**/bom.json", "**/sbom.json"],
    Bound::List,
)];

/// Finds what SBOMs in the image list.
pub(crate) struct Embedded;

impl Cataloger for Embedded {
    fn id(&self) -> &'static str {
        "embedded-sbom"
    }

    fn version(&self) -> u32 {
        2
    }

    fn room(&self) -> Room {
        Room::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        if is_own(file.content) {
            return None;
        }
        let found = match read_document(file.content, file.limits) {
            Ok(document) => Ok(document.inventory.components),
            Err(error) => Err(format!("is an SBOM that cannot be read: {error}")),
        };
        let max = file.limits.packages;
        let found = found.and_then(|found| match found.len() {
            number if number > max => {
                Err(format!("lists {number} components, expected at most {max} (packages)"))
            }
            _ => Ok(found.into_iter().filter(|it| !it.ecosystem.is_os()).collect()),
        });
        Some(Shown::fact(file.content, found))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread([0]);
        let mut known: Option<Known> = None;
        for (file, shown) in context.distinct::<Shown>(&[0]) {
            match &shown.found {
                Ok(found) => {
                    // Most images have no such document, and many components.
                    let known = known.get_or_insert_with(|| Known::new(&context.found.inventory.components));
                    for component in found.iter().filter(|it| known.versions(it).is_none()) {
                        context.add_shown(component, file, &shown.digests);
                    }
                    if let Some(detail) = known.conflict(found) {
                        context.problem(ProblemCode::MetadataDisagrees, &file.path, detail);
                    }
                }
                Err(detail) => {
                    context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                }
            }
        }
    }
}

/// What catalogers found themselves: the versions of each package, by type and name.
struct Known(BTreeMap<(String, String), BTreeSet<String>>);

/// Packages in conflict that are named.
const MAX_NAMED: usize = 3;

impl Known {
    fn new(components: &[Component]) -> Self {
        let mut known = BTreeMap::<_, BTreeSet<String>>::new();
        for component in components {
            known.entry(Self::key(component)).or_default().insert(component.version.clone());
        }
        Self(known)
    }

    fn key(component: &Component) -> (String, String) {
        (component.purl.package_type().to_owned(), component.name.clone())
    }

    fn versions(&self, component: &Component) -> Option<&BTreeSet<String>> {
        self.0.get(&Self::key(component))
    }

    /// What a document says otherwise than was found, in words.
    fn conflict(&self, said: &[Component]) -> Option<String> {
        let found_otherwise = |it: &&Component| {
            let versions = self.versions(it).filter(|_| !it.version.is_empty());
            versions.is_some_and(|versions| !versions.contains(&it.version))
        };
        let mut otherwise = said.iter().filter(found_otherwise);
        let named = otherwise.by_ref().take(MAX_NAMED).map(|it| {
            let found = self.versions(it).and_then(BTreeSet::first).map_or("", String::as_str);
            format!("{} {} where {} is found", shortened(&it.name), shortened(&it.version), shortened(found))
        });
        let named: Vec<String> = named.collect();
        let more = match otherwise.count() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        (!named.is_empty()).then(|| format!("is an SBOM that says {}{more}", named.join(", ")))
    }
}

/// Whether Plimsoll wrote a document: one that an earlier run left in the folder says what was there then. Every form says so
/// in front of what it lists.
fn is_own(content: &[u8]) -> bool {
    const HEAD: usize = 4 << 10;
    let head = content.get(..HEAD).unwrap_or(content);
    let marks: [&[u8]; 5] = [
        b"Tool: plimsoll-",
        b"\"name\":\"plimsoll\"",
        b"\"name\": \"plimsoll\"",
        b"\"name\":\"plimsoll-",
        b"<name>plimsoll</name>",
    ];
    marks.iter().any(|mark| memchr::memmem::find(head, mark).is_some())
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::FileSet;
    use plimsoll_core::{Limits, Timestamp};

    use crate::catalogers::select;

    #[test]
    fn what_a_document_lists_is_its_claim_where_nothing_else_tells() {
        let document = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"redis","version":"7.2.4","purl":"pkg:bitnami/redis@7.2.4"},
            {"type":"library","name":"bash","version":"1","purl":"pkg:deb/debian/bash@1"},
            {"type":"library","name":"idna","version":"3.1","purl":"pkg:pypi/idna@3.1"}]}"#;
        let mut set = FileSet::default();
        for (path, content) in [
            ("opt/bitnami/redis/redis.cdx.json", document),
            (
                "srv/x/site-packages/idna-3.7.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: idna\nVersion: 3.7\n",
            ),
            ("srv/bom.json", r#"{"materials": []}"#),
        ] {
            set.add(select(), path, None, content.as_bytes());
        }
        let inventory = crate::catalog(&set, &Limits::default());
        let found: Vec<String> =
            inventory.components.iter().map(|it| format!("{} {}", it.purl, it.found_by.unwrap())).collect();
        assert_eq!(found, ["pkg:bitnami/redis@7.2.4 embedded-sbom", "pkg:pypi/idna@3.7 python"]);
        let told =
            |it: &crate::Problem| it.path == "srv/bom.json" && it.detail.starts_with("is an SBOM that");
        assert!(inventory.problems.iter().any(told), "{:?}", inventory.problems);
        let conflict = inventory.problems.iter().find(|it| it.path.ends_with("redis.cdx.json")).unwrap();
        assert_eq!(conflict.code, crate::ProblemCode::MetadataDisagrees);
        assert_eq!(conflict.detail, "is an SBOM that says idna 3.1 where 3.7 is found");
        assert!(!conflict.hides_components());
    }

    #[test]
    fn what_an_earlier_run_left_is_no_claim() {
        let mut set = FileSet::default();
        set.add(
            select(),
            "srv/site-packages/idna-3.7.dist-info/METADATA",
            None,
            b"Metadata-Version: 2.1\nName: idna\nVersion: 3.7\n",
        );
        let inventory = crate::catalog(&set, &Limits::default());
        assert_eq!(inventory.components.len(), 1);
        for format in crate::formats().filter(|format| !format.writes().is_empty()) {
            let subject =
                crate::DocumentSubject { name: "srv".to_owned(), ..crate::DocumentSubject::default() };
            let document = crate::Document {
                inventory: &inventory,
                subject,
                created: Timestamp::UNIX_EPOCH,
                tool_version: "1",
                build: crate::Build::default(),
            };
            let mut written = Vec::new();
            format.write(&document, &mut written).unwrap();
            let mut set = FileSet::default();
            set.add(select(), "srv/sbom.json", None, &written);
            assert_eq!(crate::catalog(&set, &Limits::default()).components, [], "{format:?}");
        }
    }
}

//! SBOMs in the image: Bitnami's of the software that it compiled, those of wheels (PEP 770), and others.
//!
//! They are the image's own claim: the location of a component is the document, and the files that it describes were
//! not read. What catalogers found there themselves counts instead, see [`Installed`]; a contradicting version in the
//! document is noted. Components without a package URL are reported, because they cannot be looked up. What a document
//! says about an operating system is left out: either its package database is present, or it is unknown what is
//! installed.
//!
//! A document that an earlier run left in a folder describes its state at that time, and is left out. In an image it is
//! treated like any other.

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint};
use plimsoll_core::text::shortened;
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::documents::read_document;
use crate::fact::FactKind;
use crate::installed::Installed;
use crate::inventory::{Component, Inventory, Problem, ProblemCode};
use crate::language::shown::Shown;
use crate::lockfiles::is_in_package;
use crate::ownership::FileDigests;
use crate::path::folder_of;

const SELECTIONS: &[Selection] = &[Selection::whole(
    &["**/*.spdx", "**/*.spdx.json", "**/*.cdx.json", "**/*.cyclonedx.json", "**/bom.json", "**/sbom.json"],
    Bound::List,
)];

/// Finds components that SBOMs in the image list.
pub(crate) struct Embedded;

impl Cataloger for Embedded {
    fn id(&self) -> &'static str {
        "embedded-sbom"
    }

    fn version(&self) -> u32 {
        3
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Listed>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let found = match read_document(file.content, file.limits) {
            Ok(document) => Ok(document.inventory),
            Err(error) => Err(format!("is an SBOM that cannot be read: {error}")),
        };
        let max = file.limits.packages;
        let found = found.and_then(|found| match found.components.len() {
            number if number > max => {
                Err(format!("lists {number} components, expected at most {max} (packages)"))
            }
            _ => Ok(found),
        });
        let (found, faults) = match found {
            Ok(Inventory { components, problems, .. }) => {
                let of_languages = components.into_iter().filter(|it| !it.ecosystem.is_os()).collect();
                (Ok(of_languages), problems.iter().filter_map(fault).take(MAX_FAULTS).collect())
            }
            Err(detail) => (Err(detail), Vec::new()),
        };
        let digests = FileDigests::of_content(file.content);
        Some(Arc::new(Listed { shown: Shown { found, faults, digests }, is_own: is_own(file.content) }))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread([0]);
        let is_image = !context.found.inventory.layers.is_empty();
        let documents = context.distinct::<Listed>(&[0]).filter(|(_, listed)| is_image || !listed.is_own);
        let documents: Vec<_> = documents.map(|(file, listed)| (file, &listed.shown)).collect();
        // Most images have no such document, and many components.
        if documents.is_empty() {
            return;
        }
        let installed = Installed::new(context.found.inventory.components.iter());
        let (mut missing, mut conflicts) = (Vec::new(), Vec::new());
        for (file, shown) in &documents {
            let Ok(found) = &shown.found else { continue };
            let folder = folder_of(&file.path);
            missing.extend(
                found.iter().filter(|it| !installed.has(it, folder)).map(|it| (it, *file, &shown.digests)),
            );
            conflicts.extend(conflict(&installed, folder, found).map(|detail| (&*file.path, detail)));
        }
        for (component, file, digests) in missing {
            context.add_shown(component, file, digests);
        }
        for (path, detail) in conflicts {
            context.problem(ProblemCode::MetadataDisagrees, path, detail);
        }
        for (file, Shown { found, faults, .. }) in documents {
            // Components in an installed package are part of it.
            let code = if is_in_package(&file.path) {
                ProblemCode::Vendored
            } else {
                ProblemCode::UnparsableMetadata
            };
            for detail in faults {
                context.problem_of_names(code, &file.path, detail.clone());
            }
            if let Err(detail) = found {
                context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
            }
        }
    }
}

/// The components of a document, and whether Plimsoll may have written it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Listed {
    shown: Shown,
    is_own: bool,
}

impl Footprint for Listed {
    fn footprint(&self) -> usize {
        size_of::<bool>() + self.shown.footprint()
    }
}

/// Problems of one document that are reported.
const MAX_FAULTS: usize = 10;

/// What a problem of the document hides. Whether the operating system is known is decided by what is found here.
fn fault(problem: &Problem) -> Option<String> {
    let is_of_os = matches!(
        problem.code,
        ProblemCode::UnknownOs
            | ProblemCode::NoOs
            | ProblemCode::OsInventoryMissing
            | ProblemCode::OsInventoryBroken
    );
    let hides = !is_of_os && problem.hides_components();
    hides.then(|| format!("is an SBOM with a gap: {}", shortened(&problem.words())))
}

/// Conflicting packages that are named.
const MAX_NAMED: usize = 3;

/// The contradictions between a document and the packages that were found, in words.
fn conflict(installed: &Installed<'_>, folder: &str, said: &[Component]) -> Option<String> {
    let mut otherwise = said.iter().filter_map(|it| Some((it, installed.otherwise(it, folder)?)));
    let named = otherwise.by_ref().take(MAX_NAMED).map(|(it, found)| {
        format!("{} {} where {} is found", shortened(&it.name), shortened(&it.version), shortened(found))
    });
    let named: Vec<String> = named.collect();
    let more = match otherwise.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    (!named.is_empty()).then(|| format!("is an SBOM that says {}{more}", named.join(", ")))
}

/// Whether Plimsoll may have written a document. Every format states this before the components.
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
    use plimsoll_core::rootfs::{FileSet, LayerRef};
    use plimsoll_core::{Limits, Timestamp};

    use crate::catalogers::select;

    #[test]
    fn components_of_a_document_count_if_nothing_else_is_found() {
        let document = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"redis","version":"7.2.4","purl":"pkg:bitnami/redis@7.2.4"},
            {"type":"library","name":"bash","version":"1","purl":"pkg:deb/debian/bash@1"},
            {"type":"library","name":"idna","version":"3.1","purl":"pkg:pypi/idna@3.1"}]}"#;
        let mut set = FileSet::default();
        for (path, content) in [
            ("opt/bitnami/redis/redis.cdx.json", document),
            (
                "opt/bitnami/redis/site-packages/idna-3.7.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: idna\nVersion: 3.7\n",
            ),
            ("srv/bom.json", r#"{"materials": []}"#),
            ("home/a/bom.json", document),
        ] {
            set.add(select(), path, None, content.as_bytes());
        }
        let inventory = crate::catalog(&set, &Limits::default());
        let found: Vec<String> =
            inventory.components.iter().map(|it| format!("{} {}", it.purl, it.found_by.unwrap())).collect();
        let expected = [
            "pkg:bitnami/redis@7.2.4 embedded-sbom",
            "pkg:bitnami/redis@7.2.4 embedded-sbom",
            // Packages that are found elsewhere do not contradict it.
            "pkg:pypi/idna@3.1 embedded-sbom",
            "pkg:pypi/idna@3.7 python",
        ];
        assert_eq!(found, expected);
        let told =
            |it: &crate::Problem| it.path == "srv/bom.json" && it.detail.starts_with("is an SBOM that");
        assert!(inventory.problems.iter().any(told), "{:?}", inventory.problems);
        let conflict = inventory.problems.iter().find(|it| it.path.ends_with("redis.cdx.json")).unwrap();
        assert_eq!(conflict.code, crate::ProblemCode::MetadataDisagrees);
        assert_eq!(conflict.detail, "is an SBOM that says idna 3.1 where 3.7 is found");
        assert!(!conflict.hides_components());
    }

    #[test]
    fn components_without_a_package_url_are_a_gap() {
        let cyclonedx = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"openssl","version":"1.0.1"}]}"#;
        let spdx = r#"{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"zlib",
            "documentNamespace":"https://x/y","creationInfo":{"creators":["Tool: vcpkg"],"created":"2024-01-01T00:00:00Z"},
            "packages":[{"name":"zlib","SPDXID":"SPDXRef-port","versionInfo":"1.2.11","downloadLocation":"NONE"}],
            "relationships":[]}"#;
        for (path, document, name) in
            [("opt/bom.json", cyclonedx, "openssl"), ("opt/zlib/vcpkg.spdx.json", spdx, "zlib")]
        {
            let mut set = FileSet::default();
            set.add(select(), path, None, document.as_bytes());
            let inventory = crate::catalog(&set, &Limits::default());
            let told = inventory.problems.iter().find(|it| it.path == path).expect("it is reported");
            assert!(told.hides_components() && told.detail.contains(name), "{told:?}");
        }
        let mut set = FileSet::default();
        set.add(select(), "srv/site-packages/x-1.dist-info/sboms/x.cdx.json", None, cyclonedx.as_bytes());
        let inventory = crate::catalog(&set, &Limits::default());
        let told = inventory.problems.iter().find(|it| it.path.ends_with("x.cdx.json")).unwrap();
        assert!(!told.hides_components(), "it is part of a package that is listed: {told:?}");
    }

    #[test]
    fn in_an_image_no_document_is_an_earlier_run() {
        let document = r#"{"metadata":{"tools":[{"name": "plimsoll"}]},"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
            "components":[{"type":"library","name":"lodash","version":"4.17.4","purl":"pkg:npm/lodash@4.17.4"}]}"#;
        for is_image in [false, true] {
            let mut set = FileSet::default();
            set.add(select(), "opt/bom.json", None, document.as_bytes());
            if is_image {
                let digest = plimsoll_core::Digest::sha256(b"layer");
                set.layers = vec![LayerRef { index: 0, diff_id: digest, digest }];
            }
            let inventory = crate::catalog(&set, &Limits::default());
            assert_eq!(inventory.components.len(), usize::from(is_image));
        }
    }

    #[test]
    fn documents_of_an_earlier_run_do_not_count() {
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
                states: crate::Completeness::default(),
            };
            let mut written = Vec::new();
            format.write(&document, &mut written).unwrap();
            let mut set = FileSet::default();
            set.add(select(), "srv/sbom.json", None, &written);
            assert_eq!(crate::catalog(&set, &Limits::default()).components, [], "{format:?}");
        }
    }
}

//! Maven projects: the dependencies of each `pom.xml` of a source tree, with what it inherits, as far as the parents
//! are present.
//!
//! Parents are searched for at `relativePath`, and among all poms that are present, as in a local repository. A missing
//! parent may manage versions: a dependency whose version is unknown is listed without one. Dependencies of tests are
//! marked, and the modules of the project itself are left out.
//!
//! A pom of a local repository, or in the metadata of an unpacked archive, describes what was built elsewhere, so its
//! dependencies are not listed. `pom.properties` identifies an unpacked archive.

mod model;
mod pom;

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact};

use super::java::coordinates;
use super::shown::Shown;
use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::installed::Installed;
use crate::inventory::{Component, ProblemCode};
use crate::lockfiles::is_in_package;
use crate::ownership::FileDigests;
use crate::path::folder_of;
use model::Models;
use pom::Pom;

const PROJECT: u16 = 0;
const REPOSITORY: u16 = 1;
const PROPERTIES: u16 = 2;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["**/pom.xml"], Bound::Metadata),
    Selection::whole(&["**/*.pom"], Bound::Metadata),
    Selection::whole(&["**/pom.properties"], Bound::Metadata),
];

/// Finds the dependencies of Maven projects.
pub(crate) struct Maven;

impl Maven {
    pub(crate) const ID: &str = "maven";
}

impl Cataloger for Maven {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn version(&self) -> u32 {
        2
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
        const { &[FactKind::for_type::<pom::Fact>(), FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        if selection == PROPERTIES {
            let found = coordinates::read(file.content).map(|found| vec![found]);
            return Some(Shown::fact(file.content, found));
        }
        Some(Arc::new(pom::Fact(Pom::read(file.content, file.limits.packages))))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, PROPERTIES);
        context.tell_unread([PROJECT, REPOSITORY]);
        let mut models = Models::default();
        let mut projects = Vec::new();
        for (file, pom::Fact(pom)) in context.distinct::<pom::Fact>(&[PROJECT, REPOSITORY]) {
            let is_project = file.path.ends_with("pom.xml") && !is_of_archive(&file.path);
            match pom {
                Ok(pom) => {
                    models.add(&file.path, pom, is_project);
                    if is_project {
                        projects.push((file, pom));
                    }
                }
                Err(detail) => {
                    context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                }
            }
        }
        if projects.is_empty() {
            return;
        }
        // The module that is present counts instead.
        let components = context.found.inventory.components.iter();
        let components: Vec<Component> =
            components.filter(|it| it.purl.package_type() == "maven").cloned().collect();
        let installed = Installed::new(components.iter());
        let mut left = context.limits.packages;
        for (file, pom) in projects {
            if context.is_stopped() {
                return;
            }
            let Some(all) = models.wanted(&file.path, pom) else {
                let detail = "inherits more from its parents, together with other projects, than is examined"
                    .to_owned();
                context.problem(ProblemCode::UnparsableMetadata, &file.path, detail);
                return;
            };
            for wanted in all {
                match wanted {
                    Ok(component) if installed.has(&component, folder_of(&file.path)) => {}
                    Ok(component) if left > 0 => {
                        left -= 1;
                        context.add_shown(&component, file, None::<&FileDigests>);
                    }
                    Ok(_) => {
                        let detail = "has more dependencies than may be listed (packages)".to_owned();
                        context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail);
                        return;
                    }
                    Err(detail) => {
                        context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail);
                    }
                }
            }
        }
    }
}

/// Whether a file belongs to the metadata of an archive.
fn is_of_archive(path: &str) -> bool {
    path.contains("META-INF/maven/") || is_in_package(path)
}

#[cfg(test)]
mod tests;

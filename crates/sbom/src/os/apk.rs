//! apk's packages: Alpine, Wolfi, Chainguard and distributions derived from them.
//!
//! [`installed`] reads the database. It is one file, rewritten for every package, so the layer of a package is the
//! first one from which every version of the database lists it. Advisories are about the origin: the package that
//! others were built from.

mod installed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Bound, Fact, FoundFile};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::origin::homepage;
use crate::inventory::{Component, OsRelease, SourcePackage};
use crate::licence::Licence;
use crate::os::database::{Entry, Layers, State, too_many};
use crate::os::files::add_listed;
use installed::{Installed, Package};

/// The paths of the database. One is usually a link to the other.
const DATABASES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

const DATABASE: u16 = 0;

// With the names of all files, about 5 KiB a package.
const SELECTIONS: &[Selection] = &[Selection::whole(&DATABASES, Bound::List)];

pub(crate) struct Apk;

impl Cataloger for Apk {
    fn id(&self) -> &'static str {
        "apk"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["apk"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Installed>()] }
    }

    fn is_database(&self, selection: u16) -> bool {
        selection == DATABASE
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(Arc::new(installed::read(file)))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut reader =
            Reader { context, state: State::default(), names: BTreeMap::new(), seen: BTreeSet::new() };
        reader.state.unread(reader.context, DATABASE);
        reader.databases();
        let [path, _] = DATABASES;
        let Reader { context, state, seen, .. } = reader;
        state.finish(context, path, "apk", seen.len());
    }
}

struct Reader<'r, 'c, 'f> {
    context: &'r mut Context<'c, 'f>,
    state: State,
    /// The version of each name; apk installs one.
    names: BTreeMap<&'f str, &'f str>,
    /// Name, version, architecture.
    seen: BTreeSet<(&'f str, &'f str, Option<&'f str>)>,
}

impl<'f> Reader<'_, '_, 'f> {
    fn databases(&mut self) {
        let limit = self.context.limits.packages;
        let mut read = BTreeSet::new();
        for (file, installed) in self.context.facts::<Installed>(DATABASE) {
            self.state.present = true;
            if !read.insert(&file.real_path) {
                continue;
            }
            let layers =
                Layers::of_packages(self.context, file, &[DATABASE], |installed: &Installed| &installed.0);
            for entry in installed.0.iter() {
                match entry {
                    Entry::Broken(what) => self.broken(&file.path, what.clone()),
                    Entry::Package(package) if self.seen.len() < limit => {
                        if let Err(what) = self.package(file, layers.of_package(package), package) {
                            self.broken(&file.path, format!("line {}: {what}", package.line));
                        }
                    }
                    Entry::Package(_) => {
                        self.broken(&file.path, too_many(limit));
                        break;
                    }
                }
            }
        }
    }

    fn package(
        &mut self,
        file: &'f FoundFile,
        layer: Option<usize>,
        package: &'f Package,
    ) -> Result<(), String> {
        let Package { name, version, .. } = package;
        let purl = purl(self.context.os(), package).map_err(|error| format!("package {name}: {error}"))?;
        if !self.seen.insert((name, version, package.architecture.as_deref())) {
            // A repeated entry adds nothing.
            return Ok(());
        }
        if self.names.insert(name, version).is_some() {
            self.broken(&file.path, format!("line {}: package {name} occurs twice", package.line));
        }
        let origin = package.origin.as_ref().unwrap_or(name);
        let listed = Component {
            name: name.clone(),
            version: version.clone(),
            source: Some(SourcePackage { name: origin.clone(), version: version.clone() }),
            licenses: package.licence.as_deref().and_then(Licence::stated).into_iter().collect(),
            supplier: package.maintainer.clone(),
            origin: homepage(package.homepage.as_deref()),
            ..Component::from_purl(purl)
        };
        let owner = add_listed(self.context, file, layer, listed);
        package.files.claim(owner, self.context);
        Ok(())
    }

    fn broken(&mut self, path: &str, detail: String) {
        self.state.broken(self.context, path, detail);
    }
}

/// `pkg:apk/alpine/ssl_client@1.36.1-r2?arch=x86_64&distro=alpine-3.18.4&upstream=busybox`, as other scanners write it:
/// the origin only if it is another package.
fn purl(os: Option<&OsRelease>, package: &Package) -> Result<Purl, plimsoll_core::purl::ParseError> {
    let upstream = package.origin.as_deref().filter(|origin| *origin != package.name);
    Purl::builder("apk", &package.name)
        .namespace(os.map_or("alpine", |os| os.id.as_str()))
        .version(&package.version)
        .qualifier("arch", package.architecture.as_deref().unwrap_or_default())
        .qualifier("distro", os.map(OsRelease::distro).unwrap_or_default())
        .qualifier("upstream", upstream.unwrap_or_default())
        .build()
}

#[cfg(test)]
mod tests;

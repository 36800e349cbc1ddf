//! rpm's packages: Red Hat, Fedora, SUSE, Amazon, Azure Linux and distributions derived from them.
//!
//! The database is one of three files, depending on the version of rpm: Berkeley DB's `Packages`, `Packages.db` in
//! rpm's own format, or `rpmdb.sqlite`. Each contains one header per package, which [`package`] reads. Systems without
//! rpm may have a list of packages instead, which [`manifest`] and [`bottlerocket`] read. The database is rewritten for
//! every package, so the layer of a package is the first one from which every version of the database lists it. Two
//! versions of one package may be installed at the same time.

mod bottlerocket;
mod header;
mod manifest;
mod package;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile, Need};
use plimsoll_core::{Distribution, Purl};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::origin::homepage;
use crate::inventory::{Component, OsRelease, SourcePackage};
use crate::licence::Licence;
use crate::os::database::{Entries, Entry, Layers, State, too_many};
use crate::os::files::add_listed;
use crate::storage::sqlite::{self, Value};
use crate::storage::{Malformed, berkeley, rpm_ndb};
use package::{Package, Packages};

const SQLITE: u16 = 0;
const NDB: u16 = 1;
const BERKELEY: u16 = 2;
const MANIFEST: u16 = 3;
const SHORT_MANIFEST: u16 = 4;
const BOTTLEROCKET: u16 = 5;
const PENDING: u16 = 6;
/// The files that list packages.
const DATABASES: [u16; 5] = [SQLITE, NDB, BERKELEY, MANIFEST, BOTTLEROCKET];

/// The folders of the databases, with those that SUSE and images that are updated as a whole use instead of `/var`.
const SQLITE_FILES: [&str; 3] =
    ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite"];
const NDB_FILES: [&str; 3] =
    ["var/lib/rpm/Packages.db", "usr/lib/sysimage/rpm/Packages.db", "usr/share/rpm/Packages.db"];
const BERKELEY_FILES: [&str; 3] =
    ["var/lib/rpm/Packages", "usr/lib/sysimage/rpm/Packages", "usr/share/rpm/Packages"];
/// The files in which SQLite keeps changes that are not in the database yet, and the pages that it must restore.
const PENDING_FILES: [&str; 6] = [
    "var/lib/rpm/rpmdb.sqlite-wal",
    "var/lib/rpm/rpmdb.sqlite-journal",
    "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "usr/lib/sysimage/rpm/rpmdb.sqlite-journal",
    "usr/share/rpm/rpmdb.sqlite-wal",
    "usr/share/rpm/rpmdb.sqlite-journal",
];

const SELECTIONS: &[Selection] = &[
    Selection::whole(&SQLITE_FILES, Bound::Database),
    Selection::whole(&NDB_FILES, Bound::Database),
    Selection::whole(&BERKELEY_FILES, Bound::Database),
    Selection::whole(&[manifest::PATH], Bound::List),
    Selection { paths: &[manifest::SHORT], mode: Mode::Any, min_size: 0, need: Need::Name },
    Selection::whole(&[bottlerocket::PATH], Bound::List),
    Selection {
        paths: &PENDING_FILES,
        mode: Mode::Any,
        min_size: 1,
        need: Need::Head { bytes: sqlite::PENDING_HEAD },
    },
];

pub(crate) struct Rpm;

/// A file has changes that its database does not have.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pending;

/// A file exists.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Present;

impl Footprint for Pending {
    fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}

impl Footprint for Present {
    fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}

impl Cataloger for Rpm {
    fn id(&self) -> &'static str {
        "rpm"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["rpm"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const {
            &[
                FactKind::for_type::<Packages>(),
                FactKind::for_type::<Present>(),
                FactKind::for_type::<Pending>(),
            ]
        }
    }

    fn is_database(&self, selection: u16) -> bool {
        DATABASES.contains(&selection)
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(match selection {
            SQLITE | NDB | BERKELEY => Arc::new(database(file, selection)),
            MANIFEST => Arc::new(manifest::read(file)),
            SHORT_MANIFEST => Arc::new(Present),
            BOTTLEROCKET => Arc::new(bottlerocket::read(file)),
            _ => return sqlite::is_pending(file.content).then(|| Arc::new(Pending) as Arc<dyn Fact>),
        })
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut reader = Reader { context, state: State::default(), seen: BTreeSet::new() };
        for selection in DATABASES.into_iter().chain([PENDING]) {
            reader.state.unread(reader.context, selection);
        }
        reader.databases();
        reader.pending();
        let Reader { context, state, seen, .. } = reader;
        let [path, ..] = SQLITE_FILES;
        state.finish(context, path, "rpm", seen.len());
    }
}

/// Reads a database.
fn database(file: &File<'_>, form: u16) -> Packages {
    let mut entries = Entries::new(file.limits);
    let max = file.limits.metadata_bytes;
    let mut visit = |blob: Result<&[u8], Malformed>| {
        if entries.is_full() {
            return ControlFlow::Break(());
        }
        match blob.map_err(|malformed| malformed.to_string()).and_then(|blob| package::read(file, blob)) {
            Ok(Some(package)) => entries.package(package),
            Ok(None) => {}
            Err(what) => entries.broken(what),
        }
        ControlFlow::Continue(())
    };
    let read = match form {
        SQLITE => in_sqlite(file.content, max, &mut visit),
        NDB => rpm_ndb::visit(file.content, max, &mut visit),
        // The key 0 stores the last number that was assigned.
        _ => berkeley::visit(file.content, 0, max, &mut visit),
    };
    if let Err(malformed) = read {
        entries.broken(malformed.to_string());
    }
    Packages(entries.complete())
}

/// Visits the column `blob` of the table `Packages`.
fn in_sqlite(content: &[u8], max: u64, visit: &mut crate::storage::Visit<'_>) -> Result<(), Malformed> {
    let database = sqlite::Database::open(content)?;
    let there = database.table("Packages", max, &mut |record| {
        visit(record.and_then(|record| match sqlite::column(record, 1) {
            Some(Value::Blob(blob)) => Ok(blob),
            _ => Err(Malformed::Unsupported { format: "SQLite", what: "a row of Packages without a header" }),
        }))
    })?;
    if there || content.is_empty() {
        return Ok(());
    }
    Err(Malformed::Unsupported { format: "SQLite", what: "no table Packages" })
}

struct Reader<'r, 'c, 'f> {
    context: &'r mut Context<'c, 'f>,
    state: State,
    /// Name, epoch, version, architecture.
    seen: BTreeSet<(&'f str, u32, &'f str, Option<&'f str>)>,
}

impl<'f> Reader<'_, '_, 'f> {
    fn databases(&mut self) {
        let limit = self.context.limits.packages;
        let databases: Vec<_> = self.context.distinct::<Packages>(&DATABASES).collect();
        for (file, packages) in databases {
            self.state.present = true;
            let layers =
                Layers::of_packages(self.context, file, &DATABASES, |packages: &Packages| &packages.0);
            for entry in packages.0.iter() {
                match entry {
                    Entry::Broken(what) => self.broken(&file.path, what.clone()),
                    Entry::Package(package) if self.seen.len() < limit => {
                        if let Err(what) = self.package(file, layers.of_package(package), package) {
                            self.broken(&file.path, what);
                        }
                    }
                    Entry::Package(_) => {
                        self.broken(&file.path, too_many(limit));
                        break;
                    }
                }
            }
        }
        let short: Vec<_> = self.context.facts::<Present>(SHORT_MANIFEST).collect();
        for (file, Present) in short {
            if self.context.facts::<Packages>(MANIFEST).next().is_none() {
                self.broken(&file.path, format!("is present without {}, and is not read", manifest::PATH));
            }
        }
    }

    fn package(
        &mut self,
        file: &'f FoundFile,
        layer: Option<usize>,
        package: &'f Package,
    ) -> Result<(), String> {
        let Package { name, epoch, version, architecture, .. } = package;
        // A repeated package, in a list next to the database or in a copy of it, adds nothing.
        if !self.seen.insert((name, epoch.unwrap_or_default(), version, architecture.as_deref())) {
            return Ok(());
        }
        let purl = purl(self.context.os(), package).map_err(|error| format!("package {name}: {error}"))?;
        let epoch = epoch.filter(|epoch| *epoch != 0);
        let source = package.source.as_deref();
        let listed = Component {
            name: name.clone(),
            version: epoch.map_or_else(|| version.clone(), |epoch| format!("{epoch}:{version}")),
            source: source.and_then(|source| SourcePackage::of_source_rpm(source, epoch)),
            licenses: package.licence.as_deref().and_then(Licence::stated).into_iter().collect(),
            supplier: package.supplier.clone(),
            origin: homepage(package.homepage.as_deref()),
            ..Component::from_purl(purl)
        };
        let owner = add_listed(self.context, file, layer, listed);
        package.files.claim(owner, self.context);
        Ok(())
    }

    /// Reports which databases have changes in other files.
    fn pending(&mut self) {
        let pending: Vec<_> = self.context.distinct::<Pending>(&[PENDING]).collect();
        for (file, Pending) in pending {
            let detail = "has changes that are not in the database yet, and is not read: close the database \
                          before the image is made, or run `rpm --rebuilddb`";
            self.broken(&file.path, detail.to_owned());
        }
    }

    fn broken(&mut self, path: &str, detail: String) {
        self.state.broken(self.context, path, detail);
    }
}

/// `pkg:rpm/redhat/libuuid@2.32.1-42.el8_8?arch=x86_64&distro=rhel-8.8&upstream=util-linux-2.32.1-42.el8_8.src.rpm`, as
/// other scanners write it, with the module as Red Hat writes it.
fn purl(os: Option<&OsRelease>, package: &Package) -> Result<Purl, plimsoll_core::purl::ParseError> {
    let namespace = os.map(|os| {
        let known = Distribution::by_id(&os.id).and_then(|known| known.namespaces.first());
        known.map_or(os.id.as_str(), |namespace| namespace)
    });
    let epoch = package.epoch.filter(|epoch| *epoch != 0);
    let builder = Purl::builder("rpm", &package.name)
        .version(&package.version)
        .qualifier("arch", package.architecture.as_deref().unwrap_or_default())
        .qualifier("distro", os.map(OsRelease::distro).unwrap_or_default())
        .qualifier("epoch", epoch.map(|epoch| epoch.to_string()).unwrap_or_default())
        .qualifier("rpmmod", package.module.as_deref().unwrap_or_default())
        .qualifier("upstream", package.source.as_deref().unwrap_or_default());
    match namespace {
        Some(namespace) => builder.namespace(namespace).build(),
        None => builder.build(),
    }
}

#[cfg(test)]
mod tests;

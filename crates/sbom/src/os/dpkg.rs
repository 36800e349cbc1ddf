//! Debian packages: `var/lib/dpkg/status`, and one file a package under `status.d` in distroless images.
//!
//! [`status`] says what counts as a package, [`records`] which files it installed, [`copyright`] its licences. The
//! layer of a package is the one with its digests: dpkg rewrites these when it installs the package, and `status` for
//! every other package too. Without digests, it is the first one from which every `status` lists the package.

mod copyright;
mod records;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Bound, Fact, Footprint as _, FoundFile};
use plimsoll_core::text::shortened;

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::origin::homepage;
use crate::inventory::{
    Component, ComponentIndex, DetectedLicence, Location, OsRelease, ProblemCode, SourcePackage,
};
use crate::os::database::{Entry, Layers, State, too_many};
use crate::os::files::OwnedFiles;
use copyright::{AROUND, Copyright};
use status::{Form, Package, Status};

/// dpkg's list of packages in one file.
const STATUS_FILE: &str = "var/lib/dpkg/status";
/// One file for each package, as in distroless images, with the digests next to it: `base`, `base.md5sums`.
const STATUS_DIRECTORY: &str = "var/lib/dpkg/status.d/";
/// dpkg's files about single packages: `python3-yaml.md5sums`, `libc6:amd64.list`.
const INFO: &str = "var/lib/dpkg/info/";

const STATUS: u16 = 0;
const DIGESTS: u16 = 1;
const LIST: u16 = 2;
const ENTRY: u16 = 3;
const UPDATE: u16 = 4;
const COPYRIGHT: u16 = 5;
const ALL_LISTS: u16 = 6;

/// The lists of files of all packages. `.md5sums` do not contain configuration files.
const LISTS: &[&str] = &["var/lib/dpkg/info/*.list"];

const SELECTIONS: &[Selection] = &[
    // About 1 KiB a package.
    Selection::whole(&[STATUS_FILE], Bound::List),
    // 60 to 100 bytes a file; the largest Debian packages have some 50,000 files.
    Selection::whole(&["var/lib/dpkg/info/*.md5sums", "var/lib/dpkg/status.d/*.md5sums"], Bound::Metadata),
    // Since 2012, dpkg writes `.md5sums` for every package, so the lists of files are needed only if a package manager
    // was configured to leave them out. They prove nothing, and only those of Python packages are worth the time.
    Selection::whole(&["var/lib/dpkg/info/python*.list", "var/lib/dpkg/info/pypy*.list"], Bound::Metadata),
    // One package's paragraph.
    Selection::whole(&["var/lib/dpkg/status.d/*"], Bound::Metadata),
    // Updates that dpkg has not merged into `status`, and that override it: each is one package's paragraph.
    Selection::whole(&["var/lib/dpkg/updates/*"], Bound::Metadata),
    // Some 10 KiB a package. Images without documentation keep them, because licences require it.
    Selection::whole(&["usr/share/doc/*/copyright"], Bound::Metadata),
    Selection::whole(LISTS, Bound::Metadata),
];

pub(crate) struct Dpkg;

impl Cataloger for Dpkg {
    fn id(&self) -> &'static str {
        "dpkg"
    }

    fn version(&self) -> u32 {
        4
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["deb"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const {
            &[
                FactKind::for_type::<Status>(),
                FactKind::for_type::<OwnedFiles>(),
                FactKind::for_type::<Copyright>(),
            ]
        }
    }

    fn is_database(&self, selection: u16) -> bool {
        selection == STATUS
    }

    fn is_only_for_owners(&self, selection: &Selection) -> bool {
        selection.paths == LISTS
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(match selection {
            STATUS | UPDATE => Arc::new(status::read(file, Form::Status)),
            ENTRY => Arc::new(status::read(file, Form::Directory)),
            DIGESTS => Arc::new(records::digests(file)),
            LIST | ALL_LISTS => Arc::new(records::list(file)),
            COPYRIGHT => Arc::new(copyright::read(file.content)),
            _ => return None,
        })
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let layers = layers_of_packages(context);
        let mut reader = Reader {
            context,
            state: State::default(),
            layers,
            found: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        for selection in [STATUS, ENTRY, UPDATE] {
            reader.state.unread(reader.context, selection);
        }
        reader.packages(STATUS);
        reader.packages(ENTRY);
        reader.updates();
        reader.behind_a_link();
        reader.records();
        reader.licences();
        let Reader { context, state, seen, .. } = reader;
        state.finish(context, STATUS_FILE, "deb", seen.len());
    }
}

fn layers_of_packages<'f>(context: &Context<'_, 'f>) -> BTreeMap<&'f str, usize> {
    let info = |path| str::strip_prefix(path, INFO).and_then(|name| name.strip_suffix(".md5sums"));
    let records = context.facts::<OwnedFiles>(DIGESTS);
    records.filter_map(|(file, _)| Some((info(&file.path)?, file.layer?))).collect()
}

struct Reader<'r, 'c, 'f> {
    context: &'r mut Context<'c, 'f>,
    state: State,
    layers: BTreeMap<&'f str, usize>,
    /// The components, by name and architecture.
    found: BTreeMap<(&'f str, &'f str), ComponentIndex>,
    /// Everything that is known of each package that was found.
    seen: BTreeSet<(&'f str, &'f str, &'f str, &'f SourcePackage)>,
}

impl<'f> Reader<'_, '_, 'f> {
    fn packages(&mut self, selection: u16) {
        let limit = self.context.limits.packages;
        for (file, status) in self.context.facts::<Status>(selection) {
            self.state.present = true;
            let layers = Layers::of_packages(self.context, file, &[selection], |status: &Status| &status.0);
            for entry in status.0.iter() {
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

    /// Lists what dpkg has not merged into `status` yet. The names of such files are numbers.
    fn updates(&mut self) {
        for (file, status) in self.context.facts::<Status>(UPDATE) {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let detail = format!("dpkg was interrupted before it wrote this into {STATUS_FILE}");
            self.broken(&file.path, detail);
            for entry in status.0.iter() {
                if let Entry::Package(package) = entry
                    && self.seen.len() < self.context.limits.packages
                    && let Err(what) = self.package(file, file.layer, package)
                {
                    self.broken(&file.path, what);
                }
            }
        }
    }

    /// Reports that the folder of the database is elsewhere. Of its files, only `status` is found through a link.
    fn behind_a_link(&mut self) {
        let is_seen =
            [DIGESTS, LIST].into_iter().any(|it| self.context.facts::<OwnedFiles>(it).next().is_some())
                || self.context.facts::<Status>(ENTRY).next().is_some();
        let status = self.context.facts::<Status>(STATUS).find(|(file, _)| file.path != file.real_path);
        if let Some((file, _)) = status.filter(|_| !is_seen) {
            let detail = format!(
                "is a link to {}, and the other files there are not read",
                shortened(&file.real_path)
            );
            self.broken(&file.path, detail);
        }
    }

    fn package(
        &mut self,
        file: &'f FoundFile,
        layer: Option<usize>,
        package: &'f Package,
    ) -> Result<(), String> {
        let Package { name, version, source, .. } = package;
        let architecture = package.architecture.as_deref();
        if let Some(state) = &package.unfinished {
            let detail = format!("{name} {version} is {state}: its installation was not completed");
            self.state.problem(self.context, ProblemCode::PackageNotConfigured, &file.path, detail);
        }
        let purl = purl(self.context.os(), package).map_err(|error| format!("package {name}: {error}"))?;
        let key = (name.as_str(), architecture.unwrap_or_default());
        if !self.seen.insert((key.0, key.1, version, source)) {
            // Distroless images that are built in steps have the same paragraph in both forms of the database.
            return Ok(());
        }
        if self.found.contains_key(&key) {
            let detail = format!("line {}: package {name} occurs twice", package.line);
            self.broken(&file.path, detail);
        }
        let with_architecture = architecture.map(|architecture| format!("{name}:{architecture}"));
        let layer_of_digests = with_architecture
            .and_then(|name| self.layers.get(name.as_str()))
            .or_else(|| self.layers.get(name.as_str()))
            .copied();
        let index = self.context.add(Component {
            name: name.clone(),
            version: version.clone(),
            source: Some(source.clone()),
            supplier: package.supplier.clone(),
            origin: homepage(package.homepage.as_deref()),
            locations: vec![Location { path: file.path.clone(), layer: layer_of_digests.or(layer) }],
            ..Component::from_purl(purl)
        });
        self.found.entry(key).or_insert(index);
        Ok(())
    }

    /// Claims the files of installed packages. Records of a package that is not installed are ignored.
    fn records(&mut self) {
        for selection in [DIGESTS, LIST, ALL_LISTS] {
            for (file, records) in self.context.facts::<OwnedFiles>(selection) {
                let Some(owner) = self.installed(&file.path) else { continue };
                records.claim(owner, self.context);
            }
        }
    }

    /// Adds the licences in the copyright files. A package without its own file, whose folder is a link to another's,
    /// gets the licences of the packages that were built from the same source: Debian has one such file for each
    /// source. Any number of packages may share one, so the copies are bounded; beyond the bound, packages have none.
    fn licences(&mut self) {
        let mut of_package: BTreeMap<&str, (&str, &Copyright)> = BTreeMap::new();
        for (file, copyright) in self.context.facts::<Copyright>(COPYRIGHT) {
            let name = file.path.strip_prefix(AROUND.0).and_then(|rest| rest.strip_suffix(AROUND.1));
            let found = (file.path.as_str(), copyright);
            of_package.extend(name.filter(|_| !copyright.is_empty()).map(|name| (name, found)));
        }
        let mut left = usize::try_from(self.context.limits.kept_file_bytes).unwrap_or(usize::MAX);
        let components = &mut self.context.found.inventory.components;
        let mut state = |component: &mut Component, (path, copyright): (&str, &Copyright)| {
            let detected = copyright.text.iter().flat_map(|text| text.detected(path));
            let detected: Vec<DetectedLicence> = detected.collect();
            let paths = detected.len() * (size_of::<DetectedLicence>() + path.len());
            if let Some(rest) = left.checked_sub(copyright.footprint() + paths) {
                left = rest;
                component.licenses.clone_from(&copyright.stated);
                component.detected = detected;
            }
        };
        let mut of_source: BTreeMap<SourcePackage, (&str, &Copyright)> = BTreeMap::new();
        let mut without = Vec::new();
        for ((name, _), index) in &self.found {
            let Some(component) = components.get_mut(index.0) else { continue };
            match (of_package.get(name), &component.source) {
                (Some(copyright), source) => {
                    of_source.extend(source.clone().map(|source| (source, *copyright)));
                    state(component, *copyright);
                }
                (None, _) => without.push(*index),
            }
        }
        for index in without {
            let Some(component) = components.get_mut(index.0) else { continue };
            if let Some(copyright) = component.source.as_ref().and_then(|source| of_source.get(source)) {
                state(component, *copyright);
            }
        }
    }

    /// The package that a file of records is about: `libc6:amd64.md5sums` or `python3-yaml.list`.
    fn installed(&self, path: &str) -> Option<ComponentIndex> {
        let name = path.strip_prefix(INFO).or_else(|| path.strip_prefix(STATUS_DIRECTORY))?;
        let (package, _) = name.rsplit_once('.')?;
        if let Some((name, architecture)) = package.split_once(':') {
            return self.found.get(&(name, architecture)).copied();
        }
        let of_name = self.found.range((package, "")..).take_while(|((name, _), _)| *name == package);
        of_name.map(|(_, index)| *index).min()
    }

    fn broken(&mut self, path: &str, detail: String) {
        self.state.broken(self.context, path, detail);
    }
}

/// `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc`, as other scanners expect it: the source's
/// version only if it differs.
fn purl(os: Option<&OsRelease>, package: &Package) -> Result<Purl, plimsoll_core::purl::ParseError> {
    let Package { name, version, source: SourcePackage { name: source, version: source_version }, .. } =
        package;
    let upstream = match (source == name, source_version == version) {
        (true, true) => String::new(),
        (false, true) => source.clone(),
        (_, false) => format!("{source}@{source_version}"),
    };
    Purl::builder("deb", name)
        .namespace(os.map_or("debian", |os| os.id.as_str()))
        .version(version)
        .qualifier("arch", package.architecture.as_deref().unwrap_or_default())
        .qualifier("distro", os.map(OsRelease::distro).unwrap_or_default())
        .qualifier("upstream", upstream)
        .build()
}

#[cfg(test)]
mod tests;

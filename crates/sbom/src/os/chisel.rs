//! chisel's slices of Ubuntu packages, in images that have no dpkg.
//!
//! Follows chisel's `public/manifest`: lines of JSON ("jsonwall"), compressed by zstd. A package is installed with some
//! of its files, each with its SHA-256. Slices are named after their package: `libc6_libs`.
//!
//! ```text
//! {"jsonwall":"1.0","schema":"1.0","count":3}
//! {"kind":"package","name":"libc6","version":"2.39-0ubuntu8.4","sha256":"b2e8…","arch":"amd64"}
//! {"kind":"path","path":"/usr/lib/x86_64-linux-gnu/libc.so.6","mode":"0755","slices":["libc6_libs"],"sha256":"e7a9…","size":2125328}
//! {"kind":"slice","name":"libc6_libs"}
//! ```
//!
//! It does not say which source a package was built from, although advisories are about sources. That is reported,
//! unless dpkg's own database has the package too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile};
use plimsoll_core::{LimitExceeded, Limits, Purl, json};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, OsRelease, SourcePackage};
use crate::os::database::{Entries, Entry, Identity, Layers, Listed, State, is_word, too_many};
use crate::os::files::{OwnedFiles, OwnedFilesBuilder, add_listed};
use crate::ownership::RecordedDigest;

const MANIFEST: u16 = 0;
const PATH: &str = "var/lib/chisel/manifest.wall";

const SELECTIONS: &[Selection] = &[Selection::whole(&[PATH], Bound::List)];

pub(crate) struct Chisel;

/// The content of the manifest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Manifest(Entries<Package>);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    architecture: Option<String>,
    files: OwnedFiles,
}

impl Listed for Package {
    fn identity(&self) -> Identity<'_> {
        (&self.name, &self.version, self.architecture.as_deref().unwrap_or_default(), 0)
    }
}

impl Footprint for Manifest {
    fn footprint(&self) -> usize {
        self.0.bytes(|Package { name, version, architecture, files }| {
            let architecture = architecture.as_ref().map_or(0, String::len);
            name.len() + version.len() + architecture + files.bytes()
        })
    }
}

impl Cataloger for Chisel {
    fn id(&self) -> &'static str {
        "chisel"
    }

    fn version(&self) -> u32 {
        2
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
        const { &[FactKind::for_type::<Manifest>()] }
    }

    fn is_database(&self, selection: u16) -> bool {
        selection == MANIFEST
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(Arc::new(manifest(file)))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut state = State::default();
        state.unread(context, MANIFEST);
        let (mut found, mut without_source) = (0, None);
        let limit = context.limits.packages;
        let mut known: HashMap<(String, String, String), ComponentIndex> = HashMap::new();
        for (component, index) in context.found.inventory.components.iter().zip(0..) {
            let architecture = component.purl.qualifier("arch").unwrap_or_default().to_owned();
            if component.purl.package_type() == "deb" {
                let key = (component.name.clone(), component.version.clone(), architecture);
                known.insert(key, ComponentIndex(index));
            }
        }
        for (file, manifest) in context.facts::<Manifest>(MANIFEST).collect::<Vec<_>>() {
            state.present = true;
            let layers = Layers::of_packages(context, file, &[MANIFEST], |manifest: &Manifest| &manifest.0);
            for entry in manifest.0.iter() {
                match entry {
                    Entry::Broken(what) => state.broken(context, &file.path, what.clone()),
                    Entry::Package(_) if found >= limit => {
                        state.broken(context, &file.path, too_many(limit));
                        break;
                    }
                    Entry::Package(package) => match owner(context, &mut known, file, &layers, package) {
                        Ok((owner, is_new)) => {
                            found += 1;
                            if is_new {
                                without_source.get_or_insert((&file.path, &package.name));
                            }
                            package.files.claim(owner, context);
                        }
                        Err(what) => state.broken(context, &file.path, what),
                    },
                }
            }
        }
        if let Some((path, name)) = without_source {
            let detail = format!(
                "does not say which sources {name} and other packages were built from, and advisories are about these"
            );
            state.broken(context, path, detail);
        }
        state.finish(context, PATH, "deb", found);
    }
}

/// The component of a package, and whether it is new: dpkg's database may already have it.
fn owner(
    context: &mut Context<'_, '_>,
    known: &mut HashMap<(String, String, String), ComponentIndex>,
    file: &FoundFile,
    layers: &Layers<'_>,
    package: &Package,
) -> Result<(ComponentIndex, bool), String> {
    let Package { name, version, architecture, .. } = package;
    let architecture = architecture.clone().unwrap_or_default();
    let key = (name.clone(), version.clone(), architecture.clone());
    if let Some(known) = known.get(&key) {
        return Ok((*known, false));
    }
    let purl = Purl::builder("deb", name)
        .namespace(context.os().map_or("ubuntu", |os| os.id.as_str()))
        .version(version)
        .qualifier("arch", architecture)
        .qualifier("distro", context.os().map(OsRelease::distro).unwrap_or_default())
        .build()
        .map_err(|error| format!("package {name}: {error}"))?;
    let listed = Component {
        name: name.clone(),
        version: version.clone(),
        source: Some(SourcePackage { name: name.clone(), version: version.clone() }),
        ..Component::from_purl(purl)
    };
    let component = add_listed(context, file, layers.of_package(package), listed);
    known.insert(key, component);
    Ok((component, true))
}

/// A line of the manifest. Lines of other kinds are not needed.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    Package {
        name: String,
        version: String,
        #[serde(default)]
        arch: Option<String>,
    },
    Path {
        path: String,
        #[serde(default)]
        slices: Vec<String>,
        #[serde(default)]
        sha256: Option<String>,
        /// The digest of the file after chisel has changed it.
        #[serde(default)]
        final_sha256: Option<String>,
    },
    #[serde(other)]
    Other,
}

fn manifest(file: &File<'_>) -> Manifest {
    let mut entries = Entries::new(file.limits);
    let text = match inflated(file.content, file.limits) {
        Ok(text) => text,
        Err(what) => {
            entries.broken(what);
            return Manifest(entries.complete());
        }
    };
    let mut lines = text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    let is_wall = lines.next().is_some_and(|(line, _)| line.starts_with(b"{\"jsonwall\":\"1."));
    if !is_wall {
        entries.broken("is not a jsonwall of version 1".to_owned());
    }
    let mut packages: Vec<Package> = Vec::new();
    let mut files: BTreeMap<String, OwnedFilesBuilder<'_, '_>> = BTreeMap::new();
    for (line, number) in lines {
        match json::from_slice(line, line.len() as u64) {
            Ok(Line::Package { name, version, arch }) if is_word(&name) && is_word(&version) => {
                let architecture = arch.filter(|arch| is_word(arch));
                packages.push(Package { name, version, architecture, ..Package::default() });
            }
            Ok(Line::Package { .. }) => {
                entries.broken(format!("line {number}: has no usable name or version"));
            }
            Ok(Line::Path { path, slices, sha256, final_sha256 }) => {
                let digest = final_sha256.or(sha256).map(|digest| RecordedDigest::sha256(&digest));
                // Directories belong to most slices.
                if path.ends_with('/') {
                    continue;
                }
                let of_slice = |slice: &String| Some(slice.split_once('_')?.0.to_owned());
                let packages: BTreeSet<_> = slices.iter().filter_map(of_slice).collect();
                // The path is written once for all of them, and a few kilobytes can inflate to the whole limit.
                let share = line.len() / packages.len().max(1) / 4;
                for package in packages {
                    let owned = files.entry(package).or_insert_with(|| OwnedFilesBuilder::new(file, 0));
                    owned.written(share);
                    owned.add(&path, digest.clone());
                }
            }
            Ok(Line::Other) => {}
            Err(error) => entries.broken(format!("line {number}: {error}")),
        }
    }
    for mut package in packages {
        if entries.is_full() {
            break;
        }
        if let Some(owned) = files.remove(&package.name) {
            package.files = owned.finish();
        }
        entries.package(package);
    }
    Manifest(entries.complete())
}

/// The text of the manifest.
fn inflated(content: &[u8], limits: &Limits) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("is not a zstd file: {error}");
    let mut decoder = zstd::Decoder::with_buffer(content).map_err(unreadable)?;
    let window = limits.zstd_window_bytes.max(1).ilog2();
    decoder.window_log_max(window).map_err(unreadable)?;
    let limit = limits.kept_file_bytes;
    let mut text = Vec::new();
    decoder.take(limit.saturating_add(1)).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > limit {
        return Err(LimitExceeded::new("kept_file_bytes", limit, "the manifest").to_string());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::select;
    use crate::{Inventory, OwnerEvidence, ProblemCode};

    const METADATA: &[u8] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
    const PYTHON: &str = "usr/lib/python3/dist-packages/demo-1.0.dist-info/METADATA";

    fn catalog(list: &[(&str, &[u8])]) -> Inventory {
        let mut set = FileSet::default();
        for (path, content) in
            [("etc/os-release", &b"ID=ubuntu\nVERSION_ID=\"24.04\"\n"[..])].iter().chain(list)
        {
            set.add(select(), path, Some(1), content);
        }
        crate::catalog(&set, &Limits::default())
    }

    fn wall() -> String {
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(METADATA));
        format!(
            "{{\"jsonwall\":\"1.0\",\"schema\":\"1.0\",\"count\":4}}\n\
             {{\"kind\":\"content\",\"slice\":\"demo_libs\",\"path\":\"/x\"}}\n\
             {{\"kind\":\"package\",\"name\":\"demo\",\"version\":\"1.0-1\",\"sha256\":\"0\",\"arch\":\"amd64\"}}\n\
             {{\"kind\":\"path\",\"path\":\"/{PYTHON}\",\"slices\":[\"demo_libs\",\"demo_x\"],\"sha256\":\"0\",\"final_sha256\":\"{digest}\"}}\n"
        )
    }

    fn packed(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 0).unwrap()
    }

    #[test]
    fn lists_packages_and_reports_that_their_sources_are_unknown() {
        let found = catalog(&[(PATH, &packed(&wall())), (PYTHON, METADATA)]);
        let package = found.components.iter().position(|it| it.purl.package_type() == "deb").unwrap();
        let purl = found.components[package].purl.to_string();
        assert_eq!(purl, "pkg:deb/ubuntu/demo@1.0-1?arch=amd64&distro=ubuntu-24.04");
        let python = found.components.iter().position(|it| it.purl.package_type() == "pypi").unwrap();
        let owner = found.owner(ComponentIndex(python)).unwrap();
        assert_eq!((owner.package.name.as_str(), owner.evidence), ("demo", OwnerEvidence::DigestsMatch));
        let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
        assert_eq!((problem.code, problem.path.as_str()), (ProblemCode::OsInventoryBroken, PATH));
        assert!(problem.detail.contains("does not say which sources"), "{}", problem.detail);
    }

    #[test]
    fn a_package_that_dpkg_lists_too_is_listed_once_with_its_source() {
        let status = b"Package: demo\nStatus: install ok installed\nArchitecture: amd64\nSource: src\nVersion: 1.0-1\n";
        let found = catalog(&[(PATH, &packed(&wall())), ("var/lib/dpkg/status", status)]);
        assert_eq!((found.components.len(), found.problems.len()), (1, 0), "{:?}", found.problems);
        assert_eq!(found.components[0].source.as_ref().map(|source| source.name.as_str()), Some("src"));
    }

    #[test]
    fn an_unreadable_manifest_is_reported() {
        for bad in [
            Vec::new(),
            b"garbage".to_vec(),
            packed("{}\n"),
            packed("{\"jsonwall\":\"1.0\"}\n{\"kind\":\"package\",\"name\":\"a b\",\"version\":\"1\"}\n"),
            packed("{\"jsonwall\":\"1.0\"}\n{\"kind\":\"package\",\"name\":\"a\"}\n"),
            packed(&" ".repeat((64 << 20) + 1)),
        ] {
            let found = catalog(&[(PATH, &bad)]);
            assert!(found.problems.iter().any(|problem| problem.code == ProblemCode::OsInventoryBroken));
            assert_eq!(found.components, []);
        }
    }

    /// Each of many packages claims each of many files.
    #[test]
    fn a11_paths_times_slices_cost_no_more_than_their_length() {
        let slices: Vec<String> = (0..2_000).map(|n| format!("\"p{n}_s\"")).collect();
        let slices = slices.join(",");
        let folder = "x".repeat(2_000);
        let mut lines = vec!["{\"jsonwall\":\"1.0\"}".to_owned()];
        lines.extend(
            (0..2_000).map(|n| format!("{{\"kind\":\"package\",\"name\":\"p{n}\",\"version\":\"1\"}}")),
        );
        lines.extend((0..200).map(|n| {
            format!("{{\"kind\":\"path\",\"path\":\"/{folder}/{n}/{PYTHON}\",\"slices\":[{slices}]}}")
        }));
        let text = lines.join("\n") + "\n";
        let limits = Limits::default();
        let all = |_: &str| true;
        let manifest = manifest(&File {
            content: &packed(&text),
            limits: &limits,
            shows_package: &all,
            may_be_unread: &all,
        });
        assert!(manifest.footprint() < 6 * text.len(), "{} of {}", manifest.footprint(), text.len());
    }

    proptest! {
        #[test]
        fn never_panics(lines in "(\\{\"(kind|path|slices)\":\"?[a-z\\[\\]{}\",:]{0,20}\n){0,10}") {
            catalog(&[(PATH, &packed(&format!("{{\"jsonwall\":\"1.0\"}}\n{lines}")))]);
        }
    }
}

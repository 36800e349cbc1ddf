//! Lock files: the packages that a project wants installed. Development dependencies are marked.
//!
//! Packages that are installed for the project count instead, see [`Installed`]. A lock file in an installed package,
//! or of a package of the operating system, only lists what its author tested with, and is ignored. The rest is listed,
//! because it may have been bundled, compiled, or installed without a trace.
//!
//! A format is a file here and a row of [`LIST`].

mod actions;
mod apple;
mod assets;
mod bun;
mod cargo;
mod conan;
mod conda;
mod deno;
mod docker;
mod go;
mod gradle;
mod haskell;
mod hex;
mod julia;
mod lua;
mod nimble;
mod nuget;
mod nuget_xml;
mod opam;
mod paket;
mod perl;
mod php;
mod pnpm;
mod project;
mod pubspec;
mod python;
mod r;
mod requirements;
mod ruby;
mod terraform;
mod vcpkg;
mod yarn;

use std::sync::{Arc, LazyLock};

use plimsoll_core::rootfs::{Bound, Fact, FoundFile};
use plimsoll_core::text::shortened;
use plimsoll_core::{json, yaml};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::installed::Installed;
use crate::inventory::{Checksum, Component, Declaration, Origin, ProblemCode, Requester, Scope};
use crate::language::maven::Maven;
use crate::language::shown::{Package, Shown};
use crate::ownership::FileDigests;
use crate::path::folder_of;
use crate::telltales;

/// A format.
struct Lockfile {
    paths: &'static [&'static str],
    /// The type of the package URLs.
    purl_type: &'static str,
    /// Reads the packages of a file, or says why it cannot.
    read: fn(&str) -> Result<Vec<Locked>, String>,
}

/// A locked package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Locked {
    name: String,
    /// `None` if it is unknown: a range, a branch.
    version: Option<String>,
    /// Its type, if it differs from that of the format.
    purl_type: Option<&'static str>,
    qualifiers: Vec<(&'static str, String)>,
    subpath: String,
    /// Whether one of its texts was cut, so that it does not name a package.
    is_too_long: bool,
    /// Digests of its archive.
    checksums: Vec<Checksum>,
    /// If several entries are about one package, the smallest counts, so this field comes last.
    declared: Declaration,
}

impl Locked {
    fn new(name: impl Into<String> + AsRef<str>, version: impl Into<String> + AsRef<str>) -> Self {
        let mut locked = Self::unpinned(name);
        locked.version = Some(locked.kept(version));
        locked
    }

    /// A package without a fixed version.
    fn unpinned(name: impl Into<String> + AsRef<str>) -> Self {
        let mut locked = Self {
            name: String::new(),
            version: None,
            purl_type: None,
            qualifiers: Vec::new(),
            subpath: String::new(),
            is_too_long: false,
            checksums: Vec::new(),
            declared: Declaration::default(),
        };
        locked.name = locked.kept(name);
        locked
    }

    /// The text as it is kept. Many entries may refer to one text, and each of them gets a copy.
    fn kept(&mut self, text: impl Into<String> + AsRef<str>) -> String {
        if text.as_ref().len() <= MAX_TEXT {
            return text.into();
        }
        self.is_too_long = true;
        shortened(text.as_ref())
    }

    /// Marks it as needed only to develop, build or test, if `is_for_development`.
    fn for_development(mut self, is_for_development: bool) -> Self {
        self.declared.scope = if is_for_development { Scope::Development } else { Scope::Runtime };
        self
    }

    /// Marks it as a direct or transitive dependency.
    fn direct(mut self, is_direct: bool) -> Self {
        self.declared.requester = if is_direct { Requester::Direct } else { Requester::Transitive };
        self
    }

    /// Whether it is the same package, regardless of its declaration.
    fn is_same(&self, other: &Self) -> bool {
        let key = |it: &Self| Self { declared: Declaration::default(), ..it.clone() };
        self.name == other.name && self.version == other.version && key(self) == key(other)
    }

    fn of_type(self, purl_type: &'static str) -> Self {
        Self { purl_type: Some(purl_type), ..self }
    }

    fn qualifier(mut self, key: &'static str, value: impl Into<String> + AsRef<str>) -> Self {
        let value = self.kept(value);
        self.qualifiers.push((key, value));
        self
    }

    fn subpath(mut self, subpath: impl Into<String> + AsRef<str>) -> Self {
        self.subpath = self.kept(subpath);
        self
    }

    fn checksums(self, checksums: impl IntoIterator<Item = Checksum>) -> Self {
        Self { checksums: checksums.into_iter().collect(), ..self }
    }

    /// The component, or why there is none.
    fn component(&self, format: &Lockfile) -> Result<Component, String> {
        let Self { name, version, purl_type, qualifiers, subpath, is_too_long, checksums, declared } = self;
        if *is_too_long {
            return Err(format!(
                "names {}, one of whose fields has more than {MAX_TEXT} bytes",
                shortened(name)
            ));
        }
        let purl_type = purl_type.unwrap_or(format.purl_type);
        let (namespace, own) = match purl_type {
            "golang" | "swift" | "terraform" | "generic" => name.rsplit_once('/'),
            "npm" | "composer" | "cpan" | "github" | "githubactions" => name.split_once('/'),
            "maven" => name.split_once(':'),
            _ => None,
        }
        .unwrap_or(("", name));
        let package =
            Package { purl_type, namespace, name: own, version: version.as_deref(), qualifiers, subpath };
        let component = package.component()?;
        let origin = Origin { checksums: checksums.clone(), ..Origin::default() };
        Ok(Component { origin: origin.boxed(), declared: Some(*declared), ..component })
    }
}

/// The formats. If several match a file, the first counts.
const LIST: &[Lockfile] = &[
    Lockfile { paths: &["**/Cargo.lock"], purl_type: "cargo", read: cargo::read },
    Lockfile { paths: &["**/go.mod"], purl_type: "golang", read: go::read },
    Lockfile { paths: &["**/go.work"], purl_type: "golang", read: go::work },
    Lockfile { paths: &["**/yarn.lock"], purl_type: "npm", read: yarn::read },
    Lockfile { paths: &["**/pnpm-lock.yaml", "**/.pnpm/lock.yaml"], purl_type: "npm", read: pnpm::read },
    Lockfile { paths: &["**/Gemfile.lock", "**/gems.locked"], purl_type: "gem", read: ruby::read },
    Lockfile { paths: &["**/composer.lock"], purl_type: "composer", read: php::read },
    Lockfile { paths: &["**/packages.lock.json"], purl_type: "nuget", read: nuget::read },
    Lockfile { paths: &["**/poetry.lock"], purl_type: "pypi", read: python::poetry },
    Lockfile { paths: &["**/uv.lock"], purl_type: "pypi", read: python::uv },
    Lockfile { paths: &["**/pdm.lock"], purl_type: "pypi", read: python::pdm },
    Lockfile { paths: &["**/pylock*.toml"], purl_type: "pypi", read: python::pylock },
    Lockfile { paths: &["**/Pipfile.lock"], purl_type: "pypi", read: python::pipenv },
    Lockfile {
        paths: &["**/requirements*.txt", "**/requirements/*.txt"],
        purl_type: "pypi",
        read: |text| Ok(requirements::read(text)),
    },
    Lockfile {
        paths: &["**/environment.yml", "**/environment.yaml"],
        purl_type: "conda",
        read: conda::environment,
    },
    Lockfile { paths: &["**/pyproject.toml"], purl_type: "pypi", read: project::pyproject },
    Lockfile { paths: &["**/setup.cfg"], purl_type: "pypi", read: project::setup_cfg },
    Lockfile { paths: &["**/stack.yaml"], purl_type: "hackage", read: project::stack },
    Lockfile { paths: &["**/conda-lock.yml"], purl_type: "conda", read: conda::lock },
    Lockfile { paths: &["**/bun.lock"], purl_type: "npm", read: bun::read },
    Lockfile { paths: &["**/deno.lock"], purl_type: "npm", read: deno::read },
    Lockfile {
        paths: &["**/gradle.lockfile", "**/buildscript-gradle.lockfile"],
        purl_type: "maven",
        read: |text| Ok(gradle::lock(text)),
    },
    Lockfile { paths: &["**/gradle/*.versions.toml"], purl_type: "maven", read: gradle::catalog },
    Lockfile { paths: &["**/build.sbt.lock"], purl_type: "maven", read: gradle::sbt },
    Lockfile { paths: &["**/project.assets.json"], purl_type: "nuget", read: assets::read },
    Lockfile { paths: &["**/packages.config"], purl_type: "nuget", read: nuget_xml::config },
    Lockfile {
        paths: &["**/Directory.Packages.props", "**/Packages.props"],
        purl_type: "nuget",
        read: nuget_xml::props,
    },
    Lockfile { paths: &["**/paket.lock"], purl_type: "nuget", read: paket::read },
    Lockfile { paths: &["**/Package.resolved"], purl_type: "swift", read: apple::swift },
    Lockfile { paths: &["**/Podfile.lock"], purl_type: "cocoapods", read: apple::pods },
    Lockfile { paths: &["**/pubspec.lock"], purl_type: "pub", read: pubspec::read },
    Lockfile { paths: &["**/mix.lock"], purl_type: "hex", read: hex::mix },
    Lockfile { paths: &["**/rebar.lock"], purl_type: "hex", read: hex::rebar },
    Lockfile { paths: &["**/cabal.project.freeze"], purl_type: "hackage", read: haskell::cabal },
    Lockfile { paths: &["**/stack.yaml.lock"], purl_type: "hackage", read: haskell::stack },
    Lockfile { paths: &["**/renv.lock"], purl_type: "cran", read: r::read },
    Lockfile { paths: &["**/packrat.lock"], purl_type: "cran", read: r::packrat },
    Lockfile { paths: &["**/luarocks.lock"], purl_type: "luarocks", read: lua::read },
    Lockfile { paths: &["**/cpanfile.snapshot"], purl_type: "cpan", read: perl::snapshot },
    Lockfile { paths: &["**/Manifest.toml"], purl_type: "julia", read: julia::read },
    Lockfile { paths: &["**/.opam-switch/switch-state"], purl_type: "opam", read: opam::switch_state },
    Lockfile { paths: &["**/*.opam.locked"], purl_type: "opam", read: opam::locked },
    Lockfile { paths: &["**/nimble.lock"], purl_type: "nim", read: nimble::read },
    Lockfile { paths: &["**/conan.lock"], purl_type: "conan", read: conan::lock },
    Lockfile { paths: &["**/conaninfo.txt"], purl_type: "conan", read: conan::conaninfo },
    Lockfile { paths: &["**/conanfile.txt"], purl_type: "conan", read: conan::conanfile },
    Lockfile { paths: &["**/vcpkg.json"], purl_type: "vcpkg", read: vcpkg::manifest },
    Lockfile { paths: &["**/vcpkg/status"], purl_type: "vcpkg", read: vcpkg::status },
    Lockfile { paths: &["**/.terraform.lock.hcl"], purl_type: "terraform", read: terraform::read },
    Lockfile {
        paths: &[
            "**/.github/workflows/*.yml",
            "**/.github/workflows/*.yaml",
            "**/action.yml",
            "**/action.yaml",
        ],
        purl_type: "githubactions",
        read: actions::read,
    },
    Lockfile {
        paths: &["**/Dockerfile", "**/Containerfile", "**/*.Dockerfile", "**/*.dockerfile"],
        purl_type: "oci",
        read: docker::read,
    },
];

static SELECTIONS: LazyLock<Vec<Selection>> =
    LazyLock::new(|| LIST.iter().map(|format| Selection::whole(format.paths, Bound::List)).collect());

/// Finds packages in lock files.
pub(crate) struct Lockfiles;

impl Cataloger for Lockfiles {
    fn id(&self) -> &'static str {
        "lockfiles"
    }

    fn version(&self) -> u32 {
        4
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[
            "bioconductor",
            "cargo",
            "cocoapods",
            "composer",
            "conan",
            "conda",
            "cpan",
            "cran",
            "gem",
            "generic",
            "github",
            "githubactions",
            "golang",
            "hackage",
            "hex",
            "julia",
            "luarocks",
            "maven",
            "nim",
            "npm",
            "nuget",
            "oci",
            "opam",
            "pub",
            "pypi",
            "swift",
            "terraform",
            "vcpkg",
        ]
    }

    fn selections(&self) -> &'static [Selection] {
        &SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let format = LIST.get(usize::from(selection))?;
        let (found, faults) = match packages(format, file) {
            Ok((found, faults)) => (Ok(found), faults),
            Err(detail) => (Err(detail), Vec::new()),
        };
        Some(Shown::partly(file.content, found, faults))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut shown_files = Vec::new();
        for (format, selection) in LIST.iter().zip(0..) {
            context.tell_unread_names([selection]);
            let files: Vec<_> = context.distinct::<Shown>(&[selection]).collect();
            let brought = telltales::brought(context, files.iter().map(|(file, _)| &*file.real_path));
            for (file, shown) in files {
                let folder = folder_of(&file.path);
                let is_passed_over = is_in_package(&file.path)
                    || brought.contains(&*file.real_path)
                    || context.found.installed.contains(&(format.purl_type, folder));
                if !is_passed_over {
                    shown_files.push((file, folder, shown));
                }
            }
        }
        // Most images have no lock file, and many components.
        if shown_files.is_empty() {
            return;
        }
        let missing = missing(&context.found.inventory.components, &shown_files);
        for (component, file, digests) in missing {
            context.add_shown(component, file, digests);
        }
        for (file, _, Shown { found, faults, .. }) in shown_files {
            for detail in faults.iter().chain(found.as_ref().err()) {
                context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
            }
        }
    }
}

/// The packages of lock files that are not installed. Packages of other lock files do not count as installed.
fn missing<'f>(
    components: &[Component],
    files: &[(&'f FoundFile, &str, &'f Shown)],
) -> Vec<(&'f Component, &'f FoundFile, &'f FileDigests)> {
    // Nor do dependencies of Maven projects.
    let installed = Installed::new(components.iter().filter(|it| it.found_by != Some(Maven::ID)));
    let of_file = |(file, folder, shown): &(&'f FoundFile, &str, &'f Shown)| {
        let found = shown.found.iter().flatten().filter(|it| !installed.has(it, folder));
        found.map(|it| (it, *file, &shown.digests)).collect::<Vec<_>>()
    };
    files.iter().flat_map(of_file).collect()
}

/// Bytes of a name, a version or a qualifier. Real ones have some hundred.
const MAX_TEXT: usize = 512;
/// Lines and commas for each package that may be listed. One of them separates any two entries.
const SEPARATORS: usize = 8;

/// Reported lines of one file that do not name a package. Further ones are only counted.
const MAX_FAULTS: usize = 10;

/// The packages of a file, and the entries that do not name one.
fn packages(format: &Lockfile, file: &File<'_>) -> Result<(Vec<Component>, Vec<String>), String> {
    let content = file.content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file.content);
    let text = str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    let max = file.limits.packages;
    // Entries of a few bytes must be counted before they become structures.
    let separators = memchr::memchr2_iter(b'\n', b',', text.as_bytes()).count();
    if separators > max.saturating_mul(SEPARATORS) {
        return Err(format!(
            "has {separators} lines and commas, expected at most {SEPARATORS} × {max} (packages)"
        ));
    }
    let mut locked = (format.read)(text)?;
    locked.sort_unstable();
    locked.dedup_by(|next, kept| next.is_same(kept));
    if locked.len() > max {
        return Err(format!("names {} packages, expected at most {max} (packages)", locked.len()));
    }
    let (mut found, mut faults, mut more) = (Vec::new(), Vec::new(), 0_usize);
    for package in &locked {
        match package.component(format) {
            Ok(component) => found.push(component),
            Err(detail) if faults.len() < MAX_FAULTS => faults.push(detail),
            Err(_) => more += 1,
        }
    }
    if more > 0 {
        faults.push(format!("has {more} more that do not name a package"));
    }
    Ok((found, faults))
}

/// Whether a file is inside an installed package. pnpm's file about all of them is not.
pub(crate) fn is_in_package(path: &str) -> bool {
    let is_in_folder = PACKAGE_FOLDERS.iter().any(|folder| path.contains(folder));
    (is_in_folder && !path.ends_with("node_modules/.pnpm/lock.yaml"))
        || is_in_gem(path)
        || is_in_module(path)
        || is_in_crate(path)
}

/// Folders in which each package has its own folder.
const PACKAGE_FOLDERS: [&str; 3] = ["node_modules/", "site-packages/", "dist-packages/"];

/// Whether the path leads into an installed gem: `…/gems/rbs-2.1.0/…`.
fn is_in_gem(path: &str) -> bool {
    let folder = path.rsplit_once("/gems/").and_then(|(_, rest)| rest.split('/').next());
    folder.is_some_and(is_name_and_version)
}

/// Whether the path leads into a module that Go has fetched: `…/pkg/mod/golang.org/x/net@v0.17.0/…`.
fn is_in_module(path: &str) -> bool {
    let rest = path.rsplit_once("pkg/mod/").and_then(|(_, rest)| rest.rsplit_once('/'));
    rest.is_some_and(|(folders, _)| folders.contains("@v"))
}

/// Whether the path leads into a crate that Cargo has fetched: `…/registry/src/index.crates.io-6f17d22bba15001f/serde-1.0.200/…`.
fn is_in_crate(path: &str) -> bool {
    let rest = path.rsplit_once("registry/src/").map(|(_, rest)| rest.split('/'));
    rest.is_some_and(|mut folders| {
        folders.nth(1).is_some_and(is_name_and_version) && folders.next().is_some()
    })
}

/// `rbs-2.1.0`
fn is_name_and_version(folder: &str) -> bool {
    folder.rsplit_once('-').is_some_and(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Reads TOML, of which only known members are needed.
fn toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| format!("is not a lock file: {}", error.message()))
}

/// Reads YAML, of which only known members are needed.
fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    yaml::read_generated(text.as_bytes(), "is not a lock file", yaml::Size::LIST)
        .map_err(|error| error.to_string())
}

/// Reads JSON, of which only known members are needed.
fn strict_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    json::from_slice(text.as_bytes(), u64::MAX).map_err(|error| format!("is not a lock file: {error}"))
}

#[cfg(test)]
mod tests;

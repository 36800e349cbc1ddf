//! The list of files by which ecosystems that no cataloger reads yet are told.
//!
//! A row is a kind of file. It goes when its cataloger comes, which a test holds. A row that has a path in common with a
//! cataloger would call the same file read and unread.
//!
//! Left out on purpose: Dockerfiles, which name images that something was built from and are not in this one, and archives
//! of packages that nobody unpacked (`*.deb`, `*.gem`).

use plimsoll_core::quantity;
use plimsoll_core::rootfs::Need;

use super::executable;
use crate::cataloger::{Mode, Selection};

/// What a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// The ecosystem, as OSV names it where it does.
    pub(crate) ecosystem: &'static str,
    /// What is counted: `go.work`, `*.jmod`.
    pub(crate) files: &'static str,
}

/// `2 go.work`, `2 workflows`: a file's name stays as it is, a word has a plural.
pub(super) fn counted(number: usize, files: &str) -> String {
    let more = [" of another root", " without "].iter().find_map(|more| files.find(more));
    let (files, more) = files.split_at(more.unwrap_or(files.len()));
    if WORDS.contains(&files) {
        format!("{}{more}", quantity::count(number, files))
    } else {
        format!("{number} {files}{more}")
    }
}

/// What is counted in words, not by the name of a file.
const WORDS: [&str; 9] =
    ["database", "document", "file", "JDK", "package database", "program", "snap", "store", "workflow"];

/// A kind of file, and how to tell it.
pub(super) struct Telltale {
    pub(super) selection: Selection,
    pub(super) shows: Shows,
}

/// What makes a file of the selection one of the kind.
pub(super) enum Shows {
    /// Its path.
    Path(Kind),
    /// How it begins.
    Head(Kind, fn(&[u8]) -> bool),
    /// That it can be run.
    Executable,
}

impl Telltale {
    /// What a file with this head is.
    pub(super) fn kind(&self, head: &[u8]) -> Option<Kind> {
        match &self.shows {
            Shows::Path(kind) => Some(*kind),
            Shows::Head(kind, fits) => fits(head).then_some(*kind),
            Shows::Executable => executable::kind(head),
        }
    }

    /// What a file is that could not be read, where its path tells.
    pub(super) fn kind_by_path(&self) -> Option<Kind> {
        match &self.shows {
            Shows::Path(kind) => Some(*kind),
            Shows::Head(..) | Shows::Executable => None,
        }
    }
}

const fn file(ecosystem: &'static str, files: &'static str, paths: &'static [&'static str]) -> Telltale {
    let selection = Selection { paths, mode: Mode::Any, min_size: 0, need: Need::Name };
    Telltale { selection, shows: Shows::Path(Kind { ecosystem, files }) }
}

const fn head(
    ecosystem: &'static str,
    files: &'static str,
    paths: &'static [&'static str],
    fits: fn(&[u8]) -> bool,
) -> Telltale {
    let selection = Selection { paths, mode: Mode::Any, min_size: 0, need: Need::Head { bytes: 1 << 10 } };
    Telltale { selection, shows: Shows::Head(Kind { ecosystem, files }, fits) }
}

/// The kinds of file. Where several fit a file, the first counts.
pub(super) static TELLTALES: &[Telltale] = &[
    // Package databases of operating systems.
    file(
        "rpm",
        "package database",
        &[
            "**/rpmdb.sqlite",
            "**/lib/rpm/Packages",
            "**/lib/rpm/Packages.db",
            "**/sysimage/rpm/Packages",
            "**/sysimage/rpm/Packages.db",
            "**/rpmmanifest/container-manifest-1",
            "**/rpmmanifest/container-manifest-2",
        ],
    ),
    file("pacman", "desc", &["**/lib/pacman/local/*/desc"]),
    file("portage", "CONTENTS", &["**/var/db/pkg/*/*/CONTENTS"]),
    file("opkg", "package database", &["**/lib/opkg/status"]),
    file("dpkg", "database of another root", &["**/?*/var/lib/dpkg/status"]),
    // Not `usr/lib/apk`, which is read.
    file("apk", "database of another root", &["**/?*/?*/lib/apk/db/installed", "????*/lib/apk/db/installed"]),
    file("chisel", "manifest.wall", &["**/lib/chisel/manifest.wall"]),
    file("Bottlerocket", "application-inventory.json", &["**/application-inventory.json"]),
    file("snap", "snap", &["**/*.snap", "**/meta/snap.yaml"]),
    file("flatpak", "deploy", &["**/flatpak/app/*/*/*/*/deploy", "**/flatpak/runtime/*/*/*/*/deploy"]),
    file("Nix", "store", &["**/nix/var/nix/db/db.sqlite", "**/nix-support/propagated-build-inputs"]),
    file("Homebrew", "INSTALL_RECEIPT.json", &["**/INSTALL_RECEIPT.json"]),
    file("conda", "conda-meta/*.json", &["**/conda-meta/*.json"]),
    file("conda", "environment.yml", &["**/environment.yml", "**/environment.yaml", "**/conda-lock.yml"]),
    // Packages and lock files of languages.
    file("npm", ".pnp.cjs", &["**/.pnp.cjs", "**/.pnp.js"]),
    file("npm", "bun.lock", &["**/bun.lock", "**/bun.lockb"]),
    file("npm", "deno.lock", &["**/deno.lock"]),
    file("Maven", "*.jmod", &["**/*.jmod"]),
    file("Maven", "pom.properties", &["**/pom.properties"]),
    file("Maven", "pom.xml", &["**/pom.xml", "**/*.pom"]),
    file(
        "Maven",
        "gradle.lockfile",
        &["**/gradle.lockfile", "**/buildscript-gradle.lockfile", "**/gradle/*.versions.toml"],
    ),
    head("Maven", "JDK", &["**/release"], |head| has_line(head, b"JAVA_VERSION=")),
    file("Go", "go.work", &["**/go.work"]),
    file("PEAR", "*.reg", &["**/.registry/*.reg", "**/.registry/*/*.reg"]),
    file("NuGet", "packages.config", &["**/packages.config", "**/paket.lock"]),
    file("NuGet", "project.assets.json", &["**/project.assets.json"]),
    file(
        "PyPI",
        "requirements.txt",
        &["**/requirements*.txt", "**/requirements/*.txt", "**/constraints.txt"],
    ),
    file("SwiftURL", "Package.resolved", &["**/Package.resolved"]),
    file("CocoaPods", "Podfile.lock", &["**/Podfile.lock"]),
    file("Pub", "pubspec.lock", &["**/pubspec.lock"]),
    file("Hex", "*.app", &["**/ebin/*.app"]),
    file("Hex", "mix.lock", &["**/mix.lock", "**/rebar.lock"]),
    file("Hackage", "*.conf", &["**/package.conf.d/*.conf", "**/package.db/*.conf"]),
    file("Hackage", "cabal.project.freeze", &["**/cabal.project.freeze", "**/stack.yaml.lock"]),
    file("CRAN", "renv.lock", &["**/renv.lock", "**/packrat.lock"]),
    file("LuaRocks", "*.rockspec", &["**/*.rockspec", "**/rock_manifest", "**/luarocks.lock"]),
    file("CPAN", ".packlist", &["**/.packlist", "**/.meta/*/install.json"]),
    file("CPAN", "cpanfile.snapshot", &["**/cpanfile.snapshot"]),
    file("Julia", "Manifest.toml", &["**/Manifest.toml", "**/packages/*/*/Project.toml"]),
    file("opam", "switch-state", &["**/.opam-switch/switch-state", "**/*.opam.locked"]),
    file("Nimble", "nimble.lock", &["**/nimble.lock", "**/nimblemeta.json"]),
    file("ConanCenter", "conan.lock", &["**/conan.lock", "**/conanfile.txt", "**/conaninfo.txt"]),
    file("vcpkg", "vcpkg.json", &["**/vcpkg.json", "**/vcpkg/status"]),
    file("Terraform", ".terraform.lock.hcl", &["**/.terraform.lock.hcl"]),
    file("GitHub Actions", "workflow", &["**/.github/workflows/*.yml", "**/.github/workflows/*.yaml"]),
    file(
        "WordPress",
        "plugin or theme",
        &[
            "**/wp-includes/version.php",
            "**/wp-content/plugins/*/readme.txt",
            "**/wp-content/themes/*/style.css",
        ],
    ),
    // What belongs to no ecosystem.
    file(
        "embedded SBOM",
        "document",
        &[
            "**/*.spdx",
            "**/*.spdx.json",
            "**/*.cdx.json",
            "**/*.cyclonedx.json",
            "**/bom.json",
            "**/sbom.json",
        ],
    ),
    file("Linux kernel", "vmlinuz", &["boot/vmlinuz*", "**/modules.builtin"]),
    file("models", "weights", &["**/*.gguf", "**/*.safetensors"]),
    Telltale {
        selection: Selection {
            paths: &[],
            mode: Mode::Executable,
            // A hard link does not tell its size: were small files passed over, a layer would be read again for it.
            min_size: 0,
            need: Need::Head { bytes: executable::HEAD },
        },
        shows: Shows::Executable,
    },
];

/// Whether a line begins with these bytes.
fn has_line(content: &[u8], start: &[u8]) -> bool {
    content.split(|byte| *byte == b'\n').any(|line| line.starts_with(start))
}

//! The list of files by which ecosystems without a cataloger are recognised.
//!
//! A row is a kind of file. It must be removed when a cataloger is added, which a test checks: a row that shares a path
//! with a cataloger would report the same file as read and unread.
//!
//! Archives of packages that were not unpacked (`*.deb`, `*.gem`) are left out on purpose.

use plimsoll_core::quantity;
use plimsoll_core::rootfs::Need;

use serde::{Deserialize, Serialize};

use super::{executable, jar};
use crate::cataloger::{Mode, Selection};

/// What a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// The ecosystem, by OSV's name if it has one.
    pub(crate) ecosystem: &'static str,
    /// What is counted: `deploy`, `*.jmod`.
    pub(crate) files: &'static str,
}

/// `2 deploy`, `2 workflows`: a file's name stays unchanged, a word gets a plural.
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
const WORDS: [&str; 7] = ["database", "distribution", "file", "jar", "manifest", "program", "snap"];

/// A kind of file, and how to recognise it.
pub(super) struct Telltale {
    pub(super) selection: Selection,
    pub(super) shows: RecognisedBy,
}

/// How a file of the selection is recognised.
pub(super) enum RecognisedBy {
    /// Its path.
    Path(Kind),
    /// By its path and its first KiB.
    Head(Kind, fn(&[u8]) -> bool),
    /// By being executable: a program, a library or a jar.
    Executable,
}

impl RecognisedBy {
    /// Whether a file with this head is of this kind.
    pub(super) fn fits(&self, head: &[u8]) -> bool {
        match self {
            Self::Path(_) => true,
            Self::Head(_, fits) => fits(head),
            Self::Executable => executable::is_program(head) || jar::is_jar(head),
        }
    }
}

/// What a file that matches turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    /// What its row says.
    OfItsRow,
    /// A program or a library, which its name distinguishes.
    SharedObject,
    /// A jar that is named like a program.
    Jar,
}

impl Telltale {
    /// Whether it is about programs, and a file with this head is a program or a library.
    pub(super) fn is_shared_object(&self, head: &[u8]) -> bool {
        matches!(self.shows, RecognisedBy::Executable) && executable::is_shared_object(head)
    }

    /// What a file with this head is.
    pub(super) fn form(&self, head: &[u8]) -> Form {
        match self.shows {
            RecognisedBy::Executable if jar::is_jar(head) => Form::Jar,
            _ if self.is_shared_object(head) => Form::SharedObject,
            _ => Form::OfItsRow,
        }
    }

    /// The kind of a file that matches.
    pub(super) fn kind(&self) -> Kind {
        match &self.shows {
            RecognisedBy::Path(kind) | RecognisedBy::Head(kind, _) => *kind,
            RecognisedBy::Executable => executable::PROGRAM,
        }
    }

    /// The kind of a file that could not be read, if its path is enough.
    pub(super) fn kind_by_path(&self) -> Option<Kind> {
        match &self.shows {
            RecognisedBy::Path(kind) | RecognisedBy::Head(kind, _) => Some(*kind),
            RecognisedBy::Executable => None,
        }
    }
}

/// Files that a package of a distribution may own, so that they are hashed.
const fn file(ecosystem: &'static str, files: &'static str, paths: &'static [&'static str]) -> Telltale {
    let selection = Selection { paths, mode: Mode::Any, min_size: 0, need: Need::Stream };
    Telltale { selection, shows: RecognisedBy::Path(Kind { ecosystem, files }) }
}

const fn head(
    ecosystem: &'static str,
    files: &'static str,
    paths: &'static [&'static str],
    fits: fn(&[u8]) -> bool,
) -> Telltale {
    let selection = Selection { paths, mode: Mode::Any, min_size: 0, need: Need::Head { bytes: 1 << 10 } };
    Telltale { selection, shows: RecognisedBy::Head(Kind { ecosystem, files }, fits) }
}

/// The kinds of file. If several match a file, the first counts.
pub(super) static TELLTALES: &[Telltale] = &[
    // Package databases of operating systems.
    file(
        "rpm",
        "database of another root",
        &[
            "**/?*/var/lib/rpm/rpmdb.sqlite",
            "**/?*/var/lib/rpm/Packages",
            "**/?*/var/lib/rpm/Packages.db",
            "**/?*/usr/lib/sysimage/rpm/rpmdb.sqlite",
            "**/?*/usr/lib/sysimage/rpm/Packages",
            "**/?*/usr/lib/sysimage/rpm/Packages.db",
            "**/?*/usr/share/rpm/rpmdb.sqlite",
            "**/?*/usr/share/rpm/Packages",
            "**/?*/usr/share/rpm/Packages.db",
            "**/?*/var/lib/rpmmanifest/container-manifest-2",
        ],
    ),
    file("pacman", "desc of another root", &["**/?*/var/lib/pacman/local/*/desc"]),
    file("portage", "CONTENTS of another root", &["**/?*/var/db/pkg/*/*/CONTENTS"]),
    file("opkg", "database of another root", &["**/?*/usr/lib/opkg/status", "**/?*/var/lib/opkg/status"]),
    file("dpkg", "database of another root", &["**/?*/var/lib/dpkg/status", "**/?*/var/lib/dpkg/status.d/"]),
    // Not `usr/lib/apk`, which is read.
    file("apk", "database of another root", &["**/?*/?*/lib/apk/db/installed", "????*/lib/apk/db/installed"]),
    file("chisel", "manifest.wall of another root", &["**/?*/var/lib/chisel/manifest.wall"]),
    file(
        "Bottlerocket",
        "application-inventory.json of another root",
        &["**/?*/usr/share/bottlerocket/application-inventory.json"],
    ),
    // Test frameworks use this name for expected outputs, too.
    head("snap", "snap", &["**/*.snap"], |head| head.starts_with(SQUASHFS)),
    file("XBPS", "database", &["**/db/xbps/pkgdb-*.plist"]),
    file("Guix", "database", &["**/var/guix/db/db.sqlite"]),
    file("Guix", "manifest", &["**/gnu/store/*-profile/manifest"]),
    file("Slackware", "file", &["var/log/packages/*", "var/lib/pkgtools/packages/*"]),
    file("eopkg", "metadata.xml", &["**/var/lib/eopkg/package/*/metadata.xml"]),
    file("Source Mage", "packages", &["**/var/state/sorcery/packages"]),
    file("swupd", "file", &["usr/share/clear/bundles/*"]),
    file("FreeBSD", "database", &["**/var/db/pkg/local.sqlite"]),
    file("CRUX", "db", &["**/var/lib/pkg/db"]),
    file("KISS", "version", &["**/var/db/kiss/installed/*/version"]),
    // Packages and lock files of languages.
    file("npm", ".pnp.cjs", &["**/.pnp.cjs", "**/.pnp.js"]),
    file("npm", "bun.lockb", &["**/bun.lockb"]),
    // Applications of Electron and of PHP, packed into one file with the packages that they need.
    file("npm", "*.asar", &["**/*.asar"]),
    file("Packagist", "*.phar", &["**/*.phar"]),
    file("Maven", "*.jmod", &["**/*.jmod"]),
    file("Bower", ".bower.json", &["**/.bower.json"]),
    file("Crystal", "shard.lock", &["**/shard.lock", "**/lib/.shards.info"]),
    file("D", "dub.selections.json", &["**/dub.selections.json"]),
    file("ELPA", "*-pkg.el", &["**/elpa/*/*-pkg.el"]),
    file("Elm", "elm.json", &["**/elm.json"]),
    file("Haxelib", "haxelib.json", &["**/haxelib.json"]),
    // Loaded as they are, with the modules in them.
    file("Hex", "*.ez", &["**/*.ez"]),
    file("PowerShell Gallery", "PSGetModuleInfo.xml", &["**/PSGetModuleInfo.xml"]),
    file("Quicklisp", "distinfo.txt", &["**/quicklisp/dists/*/distinfo.txt"]),
    file("Raku", "META6.json", &["**/META6.json"]),
    file(
        "Raku",
        "distribution",
        &[
            "usr/share/perl6/site/dist/*",
            "usr/share/perl6/vendor/dist/*",
            "usr/local/share/perl6/site/dist/*",
            "usr/local/share/perl6/vendor/dist/*",
        ],
    ),
    file("Zig", "build.zig.zon", &["**/build.zig.zon"]),
    // Applications that are files of a language, without a list of what they are.
    file("Backdrop", "backdrop.js", &["**/core/misc/backdrop.js"]),
    file("Drupal", "Drupal.php", &["**/core/lib/Drupal.php"]),
    file("Drupal", "drupal.js", &["**/misc/drupal.js"]),
    file(
        "Drupal",
        "*.info.yml",
        &[
            "**/modules/contrib/*/*.info.yml",
            "**/themes/contrib/*/*.info.yml",
            "**/profiles/contrib/*/*.info.yml",
        ],
    ),
    file("Drupal", "*.info", &["**/sites/*/modules/*/*.info", "**/sites/*/themes/*/*.info"]),
    file("Joomla", "joomla.xml", &["**/administrator/manifests/files/joomla.xml"]),
    head("Matomo", "Version.php", &["**/core/Version.php"], |head| contains(head, b"Matomo")),
    file("MediaWiki", "WebStart.php", &["**/includes/WebStart.php"]),
    file("Moodle", "moodlelib.php", &["**/lib/moodlelib.php"]),
    file("Nextcloud", "versioncheck.php", &["**/lib/versioncheck.php"]),
    head("phpMyAdmin", "Version.php", &["**/libraries/classes/Version.php"], |head| {
        contains(head, b"PhpMyAdmin")
    }),
    file("Redmine", "version.rb", &["**/lib/redmine/version.rb"]),
    file("TYPO3", "ext_emconf.php", &["**/sysext/core/ext_emconf.php"]),
    file("Unity", "file", &["**/globalgamemanagers", "**/*_Data/data.unity3d"]),
    // Next to a list of libraries, which is read.
    file("NuGet", "*.runtimeconfig.json", &["**/*.runtimeconfig.json"]),
    // Programs and libraries.
    Telltale {
        selection: Selection {
            paths: &["**/*.so", "**/*.so*.#"],
            mode: Mode::Regular,
            min_size: 0,
            need: Need::Stream,
        },
        shows: RecognisedBy::Executable,
    },
    // Programs. In places that distributions do not use, their digests prove nothing.
    programs(&["usr/local/bin/*", "usr/local/sbin/*"], Need::Head { bytes: executable::HEAD as u64 }),
    programs(&[], Need::Stream),
];

const fn programs(paths: &'static [&'static str], need: Need) -> Telltale {
    // A hard link does not state its size: if small files were ignored, a layer would be read again for it.
    let selection = Selection { paths, mode: Mode::Executable, min_size: 0, need };
    Telltale { selection, shows: RecognisedBy::Executable }
}

fn contains(head: &[u8], text: &[u8]) -> bool {
    head.windows(text.len()).any(|window| window == text)
}

/// The start of a Squashfs file system. The kernel requires it, so nobody can hide a snap by changing it.
const SQUASHFS: &[u8] = b"hsqs";

//! Unread files are reported, and files that a distribution owns are set aside.

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{Attributes, Extraction, FileSet, FoundFile, Need};

use super::*;
use crate::catalogers::{catalogers, select};
use crate::{Inventory, ProblemCode};

const DEBIAN: (&str, &str) = ("etc/os-release", "ID=debian\nVERSION_ID=12\n");
const STATUS: (&str, &str) = (
    "var/lib/dpkg/status",
    "Package: nodejs\nStatus: install ok installed\nArchitecture: amd64\nVersion: 18.19-1\n\n\
     Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n",
);

fn catalog(files: &FileSet) -> Inventory {
    crate::catalog(files, &Limits::default())
}

/// A program as compilers write it.
fn elf() -> Vec<u8> {
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec();
    program.resize(5000, 0);
    program
}

fn add(set: &mut FileSet, path: &str, real_path: &str, mode: u32, content: &[u8]) {
    let attributes = Attributes { size: content.len() as u64, mode };
    let purposes = select().want(path, Some(attributes));
    let (limits, mut buffer) = (Limits::default(), Vec::new());
    let mut extraction = Extraction::new(select(), &purposes, attributes, &limits, &mut buffer);
    let needed = usize::try_from(extraction.needed()).unwrap();
    extraction.take(content.get(..needed).unwrap_or(content));
    let facts = extraction.finish();
    let (path, real_path) = (path.to_owned(), real_path.to_owned());
    set.insert(FoundFile { path, real_path, facts, layer: None, earlier: Vec::new() });
}

fn image(files: &[(&str, &str)], programs: &[(&str, &[u8])]) -> FileSet {
    let mut set = FileSet::default();
    for (path, content) in [DEBIAN, STATUS].iter().chain(files) {
        add(&mut set, path, path, 0o644, content.as_bytes());
    }
    for (path, content) in programs {
        add(&mut set, path, path, 0o755, content);
    }
    set
}

fn told(inventory: &Inventory) -> Vec<String> {
    let words = |problem: &Problem| format!("{} {}: {}", problem.code, problem.path, problem.words());
    inventory.problems.iter().map(words).collect()
}

fn problems(files: &[(&str, &str)], programs: &[(&str, &[u8])]) -> Vec<String> {
    told(&catalog(&image(files, programs)))
}

/// A file of each row, and the ecosystem that it shows.
const FILES: &[(&str, &str, &str)] = &[
    ("srv/root/var/lib/rpm/rpmdb.sqlite", "", "rpm"),
    ("srv/root/usr/lib/sysimage/rpm/Packages.db", "", "rpm"),
    ("srv/root/var/lib/pacman/local/zlib-1.3-1/desc", "", "pacman"),
    ("srv/root/var/db/pkg/sys-libs/zlib-1.3/CONTENTS", "", "portage"),
    ("srv/root/usr/lib/opkg/status", "", "opkg"),
    ("srv/root/var/lib/dpkg/status", "", "dpkg"),
    ("rootfs/var/lib/rpmmanifest/container-manifest-2", "", "rpm"),
    ("root/chroot/lib/apk/db/installed", "", "apk"),
    ("rootfs/lib/apk/db/installed", "", "apk"),
    ("srv/root/var/lib/chisel/manifest.wall", "", "chisel"),
    (
        "opt/x/libx.so",
        "\u{7f}ELF\u{2}\u{1}\u{1}\0\0\0\0\0\0\0\0\0\u{3}\0\u{3e}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "shared objects",
    ),
    ("var/db/xbps/pkgdb-0.38.plist", "", "XBPS"),
    ("srv/root/usr/share/bottlerocket/application-inventory.json", "", "Bottlerocket"),
    ("var/lib/snapd/snaps/core_1.snap", "hsqs\u{7}", "snap"),
    ("var/guix/db/db.sqlite", "", "Guix"),
    ("gnu/store/0a1-profile/manifest", "", "Guix"),
    ("var/log/packages/zlib-1.3-x86_64-1", "", "Slackware"),
    ("var/lib/eopkg/package/zlib-1.3-1/metadata.xml", "", "eopkg"),
    ("var/state/sorcery/packages", "", "Source Mage"),
    ("usr/share/clear/bundles/os-core", "", "swupd"),
    ("var/db/pkg/local.sqlite", "", "FreeBSD"),
    ("var/lib/pkg/db", "", "CRUX"),
    ("var/db/kiss/installed/zlib/version", "", "KISS"),
    ("srv/public/vendor/jquery/.bower.json", "{}", "Bower"),
    ("srv/shard.lock", "", "Crystal"),
    ("srv/dub.selections.json", "{}", "D"),
    ("root/.emacs.d/elpa/dash-2.19/dash-pkg.el", "", "ELPA"),
    ("srv/elm.json", "{}", "Elm"),
    ("haxelib/format/3,5,0/haxelib.json", "{}", "Haxelib"),
    ("root/.mix/archives/hex-2.0.6.ez", "PK", "Hex"),
    ("root/.local/share/powershell/Modules/Pester/5.5.0/PSGetModuleInfo.xml", "<x/>", "PowerShell Gallery"),
    ("root/quicklisp/dists/quicklisp/distinfo.txt", "", "Quicklisp"),
    ("srv/META6.json", "{}", "Raku"),
    ("usr/share/perl6/site/dist/0123456789ABCDEF0123456789ABCDEF01234567", "{}", "Raku"),
    ("root/.cache/zig/p/1220ab/build.zig.zon", "", "Zig"),
    ("var/www/html/core/misc/backdrop.js", "", "Backdrop"),
    ("opt/drupal/web/core/lib/Drupal.php", "<?php", "Drupal"),
    ("var/www/html/misc/drupal.js", "", "Drupal"),
    ("opt/drupal/web/modules/contrib/token/token.info.yml", "", "Drupal"),
    ("var/www/html/sites/all/modules/views/views.info", "", "Drupal"),
    ("var/www/html/administrator/manifests/files/joomla.xml", "<x/>", "Joomla"),
    ("var/www/html/core/Version.php", "<?php\n/**\n * Matomo - free/libre analytics platform", "Matomo"),
    ("var/www/html/includes/WebStart.php", "<?php", "MediaWiki"),
    ("var/www/html/lib/moodlelib.php", "<?php", "Moodle"),
    ("usr/src/nextcloud/lib/versioncheck.php", "<?php", "Nextcloud"),
    ("var/www/html/libraries/classes/Version.php", "<?php\nnamespace PhpMyAdmin;", "phpMyAdmin"),
    ("usr/src/redmine/lib/redmine/version.rb", "", "Redmine"),
    ("var/www/html/typo3/sysext/core/ext_emconf.php", "<?php", "TYPO3"),
    ("srv/game_Data/globalgamemanagers", "", "Unity"),
    ("srv/.pnp.cjs", "", "npm"),
    ("srv/bun.lockb", "", "npm"),
    ("opt/app/resources/app.asar", "\u{4}\0\0\0", "npm"),
    ("opt/phpunit.phar", "<?php", "Packagist"),
    ("opt/jdk/jmods/java.base.jmod", "JM", "Maven"),
    ("app/App.runtimeconfig.json", "{}", "NuGet"),
];

#[test]
fn each_row_is_reported_and_no_cataloger_reads_the_same_file() {
    let first = first_purpose();
    let mut rows: HashSet<u16> = HashSet::new();
    for (path, content, ecosystem) in FILES {
        let content = content.as_bytes();
        let attributes = Attributes { size: content.len() as u64, mode: 0o644 };
        let purposes = select().want(path, Some(attributes));
        let rows_of: Vec<u16> = purposes.iter().filter_map(|it| it.0.checked_sub(first)).collect();
        // In shared objects, SBOMs of native images are looked for as well.
        let wanted = if *ecosystem == "shared objects" { 2 } else { 1 };
        assert_eq!((purposes.len(), rows_of.len()), (wanted, 1), "{path} is wanted for {purposes:?}");
        rows.extend(rows_of);
        let mut set = image(&[], &[]);
        add(&mut set, path, path, 0o644, content);
        let inventory = catalog(&set);
        let codes: Vec<_> = inventory.problems.iter().map(|it| (it.code, it.ecosystem.as_deref())).collect();
        assert_eq!(codes, [(ProblemCode::NotRead, Some(*ecosystem))], "{path}");
    }
    // The last rows are for executables, which have no fixed path.
    let expected = u16::try_from(TELLTALES.len()).unwrap() - 2;
    let missing: Vec<u16> = (0..expected).filter(|row| !rows.contains(row)).collect();
    assert!(missing.is_empty(), "rows without a file in this test: {missing:?}");
}

#[test]
fn a_dotnet_application_without_its_list_is_reported() {
    let list = ("app/App.deps.json", r#"{"libraries":{"App/1.0.0":{"type":"project"}}}"#);
    let start = ("app/App.runtimeconfig.json", "{}");
    assert_eq!(
        problems(&[start], &[]),
        ["not-read app/App.runtimeconfig.json: NuGet (1 *.runtimeconfig.json): not read yet"]
    );
    assert_eq!(problems(&[start, list], &[]), Vec::<String>::new());
}

/// Distroless images have a folder with a file for each package.
#[test]
fn a_database_of_another_root_that_is_a_folder_is_selected() {
    assert_eq!(select().want_folder("rootfs/var/lib/dpkg/status.d").len(), 1);
    assert_eq!(select().want_folder("var/lib/dpkg/status.d"), []);
}

/// The purpose of the first row: telltales are the last of the list.
fn first_purpose() -> u16 {
    assert_eq!(catalogers().last().unwrap().id, Telltales.id());
    let everything = Attributes { size: u64::MAX, mode: 0o755 };
    let last = select().want("anything", Some(everything)).into_iter().last().unwrap();
    last.0 + 1 - u16::try_from(TELLTALES.len()).unwrap()
}

#[test]
fn files_that_only_look_like_telltales_are_ignored() {
    let nothing: [&str; 0] = [];
    let files = [
        ("etc/bun.lockbs", ""),
        ("opt/jdk/release", "JAVA_VERSION=\"17.0.9\"\n"),
        ("opt/jdk/jmods/java.base.jmod", "JM"),
        ("usr/share/doc/x/DESCRIPTION", "This package describes.\n"),
        ("srv/release", "1.2.3\n"),
        ("srv/__snapshots__/app.test.js.snap", "// Jest Snapshot v1\n"),
        ("opt/venv/lib/python3/site-packages/x/requirements.txt", "requests==2\n"),
        ("usr/local/lib/python3.12/site-packages/pip/w64.exe", "MZ"),
        ("srv/node_modules/a/package.json", r#"{"name":"a","version":"1.0.0"}"#),
        ("srv/node_modules/a/bun.lock", ""),
        ("srv/node_modules/a/.github/workflows/ci.yml", ""),
        ("srv/bun.lock", ""),
        ("srv/core/Version.php", "<?php\nnamespace App;"),
        ("srv/libraries/classes/Version.php", "<?php\nnamespace App;"),
        ("srv/views.info.yml", ""),
        ("srv/dist/main.js", ""),
    ];
    let script = [b"#!/bin/sh\n".as_slice(), &[b'#'; 5000]].concat();
    let programs = [("usr/local/bin/run.sh", script.as_slice())];
    assert_eq!(problems(&files, &programs), nothing);
}

#[test]
fn a_jar_is_recognised_by_its_content_where_programs_are() {
    let jar = |length: usize| {
        let mut jar = jar::tests::entry("META-INF/MANIFEST.MF", 8, b"Manifest-Version: 1.0");
        jar.resize(length, 0);
        jar
    };
    let (short, long) = (jar(60), jar(5000));
    let programs: [(&str, &[u8]); 3] =
        [("app/server", &short), ("usr/local/bin/tool", &long), ("opt/x/launcher.bin", &long)];
    assert_eq!(
        problems(&[], &programs),
        ["not-read app/server: Maven (3 jars without the ending .jar): not read yet"]
    );
    // One that is named like a jar is read by the cataloger, which says what is wrong with it.
    let named = problems(&[], &[("app/server.jar", &long)]);
    assert!(named.iter().all(|told| !told.contains("without the ending")), "{named:?}");
    // Another zip file is data.
    let data = jar::tests::entry("word/document.xml", 0, b"x");
    assert_eq!(problems(&[], &[("srv/report", &data)]), Vec::<String>::new());
}

#[test]
fn projects_of_drupal_that_composer_installed_are_no_gap() {
    let installed = |names: &[&str]| {
        let packages: Vec<String> = names
            .iter()
            .map(|name| {
                format!(r#"{{"name": "drupal/{name}", "version": "1.0.0", "type": "drupal-module"}}"#)
            })
            .collect();
        format!(r#"{{"packages": [{}], "dev": false, "dev-package-names": []}}"#, packages.join(","))
    };
    let files = |names: &[&str]| {
        let list = installed(names);
        problems(
            &[
                ("opt/drupal/vendor/composer/installed.json", &list),
                ("opt/drupal/web/core/lib/Drupal.php", "<?php"),
                ("opt/drupal/web/modules/contrib/token/token.info.yml", ""),
            ],
            &[],
        )
    };
    assert_eq!(files(&["core", "token"]), Vec::<String>::new());
    assert_eq!(
        files(&["core"]),
        ["not-read opt/drupal/web/modules/contrib/token/token.info.yml: Drupal (1 *.info.yml): not read yet"]
    );
    let both = files(&["ctools"]);
    assert!(
        both.len() == 1 && both[0].contains("1 *.info.yml") && both[0].contains("1 Drupal.php"),
        "{both:?}"
    );
}

#[test]
fn an_ecosystem_is_one_line_with_numbers_and_the_first_file() {
    let files = [
        ("srv/b/bun.lockb", "{}"),
        ("srv/a/x/bun.lockb", "{}"),
        ("srv/a/bun.lockb", ""),
        ("opt/x.jmod", "PK"),
    ];
    assert_eq!(
        problems(&files, &[]),
        [
            "not-read opt/x.jmod: Maven (1 *.jmod): not read yet",
            "not-read srv/a/bun.lockb: npm (3 bun.lockb): not read yet",
        ]
    );
}

/// A name does not turn a program into a library, and being a library does not make a file part of anything.
#[test]
fn shared_objects_without_an_owner_are_reported() {
    let digest = md5_of(&elf());
    let mut set = image(
        &[("var/lib/dpkg/info/bash.md5sums", &format!("{digest}  usr/lib/x86_64-linux-gnu/libx.so.1\n"))],
        &[],
    );
    let mut library = elf();
    for (path, mode) in [
        ("usr/lib/x86_64-linux-gnu/libx.so.1", 0o644),
        ("usr/lib/x86_64-linux-gnu/libxml2.so.2.9.14", 0o644),
        ("usr/local/lib/libz.so", 0o755),
        ("usr/local/lib/libz.so.1.2.8", 0o644),
        ("srv/site-packages/x.libs/libz.so.1", 0o644),
        ("usr/local/lib/linker.so", 0o644),
    ] {
        let content = if path.ends_with("linker.so") { b"GROUP ( libx.so.1 )".as_slice() } else { &library };
        add(&mut set, path, path, mode, content);
    }
    assert_eq!(
        told(&catalog(&set)),
        ["not-read usr/lib/x86_64-linux-gnu/libxml2.so.2.9.14: shared objects (3 files): not read yet"]
    );
    // A program that is linked to a fixed address is not a library.
    library[16] = 2;
    assert_eq!(
        problems(&[], &[("app/server.so", &library)]),
        ["not-read app/server.so: executables (1 file): not read yet"]
    );
}

#[test]
fn programs_without_an_owner_are_reported() {
    let programs = [("usr/local/bin/python3.12", elf()), ("app/server", elf())];
    let programs: Vec<_> = programs.iter().map(|(path, content)| (*path, content.as_slice())).collect();
    assert_eq!(problems(&[], &programs), ["not-read app/server: executables (2 files): not read yet"]);
}

#[test]
fn files_of_a_distributions_package_are_set_aside_and_counted() {
    let line = |path: &str, content: &[u8]| format!("{}  {path}\n", md5_of(content));
    let nodejs = ["usr/share/nodejs/npm/x.jmod", "usr/share/nodejs/semver/x.jmod"];
    let lists = [
        (
            "var/lib/dpkg/info/nodejs.md5sums",
            nodejs.map(|path| line(path, b"{}")).concat() + &line("usr/bin/node", &elf()),
        ),
        // As in lists that are older than the merged /usr.
        ("var/lib/dpkg/info/bash.md5sums", line("bin/bash", &elf())),
    ];
    let files = nodejs.map(|path| (path, "{}".to_owned()));
    let all: Vec<(&str, &str)> =
        lists.iter().chain(&files).map(|(path, text)| (*path, text.as_str())).collect();
    let programs = [("usr/bin/node", elf()), ("usr/bin/bash", elf())];
    let programs: Vec<_> = programs.iter().map(|(path, content)| (*path, content.as_slice())).collect();
    let inventory = catalog(&image(&all, &programs));
    assert_eq!(
        told(&inventory),
        [
            "set-aside usr/bin/bash: executables (1 file): \
             part of pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12",
            "set-aside usr/bin/node: executables (1 file): \
             part of pkg:deb/debian/nodejs@18.19-1?arch=amd64&distro=debian-12",
            "set-aside usr/share/nodejs/npm/x.jmod: Maven (2 *.jmod): \
             part of pkg:deb/debian/nodejs@18.19-1?arch=amd64&distro=debian-12",
        ]
    );
    assert!(inventory.problems.iter().all(|problem| !problem.hides_components()));
}

/// The MD5 of a file, as in `md5sums`.
fn md5_of(content: &[u8]) -> String {
    use md5::Digest as _;
    hex::encode(md5::Md5::digest(content))
}

#[test]
fn a_file_without_its_recorded_digest_is_reported() {
    let other = md5_of(b"as it was installed");
    let md5sums = format!("{other}  usr/bin/node\n{other}  usr/share/nodejs/npm/x.jmod\nx  usr/bin/x\n");
    let programs = [("usr/bin/node", elf()), ("usr/bin/x", elf()), ("usr/bin/listed", elf())];
    let programs: Vec<_> = programs.iter().map(|(path, content)| (*path, content.as_slice())).collect();
    let files = [
        ("var/lib/dpkg/info/nodejs.md5sums", md5sums.as_str()),
        ("var/lib/dpkg/info/nodejs.list", "/usr/bin/node\n/usr/bin/x\n/usr/bin/listed\n"),
        ("usr/share/nodejs/npm/x.jmod", "{}"),
    ];
    assert_eq!(
        problems(&files, &programs),
        [
            "not-read usr/bin/listed: executables (3 files): not read yet",
            "not-read usr/share/nodejs/npm/x.jmod: Maven (1 *.jmod): not read yet",
        ]
    );
}

#[test]
fn the_digest_of_another_file_of_the_package_proves_nothing() {
    // The hash of a path and that of a digest count only together.
    let md5sums = format!("{}  usr/bin/node\n{}  usr/bin/npm\n", md5_of(b"npm"), md5_of(&elf()));
    let files = [("var/lib/dpkg/info/nodejs.md5sums", md5sums.as_str())];
    let told = problems(&files, &[("usr/bin/node", &elf())]);
    assert_eq!(told, ["not-read usr/bin/node: executables (1 file): not read yet"]);
}

#[test]
fn apk_lists_the_digest_of_a_program_after_its_name() {
    use base64::Engine as _;
    use sha1::Digest as _;
    let digest = |content: &[u8]| base64::prelude::BASE64_STANDARD.encode(sha1::Sha1::digest(content));
    let told = |recorded: &[u8]| {
        let installed = format!(
            "P:busybox\nV:1.36.1-r2\nA:x86_64\no:busybox\nF:bin\nR:busybox\na:0:0:755\nZ:Q1{}\n\n",
            digest(recorded)
        );
        let mut set = FileSet::default();
        add(&mut set, "etc/os-release", "etc/os-release", 0o644, b"ID=alpine\nVERSION_ID=3.18.4\n");
        add(&mut set, "lib/apk/db/installed", "lib/apk/db/installed", 0o644, installed.as_bytes());
        add(&mut set, "bin/busybox", "bin/busybox", 0o755, &elf());
        told(&catalog(&set))
    };
    let owner = "pkg:apk/alpine/busybox@1.36.1-r2?arch=x86_64&distro=alpine-3.18.4";
    assert_eq!(told(&elf()), [format!("set-aside bin/busybox: executables (1 file): part of {owner}")]);
    assert_eq!(told(b""), ["not-read bin/busybox: executables (1 file): not read yet"]);
}

#[test]
fn a_claim_outside_the_distributions_folders_sets_nothing_aside() {
    let digest = md5_of(b"{}");
    let paths = ["opt/app/x.jmod", "usr/local/lib/x/x.jmod", "srv/x.jmod"];
    let list = paths.map(|path| format!("{digest}  {path}\n")).concat();
    let mut files = paths.map(|path| (path, "{}")).to_vec();
    files.push(("var/lib/dpkg/info/nodejs.md5sums", &list));
    assert_eq!(problems(&files, &[]), ["not-read opt/app/x.jmod: Maven (3 *.jmod): not read yet"]);
    // Nor does the list of a package that is not installed.
    let list = format!("{digest}  usr/share/x/x.jmod\n");
    let files = [("usr/share/x/x.jmod", "{}"), ("var/lib/dpkg/info/gone.md5sums", &list)];
    assert_eq!(problems(&files, &[]), ["not-read usr/share/x/x.jmod: Maven (1 *.jmod): not read yet"]);
}

#[test]
fn links_to_one_file_count_once() {
    let mut set = image(&[], &[]);
    for link in ["opt/a.jmod", "opt/b.jmod", "opt/c.jmod"] {
        add(&mut set, link, "opt/c.jmod", 0o644, b"PK");
    }
    assert_eq!(told(&catalog(&set)), ["not-read opt/a.jmod: Maven (1 *.jmod): not read yet"]);
}

#[test]
fn unreadable_files_are_reported_by_their_path_or_as_unreadable() {
    let mut set = image(&[], &[]);
    for path in ["srv/app.jmod", "usr/local/bin/server", "usr/local/bin/other"] {
        let attributes = Attributes { size: 1 << 20, mode: 0o755 };
        let purposes = select().want(path, Some(attributes));
        let reason = "permission denied".to_owned();
        set.unreadable.push(plimsoll_core::rootfs::Unreadable { path: path.to_owned(), reason, purposes });
    }
    assert_eq!(
        told(&catalog(&set)),
        [
            "unreadable-file usr/local/bin/other: cannot be read: permission denied, and so is 1 more",
            "not-read srv/app.jmod: Maven (1 *.jmod): not read yet",
        ]
    );
}

#[test]
fn only_the_head_of_a_telltale_is_kept_and_only_the_head_of_a_script_is_read() {
    for telltale in TELLTALES {
        assert!(matches!(telltale.selection.need, Need::Name | Need::Head { bytes: ..=1024 } | Need::Stream));
    }
    let attributes = Attributes { size: 1 << 20, mode: 0o755 };
    let program = u16::try_from(TELLTALES.len()).unwrap() - 1;
    let mut stream = Telltales.stream(program, attributes, &Limits::default()).unwrap();
    assert!(stream.take(b"#!/bin/sh\n"));
    assert!(!stream.take(&[b' '; 2000]));
    assert!(stream.finish().is_none());
}

#[test]
fn a_hard_link_has_the_purposes_of_its_target() {
    // `gunzip` is a hard link to `uncompress` in every Debian image: the layer must not be read again for it.
    let wanted = |size| select().want("usr/bin/gunzip", Some(Attributes { size, mode: 0o755 }));
    assert_eq!(wanted(2_300), wanted(u64::MAX));
}

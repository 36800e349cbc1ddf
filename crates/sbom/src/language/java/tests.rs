//! The inventory of an image with jars.

use md5::Digest as _;
use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;

use super::archive::{self, Budget};
use crate::catalogers::select;
use crate::inventory::{ComponentIndex, Inventory, RelationshipKind};
use crate::zip::tests::zip;

fn catalog(files: &[(&str, &[u8])]) -> Inventory {
    let debian: [(&str, &[u8]); 2] = [
        ("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
        (
            "var/lib/dpkg/status",
            b"Package: libx-java\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0-1\n",
        ),
    ];
    let mut set = FileSet::default();
    for (path, content) in debian.iter().chain(files) {
        set.add(select(), path, None, content);
    }
    crate::catalog(&set, &Limits::default())
}

fn artifacts(inventory: &Inventory) -> Vec<String> {
    let maven = inventory.components.iter().filter(|it| it.purl.package_type() == "maven");
    maven.map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect()
}

fn problems(inventory: &Inventory) -> Vec<String> {
    inventory.problems.iter().map(|it| format!("{} {}: {}", it.code, it.path, it.words())).collect()
}

fn jar(artifacts: &[&str], more: &[(&str, &[u8])]) -> Vec<u8> {
    let properties: Vec<(String, String)> = artifacts
        .iter()
        .map(|artifact| {
            let path = format!("META-INF/maven/org.example/{artifact}/pom.properties");
            (path, format!("groupId=org.example\nartifactId={artifact}\nversion=1.0\n"))
        })
        .collect();
    let mut files: Vec<(&str, &[u8])> =
        properties.iter().map(|(path, content)| (path.as_str(), content.as_bytes())).collect();
    files.extend(more);
    zip(&files)
}

const CLASS: (&str, &[u8]) = ("org/example/A.class", b"");

#[test]
fn a_licence_text_in_an_archive_belongs_to_that_archive() {
    let (_, mit) = spdx::text::LICENSE_TEXTS.iter().find(|(id, _)| *id == "MIT").unwrap();
    let inner = jar(&["c"], &[CLASS, ("META-INF/LICENSE.txt", mit.as_bytes())]);
    let war = jar(
        &["web"],
        &[("WEB-INF/lib/c-1.0.jar", &inner), ("META-INF/NOTICE", b"x"), ("a/LICENSE", mit.as_bytes())],
    );
    let inventory = catalog(&[("srv/app.war", &war)]);
    let detected: Vec<String> = inventory
        .components
        .iter()
        .flat_map(|it| it.detected.iter().map(move |detected| format!("{} {detected}", it.purl)))
        .collect();
    assert_eq!(
        detected,
        ["pkg:maven/org.example/c@1.0 MIT (100 %) in srv/app.war/WEB-INF/lib/c-1.0.jar/META-INF/LICENSE.txt"]
    );
}

#[test]
fn jars_are_listed_with_their_content_and_their_place() {
    let shaded = jar(&["b", "a"], &[CLASS]);
    let war =
        jar(&["web"], &[("WEB-INF/lib/a-1.0.jar", &shaded), ("WEB-INF/lib/c-1.0.jar", &jar(&["c"], &[]))]);
    let inventory = catalog(&[("srv/app.war", &war)]);
    assert_eq!(problems(&inventory), Vec::<String>::new());
    assert_eq!(
        artifacts(&inventory),
        [
            "pkg:maven/org.example/a@1.0 srv/app.war/WEB-INF/lib/a-1.0.jar",
            "pkg:maven/org.example/b@1.0 srv/app.war/WEB-INF/lib/a-1.0.jar",
            "pkg:maven/org.example/c@1.0 srv/app.war/WEB-INF/lib/c-1.0.jar",
            "pkg:maven/org.example/web@1.0 srv/app.war",
        ]
    );
    // The file's digests belong to the archive itself, not to what is inside.
    let hashed = inventory.components.iter().filter_map(|it| Some((it.purl.name(), it.origin.as_deref()?)));
    let hashed: Vec<_> = hashed.map(|(name, origin)| (name, origin.checksums.len())).collect();
    assert_eq!(hashed, [("web", 2)]);
    let name = |index: ComponentIndex| inventory.components[index.0].purl.name().to_owned();
    let contains: Vec<(String, String)> = inventory
        .relationships
        .iter()
        .filter(|it| it.kind == RelationshipKind::Contains)
        .map(|it| (name(it.from), name(it.to)))
        .collect();
    let expected = [("a", "b"), ("web", "a"), ("web", "c")];
    assert_eq!(contains, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));
}

#[test]
fn a_jar_that_does_not_identify_itself_is_a_gap_unless_a_distribution_owns_it() {
    let unnamed = jar(&[], &[CLASS]);
    let files: [(&str, &[u8]); 3] = [
        ("opt/app/lib/gson-2.8.jar", &unnamed),
        ("usr/share/java/x.jar", &unnamed),
        ("opt/app/fat.jar", &jar(&["a", "b"], &[CLASS])),
    ];
    let gaps = |files: &[(&str, &[u8])]| problems(&catalog(files));
    assert_eq!(gaps(&files), ["not-read opt/app/fat.jar: Maven (3 *.jar without coordinates): not read yet"]);
    let replaced = format!("{}  usr/share/java/x.jar\n", "0".repeat(32));
    let with = |list: &str| {
        let list: &[(&str, &[u8])] = &[("var/lib/dpkg/info/libx-java.md5sums", list.as_bytes())];
        gaps(&[files.as_slice(), list].concat())
    };
    assert_eq!(with(&replaced), gaps(&files));
    let list = format!("{}  usr/share/java/x.jar\n", hex::encode(md5::Md5::digest(&unnamed)));
    assert_eq!(
        with(&list),
        [
            "not-read opt/app/fat.jar: Maven (2 *.jar without coordinates): not read yet",
            "set-aside usr/share/java/x.jar: Maven (1 *.jar without coordinates): \
             part of pkg:deb/debian/libx-java@1.0-1?arch=all&distro=debian-12",
        ]
    );
}

/// An artifact that was copied into a library with its coordinates does not identify the library.
#[test]
fn the_only_coordinates_in_a_jar_with_another_name_belong_to_a_copy() {
    let manifest = b"Implementation-Vendor-Id: org.apache.logging.log4j
";
    let jar = jar(&["harmless"], &[CLASS, ("META-INF/MANIFEST.MF", manifest)]);
    let inventory = catalog(&[("opt/lib/log4j-core-2.14.1.jar", &jar)]);
    let found = artifacts(&inventory);
    let expected =
        ["pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "pkg:maven/org.example/harmless@1.0"];
    assert_eq!(found, expected.map(|it| format!("{it} opt/lib/log4j-core-2.14.1.jar")));
    assert_eq!(inventory.relationships.len(), 1, "one contains the other");
    assert_eq!(problems(&inventory).len(), 1, "its group is uncertain");
}

#[test]
fn archives_are_read_whatever_their_extension() {
    for path in ["app/APP.JAR", "app/a.kar", "app/a.lpkg", "app/a.rar", "app/A.WAR", "app/A.EAR"] {
        assert_eq!(artifacts(&catalog(&[(path, &jar(&["a"], &[]))])).len(), 1, "{path}");
    }
    assert_eq!(
        problems(&catalog(&[("srv/music.rar", b"Rar!\x1a\x07\x01\0 and more of it than twenty-two bytes")])),
        Vec::<String>::new()
    );
}

#[test]
fn an_unreadable_archive_is_reported_with_its_place() {
    let mut cut = jar(&["a"], &[]);
    let end = cut.len() - 10;
    cut[end] = 0xff;
    let inventory = catalog(&[("srv/app.ear", &zip(&[("lib/cut.jar", &cut)])), ("srv/notes.jar", b"text")]);
    let found = problems(&inventory);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("unparsable-metadata srv/app.ear/lib/cut.jar: has a "), "{found:?}");
}

#[test]
fn t16_jars_fifty_deep_end_in_a_gap() {
    let mut archive = jar(&["deepest"], &[CLASS]);
    for depth in 0..50 {
        archive = jar(&[&format!("level-{depth}")], &[("lib/inner.jar", &archive)]);
    }
    let inventory = catalog(&[("srv/app.jar", &archive)]);
    let found = artifacts(&inventory);
    assert!(found.len() < 10 && found.iter().all(|artifact| !artifact.contains("deepest")), "{found:?}");
    assert!(found.iter().any(|artifact| artifact.contains("level-49")), "{found:?}");
    let told = problems(&inventory);
    assert!(told.iter().any(|problem| problem.contains("archives, and is not read")), "{told:?}");
}

/// Java reads the last entry of a name and other tools the first, so both are reported.
#[test]
fn t16_two_entries_of_one_name_are_both_reported() {
    let at = "META-INF/maven/org.example/x/pom.properties";
    let named = |artifact: &str| format!("groupId=org.example\nartifactId={artifact}\nversion=1.0\n");
    let (first, second) = (named("first"), named("second"));
    let (one, two) = (jar(&["one"], &[]), jar(&["two"], &[]));
    let archive = zip(&[
        (at, first.as_bytes()),
        (at, second.as_bytes()),
        ("lib/in.jar", one.as_slice()),
        ("lib/in.jar", two.as_slice()),
    ]);
    let found = artifacts(&catalog(&[("srv/app.jar", &archive)])).join(" ");
    for artifact in ["first", "second", "one", "two"] {
        assert!(found.contains(&format!("org.example/{artifact}@1.0")), "{artifact} is not in {found}");
    }
}

/// The directory at the end and the entry itself may give different names and so different files to different readers.
#[test]
fn t16_an_entry_that_the_directory_names_differently_is_a_problem() {
    let archive = jar(&["hidden"], &[("lib/in.jar", &jar(&["inner"], &[]))]);
    for name in ["META-INF/maven/org.example/hidden/pom.properties", "lib/in.jar"] {
        let mut changed = archive.clone();
        let at = changed.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
        changed[at] ^= 0x20;
        let told = problems(&catalog(&[("srv/app.jar", &changed)]));
        assert!(told.iter().any(|problem| problem.contains("has another name at its place")), "{told:?}");
    }
}

/// A symbolic link in an archive contains a path, which is not followed.
#[test]
fn t16_a_symbolic_link_is_read_as_its_own_content() {
    let outside = jar(&["outside"], &[]);
    let archive = zip(&[
        ("lib/in.jar", b"../../outside.jar"),
        ("META-INF/maven/org.example/x/pom.properties", b"/etc/outside.properties"),
    ]);
    let inventory = catalog(&[("srv/app.jar", &archive), ("srv/notes.txt", &outside)]);
    assert_eq!(artifacts(&inventory), Vec::<String>::new());
    let told = problems(&inventory);
    assert!(told.iter().any(|problem| problem.contains("pom.properties has no groupId")), "{told:?}");
}

/// Where a record begins that describes the entry of this name, at its place or in the directory at the end.
fn record(archive: &[u8], start: [u8; 4], fixed: usize, name: &str) -> usize {
    let mut places = memchr::memmem::find_iter(archive, &start);
    places.find(|at| archive[at + fixed..].starts_with(name.as_bytes())).unwrap()
}

fn local(archive: &[u8], name: &str) -> usize {
    record(archive, *b"PK\x03\x04", 30, name)
}

fn directory(archive: &[u8], name: &str) -> usize {
    record(archive, *b"PK\x01\x02", 46, name)
}

const HIDDEN: &str = "META-INF/maven/org.example/hidden/pom.properties";

/// Nothing but the name is compared with the entry itself: Java loads classes by the directory, and what is written as a stream has
/// no sizes in front.
#[test]
fn t16_the_directory_decides_what_an_entry_is() {
    let archive = jar(&["hidden"], &[]);
    let at = local(&archive, HIDDEN);
    for (field, value) in [(6, [8, 0].as_slice()), (8, &[0, 0]), (14, &[0; 12]), (18, &[1, 0, 0, 0])] {
        let mut changed = archive.clone();
        changed[at + field..][..value.len()].copy_from_slice(value);
        let inventory = catalog(&[("srv/app.jar", &changed)]);
        assert_eq!(artifacts(&inventory), ["pkg:maven/org.example/hidden@1.0 srv/app.jar"], "{field}");
        assert_eq!(problems(&inventory), Vec::<String>::new(), "{field}");
    }
    // What starts itself has a script in front, from which no number in the archive is counted.
    let script = [b"#!/bin/sh\nexec java -jar \"$0\"\n".as_slice(), &archive].concat();
    assert_eq!(artifacts(&catalog(&[("srv/app.jar", &script)])).len(), 1);
}

/// Java starts with none of them, or takes other bytes than these.
#[test]
fn t16_an_entry_that_cannot_be_what_the_directory_says_is_a_problem() {
    let archive = jar(&["hidden"], &[]);
    let (in_directory, at_its_place) = (directory(&archive, HIDDEN), local(&archive, HIDDEN));
    for (at, value, problem) in [
        (in_directory + 8, [1, 0].as_slice(), "is encrypted"),
        (in_directory + 10, &[12, 0], "is compressed in a way that is not read"),
        (in_directory + 20, &[0xff, 0xff, 0, 0], "is outside the archive"),
        (in_directory + 20, &[9, 0, 0, 0], "cannot be inflated"),
        (in_directory + 20, &[0, 0, 0, 0], "cannot be inflated"),
        (in_directory + 42, &[0xff, 0xff, 0, 0], "is outside the archive"),
        (in_directory + 42, &[1, 0, 0, 0], "has another name at its place"),
        (at_its_place, b"PK\x03\x05", "has another name at its place"),
        (at_its_place + 26, &[0xff, 0xff], "has another name at its place"),
        (at_its_place + 28, &[0xff, 0xff], "is outside the archive"),
        (in_directory, b"PK\x01\x03", "has a broken directory"),
        (in_directory + 28, &[0xff, 0xff], "has a broken directory"),
    ] {
        let mut changed = archive.clone();
        changed[at..][..value.len()].copy_from_slice(value);
        let inventory = catalog(&[("srv/app.jar", &changed)]);
        assert_eq!(artifacts(&inventory), Vec::<String>::new(), "{problem}");
        let told = problems(&inventory);
        assert!(told.len() == 1 && told[0].contains(problem), "{problem}: {told:?}");
    }
}

#[test]
fn t16_an_archive_that_is_cut_off_is_a_problem() {
    let archive = jar(&["hidden"], &[CLASS]);
    for length in [4, 30, archive.len() / 2, archive.len() - 1] {
        let told = problems(&catalog(&[("srv/app.jar", &archive[..length])]));
        assert!(
            told.len() == 1 && told[0].contains("srv/app.jar: ends before its directory"),
            "{length}: {told:?}"
        );
    }
}

/// What a manifest says decides whose coordinates a copy in the archive are not: without it the copy would stand for the library.
#[test]
fn t16_a_manifest_that_cannot_be_read_is_a_problem() {
    let manifest = b"Bundle-SymbolicName: org.apache.logging.log4j.core\n";
    for name in ["META-INF/MANIFEST.MF", "Meta-Inf/Manifest.mf"] {
        let archive = jar(&["harmless"], &[CLASS, (name, manifest)]);
        let read = problems(&catalog(&[("opt/lib.jar", &archive)]));
        assert_eq!(
            read,
            ["not-read opt/lib.jar: Maven (1 *.jar without coordinates): not read yet"],
            "{name}"
        );
        let mut changed = archive.clone();
        let at = local(&changed, name);
        changed[at + 30] ^= 0x20;
        let told = problems(&catalog(&[("opt/lib.jar", &changed)]));
        assert!(told.iter().any(|it| it.contains(&format!("{name} has another name"))), "{told:?}");
    }
}

/// A thousandth of it on disk: each kind of thing that is inflated has a limit of its own, and all of them one together.
#[test]
fn t16_an_entry_that_inflates_beyond_measure_is_a_gap() {
    let zeros = vec![0; 17 << 20];
    for (name, most) in [("META-INF/maven/a/b/pom.properties", 64 << 10), ("META-INF/MANIFEST.MF", 16 << 20)]
    {
        let at = |bytes: usize| jar(&["beside"], &[(name, &zeros[..bytes])]);
        let told = problems(&catalog(&[("srv/app.jar", &at(most + 1))]));
        assert_eq!(told, [format!("unparsable-metadata srv/app.jar: {name} is too large")]);
        let told = problems(&catalog(&[("srv/app.jar", &at(most))]));
        assert!(!told.concat().contains("too large"), "{told:?}");
    }
    let bomb = zip(&[("lib/in.jar", &zeros), ("lib/after.jar", &jar(&["after"], &[]))]);
    let levels = archive::read(&bomb, Budget { bytes: 1 << 20, things: 20 }).unwrap();
    let [_, within, after] = levels.as_slice() else { panic!("{levels:?}") };
    assert_eq!(within.unreadable, ["is too large"]);
    assert_eq!(after.named.len(), 1);
}

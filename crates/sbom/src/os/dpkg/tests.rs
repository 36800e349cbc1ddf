use std::fmt::Write as _;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{FileSet, Unreadable};
use proptest::prelude::*;

use super::*;
use crate::catalogers::{alone, select};
use crate::context::{Found, System};
use crate::{Inventory, Licence};

fn files(files: &[(&str, &[u8], usize)]) -> FileSet {
    let mut set = FileSet::default();
    for (path, content, layer) in files {
        set.add(select(), path, Some(*layer), content);
    }
    set
}

fn debian() -> System {
    let release = OsRelease {
        id: "debian".to_owned(),
        version_id: Some("12".to_owned()),
        codename: None,
        pretty_name: None,
    };
    System { release, like: Vec::new() }
}

fn catalog(files: &FileSet) -> Inventory {
    alone("dpkg", files, Some(debian())).inventory
}

fn status(content: &str) -> Inventory {
    catalog(&files(&[(STATUS_FILE, content.as_bytes(), 3)]))
}

fn purls(found: &Inventory) -> Vec<String> {
    found.components.iter().map(|component| component.purl.to_string()).collect()
}

#[test]
fn lists_packages_on_disk_with_their_sources() {
    let found = status(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc\nVersion: 2.36-9+deb12u4\n\n\
         Package: libc6\nStatus: install ok installed\nArchitecture: i386\nSource: glibc\nVersion: 2.36-9+deb12u4\n\n\
         Package: cpp\nStatus: hold ok installed\nArchitecture: amd64\nSource: gcc-defaults (1.203)\nVersion: 4:12.2.0-3\n\n\
         Package: bzip2\nStatus: deinstall ok installed\nArchitecture: amd64\nSource: bzip2 (1.0.8-5)\nVersion: 1.0.8-5+b1\n\n\
         Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
         Package: never\nStatus: unknown ok not-installed\n",
    );
    assert_eq!(
        purls(&found),
        [
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=i386&distro=debian-12&upstream=glibc",
            "pkg:deb/debian/cpp@4:12.2.0-3?arch=amd64&distro=debian-12&upstream=gcc-defaults%401.203",
            "pkg:deb/debian/bzip2@1.0.8-5%2Bb1?arch=amd64&distro=debian-12&upstream=bzip2%401.0.8-5",
        ]
    );
    assert_eq!(found.problems, []);
    for component in &found.components {
        let by_purl = Component::from_purl(component.purl.clone());
        assert_eq!(by_purl.source, component.source, "other tools recover the source from the purl");
    }
}

#[test]
fn licences_come_from_the_copyright_files_of_the_source() {
    let package = |name: &str, source: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nSource: {source}\nVersion: 1\nHomepage: https://a.example/\n\n"
        )
    };
    let packages = [package("a", "s"), package("b", "s"), package("c", "t"), package("d", "u")].concat();
    let found = catalog(&files(&[
        (STATUS_FILE, packages.as_bytes(), 0),
        ("usr/share/doc/a/copyright", b"Format: x\n\nFiles: *\nLicense: GPL-2+ or Expat\n", 0),
        ("usr/share/doc/c/copyright", b"See /usr/share/common-licenses/GPL-2.\n", 0),
        ("usr/share/doc/d/copyright", b"Do as you like.\n", 0),
        ("usr/share/doc/other/copyright", b"Format: x\nLicense: ISC\n", 0),
    ]));
    let licences: Vec<_> = found.components.iter().map(|it| it.licenses.as_slice()).collect();
    let both = [Licence::parse("GPL-2.0-or-later OR MIT")];
    assert_eq!(licences, [&both[..], &both, &[Licence::Text("GPL-2".to_owned())], &[]]);
    assert!(found.components.iter().all(|it| it.detected.is_empty()));
    assert_eq!(found.problems, []);
    let origin = found.components[0].origin.as_deref().unwrap();
    assert_eq!(origin.homepage.as_deref(), Some("https://a.example/"));
}

#[test]
fn the_licence_of_a_copyright_file_that_states_none_is_recognised_by_its_text() {
    let package =
        |name: &str| format!("Package: {name}\nStatus: install ok installed\nSource: s\nVersion: 1\n\n");
    let (_, isc) = spdx::text::LICENSE_TEXTS.iter().find(|(id, _)| *id == "ISC").unwrap();
    let found = catalog(&files(&[
        (STATUS_FILE, [package("a"), package("b")].concat().as_bytes(), 0),
        ("usr/share/doc/a/copyright", format!("Made by Ann.\n\n{isc}").as_bytes(), 0),
    ]));
    for component in &found.components {
        let detected: Vec<String> = component.detected.iter().map(ToString::to_string).collect();
        assert_eq!(detected, ["ISC (100 %) in usr/share/doc/a/copyright"], "{}", component.purl);
        assert!(component.licenses.is_empty());
    }
}

#[test]
fn a11_copies_of_one_copyright_file_of_many_packages_are_bounded() {
    let mut packages = String::new();
    for number in 0..2_500 {
        write!(packages, "Package: p{number}\nStatus: install ok installed\nSource: s\nVersion: 1\n\n")
            .unwrap();
    }
    let mut copyright = "Format: x\n".to_owned();
    for number in 0..200 {
        writeln!(copyright, "License: {number}{}", "x".repeat(190)).unwrap();
    }
    let found = catalog(&files(&[
        (STATUS_FILE, packages.as_bytes(), 0),
        ("usr/share/doc/p7/copyright", copyright.as_bytes(), 0),
    ]));
    let bytes = |it: &Component| it.licenses.iter().map(|licence| licence.as_str().len()).sum::<usize>();
    let bytes: usize = found.components.iter().map(bytes).sum();
    assert_eq!(found.components.len(), 2_500);
    assert!(bytes > 0 && bytes as u64 <= Limits::default().kept_file_bytes, "{bytes}");
}

#[test]
fn an_unfinished_installation_is_listed_and_reported() {
    let found = status(
        "Package: a\nStatus: install ok unpacked\nVersion: 1\n\n\
         Package: b\nStatus: install reinstreq half-installed\nVersion: 1\n\n\
         Package: c\nStatus: install ok half-configured\nVersion: 1\n\n\
         Package: d\nStatus: install ok triggers-awaited\nVersion: 1\n",
    );
    assert_eq!(found.components.len(), 4);
    assert_eq!(found.problems.len(), 3);
    assert!(found.problems.iter().all(|problem| problem.code == ProblemCode::PackageNotConfigured));
}

#[test]
fn an_invalid_paragraph_breaks_the_inventory() {
    let good = "Package: good\nStatus: install ok installed\nVersion: 1\n\n";
    for bad in [
        "Status: install ok installed\nVersion: 1\n",
        "Package: a\nVersion: 1\n",
        "Package: a\nStatus: install ok installed\n",
        "Package: a\nStatus: install ok installed\nVersion:\n",
        "Package: a\nStatus: install ok installed\nVersion: 1 2\n",
        "Package: a\nStatus: installed\nVersion: 1\n",
        "Package: a\nStatus: install ok gone\nVersion: 1\n",
        "Package: a\nStatus: install ok installed\nVersion: 1\nVersion: 2\n",
        "Package: a/../b\nStatus: install ok installed\nVersion: 1\n",
        "Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (\n",
        "Package: a\nStatus: install ok installed\nVersion: 1",
        "Package: good\nStatus: install ok installed\nVersion: 2\n",
        "\u{fffd}\n",
        "<<<<<<<\n",
    ] {
        let found = status(&format!("{good}{bad}"));
        assert!(found.problems.iter().any(|p| p.code == ProblemCode::OsInventoryBroken), "{bad}");
        assert_eq!(found.components[0].name, "good", "{bad}: the readable part is still shown");
    }
}

#[test]
fn a_file_of_garbage_gives_few_problems() {
    assert_eq!(status(&"x\n\n".repeat(5000)).problems.len(), 20);
}

#[test]
fn distroless_paragraphs_need_no_status() {
    let base = b"Package: base-files\nVersion: 12.4\nArchitecture: amd64";
    let found = catalog(&files(&[
        ("var/lib/dpkg/status.d/base", base, 0),
        ("var/lib/dpkg/status.d/base.md5sums", b"0  etc/x\n", 0),
        ("var/lib/dpkg/status.d/tzdata", b"Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n", 1),
    ]));
    assert_eq!(
        purls(&found),
        [
            "pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12",
            "pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12",
        ]
    );
    assert_eq!(found.components[1].locations[0].layer, Some(1));
    assert_eq!(found.problems, []);
}

#[test]
fn the_same_paragraph_in_both_forms_of_the_database_is_one_package() {
    let paragraph = b"Package: a\nStatus: install ok installed\nVersion: 1\n";
    let both =
        |other: &[u8]| catalog(&files(&[(STATUS_FILE, paragraph, 0), ("var/lib/dpkg/status.d/a", other, 0)]));
    let found = both(paragraph);
    assert_eq!((found.components.len(), found.problems.len()), (1, 0));
    let found = both(b"Package: a\nVersion: 2\n");
    assert_eq!((found.components.len(), found.problems[0].code), (2, ProblemCode::OsInventoryBroken));
}

#[test]
fn the_layer_is_the_one_that_installed_the_package() {
    let content = b"Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n\
                    Package: b\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n\
                    Package: c\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n";
    let found = catalog(&files(&[
        (STATUS_FILE, content, 2),
        ("var/lib/dpkg/info/a.md5sums", b"", 0),
        ("var/lib/dpkg/info/b:amd64.md5sums", b"", 1),
    ]));
    let layers: Vec<_> = found.components.iter().map(|c| c.locations[0].layer).collect();
    assert_eq!(layers, [Some(0), Some(1), Some(2)]);
}

#[test]
fn a_database_that_was_not_read_is_broken() {
    let mut set = FileSet::default();
    set.add(select(), STATUS_FILE, None, &vec![b'x'; (64 << 20) + 1]);
    let path = "var/lib/dpkg/status.d/a";
    set.unreadable.push(Unreadable {
        path: path.to_owned(),
        reason: "permission denied".to_owned(),
        purposes: select().want(path, None),
    });
    let Found { inventory, databases, .. } = alone("dpkg", &set, None);
    assert!(databases[0].present && databases[0].has_problems);
    let [too_large, unreadable] = inventory.problems.as_slice() else { panic!("{:?}", inventory.problems) };
    assert_eq!(
        too_large.detail,
        "a file of 67108865 bytes exceeds the limit kept_file_bytes = 67108864 (raise it with --limit kept_file_bytes=…)"
    );
    assert_eq!(unreadable.detail, "cannot be read: permission denied");
}

#[test]
fn a_hundred_thousand_paragraphs_of_one_package_take_no_longer_than_of_different_packages() {
    let mut paragraphs = String::new();
    let limit = Limits::default().packages;
    for version in 0..=limit {
        writeln!(paragraphs, "Package: a\nStatus: install ok installed\nVersion: {version}\n").unwrap();
    }
    let found = status(&paragraphs);
    assert_eq!(found.problems.len(), 20);
    assert_eq!(found.components.len(), limit);
}

#[test]
fn agrees_with_dpkg_on_this_machine() {
    let Ok(content) = std::fs::read("/var/lib/dpkg/status") else {
        println!("skipped: no /var/lib/dpkg/status");
        return;
    };
    let Ok(query) =
        std::process::Command::new("dpkg-query").arg("-W").arg("-f=${db:Status-Abbrev}\n").output()
    else {
        println!("skipped: no dpkg-query");
        return;
    };
    let text = String::from_utf8_lossy(&query.stdout);
    let present = text.lines().filter(|line| !matches!(line.as_bytes().get(1), Some(b'n' | b'c'))).count();
    let found = catalog(&files(&[(STATUS_FILE, &content, 0)]));
    assert_eq!(found.components.len(), present);
    assert!(
        found.problems.iter().all(|p| p.code == ProblemCode::PackageNotConfigured),
        "{:?}",
        found.problems
    );
}

proptest! {
    #[test]
    fn never_panics(content in "((Package|Status|Version|Source|x): ?(install ok installed|[ -~é]{0,12})\n|\n| x\n){0,30}") {
        status(&content);
    }
}

/// `dpkg -l` lists the packages of both.
#[test]
fn updates_that_are_not_merged_into_status_are_listed_and_reported() {
    let package = |name: &str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n")
            .into_bytes()
    };
    let found = catalog(&files(&[
        (STATUS_FILE, &package("a"), 0),
        ("var/lib/dpkg/updates/0000", &package("openssl"), 0),
        ("var/lib/dpkg/updates/tmp.i", &package("b"), 0),
    ]));
    let names: Vec<&str> = found.components.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["a", "openssl"]);
    assert_eq!(found.problems.len(), 1);
    assert!(found.problems[0].detail.contains("interrupted") && found.problems[0].hides_components());
}

#[test]
fn a_folder_that_is_a_link_is_reported() {
    let status = b"Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n";
    let mut set = files(&[(STATUS_FILE, status, 0)]);
    let [file] = set.iter().cloned().collect::<Vec<_>>().try_into().unwrap();
    set.insert(FoundFile { real_path: "opt/db/status".to_owned(), ..file });
    let found = catalog(&set);
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    assert!(found.problems[0].detail.contains("is a link to opt/db/status"));
    // Next to dpkg's other files, only the file is a link.
    set.add(select(), "var/lib/dpkg/info/a.md5sums", None, b"");
    assert_eq!(catalog(&set).problems, []);
}

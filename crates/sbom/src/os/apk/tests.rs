use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use proptest::prelude::*;

use super::*;
use crate::catalogers::{alone, select};
use crate::context::System;
use crate::inventory::Location;
use crate::{Inventory, ProblemCode};

fn system(id: &str, version: &str) -> System {
    let (id, version_id) = (id.to_owned(), Some(version.to_owned()));
    System { release: OsRelease { id, version_id, codename: None, pretty_name: None }, like: Vec::new() }
}

fn catalog(files: &[(&str, &[u8])]) -> Inventory {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, Some(1), content);
    }
    alone("apk", &set, Some(system("alpine", "3.18.4"))).inventory
}

fn installed(content: &str) -> Inventory {
    catalog(&[("lib/apk/db/installed", content.as_bytes())])
}

fn purls(inventory: &Inventory) -> Vec<String> {
    inventory.components.iter().map(|component| component.purl.to_string()).collect()
}

const TWO: &str = "C:Q11Ing8/u1VIdY9czSxaDO9wJg72I=\nP:musl\nV:1.2.4-r1\nA:x86_64\nS:1\nT:the musl c library (libc)\n\
                   U:https://musl.libc.org/\nL:MIT\no:musl\nm:Natanael Copa <ncopa@alpinelinux.org>\nt:1\nF:lib\n\
                   R:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1TTLtUopPeiF9JrA0cgKQZYggG+c=\n\n\
                   P:ssl_client\nV:1.36.1-r2\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:usr/bin\nR:ssl_client\n\n";

#[test]
fn lists_packages_with_their_origin() {
    let found = installed(TWO);
    assert_eq!(
        purls(&found),
        [
            "pkg:apk/alpine/musl@1.2.4-r1?arch=x86_64&distro=alpine-3.18.4",
            "pkg:apk/alpine/ssl_client@1.36.1-r2?arch=x86_64&distro=alpine-3.18.4&upstream=busybox",
        ]
    );
    assert_eq!(found.problems, []);
    let [musl, client] = found.components.as_slice() else { panic!("{:?}", found.components) };
    assert_eq!(musl.licenses, ["MIT"]);
    assert_eq!(musl.supplier.as_deref(), Some("Natanael Copa <ncopa@alpinelinux.org>"));
    assert_eq!(musl.locations, [Location { path: "lib/apk/db/installed".to_owned(), layer: Some(1) }]);
    let source = SourcePackage { name: "busybox".to_owned(), version: "1.36.1-r2".to_owned() };
    assert_eq!(client.source, Some(source));
    for component in &found.components {
        let by_purl = Component::from_purl(component.purl.clone());
        // Without a qualifier, other tools assume a source of the same name.
        let same = SourcePackage { name: by_purl.name, version: by_purl.version };
        let source = by_purl.source.unwrap_or(same);
        assert_eq!(Some(source), component.source, "other tools recover the source from the purl");
    }
}

#[test]
fn a_link_to_the_database_is_the_same_database_and_two_that_agree_are_fine() {
    let both = |other: &[u8]| {
        catalog(&[("lib/apk/db/installed", TWO.as_bytes()), ("usr/lib/apk/db/installed", other)])
    };
    let found = both(TWO.as_bytes());
    assert_eq!((found.components.len(), found.problems.len()), (2, 0));
    let found = both(b"P:musl\nV:9\n\n");
    assert_eq!(found.components.len(), 3);
    assert!(found.problems[0].detail.contains("musl occurs twice"), "{:?}", found.problems);
}

#[test]
fn an_invalid_entry_breaks_the_inventory() {
    for bad in [
        "P:a\n",
        "P:a\nV:\n",
        "V:1\n",
        "P:\nV:1\n",
        "P:a b\nV:1\n",
        "P:../a\nV:1\n",
        "P:a\nV:1 2\n",
        "P:a\nV:1\nP:b\n",
        "P:a\nV:1\nV:2\n",
        "P:a\nV:1\no:b/c\n",
        "P:a\nV:1",
        "P:a\r\nV:1\r\n\r\n",
        "P:musl\nV:2\n",
        "garbage\n",
        "P:a\nV:1\n<<<<<<<\n",
        "\u{fffd}\n",
    ] {
        let found = installed(&format!("{TWO}{bad}"));
        let broken = found.problems.iter().any(|p| p.code == ProblemCode::OsInventoryBroken);
        assert!(broken, "{bad:?}");
        assert_eq!(found.components[0].name, "musl", "{bad:?}: the readable part is still shown");
    }
    // A last entry without an empty line after it is complete.
    assert_eq!(installed("P:a\nV:1\n").problems, []);
}

#[test]
fn a_million_empty_entries_and_endless_lines_do_no_harm() {
    assert_eq!(installed(&"\n".repeat(4 << 20)).components, []);
    assert_eq!(installed(&"P:\n\n".repeat(1 << 20)).problems.len(), 20);
    let long = "x".repeat(8 << 20);
    let found = installed(&format!("P:a\nV:1\nT:{long}\n\nP:{long}\nV:1\n\n"));
    assert_eq!((found.components.len(), found.problems.len()), (1, 1));
    assert!(found.problems[0].detail.len() < 200);
    let same = "P:a\nV:1\n\n".repeat(Limits::default().packages + 1);
    let found = installed(&same);
    assert_eq!((found.components.len(), found.problems.len()), (1, 1));
}

#[test]
fn a_database_that_is_too_large_is_broken_and_not_missing() {
    let mut set = FileSet::default();
    set.add(select(), "lib/apk/db/installed", None, &vec![b'\n'; (64 << 20) + 1]);
    let found = alone("apk", &set, Some(system("wolfi", "20230201")));
    assert!(found.databases[0].expected && found.databases[0].present && found.databases[0].has_problems);
    assert_eq!(found.inventory.problems.len(), 1);
}

proptest! {
    #[test]
    fn never_panics(content in "(([PVAoLmFRZ]:|x|)[ -~é\r]{0,9}\n|\n){0,30}") {
        installed(&content);
    }
}

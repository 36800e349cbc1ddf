//! Programs reduced to the text around their version.

use std::path::Path;
use std::process::Command;

use plimsoll_core::rootfs::FileSet;
use proptest::prelude::*;

use super::*;
use crate::catalogers::select;
use crate::inventory::Inventory;

fn program(text: &str) -> Vec<u8> {
    [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".as_slice(), &[0; 100], text.as_bytes(), &[0; 100]]
        .concat()
}

fn catalog(files: &[(&str, &[u8])]) -> Inventory {
    let debian: [(&str, &[u8]); 2] = [
        ("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
        (
            "var/lib/dpkg/status",
            b"Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n",
        ),
    ];
    let mut set = FileSet::default();
    for (path, content) in debian.iter().chain(files) {
        set.add(select(), path, None, content);
    }
    crate::catalog(&set, &Limits::default())
}

fn found(inventory: &Inventory) -> Vec<String> {
    let generic = inventory.components.iter().filter(|it| it.purl.package_type() == "generic");
    generic.map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect()
}

#[test]
fn programs_are_identified_by_the_versions_that_they_print() {
    let nginx = program("\0nginx version: nginx/1.25.3\0");
    let list = b"00000000000000000000000000000000  usr/sbin/nginx\n".as_slice();
    let inventory = catalog(&[
        ("opt/nginx/sbin/nginx", &nginx),
        ("usr/sbin/nginx", &program("\0nginx version: nginx/1.22.1\0")),
        ("var/lib/dpkg/info/nginx.md5sums", list),
        ("usr/local/lib/libpython3.12.so.1.0", &program("\x003.2.0\0x\x003.12.1rc1\0")),
        ("opt/mariadb/bin/mariadbd", &program("\x0010.11.6-MariaDB\0 MariaDB 10.2.2")),
        // Not a program, and not named like one.
        ("srv/bash", b"#!/bin/sh\n# @(#)Bash version 5.2.15(1)\n"),
        ("srv/other", &nginx),
    ]);
    assert_eq!(
        found(&inventory),
        [
            "pkg:generic/mariadb@10.11.6 opt/mariadb/bin/mariadbd",
            "pkg:generic/nginx@1.25.3 opt/nginx/sbin/nginx",
            "pkg:generic/python@3.12.1rc1 usr/local/lib/libpython3.12.so.1.0",
        ]
    );
}

#[test]
fn programs_with_contradicting_versions_are_not_listed() {
    for text in [
        "",
        "nginx version: nginx/",
        "nginx version: nginx/unknown",
        "nginx version: nginx/1.25.3 nginx version: nginx/1.25.4",
        &format!("nginx version: nginx/1.{}", "0".repeat(100)),
    ] {
        assert_eq!(found(&catalog(&[("opt/nginx", &program(text))])), Vec::<String>::new(), "{text}");
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_result(
        before in proptest::collection::vec(any::<u8>(), 0..300),
        chunk in 1_usize..400,
    ) {
        let file = [&program(""), before.as_slice(), b"\0nginx version: nginx/1.25.3 (x)\0"].concat();
        let rule = RULES.iter().find(|rule| rule.name == "nginx").unwrap();
        let mut search = Search::new(&rule.patterns);
        for piece in file.chunks(chunk) {
            search.take(piece);
        }
        let found = search.finish();
        prop_assert_eq!(found.as_deref(), Some("1.25.3"));
    }
}

/// Programs from this machine's Debian packages have the versions of these packages.
#[test]
fn programs_of_this_machine_have_the_versions_of_their_packages() {
    if !Path::new("/var/lib/dpkg/status").exists() {
        return;
    }
    for (path, package) in [
        ("/bin/bash", "bash"),
        ("/usr/bin/perl", "perl-base"),
        ("/usr/bin/openssl", "openssl"),
        ("/usr/bin/git", "git"),
        ("/usr/bin/curl", "curl"),
        ("/usr/bin/python3.11", "python3.11-minimal"),
        ("/usr/bin/ssh", "openssh-client"),
        ("/usr/bin/xz", "xz-utils"),
        ("/usr/bin/gpg", "gpg"),
        ("/usr/bin/jq", "jq"),
        ("/usr/bin/getopt", "util-linux"),
        ("/usr/bin/gawk", "gawk"),
        ("/usr/bin/rsync", "rsync"),
    ] {
        let Ok(content) = std::fs::read(path) else { continue };
        let shown =
            Command::new("dpkg-query").args(["-W", "-f", "${source:Upstream-Version}", package]).output();
        let Ok(expected) = shown.map(|it| String::from_utf8(it.stdout).unwrap()) else { continue };
        if expected.is_empty() {
            continue;
        }
        let elsewhere = format!("opt{path}");
        let inventory = catalog(&[(&elsewhere, &content)]);
        let versions: Vec<&str> = inventory
            .components
            .iter()
            .filter(|it| it.purl.package_type() == "generic")
            .map(|it| it.version.as_str())
            .collect();
        assert_eq!(versions, [expected.as_str()], "{path}");
    }
}

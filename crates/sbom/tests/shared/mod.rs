//! An inventory with every kind of content, and the documents made from it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "test code; each test uses a part"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use plimsoll_core::rootfs::listing::{FileContent, FileList, FileLog, Logged};
use plimsoll_core::rootfs::{FileSet, LayerRef};
use plimsoll_core::{Cancel, Digest, Limits, Timestamp};
use plimsoll_sbom::{
    BaseEvidence, BaseImage, Build, Catalogers, Checksum, ChecksumAlgorithm, Completeness, Component,
    ComponentIndex, Document, DocumentSubject, Error, Inventory, Licence, Location, Origin, OsRelease,
    OwnerEvidence, Phase, Problem, ProblemCode, Relationship, RelationshipKind, write_cyclonedx, write_spdx,
};

pub(crate) type Function = fn(&Document<'_>, &mut dyn std::io::Write) -> Result<(), Error>;

#[derive(Clone, Copy)]
pub(crate) enum Write {
    Spdx,
    CycloneDx,
}

impl Write {
    pub(crate) fn function(self) -> Function {
        match self {
            Self::Spdx => write_spdx,
            Self::CycloneDx => write_cyclonedx,
        }
    }
}

pub(crate) fn manifest() -> Digest {
    Digest::sha256(b"manifest")
}

pub(crate) fn document(inventory: &Inventory) -> Document<'_> {
    Document {
        inventory,
        subject: DocumentSubject {
            name: "registry.example/team/app:1.2".to_owned(),
            manifest: Some(manifest()),
            repository: Some("registry.example/team/app".to_owned()),
            tag: Some("1.2".to_owned()),
            architecture: Some("amd64".to_owned()),
            base: Some(BaseImage {
                name: Some("registry.example/base:1".to_owned()),
                digest: Some(Digest::sha256(b"base")),
                identity: Some(BaseEvidence::NamedBase),
                layers: Some(1),
                boundary: Some(BaseEvidence::NamedBase),
            }),
            phase: Some(Phase::Built),
        },
        created: "2026-11-20T10:00:00.5Z".parse::<Timestamp>().unwrap(),
        tool_version: "0.1.0",
        build: Build { author: "Example".to_owned(), ..Build::default() },
        states: Completeness::Complete,
    }
}

pub(crate) fn written(write: Function, document: &Document<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(document, &mut bytes).unwrap();
    bytes
}

/// The same with the cataloger and the origin of each component, which are not read from documents.
pub(crate) fn found() -> Inventory {
    let mut inventory = inventory();
    for component in &mut inventory.components {
        component.found_by = Some("test");
        component.origin = Some(Box::new(Origin {
            homepage: Some("https://a.example/?x=1&y=2#z".to_owned()),
            repository: Some("git+https://git.example.org/a/b.git".to_owned()),
            download: None,
            checksums: vec![
                Checksum { algorithm: ChecksumAlgorithm::Sha1, hex: "ab".repeat(20) },
                Checksum { algorithm: ChecksumAlgorithm::Sha512, hex: "cd".repeat(64) },
            ],
            cpes: Vec::new(),
        }));
    }
    inventory
}

/// A Debian folder with all its files: two are owned by a package, one of them through a link of `/bin`, one is owned by two
/// packages, one by none, and one has a name that is not UTF-8.
pub(crate) fn listed() -> Inventory {
    let catalogers = Catalogers::without(&BTreeSet::new()).listing_files();
    let package = |name: &str| {
        format!("Package: {name}\nStatus: install ok installed\nVersion: 1-1\nArchitecture: all\n\n")
    };
    let files = [
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n".to_owned()),
        ("etc/a.conf", "x".to_owned()),
        ("usr/bin/a", "#!/bin/sh\n".to_owned()),
        ("usr/share/doc/shared", "s".to_owned()),
        ("srv/own <data>", "o".to_owned()),
        ("var/lib/dpkg/status", [package("a"), package("b")].concat()),
        ("var/lib/dpkg/info/a.md5sums", "00000000000000000000000000000000  bin/a\n".to_owned()),
        ("var/lib/dpkg/info/a.list", "/.\n/bin\n/bin/a\n/etc/a.conf\n/usr/share/doc/shared\n".to_owned()),
        ("var/lib/dpkg/info/b.list", "/.\n/usr/share/doc/shared\n/usr/bin/gone\n".to_owned()),
    ];
    let (mut set, mut log) = (FileSet::default(), FileLog::default());
    for (path, content) in &files {
        set.add(&catalogers, path, None, content.as_bytes());
        let sha256 = Digest::sha256(content.as_bytes()).as_bytes().try_into().unwrap();
        let content = FileContent {
            size: content.len() as u64,
            sha1: [u8::try_from(content.len() % 251).unwrap(); 20],
            sha256,
        };
        log.push(path.as_bytes(), Logged::File(content));
    }
    log.push(b"srv/\xff", Logged::File(FileContent { size: 0, sha1: [1; 20], sha256: [2; 32] }));
    log.settle();
    set.listed = Some(Arc::new(FileList::of_folder(log)));
    catalogers.catalog(&set, &Limits::default(), &Cancel::never()).unwrap()
}

/// The same with licences that were recognised by their texts: two that are concluded, and one next to other text.
pub(crate) fn detected() -> Inventory {
    let mut inventory = inventory();
    let lines: [&[&str]; 2] = [
        &["MIT (100 %) in opt/b/LICENSE-MIT", "Apache-2.0 (94 %) in opt/b/LICENSE (old).txt"],
        &["ISC (97 %) beside other text in srv/COPYING"],
    ];
    let silent = inventory.components.iter_mut().filter(|it| it.licenses.is_empty());
    for (component, lines) in silent.zip(lines) {
        component.detected = lines.iter().map(|line| line.parse().unwrap()).collect();
    }
    inventory
}

/// The components that catalogers could have found, and problems.
pub(crate) fn inventory() -> Inventory {
    let component = |purl: &str, path: &str, layer| {
        let mut component = Component::from_purl(purl.parse().unwrap());
        component.locations = vec![Location { path: path.to_owned(), layer: Some(layer) }];
        component
    };
    let status = "var/lib/dpkg/status";
    let distro = "arch=amd64&distro=debian-12";
    let mut libc =
        component(&format!("pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?{distro}&upstream=glibc"), status, 0);
    libc.supplier = Some("GNU Libc Maintainers <debian-glibc@lists.debian.org>".to_owned());
    let cpp = component(
        &format!("pkg:deb/debian/cpp@4:12.2.0-3?{distro}&upstream=gcc-defaults%401.203"),
        status,
        1,
    );
    let attr = component(&format!("pkg:deb/debian/libattr1@1:2.5.1-4?{distro}&upstream=attr"), status, 0);
    let deb_yaml = component(
        &format!("pkg:deb/debian/python3-yaml@6.0-3%2Bb2?{distro}&upstream=pyyaml%406.0-3"),
        status,
        1,
    );
    let mut flask = component(
        "pkg:pypi/flask@3.0.0",
        "usr/lib/python3.11/site-packages/flask-3.0.0.dist-info/METADATA",
        2,
    );
    flask.licenses = ["BSD-3-Clause", "see \"LICENSE\" in the sources"].map(Licence::parse).to_vec();
    flask.supplier = Some("Armin (Ronacher)".to_owned());
    let mut yaml =
        component("pkg:pypi/pyyaml@6.0", "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO", 1);
    yaml.licenses = vec![Licence::parse("MIT")];
    let mut requests = component("pkg:pypi/requests@2.32.3", "opt/a/requests-2.32.3.dist-info/METADATA", 2);
    requests.licenses = vec![Licence::parse("Apache-2.0")];
    let copy = component("pkg:pypi/requests@2.32.3", "opt/b/requests-2.32.3.dist-info/METADATA", 2);
    let layer = |index: usize| LayerRef {
        index,
        digest: Digest::sha256(&[0, u8::try_from(index).unwrap()]),
        diff_id: Digest::sha256(&[1, u8::try_from(index).unwrap()]),
    };
    let mut components = vec![libc, cpp, attr, deb_yaml, flask, yaml, requests, copy];
    components.sort_by(|a, b| (&a.purl, &a.locations).cmp(&(&b.purl, &b.locations)));
    let find = |name: &str, path: &str| {
        let fits =
            |component: &Component| component.name == name && component.locations[0].path.starts_with(path);
        ComponentIndex(components.iter().position(fits).unwrap())
    };
    let owned = |from, to, evidence| Relationship { from, kind: RelationshipKind::OwnedBy(evidence), to };
    let relationships = BTreeSet::from([
        owned(find("pyyaml", ""), find("python3-yaml", ""), OwnerEvidence::DigestsMatch),
        owned(find("requests", "opt/b"), find("libc6", ""), OwnerEvidence::DigestMismatch),
    ]);
    Inventory {
        os: Some(OsRelease {
            id: "debian".to_owned(),
            version_id: Some("12".to_owned()),
            codename: Some("bookworm".to_owned()),
            pretty_name: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
        }),
        components,
        relationships,
        problems: vec![
            Problem::new(
                ProblemCode::FileTooLarge,
                "opt/x-1.dist-info/METADATA",
                "a \"detail\"\nof two lines",
            ),
            Problem {
                ecosystem: Some("Maven".to_owned()),
                owner: Some(format!("pkg:deb/debian/libx-java@1?{distro}").parse().unwrap()),
                ..Problem::new(ProblemCode::SetAside, "usr/share/java/x.jar", "2 *.jar")
            },
        ],
        layers: (0..3).map(layer).collect(),
        files: None,
    }
}

/// The data that tests may use and the project does not contain.
pub(crate) fn fixture(name: &str) -> Option<PathBuf> {
    plimsoll_testkit::published_data(&format!("fixtures/{name}"))
}

/// The documents of other tools, by the names of their files. Empty without the data.
pub(crate) fn foreign_documents() -> Vec<(String, Vec<u8>)> {
    let Some(archive) = fixture("foreign-sboms.tar.gz") else { return Vec::new() };
    let index: serde_json::Value = serde_json::from_slice(&tar(&archive, &["-xzOf", "index.json"])).unwrap();
    let files = index.get("files").unwrap_or(&index).as_array().unwrap();
    let names = files.iter().map(|file| file["file"].as_str().unwrap().to_owned());
    names.map(|name| (name.clone(), tar(&archive, &["-xzOf", &name]))).collect()
}

/// The output of `tar` for an archive and `arguments`.
pub(crate) fn tar(archive: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("tar")
        .args(arguments.iter().take(1))
        .arg(archive)
        .args(arguments.iter().skip(1))
        .output();
    let output = output.unwrap();
    assert!(output.status.success());
    output.stdout
}

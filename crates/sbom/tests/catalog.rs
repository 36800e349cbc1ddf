//! From the files of an image to its inventory, through the public interface.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod shared;

use plimsoll_core::rootfs::{FileSet, LayerRef, Oversized, Unreadable};
use plimsoll_core::{Digest, Limits};
use plimsoll_sbom::{ComponentIndex, Inventory, OwnerEvidence, ProblemCode, select};
use proptest::prelude::*;

const OS_RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
                          VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
const YAML: &str = "Metadata-Version: 2.1\nName: PyYAML\nVersion: 6.0\nLicense: MIT\n\nYAML parser\n";
const STATUS: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n\n\
                      Package: python3-yaml\nStatus: install ok installed\nArchitecture: amd64\nSource: pyyaml\n\
                      Version: 6.0-3+b2\nMaintainer: Debian Python Team <team@example.org>\n";
const YAML_PATH: &str = "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO";
const YAML_MD5S: &str = "var/lib/dpkg/info/python3-yaml.md5sums";
/// `printf … | md5sum` of [`YAML`].
const YAML_MD5: &str = "f2fe593321def1135eb3879758b499a4";

fn catalog(files: &FileSet) -> Inventory {
    plimsoll_sbom::catalog(files, &Limits::default())
}

fn image(files: &[(&str, &str)]) -> FileSet {
    let layer = LayerRef { index: 0, digest: Digest::sha256(b"gz"), diff_id: Digest::sha256(b"tar") };
    let mut set = FileSet { layers: vec![layer], ..FileSet::default() };
    for (path, content) in files {
        assert!(!select().want(path, None).is_empty(), "{path}");
        set.add(select(), path, Some(0), content.as_bytes());
    }
    set
}

fn codes(inventory: &Inventory) -> Vec<ProblemCode> {
    inventory.problems.iter().map(|problem| problem.code).collect()
}

fn owner_of_yaml(list: (&str, &str)) -> Option<(String, OwnerEvidence)> {
    let files =
        image(&[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", STATUS), (YAML_PATH, YAML), list]);
    let inventory = catalog(&files);
    assert_eq!(inventory.problems, []);
    let yaml = inventory.components.iter().position(|component| component.name == "pyyaml").unwrap();
    inventory.owner(ComponentIndex(yaml)).map(|owner| (owner.package.purl.to_string(), owner.evidence))
}

#[test]
fn a_debian_image_with_python() {
    let files = image(&[
        ("etc/os-release", OS_RELEASE),
        ("var/lib/dpkg/status", STATUS),
        (
            "usr/local/lib/python3.11/site-packages/requests-2.32.3.dist-info/METADATA",
            "Name: requests\nVersion: 2.32.3\n",
        ),
    ]);
    let inventory = catalog(&files);
    let os = inventory.os.unwrap();
    assert_eq!(
        (os.id.as_str(), os.version_id.as_deref(), os.codename.as_deref()),
        ("debian", Some("12"), Some("bookworm"))
    );
    let purls: Vec<_> = inventory.components.iter().map(|component| component.purl.to_string()).collect();
    assert_eq!(
        purls,
        [
            "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc",
            "pkg:deb/debian/python3-yaml@6.0-3%2Bb2?arch=amd64&distro=debian-12&upstream=pyyaml",
            "pkg:pypi/requests@2.32.3",
        ]
    );
    let supplier = inventory.components[1].supplier.as_deref();
    assert_eq!(supplier, Some("Debian Python Team <team@example.org>"));
    assert_eq!(inventory.problems, []);
    assert_eq!(inventory.layers.len(), 1);
}

#[test]
fn ownership_needs_the_digest() {
    let purl =
        "pkg:deb/debian/python3-yaml@6.0-3%2Bb2?arch=amd64&distro=debian-12&upstream=pyyaml".to_owned();
    let line = |digest: &str, path: &str| format!("{digest}  {path}\n");
    let matching = line(YAML_MD5, YAML_PATH);
    assert_eq!(owner_of_yaml((YAML_MD5S, &matching)), Some((purl.clone(), OwnerEvidence::DigestsMatch)));
    let other = line("00000000000000000000000000000000", YAML_PATH);
    assert_eq!(owner_of_yaml((YAML_MD5S, &other)), Some((purl.clone(), OwnerEvidence::DigestMismatch)));
    let listed = format!("/.\n/usr\n/{YAML_PATH}\n");
    assert_eq!(
        owner_of_yaml(("var/lib/dpkg/info/python3-yaml.list", &listed)),
        Some((purl.clone(), OwnerEvidence::Claimed))
    );
    assert_eq!(
        owner_of_yaml(("var/lib/dpkg/info/python3-yaml:amd64.md5sums", &matching)),
        Some((purl, OwnerEvidence::DigestsMatch))
    );
    // Records of a package that is not installed, of another architecture, or of other files.
    assert_eq!(owner_of_yaml(("var/lib/dpkg/info/evil.md5sums", &matching)), None);
    assert_eq!(owner_of_yaml(("var/lib/dpkg/info/python3-yaml:arm64.md5sums", &matching)), None);
    assert_eq!(owner_of_yaml((YAML_MD5S, &line(YAML_MD5, "usr/share/doc/PKG-INFO"))), None);
    assert_eq!(owner_of_yaml((YAML_MD5S, "garbage\n\n  \nPKG-INFO\n")), None);
}

#[test]
fn distroless_records_own_too() {
    let files = image(&[
        ("etc/os-release", OS_RELEASE),
        ("var/lib/dpkg/status.d/python3-yaml", "Package: python3-yaml\nArchitecture: amd64\nVersion: 6.0-3"),
        ("var/lib/dpkg/status.d/python3-yaml.md5sums", &format!("{YAML_MD5}  ./{YAML_PATH}\n")),
        (YAML_PATH, YAML),
    ]);
    let inventory = catalog(&files);
    assert_eq!(inventory.problems, []);
    assert_eq!(inventory.owner(ComponentIndex(1)).unwrap().evidence, OwnerEvidence::DigestsMatch);
}

#[test]
fn apk_owns_what_it_recorded_with_a_digest() {
    // `printf … | openssl sha1 -binary | base64` of the metadata.
    let database = |digest: &str| {
        format!(
            "P:py3-yaml\nV:6.0-r1\nA:x86_64\no:py3-yaml\nF:usr/lib/python3/dist-packages/PyYAML-6.0.egg-info\n\
             R:PKG-INFO\n{digest}F:usr/bin\nR:other\nZ:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
        )
    };
    for (id, digest, expected) in [
        ("alpine", "a:0:0:644\nZ:Q16cKjC37kbcniNTHT7I94v8qLtUo=\n", OwnerEvidence::DigestsMatch),
        ("wolfi", "Z:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", OwnerEvidence::DigestMismatch),
        ("chainguard", "Z:Q2AAAA\n", OwnerEvidence::Claimed),
        ("postmarketos\nID_LIKE=alpine", "", OwnerEvidence::Claimed),
    ] {
        let inventory = catalog(&image(&[
            ("etc/os-release", &format!("ID={id}\nVERSION_ID=3.20.1\n")),
            ("usr/lib/apk/db/installed", &database(digest)),
            (YAML_PATH, YAML),
        ]));
        assert_eq!(inventory.problems, [], "{id}");
        let found: Vec<_> = inventory.components.iter().map(|component| component.found_by).collect();
        assert_eq!(found, [Some("apk"), Some("python")]);
        let owner = inventory.owner(ComponentIndex(1)).unwrap();
        assert_eq!((owner.package, owner.evidence), (&inventory.components[0], expected), "{id}");
    }
}

#[test]
fn real_databases_of_apk() {
    let Some(archive) = shared::fixture("package-databases.tar.gz") else { return };
    let read = |name: &str| shared::tar(&archive, &["-xzOf", name]);
    for (case, count) in [("trivy-alpine-310", 14), ("extra-file-attributes", 1)] {
        let mut files = FileSet::default();
        files.add(select(), "etc/os-release", None, b"ID=alpine\nVERSION_ID=3.10.4\n");
        let database = read(&format!("os/apk/{case}/root/lib/apk/db/installed"));
        files.add(select(), "lib/apk/db/installed", None, &database);
        let inventory = catalog(&files);
        assert_eq!(inventory.problems, []);
        let expected: serde_json::Value =
            serde_json::from_slice(&read(&format!("os/apk/{case}/expected.json"))).unwrap();
        let expected = expected["packages"].as_array().unwrap();
        let package = |component: &plimsoll_sbom::Component| {
            serde_json::json!({
                "name": component.name,
                "version": component.version,
                "arch": component.purl.qualifier("arch"),
                "src_name": component.source.as_ref().unwrap().name,
            })
        };
        let found: Vec<_> = inventory.components.iter().map(package).collect();
        assert_eq!((&found, found.len()), (expected, count));
    }
}

#[test]
fn an_edition_that_allows_two_package_managers_accepts_either() {
    let kylin = ("etc/os-release", "ID=kylin\nVERSION_ID=V10\n");
    assert_eq!(catalog(&image(&[kylin, ("var/lib/dpkg/status", STATUS)])).problems, []);
}

#[test]
fn a_missing_package_database_is_reported() {
    let alpine = "ID=alpine\nVERSION_ID=3.20.1\n";
    for (files, expected) in [
        (&[("etc/os-release", OS_RELEASE)][..], ProblemCode::OsInventoryMissing),
        (&[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", "")], ProblemCode::OsInventoryMissing),
        (
            &[
                ("etc/os-release", OS_RELEASE),
                ("var/lib/dpkg/status", "Package: a\nStatus: deinstall ok config-files\n"),
            ],
            ProblemCode::OsInventoryMissing,
        ),
        (
            &[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", "junk\n")],
            ProblemCode::OsInventoryBroken,
        ),
        (
            &[("usr/lib/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n")],
            ProblemCode::OsInventoryMissing,
        ),
        (&[("etc/os-release", alpine)], ProblemCode::OsInventoryMissing),
        (&[("etc/os-release", alpine), ("var/lib/dpkg/status", STATUS)], ProblemCode::OsInventoryMissing),
        (&[("etc/os-release", alpine), ("lib/apk/db/installed", "\n")], ProblemCode::OsInventoryMissing),
        (&[("etc/os-release", alpine), ("lib/apk/db/installed", "P:a\n")], ProblemCode::OsInventoryBroken),
        (&[("etc/os-release", "ID=fedora\nVERSION_ID=40\n")], ProblemCode::OsInventoryMissing),
        (
            &[("etc/os-release", "ID=fedora\n"), ("var/lib/dpkg/status", STATUS)],
            ProblemCode::OsInventoryMissing,
        ),
        (&[("etc/os-release", "ID=void\n")], ProblemCode::UnknownOs),
        (&[("etc/os-release", "ID=void\n"), ("var/lib/dpkg/status", STATUS)], ProblemCode::UnknownOs),
        (&[("etc/os-release", "ID=kylin\n")], ProblemCode::UnknownOs),
        (&[("etc/os-release", "NAME=x\n"), ("var/lib/dpkg/status", STATUS)], ProblemCode::UnknownOs),
        (&[("var/lib/dpkg/status", STATUS)], ProblemCode::UnknownOs),
        (&[], ProblemCode::UnknownOs),
    ] {
        let inventory = catalog(&image(files));
        assert!(codes(&inventory).contains(&expected), "{files:?}: {:?}", inventory.problems);
        assert!(inventory.problems.iter().any(plimsoll_sbom::Problem::hides_components));
    }
}

#[test]
fn an_os_release_that_the_rest_contradicts_is_unknown() {
    let other = OS_RELEASE.replace("12", "11").replace("bookworm", "bullseye");
    let base = "Package: base-files\nStatus: install ok installed\nVersion: 12.4+deb12u11\n";
    let codes = |os: &str, version: &str, status: &str| {
        let files =
            [("etc/os-release", os), ("etc/debian_version", version), ("var/lib/dpkg/status", status)];
        codes(&catalog(&image(&files)))
    };
    assert_eq!(codes(OS_RELEASE, "12.4\n", base), []);
    assert_eq!(codes(&other, "11.9\n", base), [ProblemCode::UnknownOs]);
    assert_eq!(codes(&other, "12.4\n", STATUS), [ProblemCode::UnknownOs]);
    assert_eq!(
        codes(&OS_RELEASE.replace("ID=debian", "ID=ubuntu"), "12.4\n", base),
        [ProblemCode::UnknownOs]
    );
}

#[test]
fn the_release_comes_from_debian_version_if_os_release_names_none() {
    let os = |version: &str| {
        let files = [
            ("etc/os-release", "ID=debian\n"),
            ("etc/debian_version", version),
            ("var/lib/dpkg/status", STATUS),
        ];
        catalog(&image(&files)).os.unwrap().distro()
    };
    assert_eq!(os("12.4\n"), "debian-12");
    assert_eq!(os("trixie/sid\n"), "debian");
    assert_eq!(os("12; rm -rf\n"), "debian");
    assert_eq!(os(""), "debian");
}

#[test]
fn files_that_are_too_large_or_unreadable_are_reported() {
    let mut files = image(&[("etc/os-release", OS_RELEASE)]);
    for (path, size) in
        [("var/lib/dpkg/status", 1 << 31), ("opt/x-1.dist-info/METADATA", 1 << 30), (YAML_MD5S, 1 << 30)]
    {
        let purposes = select().want(path, None);
        files.oversized.push(Oversized { path: path.to_owned(), size, purposes });
    }
    let path = "opt/y-1.dist-info/METADATA";
    let (purposes, reason) = (select().want(path, None), "permission denied".to_owned());
    files.unreadable.push(Unreadable { path: path.to_owned(), reason, purposes });
    let inventory = catalog(&files);
    // Unread digests can only withhold an owner, so they are not a problem.
    assert_eq!(
        codes(&inventory),
        [ProblemCode::OsInventoryBroken, ProblemCode::FileTooLarge, ProblemCode::UnreadableFile]
    );
}

#[test]
fn the_users_limits_count_and_exceeding_them_is_reported_with_their_flags() {
    let mut limits = Limits::default();
    limits.packages = 1;
    limits.metadata_bytes = OS_RELEASE.len() as u64;
    let mut files = FileSet::default();
    let metadata = format!("{YAML}{OS_RELEASE}");
    for (path, content) in
        [("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", STATUS), (YAML_PATH, metadata.as_str())]
    {
        files.add_within(&limits, select(), path, None, content.as_bytes());
    }
    let inventory = plimsoll_sbom::catalog(&files, &limits);
    let names: Vec<_> = inventory.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["libc6"]);
    let told = |code| inventory.problems.iter().find(|problem| problem.code == code).unwrap().detail.as_str();
    assert_eq!(
        told(ProblemCode::OsInventoryBroken),
        "package database exceeds the limit packages = 1 (raise it with --limit packages=…)"
    );
    assert!(told(ProblemCode::FileTooLarge).contains("(raise it with --limit metadata_bytes=…)"));
}

#[test]
fn the_root_of_this_machine() {
    let mut files = FileSet::default();
    for path in ["etc/os-release", "var/lib/dpkg/status"] {
        let Ok(content) = std::fs::read(format!("/{path}")) else {
            println!("skipped: no /{path}");
            return;
        };
        files.add(select(), path, None, &content);
    }
    let inventory = catalog(&files);
    assert!(!inventory.components.is_empty());
    assert!(inventory.problems.iter().all(|p| !p.hides_components()), "{:?}", inventory.problems);
}

proptest! {
    #[test]
    fn never_panics_and_is_deterministic(
        os in "(ID=(debian|alpine|x/y)\n)?[ -~\n]{0,40}",
        status in "((Package|Status|Version|Source): ?(install ok installed|[ -~]{0,9})\n|\n){0,20}",
        metadata in "((Name|Version|License): ?[ -~]{0,9}\n){0,6}",
    ) {
        let files = image(&[
            ("etc/os-release", &os),
            ("var/lib/dpkg/status", &status),
            ("a/b-1.dist-info/METADATA", &metadata),
        ]);
        prop_assert_eq!(catalog(&files), catalog(&files));
    }
}

#[test]
fn cancelled_work_makes_no_inventory() {
    let cancel = plimsoll_core::Cancel::never();
    let files = image(&[]);
    assert!(plimsoll_sbom::catalog_until(&files, &Limits::default(), &cancel).is_ok());
    cancel.cancel();
    assert!(plimsoll_sbom::catalog_until(&files, &Limits::default(), &cancel).is_err());
}

//! The inventory of an image with npm packages.

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;

use crate::OwnerEvidence;
use crate::catalogers::select;
use crate::inventory::{ComponentIndex, Inventory};

fn catalog(files: &[(&str, &str)]) -> Inventory {
    let debian = [
        ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
        (
            "var/lib/dpkg/status",
            "Package: node-semver\nStatus: install ok installed\nArchitecture: all\nVersion: 7.3.5-1\n",
        ),
    ];
    let mut set = FileSet::default();
    for (path, content) in debian.iter().chain(files) {
        set.add(select(), path, None, content.as_bytes());
    }
    crate::catalog(&set, &Limits::default())
}

/// Packages with where they were found.
fn packages(inventory: &Inventory) -> Vec<String> {
    let npm = inventory.components.iter().filter(|it| it.purl.package_type() == "npm");
    npm.map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect()
}

fn problems(inventory: &Inventory) -> Vec<String> {
    inventory.problems.iter().map(|it| format!("{} {}: {}", it.code, it.path, it.words())).collect()
}

const A: &str = r#"{"name":"a","version":"1.0.0"}"#;

#[test]
fn packages_are_identified_by_their_manifest_wherever_they_are() {
    let inventory = catalog(&[
        ("srv/package.json", r#"{"name":"app","version":"1.0.0","private":true}"#),
        // If it is installed, it is listed: `private` in its own manifest must not hide a package.
        ("srv/node_modules/internal/package.json", r#"{"name":"internal","version":"1.0.0","private":true}"#),
        // The same applies to Debian's packages.
        ("usr/share/nodejs/lodash/package.json", r#"{"name":"lodash","version":"4.17.21","private":true}"#),
        ("usr/share/nodejs/lodash/fp/package.json", r#"{"name":"fp","version":"1.0.0","private":true}"#),
        ("srv/node_modules/a/package.json", A),
        ("srv/node_modules/a/dist/esm/package.json", r#"{"type":"module"}"#),
        ("srv/node_modules/a/node_modules/@s/b/package.json", r#"{"name":"@s/b","version":"2.0.0"}"#),
        ("srv/node_modules/alias/package.json", r#"{"name":"c","version":"3.0.0"}"#),
        ("srv/node_modules/next/dist/compiled/ws/package.json", r#"{"name":"ws","version":"8.0.0"}"#),
        ("srv/node_modules/.pnpm/d@4.0.0/node_modules/d/package.json", r#"{"name":"d","version":"4.0.0"}"#),
    ]);
    assert_eq!(problems(&inventory), Vec::<String>::new());
    assert_eq!(
        packages(&inventory),
        [
            "pkg:npm/a@1.0.0 srv/node_modules/a/package.json",
            "pkg:npm/c@3.0.0 srv/node_modules/alias/package.json",
            "pkg:npm/d@4.0.0 srv/node_modules/.pnpm/d@4.0.0/node_modules/d/package.json",
            "pkg:npm/internal@1.0.0 srv/node_modules/internal/package.json",
            "pkg:npm/lodash@4.17.21 usr/share/nodejs/lodash/package.json",
            "pkg:npm/ws@8.0.0 srv/node_modules/next/dist/compiled/ws/package.json",
            "pkg:npm/%40s/b@2.0.0 srv/node_modules/a/node_modules/@s/b/package.json",
        ]
    );
}

#[test]
fn an_installed_package_that_does_not_identify_itself_is_a_gap() {
    let inventory = catalog(&[
        ("srv/node_modules/a/package.json", r#"{"name":"a"}"#),
        ("srv/node_modules/@s/b/package.json", "{"),
        ("srv/node_modules/.cache/x/package.json", "{}"),
        ("srv/test/package.json", "{}"),
        ("node_modules/c/package.json", "{}"),
    ]);
    assert_eq!(
        problems(&inventory),
        [
            "unparsable-metadata node_modules/c/package.json: is a package without a name or version",
            "unparsable-metadata srv/node_modules/@s/b/package.json: is not JSON: EOF while parsing an object at \
             line 1 column 1",
            "unparsable-metadata srv/node_modules/a/package.json: is a package without a name or version",
        ]
    );
}

#[test]
fn copies_without_a_version_are_noted_with_the_package_that_contains_them() {
    let inventory = catalog(&[
        ("srv/node_modules/a/package.json", A),
        ("srv/node_modules/a/dist/compiled/acorn/package.json", r#"{"name":"acorn"}"#),
        ("srv/node_modules/a/dist/compiled/@s/b/package.json", r#"{"name":"@s/b"}"#),
        // Its own entry point, and its test data.
        ("srv/node_modules/a/ajax/package.json", r#"{"name":"a/ajax"}"#),
        ("srv/node_modules/a/test/c/package.json", r#"{"name":"c"}"#),
    ]);
    assert_eq!(
        problems(&inventory),
        [
            "vendored srv/node_modules/a: contains copies of 2 packages without versions, such as @s/b, which are not listed"
        ]
    );
}

#[test]
fn locked_packages_count_only_if_nothing_is_installed() {
    let lock = r#"{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{"version":"0.9.0"},
        "node_modules/e":{"version":"5.0.0"},"node_modules/x/node_modules/e":{"version":"5.0.0"}}}"#;
    let inventory = catalog(&[
        ("srv/package-lock.json", lock),
        ("opt/package-lock.json", lock),
        ("opt/node_modules/a/package.json", A),
        ("opt/node_modules/a/npm-shrinkwrap.json", lock),
    ]);
    assert_eq!(problems(&inventory), Vec::<String>::new());
    assert_eq!(
        packages(&inventory),
        [
            "pkg:npm/a@0.9.0 srv/package-lock.json",
            "pkg:npm/a@1.0.0 opt/node_modules/a/package.json",
            "pkg:npm/e@5.0.0 srv/package-lock.json",
        ]
    );
}

#[test]
fn a_package_whose_manifest_was_removed_is_known_from_npms_own_record() {
    let lock = r#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"},
        "node_modules/hidden":{"version":"6.0.0"}}}"#;
    let inventory = catalog(&[
        ("srv/node_modules/.package-lock.json", lock),
        ("srv/node_modules/a/package.json", A),
        ("opt/node_modules/.package-lock.json", "{}"),
    ]);
    assert_eq!(
        packages(&inventory),
        [
            "pkg:npm/a@1.0.0 srv/node_modules/a/package.json",
            "pkg:npm/hidden@6.0.0 srv/node_modules/.package-lock.json"
        ]
    );
    assert_eq!(
        problems(&inventory),
        ["unparsable-metadata opt/node_modules/.package-lock.json: has neither packages nor dependencies"]
    );
}

#[test]
fn a_distributions_package_is_owned_by_the_digest_of_its_manifest() {
    let digest = hex::encode(<md5::Md5 as md5::Digest>::digest(A));
    let list = format!("{digest}  usr/share/nodejs/a/package.json\n");
    let inventory = catalog(&[
        ("var/lib/dpkg/info/node-semver.md5sums", &list),
        ("usr/share/nodejs/a/package.json", A),
        ("srv/node_modules/a/package.json", A),
    ]);
    let owners: Vec<_> = (0..inventory.components.len())
        .map(|index| inventory.owner(ComponentIndex(index)).map(|owner| owner.evidence))
        .collect();
    assert_eq!(packages(&inventory).len(), 2);
    assert_eq!(owners, [None, None, Some(OwnerEvidence::DigestsMatch)]);
}

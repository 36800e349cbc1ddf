//! Forms that the published files do not show, and what is no lock file. The published ones are in `tests/databases.rs`.

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;

use super::*;
use crate::catalogers::select;
use crate::inventory::Inventory;

fn catalog(files: &[(&str, &str)]) -> Inventory {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, None, content.as_bytes());
    }
    crate::catalog(&set, &Limits::default())
}

fn packages_of(inventory: &Inventory) -> Vec<String> {
    inventory.components.iter().map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect()
}

const CARGO: &str = "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n\
    [[package]]\nname = \"serde\"\nversion = \"1.0.200\"\nsource = \"registry+x\"\n";

#[test]
fn what_is_installed_counts_instead_of_what_is_locked() {
    let metadata = "Metadata-Version: 2.1\nName: Requests\nVersion: 2.0\n";
    let poetry = "[[package]]\nname = \"requests\"\nversion = \"1.0\"\n[[package]]\nname = \"idna\"\nversion = \"3.1\"\n";
    let inventory = catalog(&[
        ("usr/lib/python3/site-packages/requests-2.0.dist-info/METADATA", metadata),
        ("srv/poetry.lock", poetry),
        ("usr/lib/python3/site-packages/x/poetry.lock", poetry),
        ("usr/lib/ruby/gems/3.1.0/gems/a-1.0/Gemfile.lock", "GEM\n  specs:\n    b (1.0)\n"),
        ("srv/node_modules/a/package.json", r#"{"name":"a","version":"1.0.0"}"#),
        ("srv/yarn.lock", "b@^1:\n  version \"1.0.0\"\n"),
        ("opt/Cargo.lock", CARGO),
    ]);
    assert_eq!(
        packages_of(&inventory),
        [
            "pkg:cargo/serde@1.0.200 opt/Cargo.lock",
            "pkg:npm/a@1.0.0 srv/node_modules/a/package.json",
            "pkg:pypi/idna@3.1 srv/poetry.lock",
            "pkg:pypi/requests@2.0 usr/lib/python3/site-packages/requests-2.0.dist-info/METADATA",
        ]
    );
}

#[test]
fn what_is_no_lock_file_is_told() {
    for format in LIST {
        let path = format.paths[0].replace("**/", "srv/").replace('*', "x");
        for content in ["no lock file of anything", "[", "\u{0}"] {
            let inventory = catalog(&[(&path, content)]);
            let told: Vec<&str> = inventory.problems.iter().map(|it| it.path.as_str()).collect();
            assert!(told.contains(&path.as_str()), "{path} with {content:?}: {:?}", inventory.problems);
            assert!(inventory.components.is_empty(), "{path}");
        }
    }
}

#[test]
fn names_that_are_none_are_told() {
    let odd = "[[package]]\nname = \"a b\"\nversion = \"1\"\nsource = \"x\"\n";
    let inventory = catalog(&[("srv/Cargo.lock", odd)]);
    assert!(inventory.problems.iter().any(|it| it.detail == "names a package `a b`, which is no name"));
}

#[test]
fn go_modules_are_read_in_blocks_and_lines_with_their_replacements() {
    let text = "module m // comment\n\ngo 1.22\n\nrequire a.org/x v1.0.0\nrequire (\n\tb.org/y v2.0.0 // indirect\n\
                \tc.org/z v3.0.0\n)\nexclude d.org/w v1.0.0\nreplace (\n\ta.org/x => ../x\n\tb.org/y v2.0.0 => e.org/y v2.1.0\n)\n\
                replace c.org/z v9.0.0 => f.org/z v9.1.0\n";
    let found: Vec<String> =
        go::read(text).unwrap().iter().map(|it| format!("{} {}", it.name, it.version)).collect();
    assert_eq!(found, ["a.org/x v1.0.0", "e.org/y v2.1.0", "c.org/z v3.0.0"]);
}

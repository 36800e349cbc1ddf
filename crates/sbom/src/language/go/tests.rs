//! The inventory of an image with Go programs.

use std::process::Command;

use md5::Digest as _;
use plimsoll_core::rootfs::{Extraction, FileSet};

use super::sample::Sample;
use super::*;
use crate::catalogers::select;
use crate::inventory::Inventory;
use crate::{OwnerEvidence, catalog};

const DEBIAN: &[(&str, &str)] = &[
    ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
    (
        "var/lib/dpkg/status",
        "Package: podman\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4.3.1-1\nSource: libpod\n",
    ),
];

fn image(files: &[(&str, &str)], programs: &[(&str, &[u8])]) -> FileSet {
    let mut set = FileSet::default();
    for (path, content) in DEBIAN.iter().chain(files) {
        set.add(select(), path, None, content.as_bytes());
    }
    for (path, content) in programs {
        add(&mut set, path, path, content);
    }
    set
}

fn add(set: &mut FileSet, path: &str, real_path: &str, content: &[u8]) {
    let attributes = Attributes { size: content.len() as u64, mode: 0o755 };
    let purposes = select().want(path, Some(attributes));
    let (limits, mut buffer) = (Limits::default(), Vec::new());
    let mut extraction = Extraction::new(select(), &purposes, attributes, &limits, &mut buffer);
    for piece in content.chunks(10_000) {
        if extraction.needed() > 0 {
            extraction.take(piece);
        }
    }
    let facts = extraction.finish();
    let (path, real_path) = (path.to_owned(), real_path.to_owned());
    set.insert(FoundFile { path, real_path, facts, layer: None, earlier: Vec::new() });
}

fn modules(inventory: &Inventory) -> Vec<String> {
    let golang = inventory.components.iter().filter(|it| it.purl.package_type() == "golang");
    golang.map(|it| it.purl.to_string()).collect()
}

fn problems(inventory: &Inventory) -> Vec<String> {
    inventory.problems.iter().map(|it| format!("{} {}: {}", it.code, it.path, it.words())).collect()
}

#[test]
fn a_program_shows_its_module_its_dependencies_and_the_standard_library() {
    let inventory =
        catalog(&image(&[], &[("app/server", &Sample::default().texts("go1.22.3"))]), &Limits::default());
    assert_eq!(
        modules(&inventory),
        [
            "pkg:golang/stdlib@1.22.3",
            "pkg:golang/example.org/app@v1.0.0",
            "pkg:golang/golang.org/x/sys@v0.1.0"
        ]
    );
    assert_eq!(problems(&inventory), Vec::<String>::new());
    let needs = inventory.relationships.iter().filter(|it| it.kind == RelationshipKind::DependsOn).count();
    assert_eq!(needs, 2);
    assert!(
        inventory
            .components
            .iter()
            .filter(|it| it.purl.package_type() == "golang")
            .all(|it| { it.locations.iter().map(|location| location.path.as_str()).eq(["app/server"]) })
    );
}

#[test]
fn a_program_is_listed_once_whatever_links_lead_to_it() {
    let program = Sample::default().texts("go1.22.3");
    let mut set = image(&[], &[("usr/bin/server", &program)]);
    add(&mut set, "opt/server.exe", "usr/bin/server", &program);
    let inventory = catalog(&set, &Limits::default());
    assert_eq!(modules(&inventory).len(), 3);
    assert_eq!(inventory.components.last().unwrap().locations[0].path, "usr/bin/server");
}

#[test]
fn a_go_program_without_modules_is_a_gap_unless_a_distribution_owns_it() {
    let silent = Sample { blob: false, ..Sample::default() }.texts("");
    let old = Sample { marked: false, ..Sample::default() }.pointers("go1.13");
    let plain = Sample { modules: "path\tcommand-line-arguments\n".to_owned(), ..Sample::default() };
    let plain = plain.texts("go1.22.3");
    for (program, listed) in [(silent, 0), (old, 0), (plain, 1)] {
        let inventory = catalog(&image(&[], &[("app/server", &program)]), &Limits::default());
        let expected = "not-read app/server: Go (1 program without modules): not read yet";
        assert_eq!((problems(&inventory), modules(&inventory).len()), (vec![expected.to_owned()], listed));
        // Debian builds its own programs like this.
        let list = format!("{}  usr/lib/cni/a\n{0}  usr/bin/b\n", hex::encode(md5::Md5::digest(&program)));
        let files = [("var/lib/dpkg/info/podman.md5sums", list.as_str())];
        let programs = [("usr/lib/cni/a", program.as_slice()), ("usr/bin/b", &program)];
        let inventory = catalog(&image(&files, &programs), &Limits::default());
        let expected = "set-aside usr/bin/b: Go (2 programs without modules): \
                        part of pkg:deb/debian/podman@4.3.1-1?arch=amd64&distro=debian-12&upstream=libpod";
        assert_eq!(problems(&inventory), [expected]);
    }
}

#[test]
fn an_invalid_list_of_modules_is_reported() {
    let odd = Sample { modules: "dep\t../a\tv1\n".to_owned(), ..Sample::default() };
    let broken = Sample { modules: "=>\ta\tv1\n".to_owned(), ..Sample::default() };
    for (program, expected) in [
        (odd, "lists an invalid module: ../a"),
        (broken, "is a Go program, and got `=>` in the list of modules, expected a module before it"),
    ] {
        let set = image(&[], &[("app/server", &program.texts("go1.22.3"))]);
        let inventory = catalog(&set, &Limits::default());
        assert_eq!(problems(&inventory), [format!("unparsable-metadata app/server: {expected}")]);
    }
}

#[test]
fn a_distributions_program_belongs_to_its_package_by_the_digest_of_the_whole_file() {
    let program = Sample::default().texts("go1.19.8");
    let digest = hex::encode(<md5::Md5 as md5::Digest>::digest(&program));
    for (digest, expected) in
        [(digest.as_str(), OwnerEvidence::DigestsMatch), (&"0".repeat(32), OwnerEvidence::DigestMismatch)]
    {
        let list = format!("{digest}  usr/bin/podman\n{digest}  opt/podman\n");
        let files = [("var/lib/dpkg/info/podman.md5sums", list.as_str())];
        let programs = [("usr/bin/podman", program.as_slice()), ("opt/podman", &program)];
        let inventory = catalog(&image(&files, &programs), &Limits::default());
        assert_eq!(problems(&inventory), Vec::<String>::new());
        for (index, component) in inventory.components.iter().enumerate() {
            let owner = inventory.owner(ComponentIndex(index)).map(|owner| owner.evidence);
            let is_distributions = component.locations[0].path == "usr/bin/podman";
            assert_eq!(owner, is_distributions.then_some(expected), "{component:?}");
        }
    }
}

#[test]
fn the_version_of_go_is_separated_from_the_text_after_it() {
    for (text, expected) in [
        ("go1.22.3", "1.22.3"),
        ("go1.21rc2", "1.21rc2"),
        ("go1.22.3 X:boringcrypto", "1.22.3"),
        ("devel go1.23-abcdef Tue", "devel go1.23-abcdef Tue"),
        ("", ""),
    ] {
        assert_eq!(go_version(text), expected);
    }
}

/// The output of `go version -m` for a program, in the form of this inventory.
fn of_go(program: &std::path::Path) -> Option<Vec<String>> {
    let output = Command::new("go").args(["version", "-m"]).arg(program).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (first, rest) = text.split_once('\n')?;
    let (_, go) = first.rsplit_once(": ")?;
    let mut found = vec![format!("stdlib {}", go_version(go))];
    for line in rest.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let version = |at: usize| fields.get(at).copied().filter(|it| *it != "(devel)").unwrap_or_default();
        match fields.as_slice() {
            [_, "mod" | "dep", path, ..] => found.push(format!("{path} {}", version(3))),
            [_, "=>", path, ..] if !version(3).is_empty() => {
                found.pop();
                found.push(format!("{path} {}", version(3)));
            }
            _ => {}
        }
    }
    found.sort();
    Some(found)
}

/// Programs are read as Go's own tool reads them: its compiler, and every peer that is written in Go.
#[test]
fn real_programs_show_what_gos_own_tool_prints() {
    let Some(root) = Command::new("go").args(["env", "GOROOT"]).output().ok() else {
        println!("skipped: no Go");
        return;
    };
    let root = std::path::PathBuf::from(String::from_utf8(root.stdout).unwrap().trim());
    let mut programs = vec![root.join("bin/go"), root.join("bin/gofmt")];
    for tool in ["cosign", "crane", "syft"] {
        programs.extend(plimsoll_testkit::peer_program(tool, "$PLIMSOLL_PEERS"));
    }
    for path in programs {
        let inventory =
            catalog(&image(&[], &[("app/x", &std::fs::read(&path).unwrap())]), &Limits::default());
        let golang = inventory.components.iter().filter(|it| it.purl.package_type() == "golang");
        let full = |it: &Component| match it.purl.namespace() {
            Some(namespace) => format!("{namespace}/{} {}", it.purl.name(), it.version),
            None => format!("{} {}", it.purl.name(), it.version),
        };
        let mut found: Vec<String> = golang.map(full).collect();
        found.sort();
        assert_eq!(found, of_go(&path).unwrap(), "{}", path.display());
    }
}

//! Distributions that Python would list are listed, and those that it would find but that cannot be identified are
//! problems.

use plimsoll_core::rootfs::FileSet;
use proptest::prelude::*;

use super::*;
use crate::Problem;
use crate::catalogers::{alone, select};

fn read(path: &str, content: &str) -> (Vec<Component>, Vec<Problem>) {
    let mut files = FileSet::default();
    files.add(select(), path, Some(1), content.as_bytes());
    let found = alone("python", &files, None);
    (found.inventory.components, found.inventory.problems)
}

#[test]
fn reads_wheels_and_eggs() {
    let metadata = "Metadata-Version: 2.1\nName: Zope.Interface\nVersion: 6.1\nSummary: x\nAuthor: Zope\n\
                    License: ZPL-2.1\nDescription: long\n        Name: not-this\n\nName: nor-this\nVersion: 9\n";
    for path in [
        "usr/lib/python3/dist-packages/zope.interface-6.1.dist-info/METADATA",
        "usr/lib/python3/dist-packages/zope.interface-6.1.egg-info/PKG-INFO",
        "usr/lib/python3/dist-packages/zope.interface-6.1.egg-info",
        "opt/eggs/zope.interface-6.1-py3.11.egg/EGG-INFO/PKG-INFO",
        "opt/_vendor/zope_interface-6.1.dist-info/METADATA",
    ] {
        let (components, problems) = read(path, metadata);
        assert_eq!(problems, []);
        assert_eq!(components[0].purl.to_string(), "pkg:pypi/zope-interface@6.1");
        assert_eq!(components[0].licenses, ["ZPL-2.1"]);
        assert_eq!(components[0].supplier.as_deref(), Some("Zope"));
    }
}

#[test]
fn a_renamed_directory_is_a_problem_and_the_metadata_counts() {
    let (components, problems) =
        read("x/requests-2.32.3.dist-info/METADATA", "Name: requests\nVersion: 2.0.0\n");
    assert_eq!(components[0].version, "2.0.0");
    assert_eq!(problems[0].code, ProblemCode::MetadataDisagrees);
    let (_, problems) = read("x/requests-1.10.dist-info/METADATA", "Name: requests\nVersion: 11.0\n");
    assert_eq!(problems.len(), 1);
}

fn problems_of(paths: &[(&str, &str)]) -> Vec<(ProblemCode, String)> {
    let mut files = FileSet::default();
    for (path, content) in paths {
        files.add(select(), path, Some(1), content.as_bytes());
    }
    let found = alone("python", &files, None);
    found.inventory.problems.into_iter().map(|problem| (problem.code, problem.path)).collect()
}

#[test]
fn vendored_copies_without_metadata_are_noted_and_hide_nothing() {
    const PIP: &str = "usr/lib/python3/site-packages/pip/_vendor";
    let metadata = "Name: x\nVersion: 1\n";
    for mark in ["__init__.py", "vendor.txt"] {
        let path = format!("{PIP}/{mark}");
        assert_eq!(problems_of(&[(&path, "")]), [(ProblemCode::Vendored, PIP.to_owned())]);
        // With metadata they are listed.
        assert_eq!(problems_of(&[(&path, ""), (&format!("{PIP}/x-1.dist-info/METADATA"), metadata)]), []);
    }
    assert!(ProblemCode::Vendored.severity() == crate::ProblemSeverity::Noted);
    assert_eq!(problems_of(&[("srv/vendor/__init__.py", ""), ("srv/_vendor.py", "")]), []);
}

#[test]
fn a_folder_with_only_a_licence_left_is_a_problem() {
    for name in ["LICENSE", "LICENSE.txt", "AUTHORS", "COPYING", "pbr.json"] {
        for folder in ["x/y-1.0.dist-info", "x/y-1.0.DIST-info"] {
            let found = problems_of(&[(&format!("{folder}/{name}"), "")]);
            assert_eq!(found.len(), 1, "{folder}/{name}");
            assert_eq!(found[0].0, ProblemCode::UnparsableMetadata);
        }
        assert_eq!(problems_of(&[(&format!("x/y-1.0/{name}"), "")]), []);
    }
}

#[test]
fn spellings_that_installers_normalise_agree() {
    for (directory, name, version) in [
        ("ruamel.yaml-0.18.5", "ruamel.yaml", "0.18.5"),
        ("Flask_SQLAlchemy-3.0.5", "flask-sqlalchemy", "3.0.5"),
        ("torch-2.1.0+cpu", "torch", "2.1.0+cpu"),
        ("x-1.0rc1", "X", "1.0-RC.1"),
        ("x-1.0a1", "X", "v1.0.alpha01"),
        ("x-2024.1.1", "x", "2024.01.01"),
    ] {
        let path = format!("x/{directory}.dist-info/METADATA");
        assert_eq!(read(&path, &format!("Name: {name}\nVersion: {version}\n")).1, [], "{directory}");
    }
}

#[test]
fn metadata_with_no_name_or_two_names_is_a_problem() {
    for bad in [
        "",
        "Name: x\n",
        "Version: 1\n",
        "Name: x\nVersion: UNKNOWN\n",
        "garbage\nName: x\nVersion: 1\n",
        "Name: x\nName: y\nVersion: 1\n",
        "Name: x\nVersion: 1\nVersion: 2\n",
        "Name: ../x\nVersion: 1\n",
        "Name: x\nVersion: 1 2\n",
        "Name: r\u{435}quests\nVersion: 1\n",
        "\0\0\0",
    ] {
        let (components, problems) = read("x/x.egg-info/PKG-INFO", bad);
        assert_eq!(components, [], "{bad}");
        assert_eq!(problems[0].code, ProblemCode::UnparsableMetadata, "{bad}");
    }
}

#[test]
fn licences_come_from_the_best_statement() {
    let licences =
        |headers: &str| read("x/x.egg-info", &format!("Name: x\nVersion: 1\n{headers}")).0.remove(0).licenses;
    assert_eq!(licences("License-Expression: MIT OR Apache-2.0\nLicense: other\n"), ["MIT OR Apache-2.0"]);
    assert_eq!(
        licences("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n"),
        ["MIT License"]
    );
    assert_eq!(licences(&format!("License: {}\n", "x".repeat(300))), [""; 0]);
}

#[test]
fn pages_and_repositories_come_from_both_kinds_of_headers() {
    let origin = |headers: &str| {
        let found = read("x/x.egg-info", &format!("Name: x\nVersion: 1\n{headers}")).0.remove(0).origin;
        found.map(|origin| (origin.homepage.unwrap_or_default(), origin.repository.unwrap_or_default()))
    };
    let pair = |page: &str, repository: &str| Some((page.to_owned(), repository.to_owned()));
    assert_eq!(origin("Home-page: https://a.example\n"), pair("https://a.example", ""));
    assert_eq!(
        origin(
            "Project-URL: Source Code, https://b.example/r\nProject-URL: homepage,https://a.example\nProject-URL: x\n"
        ),
        pair("https://a.example", "https://b.example/r")
    );
    assert_eq!(origin("Home-page: UNKNOWN\nProject-URL: Source, javascript:x\n"), None);
}

proptest! {
    #[test]
    fn never_panics(content in "((Name|Version|License|Classifier|x): ?[ -~é\t]{0,12}\r?\n|\n| x\n){0,20}") {
        read("a/b-1.dist-info/METADATA", &content);
    }
}

fn found(files: &[(&str, &[u8])]) -> (Vec<String>, Vec<String>) {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, None, content);
    }
    let inventory = alone("python", &set, None).inventory;
    let purls = inventory.components.iter().map(|component| component.purl.to_string()).collect();
    let problems = inventory.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.detail));
    (purls, problems.collect())
}

const X: &[u8] = b"Name: x\nVersion: 1\n";

#[test]
fn folders_in_upper_case_are_found_as_python_finds_them() {
    for path in [
        "p/X-1.DIST-INFO/METADATA",
        "p/X-1.Dist-Info/METADATA",
        "p/x-1.EGG-INFO/PKG-INFO",
        "p/x-1.Egg-Info",
        "p/x-1.egg/EGG-INFO/PKG-INFO",
        "p/x-1.egg/Egg-Info/PKG-INFO",
        "\u{e9}/\u{e9}.dist-INFO/METADATA",
    ] {
        assert_eq!(found(&[(path, X)]).0, ["pkg:pypi/x@1"], "{path}");
    }
    for path in ["p/x-1.DIST-INFO/metadata", "p/DIST-INFO/METADATA", "p/x-1.dist-infos/METADATA", "METADATA"]
    {
        assert!(found(&[(path, X)]).0.is_empty(), "{path}");
    }
}

#[test]
fn a_folder_without_its_metadata_is_a_problem() {
    let missing = "contains no METADATA or PKG-INFO, which was removed or never written";
    for (sign, folder) in [
        ("p/x-1.dist-info/RECORD", "p/x-1.dist-info"),
        ("p/x-1.dist-info/INSTALLER", "p/x-1.dist-info"),
        ("p/x-1.DIST-INFO/WHEEL", "p/x-1.DIST-INFO"),
        ("p/x-1.egg-info/SOURCES.txt", "p/x-1.egg-info"),
        ("p/x-1.egg/EGG-INFO/top_level.txt", "p/x-1.egg/EGG-INFO"),
    ] {
        assert_eq!(found(&[(sign, b"")]), (vec![], vec![format!("{folder}: {missing}")]), "{sign}");
    }
    let whole = [("p/x-1.dist-info/METADATA", X), ("p/x-1.dist-info/RECORD", b"")];
    assert_eq!(found(&whole), (vec!["pkg:pypi/x@1".to_owned()], vec![]));
    assert_eq!(found(&[("srv/RECORD", b""), ("srv/top_level.txt", b"")]), (vec![], vec![]));
}

#[test]
fn the_other_file_counts_if_one_is_empty() {
    let files = [("p/x-1.dist-info/METADATA", &b""[..]), ("p/x-1.dist-info/PKG-INFO", X)];
    assert_eq!(found(&files), (vec!["pkg:pypi/x@1".to_owned()], vec![]));
    // The same twice is one distribution; two that disagree are two.
    let files = [("p/x-1.dist-info/METADATA", X), ("p/x-1.dist-info/PKG-INFO", X)];
    assert_eq!(found(&files).0, ["pkg:pypi/x@1"]);
    let files = [("p/x.egg-info/METADATA", X), ("p/x.egg-info/PKG-INFO", b"Name: x\nVersion: 2\n")];
    assert_eq!(found(&files).0, ["pkg:pypi/x@1", "pkg:pypi/x@2"]);
}

#[test]
fn a_name_or_version_that_readers_see_differently_is_invalid() {
    for bad in [
        "Name: x\nVersion: 1.0\u{1b}[2K\n",
        "Name: x\nVersion: 1\0.2\n",
        "Name: x\u{7f}\nVersion: 1\n",
        "Name: x\nVersion: 1\n .2\n",
        "Name: x\n\ty\nVersion: 1\n",
        "Name: x\nVersion: 1\u{85}\n",
    ] {
        let (components, problems) = found(&[("x/x.egg-info", bad.as_bytes())]);
        assert_eq!((components.len(), problems.len()), (0, 1), "{bad:?}");
    }
    // As Python's reader does it.
    for good in [
        "Name: x\rVersion: 1\r",
        "Name: x\r\nVersion: 1\r\n\r\nVersion: 2",
        "From nobody\nName: x\nFrom nobody\nVersion: 1\n",
        ": odd\nName: x\nVersion: 1\n",
        " odd\nName: x\nVersion: 1\n \n",
        "name: x\nVERSION:1\nSummary: a\n b\n",
    ] {
        let (components, problems) = found(&[("x/x.egg-info", good.as_bytes())]);
        assert_eq!((components, problems), (vec!["pkg:pypi/x@1".to_owned()], vec![]), "{good:?}");
    }
}

#[test]
fn zipped_eggs_and_wheels_are_read() {
    let y = b"Name: y\nVersion: 2\n";
    for (path, inside) in [
        ("p/x-1-py3.12.egg", "EGG-INFO/PKG-INFO"),
        ("p/x-1-py3-none-any.whl", "x-1.dist-info/METADATA"),
        ("opt/app.pyz", "site-packages/x-1.DIST-INFO/METADATA"),
    ] {
        let zip =
            crate::zip::tests::zip(&[(inside, X), ("x/_vendor/y-2.dist-info/METADATA", y), ("x.py", b"")]);
        let (purls, problems) = found(&[(path, &zip)]);
        assert_eq!((purls, problems), (vec!["pkg:pypi/x@1".to_owned(), "pkg:pypi/y@2".to_owned()], vec![]));
    }
    let nothing = crate::zip::tests::zip(&[("x.py", b"")]);
    assert_eq!(
        found(&[("p/x-1.egg", &nothing)]).1,
        ["p/x-1.egg: is an archive without METADATA or PKG-INFO"]
    );
    assert_eq!(found(&[("p/x.pyz", &nothing)]), (vec![], vec![]));
    // Another language also has eggs.
    assert_eq!(found(&[("p/x.egg", b"((author \"somebody\"))")]), (vec![], vec![]));
    let broken = crate::zip::tests::zip(&[("EGG-INFO/PKG-INFO", b"Name: x\n")]);
    assert_eq!(found(&[("p/x.egg", &broken)]).1, ["p/x.egg/EGG-INFO/PKG-INFO: has no Version"]);
}

#[test]
fn the_owner_of_an_archive_owns_its_content() {
    let zip =
        crate::zip::tests::zip(&[("x-1.dist-info/METADATA", X), ("x/_vendor/y-2.dist-info/METADATA", X)]);
    let path = "usr/share/python-wheels/x-1-py3-none-any.whl";
    let mut set = FileSet::default();
    set.add(select(), "etc/os-release", None, b"ID=debian\nVERSION_ID=12\n");
    let status = b"Package: python3-x-whl\nStatus: install ok installed\nVersion: 1-1\n";
    set.add(select(), "var/lib/dpkg/status", None, status);
    set.add(select(), path, None, &zip);
    let digest = <md5::Md5 as md5::Digest>::digest(&zip);
    let line = format!("{}  {path}\n", hex::encode(digest));
    set.add(select(), "var/lib/dpkg/info/python3-x-whl.md5sums", None, line.as_bytes());
    let inventory = crate::catalog(&set, &plimsoll_core::Limits::default());
    let owners = (0..inventory.components.len()).filter_map(|n| inventory.owner(ComponentIndex(n)));
    let evidence: Vec<_> = owners.map(|owner| owner.evidence).collect();
    assert_eq!(evidence, [crate::OwnerEvidence::DigestsMatch; 2]);
}

#[test]
fn archives_that_a_path_file_adds_are_reported() {
    let paths = b"import sys; x='a.zip'\n# b.zip\n./lib\n/opt/hidden.ZIP\n";
    assert_eq!(
        found(&[("p/x.pth", paths)]).1,
        ["p/x.pth: makes Python import from /opt/hidden.ZIP, which is not read"]
    );
    assert_eq!(found(&[("p/x.pth", b"./x-1.egg\n")]), (vec![], vec![]));
}

/// What Python's own `importlib.metadata` finds in a folder, one `name==version` per line. `None` if Python is missing.
fn oracle(folder: &std::path::Path) -> Option<Vec<String>> {
    let script = "import sys, importlib.metadata as m\n\
                  for d in m.distributions(path=sys.argv[1:]): print(ascii((d.metadata['Name'], d.metadata['Version'])))";
    let eggs = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let eggs =
        eggs.filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("egg")));
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script]).arg(folder).args(eggs);
    let output = command.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    found.sort();
    Some(found)
}

#[test]
fn everything_that_python_finds_is_listed_or_a_problem() {
    let zip = crate::zip::tests::zip(&[("EGG-INFO/PKG-INFO", b"Name: zipped\nVersion: 9\n")]);
    let folder = tempfile::tempdir().unwrap();
    let files: &[(&str, &[u8])] = &[
        ("a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n"),
        ("b-1.DIST-INFO/METADATA", b"Name: b\nVersion: 1\n"),
        ("c-1.Egg-Info/PKG-INFO", b"Name: c\nVersion: 1\n"),
        ("d-1.EGG-INFO", b"Name: d\nVersion: 1\n"),
        ("e-1.egg/Egg-Info/PKG-INFO", b"Name: e\nVersion: 1\n"),
        ("f-1-py3.egg", &zip),
        ("g-1.dist-info/METADATA", b""),
        ("g-1.dist-info/PKG-INFO", b"Name: g\nVersion: 1\n"),
        ("h-1.egg-info/METADATA", b"Name: h\nVersion: 1\n"),
        ("i-1.dist-info/METADATA", b"Name: i\rVersion: 1\r"),
        ("j-1.dist-info/METADATA", b"From x\n: y\nName: j\nVersion: 1\n\nVersion: 2\n"),
        ("gone-1.dist-info/RECORD", b""),
        ("control-1.dist-info/METADATA", b"Name: control\nVersion: 1\x01\n"),
        ("folded-1.dist-info/METADATA", b"Name: folded\nVersion: 1\n .2\n"),
        ("none.dist-info/METADATA", b"garbage\nName: none\nVersion: 1\n"),
        ("other.dist-infos/METADATA", b"Name: other\nVersion: 1\n"),
    ];
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let (purls, problems) = found(files);
    let ours: Vec<String> = purls
        .iter()
        .map(|purl| purl.trim_start_matches("pkg:pypi/").replace('@', "', '"))
        .map(|pair| format!("('{pair}')"))
        .collect();
    assert_eq!(problems.len(), 4, "{problems:?}");
    let Some(theirs) = oracle(folder.path()) else {
        println!("skipped: no python3");
        return;
    };
    let (known, unknown): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|seen| ours.contains(seen));
    assert_eq!(known, ours);
    assert_eq!(unknown.len(), problems.len(), "{unknown:?} {problems:?}");
}

#[test]
fn an_empty_folder_that_python_lists_by_its_name_is_a_problem() {
    let told = |folder: &str| {
        let mut files = FileSet::default();
        files.add_folder(select(), folder, Some(0));
        let problems = alone("python", &files, None).inventory.problems;
        problems.into_iter().map(|problem| (problem.code, problem.path)).collect::<Vec<_>>()
    };
    for folder in [
        "usr/lib/python3/dist-packages/requests-2.0.dist-info",
        "requests-2.0.dist-info",
        "app/requests-2.0.DIST-Info",
        "app/requests-2.0.egg-info",
        "app/requests-2.0.egg/EGG-INFO",
    ] {
        assert_eq!(told(folder), [(ProblemCode::UnparsableMetadata, folder.to_owned())]);
    }
    for other in ["usr/share/info", "app/EGG-INFO", "app/requests-2.0.dist-info/licenses"] {
        assert_eq!(told(other), []);
    }
}

#[test]
fn a_folder_with_metadata_is_listed_once_and_not_reported_as_empty() {
    let mut files = FileSet::default();
    files.add(select(), "app/a-1.dist-info/METADATA", Some(0), b"Name: a\nVersion: 1\n");
    files.add(select(), "app/b-1.dist-info/RECORD", Some(0), b"");
    for folder in ["app/a-1.dist-info", "app/b-1.dist-info"] {
        files.add_folder(select(), folder, Some(0));
    }
    let found = alone("python", &files, None).inventory;
    assert_eq!(found.components.len(), 1);
    let paths: Vec<&str> = found.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["app/b-1.dist-info"]);
}

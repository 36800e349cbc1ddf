//! Package databases, installed metadata and lock files that others published, with the packages that they contain.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use plimsoll_sbom::{Component, catalog, select};
use serde_json::Value;

/// The kinds of files that are read.
const KINDS: &[&str] = &[
    "os/apk",
    "os/bottlerocket",
    "os/chisel",
    "os/dpkg",
    "os/dpkg-distroless",
    "os/opkg",
    "os/pacman",
    "os/portage",
    "os/rpm-bdb",
    "os/rpm-manifest",
    "os/rpm-ndb",
    "os/rpm-sqlite",
    "installed/composer-installed",
    "installed/conda-meta",
    "installed/dotnet-deps-json",
    "installed/erlang-app",
    "installed/gemspec",
    "installed/jar",
    "installed/java-jvm-release",
    "installed/lua-rockspec",
    "installed/node-package-json",
    "installed/php-pear",
    "installed/python-dist-info",
    "installed/python-egg-info",
    "installed/r-description",
    "lockfiles/bun",
    "lockfiles/bundler",
    "lockfiles/cabal-freeze",
    "lockfiles/cargo",
    "lockfiles/cocoapods",
    "lockfiles/composer",
    "lockfiles/conan-v1",
    "lockfiles/conan-v2",
    "lockfiles/conda-environment",
    "lockfiles/deno",
    "lockfiles/github-actions",
    "lockfiles/go-mod",
    "lockfiles/gradle",
    "lockfiles/julia",
    "lockfiles/maven-pom",
    "lockfiles/mix",
    "lockfiles/npm-shrinkwrap",
    "lockfiles/npm-v1",
    "lockfiles/npm-v2",
    "lockfiles/npm-v3",
    "lockfiles/nuget-lock",
    "lockfiles/nuget-packages-config",
    "lockfiles/nuget-packages-props",
    "lockfiles/nuget-project-assets",
    "lockfiles/paket",
    "lockfiles/pdm",
    "lockfiles/pipenv",
    "lockfiles/pnpm-v5",
    "lockfiles/pnpm-v6",
    "lockfiles/pnpm-v9",
    "lockfiles/poetry",
    "lockfiles/pub",
    "lockfiles/pylock",
    "lockfiles/rebar",
    "lockfiles/renv",
    "lockfiles/requirements",
    "lockfiles/sbt",
    "lockfiles/stack",
    "lockfiles/swift-package",
    "lockfiles/terraform",
    "lockfiles/uv",
    "lockfiles/yarn-berry",
    "lockfiles/yarn-classic",
];

/// Cases in which Plimsoll deviates from the published list on purpose: missing packages, additional packages, and why.
const OTHERWISE: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "lockfiles/yarn-berry/trivy-yarn-v2-happy.lock",
        &[],
        &["fsevents@2.1.3"],
        "it is patched, and is there",
    ),
    ("lockfiles/uv/trivy-uv-normal.lock", &["normal@0.1.0"], &[], "it is the project itself"),
    ("lockfiles/bundler/syft-gemfile.lock", &["google-cloud-errors@1.3.0"], &[], "it is the project itself"),
    (
        "lockfiles/cargo/syft-cargo.lock-with-git-deps",
        &["hello-world@0.1.0"],
        &[],
        "it is the project itself",
    ),
    ("lockfiles/go-mod/trivy-normal-go.mod", &["stdlib@1.22.5"], &[], "it is unknown which Go builds it"),
    (
        "lockfiles/npm-v3/trivy-package-lock-v3-with-workspace.json",
        &["function1@", "nested-func@1.0.0"],
        &[],
        "these are folders of the project",
    ),
    (
        "lockfiles/deno/syft-deno-deno.lock",
        &["deno.land/std@0.140.0"],
        &["std@0.140.0"],
        "its host is its namespace, and no scope of npm",
    ),
    (
        "lockfiles/requirements/osv-scalibr-per-req-options.txt",
        &["foo17--hash@1.0", "foo7@1.0 unexpected_text_before_options_stays_around"],
        &["foo17-hash@1.0"],
        "the one is spelled as it is looked up, the other has no version and is told",
    ),
    (
        "lockfiles/paket/osv-scalibr-paket.lock",
        &["fsharp/fake@5.20.4", "fsprojects/paket@5.0.0"],
        // The other one has the name of the NuGet package.
        &["paket@5.0.0"],
        "the owner of a repository is its namespace",
    ),
    (
        "lockfiles/pub/syft-pubspec-locks-pubspec.lock",
        &["flutter@3.24.5"],
        &["flutter@0.0.0"],
        "the version is the one that is locked, not the least that is allowed of the SDK",
    ),
    (
        "lockfiles/mix/syft-mix.lock",
        &["enacl@2f50ba6289f2f2d9fef05d22a396c0bab4f64149", "local-dep@"],
        &["enacl@"],
        "a commit is not a version, and a folder is the project's own",
    ),
    (
        "lockfiles/swift-package/syft-packagev3.resolved",
        &["swift-mmio@", "swift-syntax@509.1.1"],
        &["github.com/apple/swift-mmio@", "github.com/apple/swift-syntax@509.1.1"],
        "the name is the address, by which advisories are looked up",
    ),
    (
        "lockfiles/swift-package/trivy-happy-v2-package.resolved",
        &["github.com/element-hq/swift-ogg@0.0.1"],
        &["github.com/element-hq/swift-ogg@"],
        "a branch is not a version",
    ),
    ("lockfiles/stack/syft-stack.yaml.lock", &[], &["kore@0.60.0.0"], "it comes from git, and is listed"),
    (
        "lockfiles/terraform/syft-image-pkg-coverage-terraform-.terraform.lock.hcl",
        &["registry.terraform.io/hashicorp/aws@5.72.1"],
        &["aws@5.72.1"],
        "the host and the owner are its namespace",
    ),
    (
        "lockfiles/renv/osv-scalibr-with-mixed-sources.lock",
        &[],
        &["mime@0.12.1"],
        "it comes from GitHub, and is there",
    ),
    (
        "lockfiles/conda-environment/trivy-happy.yaml",
        &[],
        &[
            "-openmp-mutex@",
            "ld-impl-linux-aarch64@",
            "libblas@",
            "libcblas@",
            "libgcc-ng@",
            "libgfortran-ng@",
            "libgfortran5@",
            "liblapack@",
        ],
        "they are wanted, in whatever version",
    ),
    (
        "lockfiles/maven-pom/osv-scalibr-interpolation.xml",
        &["org.mine:ranged-package@9.4.35.v20201120"],
        &["org.mine:ranged-package@"],
        "the least that a range allows is not what is taken",
    ),
    (
        "lockfiles/nuget-packages-props/trivy-packages.props",
        &[],
        &["package3@"],
        "it is wanted, in whatever version",
    ),
    (
        "lockfiles/nuget-packages-props/trivy-variables-and-empty",
        &[],
        &["package@", "packageone@"],
        "they are wanted, in a version that is not known",
    ),
    (
        "lockfiles/github-actions/syft-workflow-multi-job.yaml",
        &["./.github/actions/bootstrap@"],
        &[],
        "it is a folder of the project",
    ),
    (
        "installed/python-dist-info/repeated-keys",
        &["root@1.0.0"],
        &[],
        "two readers would take different names",
    ),
    ("installed/gemspec/version-inline", &["example-inline@3.0.0"], &[], "it is a source, not installed"),
    ("installed/dotnet-deps-json/happy", &["exampleapp1@1.0.0"], &[], "it is the application itself"),
    (
        "installed/dotnet-deps-json/multi-project",
        &["api@1.0.0", "data@1.0.0", "web@1.0.0"],
        &[],
        "these are the application itself",
    ),
    (
        "installed/jar/pom-without-group",
        &["pom-missing-group-id:pom-missing-group-id@2.4.0"],
        &[],
        "its group is not known, and told to be missing",
    ),
];

#[test]
fn published_files_give_the_published_packages() {
    let Some(archive) = plimsoll_testkit::published_data("fixtures/package-databases.tar.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let unpacked =
        Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    let index: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for case in index.as_array().unwrap() {
        let case = case["case"].as_str().unwrap();
        let Some(kind) = KINDS.iter().find(|kind| case.rsplit_once('/').unwrap().0 == **kind) else {
            continue;
        };
        let Ok(expected) = std::fs::read(folder.path().join(case).join("expected.json")) else { continue };
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let text = |package: &Value| {
            let field = |field: &str| package[field].as_str().filter(|text| !text.is_empty());
            let epoch = field("epoch").filter(|epoch| *epoch != "0").map(|epoch| format!("{epoch}:"));
            let release = field("release").map(|release| format!("-{release}"));
            let version = field("version").unwrap_or_default();
            let (epoch, release) = (epoch.unwrap_or_default(), release.unwrap_or_default());
            spelled(field("name").unwrap(), &format!("{epoch}{version}{release}"))
        };
        let expected: BTreeSet<String> = expected["packages"].as_array().unwrap().iter().map(text).collect();
        // Some published lists contain development dependencies, and some omit them.
        let (found, for_development) = inventory(&folder.path().join(case).join("root"));
        let missing = expected.difference(&found).map(String::as_str);
        let missing: Vec<&str> = missing.filter(|it| !for_development.contains(*it)).collect();
        let more: Vec<&str> = found.difference(&expected).map(String::as_str).collect();
        let (_, left_out, besides, _) =
            OTHERWISE.iter().find(|(known, ..)| *known == case).unwrap_or(&("", &[], &[], ""));
        if missing != *left_out || more != *besides {
            wrong.push(format!("{case}: missing {missing:?}, more {more:?}"));
        }
        *seen.entry(*kind).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen.len(), KINDS.len(), "{seen:?}");
}

/// Name and version, with the name in the spelling of its ecosystem's advisories, and without a leading `v`.
fn spelled(name: &str, version: &str) -> String {
    let version = version.strip_prefix('v').unwrap_or(version);
    format!("{}@{version}", name.to_lowercase().replace('_', "-"))
}

/// The runtime and the development dependencies.
fn inventory(root: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut set = FileSet::default();
    add(&mut set, root, "");
    let inventory = catalog(&set, &Limits::default());
    let text = |it: &Component| match it.purl.subpath() {
        // A part of a package, which others list as a package.
        Some(part) => spelled(&format!("{}/{part}", it.name), &it.version),
        None => spelled(&it.name, &it.version),
    };
    let (for_development, found): (Vec<&Component>, Vec<&Component>) =
        inventory.components.iter().partition(|it| it.is_for_development());
    let texts = |components: Vec<&Component>| components.into_iter().map(text).collect();
    (texts(found), texts(for_development))
}

fn add(set: &mut FileSet, folder: &Path, path: &str) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            add(set, &entry.path(), &path);
        } else {
            set.add(select(), &path, None, &std::fs::read(entry.path()).unwrap());
        }
    }
}

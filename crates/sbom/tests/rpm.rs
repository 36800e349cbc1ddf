//! A database that rpm itself wrote, compared with what rpm lists.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use plimsoll_sbom::{ComponentIndex, OwnerEvidence, catalog, select};

const DATABASE: &str = "var/lib/rpm/rpmdb.sqlite";
const METADATA: &str = "usr/lib/python3/site-packages/demo-1.0.dist-info/METADATA";

/// Two packages with an epoch, a module, a ghost and Python metadata.
const SPEC: &str = "
Name: demo
Epoch: 2
Version: 1.2~rc1
Release: 3.el9
Summary: A demo
License: MIT
Vendor: Demo Vendor
%description
A demo.
%package libs
Summary: Libraries
BuildArch: noarch
%description libs
Libraries.
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr/lib/python3/site-packages/demo-1.0.dist-info
printf 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n' > %{buildroot}/usr/lib/python3/site-packages/demo-1.0.dist-info/METADATA
touch %{buildroot}/etc/demo.conf
%files
%config /etc/demo.conf
%ghost /etc/ghost
%files libs
/usr/lib/python3/site-packages/demo-1.0.dist-info
";

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn agrees_with_rpm_about_a_database_that_rpm_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("demo.spec"), SPEC).unwrap();
    let topdir = format!("_topdir {}", path("build"));
    if run("rpmbuild", &["-bb", "--quiet", "--define", &topdir, &path("demo.spec")]).is_none() {
        eprintln!("skipped: no rpmbuild");
        return;
    }
    let mut packages = Vec::new();
    for architecture in std::fs::read_dir(path("build/RPMS")).unwrap() {
        let built = std::fs::read_dir(architecture.unwrap().path()).unwrap();
        packages.extend(built.map(|it| it.unwrap().path().to_str().unwrap().to_owned()));
    }
    let root = path("root");
    let (dbpath, backend) = ("/var/lib/rpm", "_db_backend sqlite");
    let common = ["--root", &root, "--dbpath", dbpath, "--define", backend];
    let install: Vec<&str> = packages.iter().map(String::as_str).collect();
    run("rpm", &[&common[..], &["-i", "--nodeps", "--noscripts"], &install].concat()).unwrap();
    let format =
        "%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH} %{SOURCERPM} %{VENDOR} %{LICENSE}\\n";
    let said = run("rpm", &[&common[..], &["-qa", "--qf", format]].concat()).unwrap();

    let mut files = FileSet::default();
    files.add(select(), "etc/os-release", None, b"ID=rhel\nVERSION_ID=9.4\n");
    for path in [DATABASE, "var/lib/rpm/rpmdb.sqlite-wal", METADATA] {
        if let Ok(content) = std::fs::read(Path::new(&root).join(path)) {
            files.add(select(), path, None, &content);
        }
    }
    let inventory = catalog(&files, &Limits::default());
    assert_eq!(inventory.problems, []);
    let lines: BTreeSet<String> = inventory
        .components
        .iter()
        .filter(|component| component.purl.package_type() == "rpm")
        .map(|component| {
            let qualifier = |key| component.purl.qualifier(key).unwrap_or_default().to_owned();
            let vendor = component.supplier.as_deref().unwrap_or("(none)");
            let (arch, source) = (qualifier("arch"), qualifier("upstream"));
            format!(
                "{} {} {arch} {source} {vendor} {}",
                component.name, component.version, component.licenses[0]
            )
        })
        .collect();
    assert_eq!(lines, said.lines().map(str::to_owned).collect(), "{packages:?}");
    let python = inventory.components.iter().position(|it| it.purl.package_type() == "pypi").unwrap();
    let owner = inventory.owner(ComponentIndex(python)).unwrap();
    assert_eq!((owner.package.name.as_str(), owner.evidence), ("demo-libs", OwnerEvidence::DigestsMatch));
}

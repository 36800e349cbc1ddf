//! Packages that the ecosystems' own tools build and install here, without a network. A tool that is missing is told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::process::Command;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use plimsoll_sbom::{Inventory, select};

/// Runs a program in a folder. `None` if there is no such program.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("npm_config_cache", folder.join("cache"))
        .env("npm_config_update_notifier", "false")
        .output()
        .ok()?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program}: {}{}", said(&output.stdout), said(&output.stderr));
    Some(())
}

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// The package URLs in what was installed into `root`, without what else the tool brought.
fn found(root: &Path) -> (Vec<String>, Inventory) {
    let (mut set, mut waiting) = (FileSet::default(), vec![root.to_path_buf()]);
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                set.add(select(), &name, None, &std::fs::read(&path).unwrap());
            }
        }
    }
    let inventory = plimsoll_sbom::catalog(&set, &Limits::default());
    assert!(inventory.problems.iter().all(|it| !it.hides_components()), "{:?}", inventory.problems);
    (inventory.components.iter().map(|it| it.purl.to_string()).collect(), inventory)
}

const WHEEL: &str = "
import zipfile
with zipfile.ZipFile('sample_package-1.2.3-py3-none-any.whl', 'w') as wheel:
    info = 'sample_package-1.2.3.dist-info/'
    wheel.writestr('sample_package/__init__.py', '')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: Sample_Package\\nVersion: 1.2.3\\nLicense: MIT\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'RECORD', 'sample_package/__init__.py,,\\n' + info + 'METADATA,,\\n' + info + 'WHEEL,,\\n' + info + 'RECORD,,\\n')
";

#[test]
fn a_wheel_that_pip_installed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    if run(folder, "python3", &["-c", WHEEL]).is_none() {
        println!("skipped: no python3");
        return;
    }
    if !Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|it| it.status.success())
    {
        println!("skipped: no pip");
        return;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"];
    let arguments = [&pip[..], &["--target", "root", "./sample_package-1.2.3-py3-none-any.whl"]].concat();
    run(folder, "python3", &arguments).unwrap();
    let (purls, inventory) = found(&folder.join("root"));
    assert_eq!(purls, ["pkg:pypi/sample-package@1.2.3"]);
    assert_eq!(inventory.components[0].licenses, ["MIT"]);
}

#[test]
fn packages_that_npm_packed_and_installed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "inner/package.json", r#"{"name":"@example/inner","version":"0.4.0","license":"ISC"}"#);
    write(
        folder,
        "outer/package.json",
        r#"{"name":"outer","version":"2.0.1","license":"MIT","dependencies":{"@example/inner":"file:../example-inner-0.4.0.tgz"}}"#,
    );
    write(folder, "root/package.json", r#"{"name":"app","private":true}"#);
    if run(folder, "npm", &["pack", "--silent", "./inner"]).is_none() {
        println!("skipped: no npm");
        return;
    }
    run(folder, "npm", &["pack", "--silent", "./outer"]).unwrap();
    let install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    let packed = ["../outer-2.0.1.tgz", "../example-inner-0.4.0.tgz"];
    run(&folder.join("root"), "npm", &[&install[..], &packed].concat()).unwrap();
    let (purls, inventory) = found(&folder.join("root"));
    assert_eq!(purls, ["pkg:npm/outer@2.0.1", "pkg:npm/%40example/inner@0.4.0"]);
    let installed = |it: &plimsoll_sbom::Component| it.locations[0].path.starts_with("node_modules/");
    assert!(inventory.components.iter().all(installed), "the lock file adds nothing");
}

#[test]
fn a_gem_that_rubygems_built_and_installed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "lib/sample.rb", "");
    write(
        folder,
        "sample.gemspec",
        "Gem::Specification.new do |s|\n s.name='sample'; s.version='1.0.2'; s.summary='x'; s.authors=['A']\n \
         s.files=['lib/sample.rb']; s.license='MIT'; s.homepage='https://sample.example'\nend\n",
    );
    if run(folder, "gem", &["build", "--silent", "sample.gemspec"]).is_none() {
        println!("skipped: no ruby");
        return;
    }
    let install =
        ["install", "--silent", "--local", "--no-document", "--install-dir", "root", "sample-1.0.2.gem"];
    run(folder, "gem", &install).unwrap();
    let (purls, inventory) = found(&folder.join("root"));
    assert_eq!(purls, ["pkg:gem/sample@1.0.2"]);
    assert_eq!(inventory.components[0].licenses, ["MIT"]);
}

#[test]
fn a_module_that_perls_makemaker_installed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write(folder, "lib/Sample/Module.pm", "package Sample::Module;\nour $VERSION = '0.07';\n1;\n");
    write(
        folder,
        "Makefile.PL",
        "use ExtUtils::MakeMaker;\nWriteMakefile(NAME => 'Sample::Module', VERSION_FROM => 'lib/Sample/Module.pm');\n",
    );
    let has = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|it| it.status.success())
    };
    if !has("perl", &["-MExtUtils::MakeMaker", "-e1"]) || !has("make", &["--version"]) {
        println!("skipped: no perl with ExtUtils::MakeMaker");
        return;
    }
    run(folder, "perl", &["Makefile.PL", "INSTALLDIRS=site"]).unwrap();
    let root = folder.join("root");
    run(folder, "make", &["--silent", "install", &format!("DESTDIR={}", root.display())]).unwrap();
    let (purls, _) = found(&root);
    assert_eq!(purls, ["pkg:cpan/Sample-Module@0.07"]);
}

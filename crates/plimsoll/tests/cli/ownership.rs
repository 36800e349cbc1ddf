//! What a package of the operating system claims to have installed: an image cannot improve its verdict by the claim alone.

use std::os::unix::fs::PermissionsExt;

use crate::fixture::{DPKG_STATUS, NOW, Place, Run};

/// A program as compilers write it, and its MD5.
const PROGRAM: &str = "\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0 and its text";
const OF_PROGRAM: &str = "87a850723b5f94353bbe3ef89c958a5c";
/// The metadata of a Python package, and its MD5.
const METADATA: &str = "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.1.0\n\nText.\n";
const OF_METADATA: &str = "71798d35280d581ff872a6cbd02459c7";
/// An Erlang application, and its MD5.
const APPLICATION: &str = "{application, stdlib, [{description, \"x\"}, {vsn, \"4.2\"}]}.\n";
const OF_APPLICATION: &str = "602274d9cce04bacae3dd0185a50fb39";
/// The MD5 of nothing that is here.
const OF_NOTHING: &str = "00000000000000000000000000000000";

/// `scan` of a Debian root, in which a package of this name and source lists these files.
fn scanned(package: &str, source: &str, md5sums: &[(&str, &str)], files: &[(&str, &str)]) -> Run {
    let place = Place::new();
    let more = format!(
        "Package: {package}\nStatus: install ok installed\nArchitecture: amd64\nSource: {source}\nVersion: 3.11.2-6\n"
    );
    let md5sums: Vec<String> = md5sums.iter().map(|(path, md5)| format!("{md5}  {path}\n")).collect();
    let md5sums = md5sums.concat();
    let list = format!("var/lib/dpkg/info/{package}.md5sums");
    let all = [
        ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"),
        ("var/lib/dpkg/status", &format!("{DPKG_STATUS}{more}")),
        (&list, &md5sums),
    ];
    for (path, content) in all.iter().chain(files) {
        let path = format!("root/{path}");
        std::fs::create_dir_all(place.root().join(&path).parent().unwrap()).unwrap();
        place.write(&path, content);
        let permissions = if content.starts_with("\x7fELF") { 0o755 } else { 0o644 };
        std::fs::set_permissions(place.path(&path), std::fs::Permissions::from_mode(permissions)).unwrap();
    }
    let (root, db) = (format!("dir:{}", place.path("root")), place.path("db"));
    place.run(&["scan", "--db", &db, "--at", NOW, &root])
}

#[test]
fn a_listed_program_counts_as_the_packages_if_it_has_the_recorded_digest() {
    let files = [("usr/bin/evil", PROGRAM)];
    scanned("acme", "acme", &[], &files).exits(11).says("executables");
    scanned("acme", "acme", &[("usr/bin/evil", OF_NOTHING)], &files).exits(11).says("executables");
    scanned("zlib-tools", "zlib", &[("usr/bin/evil", OF_NOTHING)], &files).exits(11).says("executables");
    let known = scanned("zlib-tools", "zlib", &[("usr/bin/evil", OF_PROGRAM)], &files).exits(0);
    known.says("set aside: executables (1 file): part of the operating system's packages");
    // It is told that nothing shows where the package comes from.
    let unknown = scanned("acme", "acme", &[("usr/bin/evil", OF_PROGRAM)], &files).exits(0);
    unknown.says("1 file of packages that no advisory names");
}

#[test]
fn a_component_without_advisories_counts_as_the_packages_if_its_file_has_the_recorded_digest() {
    let path = "usr/lib/erlang/lib/stdlib-4.2/ebin/stdlib.app";
    let of = |source: &str, md5: &str| scanned("erlang-base", source, &[(path, md5)], &[(path, APPLICATION)]);
    of("zlib", OF_NOTHING).exits(11).says("otp");
    of("erlang", OF_APPLICATION).exits(11).says("otp");
    of("zlib", OF_APPLICATION).exits(0).says("set aside: otp (1 component): part of erlang-base 3.11.2-6");
}

#[test]
fn python_itself_does_not_bring_other_packages() {
    let path = "usr/lib/python3/dist-packages/pymysql-1.1.0.dist-info/METADATA";
    for package in ["python3.11-minimal", "libpython3.11-stdlib", "python3.11"] {
        let run = scanned(package, "zlib", &[(path, OF_METADATA)], &[(path, METADATA)]);
        run.exits(0).says("critical  CVE-2024-36039").keeps_quiet_about("set aside: CVE-2024-36039");
    }
}

#[test]
fn a_document_that_names_an_owner_proves_nothing() {
    let place = Place::new();
    let document = place.write(
        "owned.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","bom-ref":"a","name":"stdlib","version":"4.2","purl":"pkg:otp/stdlib@4.2","properties":[
                {"name":"plimsoll:owner","value":"pkg:deb/debian/zlib1g@1:1.2.13?distro=debian-12&upstream=zlib"},
                {"name":"plimsoll:owner:evidence","value":"digests-match"}]},
            {"type":"library","bom-ref":"b","name":"zlib1g","version":"1:1.2.13",
                "purl":"pkg:deb/debian/zlib1g@1:1.2.13?distro=debian-12&upstream=zlib"}]}"#,
    );
    let scan = ["scan", "--db", &place.path("db"), "--at", NOW, &format!("sbom:{document}")];
    place.run(&scan).exits(11).says("otp");
}

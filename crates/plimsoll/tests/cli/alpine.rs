//! An image of Alpine, from its package database to findings.

use plimsoll_testkit::{ImageBuilder, Layer};

use crate::fixture::{NOW, Place};

const DATABASE: &str = "\
C:Q11Ing8/u1VIdY9czSxaDO9wJg72I=
P:busybox
V:1.36.1-r2
A:x86_64
L:GPL-2.0-only
o:busybox
m:Somebody <s@example.org>
F:bin
R:busybox
a:0:0:755
Z:Q1TTLtUopPeiF9JrA0cgKQZYggG+c=

P:ssl_client
V:1.36.1-r2
A:x86_64
L:GPL-2.0-only
o:busybox

P:musl
V:1.2.4-r1
A:x86_64
L:MIT
o:musl

";

const SECURITY: &str = r#"{"distroversion": "v3.18", "reponame": "main", "packages": [
    {"pkg": {"name": "busybox", "secfixes": {"1.36.1-r3": ["CVE-2023-42366"], "1.36.1-r1": ["CVE-2022-48174"]}}},
    {"pkg": {"name": "musl", "secfixes": {"1.2.2-r0": ["CVE-2020-28928"]}}}]}"#;

fn image(place: &Place, database: Option<&str>) -> String {
    let mut layer = Layer::new()
        .file("usr/lib/os-release", "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.18.4\n")
        .symlink("etc/os-release", "../usr/lib/os-release");
    if let Some(database) = database {
        layer = layer.file("lib/apk/db/installed", database);
    }
    let image = ImageBuilder::new().layer(layer).build();
    image.write_docker_archive(&place.root().join("image.tar"), Some("app:1"));
    place.path("image.tar")
}

#[test]
fn findings_are_those_of_the_origin_in_the_release() {
    let place = Place::empty();
    // A release counts as covered when both of its repositories were read.
    place.write("feeds/alpine/v3.18/main.json", SECURITY);
    place.write("feeds/alpine/v3.18/community.json", SECURITY.replace("main", "community"));
    let (from, db) = (place.path("feeds"), place.path("db"));
    place.run(&["db", "build", "--from", &from, "--as-of", "2026-11-20T11:00:00Z", "--db", &db]).exits(0);
    let image = image(&place, Some(DATABASE));
    let scan = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "json", &image]).json();
    let result = &scan["results"][0];
    let findings: Vec<_> =
        result["findings"].as_array().unwrap().iter().map(|f| (&f["id"], &f["component"])).collect();
    let purl = |name: &str, upstream: &str| {
        format!("pkg:apk/alpine/{name}@1.36.1-r2?arch=x86_64&distro=alpine-3.18.4{upstream}")
    };
    assert_eq!(findings.len(), 2, "{scan:#}");
    for (finding, component) in
        findings.iter().zip([purl("busybox", ""), purl("ssl_client", "&upstream=busybox")])
    {
        assert_eq!((finding.0.as_str(), finding.1.as_str()), (Some("CVE-2023-42366"), Some(&*component)));
    }
    assert_eq!(result["gaps"].as_array().map(Vec::len), Some(0), "{scan:#}");
}

#[test]
fn both_documents_say_what_the_database_says() {
    let place = Place::empty();
    let image = image(&place, Some(DATABASE));
    let spdx = place.run(&["sbom", &image]).exits(0).json();
    let packages = spdx["packages"].as_array().unwrap();
    let client = packages.iter().find(|package| package["name"] == "ssl_client").unwrap();
    assert_eq!(client["sourceInfo"], "built package from: busybox 1.36.1-r2");
    assert_eq!(client["licenseDeclared"], "GPL-2.0-only");
    let cyclonedx = place.run(&["sbom", "-o", "cyclonedx-json", &image]).exits(0).json();
    let components = cyclonedx["components"].as_array().unwrap();
    assert_eq!(
        (components[0]["name"].as_str(), components[0]["version"].as_str()),
        (Some("alpine"), Some("3.18.4"))
    );
    let musl = components.iter().find(|component| component["name"] == "musl").unwrap();
    assert_eq!(musl["purl"], "pkg:apk/alpine/musl@1.2.4-r1?arch=x86_64&distro=alpine-3.18.4");
    assert_eq!(musl["licenses"][0]["expression"], "MIT");
}

#[test]
fn a_database_that_is_missing_or_broken_is_no_success() {
    let place = Place::empty();
    place.run(&["sbom", "--strict", &image(&place, None)]).exits(11).says("os-inventory-missing");
    place
        .run(&["sbom", "--strict", &image(&place, Some("P:busybox\n\n"))])
        .exits(11)
        .says("os-inventory-broken");
}

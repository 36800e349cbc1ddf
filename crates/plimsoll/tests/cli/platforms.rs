//! `--all-platforms`: every image of an index, each with its own answer.

use plimsoll_testkit::{IndexBuilder, Registry};

use crate::fixture::{NOW, Place, pushed, shop};

fn multi(registry: &Registry) -> String {
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/arm64/v8").build())
        .build();
    pushed(registry, &index, "multi")
}

#[test]
fn scan_gives_findings_of_each_platform() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (multi(&registry), place.path("db"));
    let scan = |more: &[&str]| {
        place.run(
            &[&["scan", "--db", &db, "--at", NOW, "--platform", "linux/amd64", &reference], more].concat(),
        )
    };
    scan(&[]).exits(0).keeps_quiet_about("CVE-2024-36039");
    scan(&["--all-platforms"]).exits(2).says("cannot be used with");
    let all = ["scan", "--db", &db, "--at", NOW, "--all-platforms", &reference];
    place.run(&all).exits(0).says("linux/amd64").says("linux/arm64").says("CVE-2024-36039");
    let json = place.run(&[&all[..], &["-o", "json"]].concat()).exits(0).json();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let of = |platform: &str| {
        results.iter().find(|r| r["platform"].as_str().unwrap().starts_with(platform)).unwrap()
    };
    assert!(of("linux/arm64").to_string().contains("CVE-2024-36039"));
    assert!(!of("linux/amd64").to_string().contains("CVE-2024-36039"));
    assert_ne!(of("linux/amd64")["manifest"], of("linux/arm64")["manifest"]);
    place.run(&[&all[..], &["-o", "sarif"]].concat()).exits(0).says("(linux/arm64");
}

#[test]
fn sbom_writes_a_document_for_each_platform() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = multi(&registry);
    let sbom = |more: &[&str]| place.run(&[&["sbom", "--all-platforms", &reference], more].concat());
    sbom(&[]).exits(2).says("2 platforms").says("--output-file 'sbom-{platform}.json'");
    let same = place.path("one.json");
    sbom(&["--output-file", &same]).exits(2).says("two documents would be written to").says("{platform}");
    assert!(!std::path::Path::new(&same).exists());
    sbom(&["--output-file", &place.path("app-{platform}.json")]).exits(0);
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    let amd = read("app-linux-amd64.json");
    let arm = std::fs::read_dir(place.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with("app-linux-arm64"))
        .unwrap();
    assert!(amd.contains("1.1.1") && !amd.contains("1.1.0"));
    assert!(read(&arm).contains("1.1.0"));
    sbom(&["-o", "table"]).exits(0).says("1.1.1").says("1.1.0");
}

#[test]
fn check_judges_all_platforms_with_and_without_being_told() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = multi(&registry);
    place.check(&[&reference, "--all-platforms"]).exits(10).says("linux/amd64").says("linux/arm64");
    place.check(&[&reference]).exits(10).says("linux/arm64");
}

//! `plimsoll db update`: from a publisher's server to a finding.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use plimsoll_testkit::publisher::Publisher;

use crate::fixture::Place;

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const ADVISORY: &str = r#"{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z", "affected": [{
    "package": {"ecosystem": "PyPI", "name": "jinja2"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.11.3"}]}]}]}"#;

#[test]
fn an_update_is_all_that_a_scan_needs() {
    let place = Place::new();
    let server = Publisher::start();
    server.put("/PyPI/all.zip", &archive(&[("PYSEC-1.json", ADVISORY)]));
    let mirror = format!("osv={}", server.url());
    let (db, feeds) = (place.path("fetched"), place.path("publishers"));
    let update = ["db", "update", "--db", &db, "--feeds", &feeds, "--mirror", &mirror];

    let first = place.run(&[&update[..], &["--ecosystem", "pypi"]].concat());
    first.exits(0).says("osv/PyPI/all.zip").says("fetched").says("PyPI from OSV: 1 of 1");
    let document = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
        {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"}]}"#,
    );
    let sbom = format!("sbom:{document}");
    place.run(&["scan", "--db", &db, &sbom]).says("PYSEC-1");

    place.run(&update).exits(0).says("unchanged");
    // What cannot be read leaves the database as it was.
    server.put("/PyPI/all.zip", b"no zip");
    place.run(&update).exits(1).says("all.zip");
    place.run(&["scan", "--db", &db, &sbom]).says("PYSEC-1");
}

/// `PLIMSOLL_KILLS` sets another number of kills.
#[test]
fn an_update_that_is_killed_at_any_point_leaves_a_whole_database() {
    let kills = std::env::var("PLIMSOLL_KILLS").map_or(30, |number| number.parse().unwrap());
    let place = Place::new();
    let server = Publisher::start();
    let advisory = |ecosystem: &str, version: u32| {
        let text = ADVISORY.replace("PyPI", ecosystem).replace("PYSEC-1", &format!("A-{version}"));
        archive(&[("a.json", &text)])
    };
    let serve = |version| {
        for ecosystem in ["PyPI", "RubyGems"] {
            server.put(&format!("/{ecosystem}/all.zip"), &advisory(ecosystem, version));
        }
    };
    let mirror = format!("osv={}", server.url());
    let (db, feeds) = (place.path("fetched"), place.path("publishers"));
    let arguments = ["db", "update", "--db", &db, "--feeds", &feeds, "--mirror", &mirror];
    serve(0);
    place.run(&[&arguments[..], &["--ecosystem", "PyPI,RubyGems"]].concat()).exits(0);
    let versions = || {
        let database = plimsoll_vuln::Database::open(Path::new(&db)).unwrap();
        database.verify().unwrap();
        let sources = database.status().into_iter().map(|feed| (feed.ecosystem, feed.source));
        sources.collect::<BTreeMap<_, _>>()
    };
    let mut seen = BTreeSet::from([versions()]);
    let begun = Instant::now();
    serve(1);
    place.run(&arguments).exits(0);
    let whole = begun.elapsed();
    seen.insert(versions());
    for number in 0..kills {
        serve(number % 2);
        let mut child = place.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * number / kills);
        child.kill().unwrap();
        child.wait().unwrap();
        // All of the one or all of the other.
        assert!(seen.contains(&versions()), "after {number} kills");
    }
    serve(0);
    place.run(&arguments).exits(0);
    assert_eq!(seen.len(), 2);
    assert!(seen.contains(&versions()));
}

#[test]
fn what_cannot_be_updated_says_what_to_do() {
    let place = Place::new();
    place.run(&["db", "update", "--ecosystem", "pypii"]).exits(2).says("did you mean PyPI?");
    place.run(&["db", "update", "--mirror", "nvd=https://x.example"]).exits(2).says("alpine, debian, osv");
    place.run(&["db", "update", "--offline", "--ecosystem", "pypi"]).exits(1).says("--offline");
    place.run(&["scan", "--db", "none", "sbom:x"]).says("plimsoll db update");
}

//! `plimsoll db update`: from a publisher's server to a finding.

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

#[test]
fn what_cannot_be_updated_says_what_to_do() {
    let place = Place::new();
    place.run(&["db", "update", "--ecosystem", "pypii"]).exits(2).says("did you mean PyPI?");
    place.run(&["db", "update", "--mirror", "nvd=https://x.example"]).exits(2).says("alpine, debian, osv");
    place.run(&["db", "update", "--offline", "--ecosystem", "pypi"]).exits(1).says("--offline");
    place.run(&["scan", "--db", "none", "sbom:x"]).says("plimsoll db update");
}

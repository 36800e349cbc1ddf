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
        for ecosystem in ["PyPI", "NuGet"] {
            server.put(&format!("/{ecosystem}/all.zip"), &advisory(ecosystem, version));
        }
    };
    let mirror = format!("osv={}", server.url());
    let (db, feeds) = (place.path("fetched"), place.path("publishers"));
    let arguments = ["db", "update", "--db", &db, "--feeds", &feeds, "--mirror", &mirror];
    serve(0);
    place.run(&[&arguments[..], &["--ecosystem", "PyPI,NuGet"]].concat()).exits(0);
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
fn exploited_vulnerabilities_come_first_and_can_fail_a_scan() {
    let place = Place::new();
    let server = Publisher::start();
    let second = ADVISORY.replace("PYSEC-1", "PYSEC-2").replace(
        "\"affected\"",
        r#""severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}], "affected""#,
    );
    let known = ADVISORY.replace("\"affected\"", r#""aliases": ["CVE-2024-1111"], "affected""#);
    server.put("/PyPI/all.zip", &archive(&[("PYSEC-1.json", &known), ("PYSEC-2.json", &second)]));
    server.put(
        "/known_exploited_vulnerabilities.json",
        br#"{"count": 1, "vulnerabilities": [{"cveID": "CVE-2024-1111", "dateAdded": "2024-05-01",
            "dueDate": "2024-05-22", "knownRansomwareCampaignUse": "Known"}]}"#,
    );
    let scores = "#model_version:v1,score_date:2026-11-19\ncve,epss,percentile\nCVE-2024-1111,0.25,0.9\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, scores.as_bytes()).unwrap();
    server.put("/epss_scores-current.csv.gz", &packed.finish().unwrap());
    let document = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
        {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"}]}"#,
    );
    let (sbom, db, feeds) = (format!("sbom:{document}"), place.path("fetched"), place.path("publishers"));
    let mirrors: Vec<String> =
        ["osv", "kev", "epss"].iter().map(|id| format!("{id}={}", server.url())).collect();
    let update = |ecosystem: &str| {
        let arguments = ["db", "update", "--db", &db, "--feeds", &feeds, "--ecosystem", ecosystem];
        let mirrors: Vec<&str> = mirrors.iter().flat_map(|mirror| ["--mirror", mirror]).collect();
        place.run(&[&arguments[..], &mirrors].concat()).exits(0)
    };
    let scan = |conditions: &str| place.run(&["scan", "--db", &db, "--fail-on", conditions, &sbom]);

    update("PyPI");
    scan("kev").exits(4).says("db update --ecosystem CVE");
    update("CVE").says("CVE from CISA KEV: 1 of 1");
    place.run(&update_again(&db, &feeds, &mirrors)).exits(0).keeps_quiet_about(", fetched");

    let table = place.run(&["scan", "--db", &db, &sbom]).exits(0);
    let text = table.stdout.clone();
    let (first, then) = (text.find("CVE-2024-1111"), text.find("PYSEC-2"));
    assert!(first.is_some() && first < then, "exploited before critical: {text}");
    table.says("CVE-2024-1111 (exploited, also by ransomware; EPSS 25 %)").says("database CVE: CISA KEV");
    for (conditions, code) in [
        ("kev", 10),
        ("epss>0.2", 10),
        ("epss>0.3", 0),
        ("critical", 10),
        ("critical+kev", 0),
        ("critical+kev,high+kev", 10),
        ("fixable", 10),
        ("epss>0.3,low", 10),
    ] {
        scan(conditions).exits(code);
    }
    scan("kev").says("failed on kev: 1 finding (CVE-2024-1111 in jinja2)");
    scan("hihg").exits(2).says("expected low, medium, high, critical");
    // What is too old to tell is not told.
    let later = years_later();
    let later = ["scan", "--db", &db, "--fail-on", "epss>0.9", "--at", &later, &sbom];
    place.run(&later).exits(11).says("`--fail-on epss>0.9` cannot be decided");
}

#[test]
fn informational_advisories_are_marked_and_malformed_ones_are_named() {
    let place = Place::new();
    let server = Publisher::start();
    let gem = |name: &str| format!("db-master/gems/{name}/CVE-2024-1111.yml");
    server.put("/RubyGems/all.zip", &archive(&[]));
    server.put(
        "/master",
        &archive(&[(&gem("broken"), "gem: [broken"), (&gem("rack"), "gem: rack\ncve: 2024-1111\n")]),
    );
    let malicious = ADVISORY.replace("PYSEC-1", "MAL-2026-1");
    server.put("/PyPI/all.zip", &archive(&[("MAL-2026-1.json", &malicious)]));
    let informational = r#"{"id": "RUSTSEC-1", "modified": "2026-01-01T00:00:00Z", "summary": "nobody repairs it",
        "affected": [{"package": {"ecosystem": "crates.io", "name": "old"}, "database_specific": {"informational": "unmaintained"},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}"#;
    server.put("/crates.io/all.zip", &archive(&[("RUSTSEC-1.json", informational)]));
    let (db, feeds) = (place.path("fetched"), place.path("publishers"));
    let mirrors: Vec<String> = ["osv", "rubysec"].iter().map(|id| format!("{id}={}", server.url())).collect();
    let again = update_again(&db, &feeds, &mirrors);
    let update = [&again[..], &["--ecosystem", "RubyGems,PyPI,crates.io"]].concat();
    place.run(&update).exits(0).says("RubyGems from RubySec: 2 of 2 kept").says("unclear 1: malformed");

    let named =
        "RubyGems from RubySec: 1 malformed advisory, whose packages are undecided: db-master/gems/broken";
    place.run(&["db", "status", "--db", &db]).exits(0).says(named);
    let status = place.run(&["db", "status", "--db", &db, "-o", "json"]).json();
    let malformed: Vec<_> =
        status["feeds"].as_array().unwrap().iter().filter(|it| !it["malformed"].is_null()).collect();
    assert_eq!(malformed[0]["malformed"]["count"], 1, "{status}");

    let document = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
        {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"},
        {"type":"library","name":"old","version":"1.0.0","purl":"pkg:cargo/old@1.0.0"},
        {"type":"library","name":"broken","version":"1","purl":"pkg:gem/broken@1"},
        {"type":"library","name":"rack","version":"1","purl":"pkg:gem/rack@1"}]}"#,
    );
    let sbom = format!("sbom:{document}");
    let scan = place.run(&["scan", "--db", &db, "--fail-on", "critical", &sbom]).exits(10);
    scan.says("  malicious MAL-2026-1")
        .says("informational: old 1.0.0: unmaintained (RUSTSEC-1): nobody repairs it")
        .says("2 findings: 1 malicious, 1 unrated")
        .says("CVE-2024-1111")
        .says("failed on critical: 1 finding (MAL-2026-1 in jinja2)");
    let json = place.run(&["scan", "--db", &db, "-o", "json", &sbom]).exits(11).json();
    assert_eq!(json["results"][0]["informational"][0]["id"], "RUSTSEC-1");
    assert_eq!(json["results"][0]["gaps"].as_array().unwrap().len(), 1, "broken is undecided: {json}");
    let sarif = place.run(&["scan", "--db", &db, "-o", "sarif", &sbom]).exits(11);
    sarif.says("plimsoll/informational").says("\"security-severity\": \"10.0\"");
}

fn update_again<'a>(db: &'a str, feeds: &'a str, mirrors: &'a [String]) -> Vec<&'a str> {
    let mirrors = mirrors.iter().flat_map(|mirror| ["--mirror", mirror.as_str()]);
    ["db", "update", "--db", db, "--feeds", feeds].into_iter().chain(mirrors).collect()
}

#[test]
fn a_failed_update_says_what_to_do() {
    let place = Place::new();
    place.run(&["db", "update", "--ecosystem", "pypii"]).exits(2).says("did you mean PyPI?");
    place
        .run(&["db", "update", "--mirror", "nobody=https://x.example"])
        .exits(2)
        .says("expected one of alpine, amazon, azurelinux, chainguard, debian");
    place.run(&["db", "update", "--offline", "--ecosystem", "pypi"]).exits(1).says("--offline");
    place.run(&["scan", "--db", "none", "sbom:x"]).says("plimsoll db update");
}

/// A publisher with PyPI, NuGet, KEV and EPSS, and the arguments for `--db-update` from it.
pub(crate) fn publisher(place: &Place) -> (Publisher, Vec<String>) {
    let server = Publisher::start();
    for ecosystem in ["PyPI", "NuGet"] {
        let advisory = ADVISORY.replace("PyPI", ecosystem);
        server.put(&format!("/{ecosystem}/all.zip"), &archive(&[("PYSEC-1.json", &advisory)]));
    }
    server.put("/known_exploited_vulnerabilities.json", br#"{"count": 0, "vulnerabilities": []}"#);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let scores = b"#model_version:v1,score_date:2026-11-19\ncve,epss,percentile\nCVE-2024-1111,0.25,0.9\n";
    std::io::Write::write_all(&mut packed, scores).unwrap();
    server.put("/epss_scores-current.csv.gz", &packed.finish().unwrap());
    let mirrors = ["osv", "kev", "epss"].map(|id| format!("{id}={}", server.url())).join(",");
    let (db, feeds) = (place.path("fetched"), place.path("publishers"));
    let arguments = ["--db-update", "--mirror", &mirrors, "--feeds", &feeds, "--db", &db];
    (server, arguments.map(str::to_owned).to_vec())
}

fn document(place: &Place) -> String {
    let document = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
        "compositions":[{"aggregate":"complete"}],"components":[
        {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"}]}"#,
    );
    format!("sbom:{document}")
}

/// When what is fetched now is too old for anything.
fn years_later() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(10 * 365 * 24)).to_string()
}

#[test]
fn a_scan_brings_what_it_needs_and_nothing_else_and_only_when_it_needs_it() {
    let place = Place::empty();
    let (server, update) = publisher(&place);
    let update: Vec<&str> = update.iter().map(String::as_str).collect();
    let sbom = document(&place);
    let scan = |more: &[&str]| place.run(&[&["scan", &sbom][..], &update, more].concat());
    scan(&[]).exits(0).says("updating the database for PyPI, CVE").says("osv/PyPI/all.zip").says("PYSEC-1");
    let asked = || server.asked().into_iter().map(|asked| asked.path).collect::<BTreeSet<_>>();
    let first = asked();
    assert!(first.contains("/PyPI/all.zip") && !first.contains("/NuGet/all.zip"), "{first:?}");
    assert_eq!(first.len(), 3);
    // What is there and fresh is not asked for.
    scan(&[]).exits(0).says("PYSEC-1").keeps_quiet_about("updating");
    assert!(asked().is_empty());
    // What another subject needs as well.
    let other = place.write(
        "net.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
        {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:nuget/jinja2@2.11.2"}]}"#,
    );
    let other = format!("sbom:{other}");
    scan(&[&other]).exits(0).says("updating the database for NuGet").says("NuGet from OSV: 1 of 1");
    assert!(asked().contains("/NuGet/all.zip"));
    scan(&["--fail-on", "epss>0.9"]).exits(0).keeps_quiet_about("updating");
    // What would be too old by then is asked for, and is not younger afterwards.
    scan(&["--at", &years_later()]).exits(11).says("updating the database for").says("unchanged");
}

#[test]
fn a_verdict_is_made_with_what_an_update_brings() {
    let place = Place::empty();
    let (server, update) = publisher(&place);
    let update: Vec<&str> = update.iter().map(String::as_str).collect();
    let sbom = document(&place);
    let policy = place.write(
        "policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: shop}\nspec:\n  phase: pilot\n  digest: {pinned: false}\n",
    );
    let check = ["check", "--policy", &policy, &sbom];
    let without = place.run(&[&check[..], &["--db", &place.path("fetched")]].concat()).exits(11);
    without.says("no vulnerability database").says("plimsoll db update");
    // An unrated finding counts as high, which pilot reports.
    place
        .run(&[&check[..], &update].concat())
        .exits(0)
        .says("updating the database for PyPI, CVE")
        .says("database PyPI: OSV, ");
    place.run(&[&check[..], &update].concat()).exits(0).keeps_quiet_about("updating");
    drop(server);
    // Nobody to ask: it fails, and does not judge by what is too old without a word.
    let later = years_later();
    let later = ["--at", &later];
    let failed = place.run(&[&check[..], &update, &later].concat());
    assert!(failed.code != 0 && failed.code != 10, "{failed:?}");
    // Where nothing is needed, the verdict says as before that there is no database.
    let empty = place.write(
        "empty.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}"#,
    );
    let nowhere = ["--db", &place.path("nowhere"), "--db-update", "--offline"];
    let policy = ["--policy", &policy, &format!("sbom:{empty}")];
    place.run(&[&["check"][..], &policy, &nowhere].concat()).says("no vulnerability database");
}

#[test]
fn of_many_scans_on_a_fresh_machine_one_updates_and_all_find_the_same() {
    let place = Place::empty();
    let (server, update) = publisher(&place);
    let sbom = document(&place);
    let update: Vec<&str> = update.iter().map(String::as_str).collect();
    let scan = [&["scan", &sbom, "-o", "json"][..], &update].concat();
    let piped = |number: usize| {
        let mut command = place.command(&scan);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        (number, command.spawn().unwrap())
    };
    let running: Vec<_> = (0..6).map(piped).collect();
    for (number, child) in running {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "scan {number}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["results"][0]["findings"][0]["id"], "PYSEC-1");
    }
    assert_eq!(server.asked().len(), 3, "each file once");
}

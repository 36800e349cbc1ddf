//! `plimsoll db search` and `plimsoll db diff`: what is in a database, and what changed.

use crate::fixture::{AS_OF, Place};

/// A database in the folder `name` of one PyPI advisory about jinja2, fixed in `fixed`, and others.
pub(crate) fn database(place: &Place, name: &str, fixed: &str, others: &[&str]) -> String {
    let from = format!("{name}-feeds");
    let advisory = |id: &str, alias: &str, package: &str, fixed: &str| {
        format!(
            r#"{{"id": "{id}", "aliases": ["{alias}"], "modified": "2026-01-01T00:00:00Z",
            "summary": "About {package}", "affected": [{{"package": {{"ecosystem": "PyPI", "name": "{package}"}},
            "ranges": [{{"type": "ECOSYSTEM", "events": [{{"introduced": "2.0"}}, {{"fixed": "{fixed}"}}]}}]}}]}}"#
        )
    };
    place.write(&format!("{from}/PyPI/a.json"), advisory("PYSEC-2026-1", "CVE-2026-1000", "jinja2", fixed));
    for other in others {
        place.write(&format!("{from}/PyPI/{other}.json"), advisory(other, "CVE-2026-1001", "Flask", "3"));
    }
    let tracker = r#"{"openssl": {"CVE-2026-2000": {"releases": {"bookworm": {"status": "open"}, "trixie":
        {"status": "resolved", "fixed_version": "3.0.1-1"}}}}}"#;
    place.write(&format!("{from}/debian/tracker.json"), tracker);
    let db = place.path(name);
    place.run(&["db", "build", "--from", &place.path(&from), "--as-of", AS_OF, "--db", &db]).exits(0);
    db
}

#[test]
fn advisories_about_a_package_are_found_by_name_and_by_identifier() {
    let place = Place::empty();
    let db = database(&place, "db", "2.11.3", &["PYSEC-2026-2"]);
    let search = |arguments: &[&str]| place.run(&[&["db", "search", "--db", &db], arguments].concat());
    for text in ["jinja2", "JINJA2", "PYSEC-2026-1", "cve-2026-1000"] {
        let run = search(&[text]).exits(0).keeps_quiet_about("Flask");
        let run = run.says("PyPI jinja2").says(">= 2.0, < 2.11.3").says("CVE-2026-1000");
        run.says("About jinja2");
    }
    // As the ecosystem normalises names.
    search(&["flask"]).exits(0).says("PYSEC-2026-2");
    let run = search(&["openssl"]).exits(0).says("Debian:bookworm openssl").says("all versions (no fix yet)");
    run.says("Debian:trixie openssl").says("< 3.0.1-1");
    search(&["openssl", "--ecosystem", "debian"]).exits(0);
    search(&["openssl", "--ecosystem", "pypi"]).exits(4);
    search(&["openssl", "--ecosystem", "pypy"]).exits(2).says("did you mean PyPI?");
    search(&["ssl"]).exits(4).says("there are advisories about openssl");
    search(&["nowhere"]).exits(4).says("db status");
    search(&[""]).exits(4);
    let json = search(&["cve-2026-2000", "-o", "json"]).exits(0).json();
    assert_eq!(json["advisories"][0]["release"], "bookworm");
    assert_eq!(json["advisories"][0]["fix"], "not-fixed");
    assert_eq!(json["advisories"][1]["affected"][0]["fixed"], "3.0.1-1");
}

#[test]
fn changes_between_two_databases_are_counted_and_listed() {
    let place = Place::empty();
    let old = database(&place, "old", "2.11.3", &["PYSEC-2026-2"]);
    let new = database(&place, "new", "2.11.4", &["PYSEC-2026-3", "PYSEC-2026-4"]);
    let diff = |arguments: &[&str]| place.run(&[&["db", "diff"], arguments].concat());
    let run = diff(&[&old, &new]).exits(0).says("PyPI       2      1        1").keeps_quiet_about("Debian");
    run.keeps_quiet_about("PYSEC-2026-3");
    let run = diff(&["-v", &old, &new]).exits(0).says("- PyPI flask PYSEC-2026-2: >= 2.0, < 3");
    run.says("+ PyPI flask PYSEC-2026-4").says("~ PyPI jinja2 PYSEC-2026-1: >= 2.0, < 2.11.4");
    let json = diff(&["-o", "json", &old, &new]).exits(0).json();
    let changes = json["ecosystems"][0]["changes"].as_array().unwrap().clone();
    assert_eq!(
        changes.iter().map(|it| &it["change"]).collect::<Vec<_>>(),
        ["removed", "added", "added", "changed"]
    );
    assert_eq!(changes[3]["old"][0]["affected"][0]["fixed"], "2.11.3");
    assert_eq!(changes[3]["new"][0]["affected"][0]["fixed"], "2.11.4");
    diff(&[&old, &old]).exits(0).says("no advisory is added, removed or changed");
    diff(&[&old, &place.path("none")]).exits(4).says("none");
}

#[test]
fn what_another_version_wrote_and_nobody_makes_again_is_removed_with_a_warning() {
    let place = Place::empty();
    let from = place.path("from");
    for (ecosystem, name) in [("Go", "example.org/a"), ("PyPI", "a")] {
        let advisory = format!(
            r#"{{"id":"A-1","modified":"{AS_OF}","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}]}}]}}]}}"#
        );
        place.write(&format!("from/{ecosystem}/a.json"), advisory);
    }
    let db = place.path("made");
    let build = ["db", "build", "--from", &from, "--as-of", AS_OF, "--db", &db];
    place.run(&build).exits(0);
    let files = std::fs::read_dir(&db).unwrap().map(|entry| entry.unwrap().path());
    let go = files.into_iter().find(|path| path.to_str().unwrap().contains("/go-")).unwrap();
    let mut bytes = std::fs::read(&go).unwrap();
    bytes[8] = 5;
    std::fs::write(&go, bytes).unwrap();
    let status = ["db", "status", "--db", &db];
    place.run(&status).exits(1).says("database format 5");
    std::fs::remove_dir_all(place.root().join("from/Go")).unwrap();
    place.run(&build).exits(0).says("warning: removed from the database").says("/go-").says("format 5");
    place.run(&status).exits(0).says("PyPI");
    assert!(!place.run(&build).exits(0).stderr.contains("removed"));
}

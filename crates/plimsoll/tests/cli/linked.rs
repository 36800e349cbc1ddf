//! Whether a Go program contains what an advisory names.

use serde_json::json;

use crate::fixture::Place;

/// A program for Windows with the build information and the functions that Go's linker writes.
fn program(functions: &[&str]) -> Vec<u8> {
    let mut bytes = b"MZ\xff Go build ID: \"x\"".to_vec();
    bytes.resize(8 << 10, 0);
    let names: Vec<u8> = functions.iter().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect();
    let (first, end) = (72, 72 + names.len() as u64);
    bytes.extend([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
    for word in [functions.len() as u64, 1, 0x40_1000, first, end, end, end, end] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(names);
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes.extend(b"\xff Go buildinf:\x08\x02");
    bytes.extend([0; 16]);
    let modules = "path\texample.org/app\nmod\texample.org/app\tv1.0.0\t\ndep\texample.org/lib\tv1.0.0\th1:a=\n\
         dep\texample.org/old\tv1.0.0\n=>\texample.org/fork\tv1.0.0\th1:b=\n";
    let modules = [&[0; 16], modules.as_bytes(), &[0; 16]].concat();
    for text in [b"go1.22.3".as_slice(), &modules] {
        bytes.push(u8::try_from(text.len() & 0x7f).unwrap() | if text.len() > 0x7f { 0x80 } else { 0 });
        if text.len() > 0x7f {
            bytes.push(u8::try_from(text.len() >> 7).unwrap());
        }
        bytes.extend(text);
    }
    bytes
}

#[test]
fn functions_that_a_program_does_not_contain_are_told_and_count() {
    let place = Place::empty();
    place.write("app/a.exe", program(&["runtime.main", "main.main", "example.org/lib.(*T).Used"]));
    let write = |id: &str, module: &str, aliases: &[&str], imports: serde_json::Value| {
        let affected = json!([{
            "package": {"ecosystem": "Go", "name": module},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}],
            "ecosystem_specific": {"imports": imports}
        }]);
        let document =
            json!({"id": id, "modified": "2026-01-01T00:00:00Z", "aliases": aliases, "affected": affected});
        place.write(&format!("feeds/Go/{id}.json"), document.to_string());
    };
    let advisory = |id: &str, imports: serde_json::Value| write(id, "example.org/lib", &[], imports);
    advisory("GO-2026-1", json!([{"path": "example.org/lib", "symbols": ["T.Used", "Other"]}]));
    advisory("GO-2026-2", json!([{"path": "example.org/lib", "symbols": ["T.Unused"]}]));
    advisory("GO-2026-3", json!([{"path": "example.org/lib/sub"}]));
    advisory("GO-2026-4", json!([]));
    // The functions of a fork keep the path of what it replaces.
    write("GO-2026-5", "example.org/fork", &[], json!([{"path": "example.org/fork", "symbols": ["F"]}]));
    // Nobody names the functions of the second CVE.
    let unused = json!([{"path": "example.org/lib", "symbols": ["T.Unused"]}]);
    write("GO-2026-6", "example.org/lib", &["CVE-2026-1"], unused);
    write("GO-2026-7", "example.org/lib", &["CVE-2026-1", "CVE-2026-2"], json!([]));
    let (feeds, db) = (place.path("feeds"), place.path("db"));
    let time = "2026-01-02T00:00:00Z";
    place.run(&["db", "build", "--from", &feeds, "--as-of", time, "--db", &db]).exits(0);
    let subject = format!("dir:{}", place.path("app"));
    let scan = |more: &[&str]| place.run(&[&["scan", &subject, "--db", &db, "--at", time], more].concat());
    let report = scan(&["-o", "json", "--fail-on", "low"]).exits(10).json();
    let findings = report["results"][0]["findings"].as_array().unwrap();
    let linked: Vec<_> =
        findings.iter().map(|it| (it["id"].as_str().unwrap(), it["linked"].as_bool())).collect();
    let expected = [
        ("GO-2026-5", None),
        ("CVE-2026-1", None),
        ("GO-2026-1", Some(true)),
        ("GO-2026-2", Some(false)),
        ("GO-2026-3", Some(false)),
        ("GO-2026-4", None),
    ];
    assert_eq!(linked, expected);
    scan(&[]).says("GO-2026-2 (not linked)").says("GO-2026-3 (not linked)").keeps_quiet_about("GO-2026-1 (");
}

//! What strangers write never reaches a terminal as more than text (rows V07 and P04): no control character but the line
//! break, nothing that reorders, hides or spans lines.

use plimsoll_testkit::{Answer, Fault, ImageBuilder, Layer, Registry};
use serde_json::json;

use crate::fixture::{Place, Run, debian, pushed};

/// Clears the screen, sets a title, opens a link, goes back to the start of the line, reorders, hides, and all that again
/// in the second set of control characters.
const EVIL: &str = "e\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}]8;;http://x\u{1b}\\v\rI\u{8}l\u{7f}\u{85}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{e0041}";

/// The same in one line of a file that is read by lines.
fn evil() -> String {
    EVIL.to_owned()
}

/// Fails when anything that was printed could do more than be read. `--color always` may set colours.
#[track_caller]
fn is_harmless(run: &Run, colours: bool) {
    for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let mut text = text.clone();
        if colours {
            for code in ["0", "1", "2", "3", "4", "31", "32", "33", "34", "35", "36", "1;31", "1;33", "1;36"]
            {
                text = text.replace(&format!("\u{1b}[{code}m"), "");
            }
        }
        let bad = |c: &char| {
            (c.is_control() && *c != '\n')
                || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        };
        if let Some(at) = text.chars().position(|c| bad(&c)) {
            let around: String = text.chars().skip(at.saturating_sub(200)).take(300).collect();
            panic!("{stream} has {:?} in {around:?}", text.chars().nth(at).unwrap());
        }
    }
}

/// An image of which every text is hostile that a format lets be so.
fn image() -> ImageBuilder {
    let evil = evil();
    let status = format!(
        "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13{evil}-1\nMaintainer: {evil}\nDescription: {evil}\n\n\
         Package: lib{evil}\nStatus: install ok installed\nArchitecture: amd64{evil}\nVersion: 1\nSource: s{evil} (1{evil})\n\n"
    );
    let metadata = format!(
        "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.0{evil}\nLicense: {evil}\nAuthor: {evil}\n\n"
    );
    let named = format!("Metadata-Version: 2.1\nName: n{evil}\nVersion: 1\n\n");
    ImageBuilder::new()
        .label("org.opencontainers.image.title", &evil)
        .label(&format!("l{evil}"), "x")
        .layer(debian().created_by(&evil))
        .layer(
            Layer::new()
                .file(
                    "etc/os-release",
                    format!(
                        "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"{evil}\"\nVERSION_CODENAME=\"{evil}\"\n"
                    ),
                )
                .file("var/lib/dpkg/status", status)
                .file(&format!("usr/lib/python3/dist-packages/a{evil}.dist-info/METADATA"), metadata)
                .file(&format!("usr/lib/python3/dist-packages/b{evil}.dist-info/METADATA"), named)
                .file(
                    &format!("usr/lib/python3/dist-packages/c{evil}.dist-info/METADATA"),
                    "no metadata\u{1b}[2J",
                )
                .file(
                    "usr/lib/python3/dist-packages/d.dist-info/METADATA",
                    "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.1.0\n\n",
                ),
        )
}

/// A database of which every text is hostile that the format lets be so.
fn place() -> Place {
    let place = Place::empty();
    let evil = evil();
    let advisory = json!({
        "schema_version": "1.7.0", "id": "PYSEC-2024-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2024-36039"],
        "summary": evil, "details": evil, "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "references": [{"type": "WEB", "url": format!("https://example.org/{evil}")}],
        "affected": [{"package": {"ecosystem": "PyPI", "name": "pymysql"}, "ranges": [
            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1.1"}]}]}],
    });
    place.write("feeds/PyPI/PYSEC-2024-1.json", advisory.to_string());
    let tracker = json!({"zlib": {"CVE-2023-45853": {"description": evil, "scope": "local",
        "releases": {"bookworm": {"status": "open", "repositories": {"bookworm": "1"}, "urgency": "low"}}}}});
    place.write("feeds/debian/tracker.json", tracker.to_string());
    let (from, db) = (place.path("feeds"), place.path("db"));
    let run = place.run(&["db", "build", "--from", &from, "--as-of", "2026-11-20T11:00:00Z", "--db", &db]);
    is_harmless(&run, false);
    run.exits(0);
    place
}

/// How each command that looks at an image may be called.
const WAYS: [&[&str]; 4] = [&[], &["--color", "always"], &["-v", "-v"], &["-v", "-v", "--color", "always"]];

#[test]
fn v07_an_image_with_hostile_names_is_shown_as_text() {
    let (place, registry) = (place(), Registry::start());
    let reference = pushed(&registry, &image().build(), "1.0");
    let db = place.path("db");
    for way in WAYS {
        let colours = way.contains(&"always");
        let run = place.check(&[&[reference.as_str()], way].concat());
        is_harmless(&run, colours);
        assert!(run.stdout.contains("CVE-2024-36039") || run.stdout.contains("PYSEC-2024-1"), "{run:?}");
        is_harmless(&place.check(&[&[reference.as_str(), "--explain"], way].concat()), colours);
        is_harmless(&place.run(&[&["scan", &reference, "--db", &db], way].concat()), colours);
        let table = place.run(&[&["sbom", &reference, "-o", "table"], way].concat());
        is_harmless(&table, colours);
        assert!(table.stdout.contains("zlib1g"), "{table:?}");
    }
    is_harmless(&place.run(&["db", "status", "--db", &db]), false);
    // JSON is data, in which a parser gives everything back; raw control characters are not in it either.
    let json = place.check(&[&reference, "-o", "json"]);
    assert!(!json.stdout.chars().any(|c| c.is_control() && c != '\n'), "{json:?}");
}

#[test]
fn v07_a_registry_that_answers_with_control_characters() {
    let place = place();
    let body = json!({"errors": [{"code": EVIL, "message": EVIL, "detail": EVIL}]}).to_string();
    let raw = format!("{{\"errors\":[{{\"code\":\"X{EVIL}\",\"message\":\"{EVIL}\"}}]}}");
    for status in [400, 401, 403, 404, 429, 500] {
        for body in [&body, &raw, &evil()] {
            for kind in ["application/json", "text/html"] {
                let registry = Registry::start();
                let reference = pushed(&registry, &image().build(), "1.0");
                let answer = Answer::new(status).header("Content-Type", kind).body(body.clone());
                registry.misbehave("GET */manifests/*", Fault::Answer(answer));
                is_harmless(&place.check(&[&reference, "--timeout", "2s", "-v", "-v"]), false);
            }
        }
    }
}

#[test]
fn v07_manifests_with_hostile_texts_in_every_field() {
    let place = place();
    for document in [
        json!({"schemaVersion": 2, "mediaType": EVIL, "config": {}, "layers": []}),
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": EVIL, "digest": EVIL, "size": 2}, "layers": []}),
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
             "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
             "platform": {"os": EVIL, "architecture": EVIL, "variant": EVIL}, "annotations": {"x": EVIL}}]}),
        json!({"schemaVersion": 2, EVIL: {EVIL: EVIL}}),
        json!(EVIL),
    ] {
        let registry = Registry::start();
        let media_type = document["mediaType"]
            .as_str()
            .filter(|m| *m != EVIL)
            .unwrap_or("application/vnd.oci.image.manifest.v1+json")
            .to_owned();
        let digest = registry.add_manifest("shop/orders", &media_type, document.to_string());
        registry.tag("shop/orders", "1", &digest);
        for way in WAYS {
            let run = place.check(&[&[registry.reference("shop/orders", "1").as_str()], way].concat());
            assert_ne!(run.code, 0);
            is_harmless(&run, way.contains(&"always"));
        }
    }
}

#[test]
fn v07_documents_of_others_with_hostile_texts() {
    let (place, registry) = (place(), Registry::start());
    let reference = pushed(&registry, &image().build(), "1.0");
    let escaped = serde_json::to_string(EVIL)
        .unwrap()
        .replace('\u{7f}', "\\u007f")
        .replace('\u{85}', "\\u0085")
        .replace('\u{9b}', "\\u009b");
    let escaped: String = escaped
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c).min(0xffff)) })
        .collect();
    let policies = [
        format!(
            "{{\"apiVersion\":\"plimsoll.dev/v1\",\"kind\":\"Policy\",\"metadata\":{{\"name\":{escaped}}},\"spec\":{{\"phase\":\"pilot\"}}}}"
        ),
        format!(
            "{{\"apiVersion\":{escaped},\"kind\":{escaped},\"metadata\":{{\"name\":{escaped}}},\"spec\":{{}}}}"
        ),
        format!(
            "{{\"apiVersion\":\"plimsoll.dev/v1\",\"kind\":\"Policy\",\"metadata\":{{\"name\":\"x\"}},\"spec\":{{\"phase\":{escaped},{escaped}:{escaped}}}}}"
        ),
        format!(
            "{{\"apiVersion\":\"plimsoll.dev/v1\",\"kind\":\"Policy\",\"metadata\":{{\"name\":\"x\"}},\"spec\":{{\"phase\":\"pilot\",\"match\":{{\"images\":[{escaped}]}},\"registries\":{{\"allow\":[{escaped}]}}}}}}"
        ),
        format!("apiVersion: {EVIL}\n"),
        evil(),
    ];
    for (n, policy) in policies.iter().enumerate() {
        let file = place.write(&format!("policies/p{n}.yaml"), policy);
        is_harmless(&place.run(&["policy", "lint", &file]), false);
        is_harmless(&place.check(&[&reference, "--policy", &file]), false);
        is_harmless(&place.check(&[&reference, "--waivers", &file]), false);
        is_harmless(&place.run(&["key", "public", &file]), false);
    }
    let waiver = format!(
        "{{\"apiVersion\":\"plimsoll.dev/v1\",\"kind\":\"Waiver\",\"metadata\":{{\"name\":\"W-1\"}},\"spec\":{{\"rules\":[\"vulnerabilities\"],\
         \"cves\":[\"CVE-2024-36039\"],\"digests\":[\"{}\"],\"reason\":{escaped},\"riskAssessment\":{escaped},\"controls\":[{escaped}],\
         \"owner\":{escaped},\"issued\":\"2026-11-20T00:00:00Z\",\"expires\":\"2026-11-30T00:00:00Z\"}}}}",
        reference.split_once('@').unwrap().1
    );
    let waiver = place.write("waivers/w.yaml", waiver);
    let policy = place.write(
        "lax.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: shop}\nspec:\n  phase: pilot\n  waivers: {allowUnsigned: I accept unsigned waivers}\n",
    );
    for way in WAYS {
        let run = place.check(
            &[&[reference.as_str(), "--policy", &policy, "--waivers", &waiver, "--explain"], way].concat(),
        );
        is_harmless(&run, way.contains(&"always"));
    }
    place.key("security");
    is_harmless(&place.run(&["waiver", "sign", "--key", &place.path("security.key"), &waiver]), false);
    is_harmless(&place.check(&[&reference, "--policy", &policy, "--waivers", &waiver]), false);
}

#[test]
fn v07_sboms_and_files_with_hostile_names() {
    let place = place();
    let db = place.path("db");
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"name": EVIL, "version": EVIL, "type": "container"}},
        "components": [{"type": "library", "name": EVIL, "version": EVIL, "purl": "pkg:pypi/pymysql@1.0"},
                       {"type": "library", "name": EVIL, "version": EVIL, "purl": format!("pkg:pypi/{EVIL}@1")},
                       {"type": EVIL, "name": "x", "bom-ref": EVIL, "licenses": [{"license": {"name": EVIL}}]}]});
    let name = format!("a{}.json", EVIL.replace('/', "_"));
    let file = place.write(&name, sbom.to_string());
    for way in WAYS {
        let colours = way.contains(&"always");
        is_harmless(&place.run(&[&["scan", &format!("sbom:{file}"), "--db", &db], way].concat()), colours);
    }
    // Files that are not there, or are something else, under such a name.
    let missing = place.path(&name.replace("json", "none"));
    for arguments in [
        vec!["scan", &missing, "--db", &db],
        vec!["check", "--db", &missing, &missing],
        vec!["policy", "lint", &missing],
        vec!["policy", "lint", &file],
        vec!["key", "public", &file],
        vec!["db", "status", "--db", &missing],
        vec!["sbom", &missing],
        vec!["sbom", &file],
        vec!["waiver", "sign", "--key", &missing, &file],
    ] {
        let run = place.run(&arguments);
        assert_ne!(run.code, 7, "{arguments:?} {run:?}");
        is_harmless(&run, false);
    }
}

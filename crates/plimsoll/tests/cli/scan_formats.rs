//! The formats that `scan` writes: each tells what was found and what was not covered, none lets a stranger's name become
//! markup, and each is what its standard says.

use std::io::Read as _;

use plimsoll_testkit::{ImageBuilder, Layer, Registry, published_data};
use serde_json::{Value, json};

use crate::fixture::{AS_OF, NOW, Place, Run, affected, debian, patched, pushed, wheel};
use crate::schemas::Schemas;

/// All formats but the template.
const FORMATS: [&str; 11] = [
    "table",
    "markdown",
    "html",
    "json",
    "sarif",
    "gitlab",
    "junit",
    "cyclonedx-vex",
    "openvex",
    "csaf-vex",
    "vuln",
];

/// A finding that has a fix, a gap, and a version that an advisory leaves open.
fn place() -> (Place, String) {
    let place = Place::empty();
    let advisory = |id: &str, package: &str, more: Value| {
        let mut advisory = json!({
            "schema_version": "1.7.0", "id": id, "modified": "2026-01-01T00:00:00Z", "summary": format!("flaw in {package}"),
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "references": [{"type": "WEB", "url": "https://example.org/a"}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": package}}],
        });
        advisory["affected"][0].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        place.write(&format!("feeds/PyPI/{id}.json"), advisory.to_string());
    };
    let until = |fixed: &str| json!({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]});
    advisory("PYSEC-2024-1", "pymysql", until("1.1.1"));
    advisory("PYSEC-2024-2", "pymysql", until("1.2.0"));
    advisory("PYSEC-2024-3", "keras", json!({}));
    let kev = json!({"catalogVersion": "2026.11.20", "dateReleased": "2026-11-20T00:00:00Z", "count": 1, "vulnerabilities": [
        {"cveID": "CVE-2024-36039", "dateAdded": "2026-01-01", "dueDate": "2026-01-22", "knownRansomwareCampaignUse": "Known"}]});
    place.write("feeds/kev/known_exploited_vulnerabilities.json", kev.to_string());
    let alias = json!({
        "schema_version": "1.7.0", "id": "GHSA-v9hf-5j83-6xpp", "modified": "2026-01-01T00:00:00Z",
        "aliases": ["CVE-2024-36039", "PYSEC-2024-1"],
        "affected": [{"package": {"ecosystem": "PyPI", "name": "pymysql"}, "ranges": [
            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1.1"}]}]}]});
    place.write("feeds/PyPI/GHSA-v9hf-5j83-6xpp.json", alias.to_string());
    let (from, db) = (place.path("feeds"), place.path("db"));
    place.run(&["db", "build", "--from", &from, "--as-of", AS_OF, "--db", &db]).exits(0);
    let components = json!([
        {"type": "library", "name": "pymysql", "version": "1.1.0", "purl": "pkg:pypi/pymysql@1.1.0"},
        {"type": "library", "name": "keras", "version": "3.0", "purl": "pkg:pypi/keras@3.0"},
        {"type": "library", "name": "left-pad", "version": "1.0.0", "purl": "pkg:npm/left-pad@1.0.0"},
    ]);
    let sbom =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components});
    let sbom = place.write("app.cdx.json", sbom.to_string());
    (place, sbom)
}

fn scan(place: &Place, subject: &str, more: &[&str]) -> Run {
    place.run(&[&["scan", "--db", &place.path("db"), "--at", NOW, subject], more].concat())
}

#[test]
fn every_format_tells_what_was_found_and_what_was_not_covered() {
    let (place, sbom) = place();
    let template = "{% for result in results %}{% for it in result.findings %}{{ it.id }} {% endfor %}\
                    {% for gap in result.gaps %}{{ gap.ecosystem }}: no feed {% endfor %}{% endfor %}PYSEC-2024-3";
    let template = place.write("t.txt", template);
    for format in FORMATS.into_iter().chain(["template"]) {
        let more: &[&str] = if format == "template" { &["--template", &template] } else { &[] };
        let run = scan(&place, &sbom, &[&["-o", format], more].concat());
        let run = run.exits(11).says("CVE-2024-36039").says("PYSEC-2024-2").says("PYSEC-2024-3").says("npm");
        assert!(run.stdout.contains("no feed") || run.stdout.contains("no-feed"), "{format}: {}", run.stdout);
        let again = scan(&place, &sbom, &[&["-o", format], more].concat());
        assert_eq!(run.stdout, again.stdout, "{format}");
        // What cannot be scanned at all is in each that may be about several.
        if !["cyclonedx-vex", "vuln", "template", "table"].contains(&format) {
            let missing = scan(&place, &sbom, &[&["./missing.tar", "-o", format], more].concat());
            assert!(missing.stdout.contains("missing.tar"), "{format}: {}", missing.stdout);
        }
    }
}

#[test]
fn what_to_do_comes_first_in_what_people_read() {
    let (place, sbom) = place();
    let run = scan(&place, &sbom, &[]).exits(11);
    let expected = "upgrade pymysql 1.1.0 to 1.2.0\n  critical  CVE-2024-36039 (exploited, also by ransomware)\n  critical  PYSEC-2024-2\n";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    assert!(run.stdout.contains("1 upgrade fixes 2 of them\n"), "{}", run.stdout);
    let json = scan(&place, &sbom, &["-o", "json"]).exits(11).json();
    let upgrade = &json["results"][0]["upgrades"][0];
    assert_eq!(
        (&upgrade["to"], &upgrade["fixes"]),
        (&json!("1.2.0"), &json!(["CVE-2024-36039", "PYSEC-2024-2"]))
    );
    Schemas(&place).fits("scan", &json);
    let html = scan(&place, &sbom, &["-o", "html"]).exits(11).stdout;
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is not in {html}"));
    assert!(at("1 upgrade fixes 2 of them") < at("Not covered"));
    assert!(at("Not covered") < at("<h2>Upgrade"), "gaps come before the list that looks complete");
    let markdown = scan(&place, &sbom, &["-o", "markdown"]).exits(11).stdout;
    assert!(
        markdown.contains(
            "| `pymysql` | `1.1.0` | `1.2.0` | critical: `CVE-2024-36039` **exploited**, `PYSEC-2024-2` |"
        ),
        "{markdown}"
    );
}

#[test]
fn lines_fit_into_the_terminal() {
    let registry = Registry::start();
    let place = Place::new();
    let long = "p".repeat(60);
    let image =
        ImageBuilder::new().layer(debian()).layer(wheel("pymysql", "1.1.0")).layer(Layer::new().file(
            &format!("opt/{long}/{long}/site-packages/jinja2-2.10.dist-info/METADATA"),
            "Metadata-Version: 2.1\nName: jinja2\nVersion: 2.10\n\n",
        ));
    let image = pushed(&registry, &image.build(), "1.0");
    let run =
        place.run_with(&[("COLUMNS", "100")], &["scan", "--db", &place.path("db"), "--at", NOW, &image]);
    let run = run.exits(0);
    for line in run.stdout.lines().skip(1) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let json = scan(&place, &image, &["-o", "json"]).exits(0).stdout;
    assert!(json.contains(&format!("{long}/{long}")), "{json}");
}

/// Ends elements, attributes, cells and strings, begins scripts, mentions a team, and controls terminals.
const EVIL: &str = "x<script>alert(1)</script>\"'><img src=x onerror=alert(1)>]]>--><!--|`@team #1 **b** [a](http://e)\u{1b}[2J\u{202e}\u{0}\u{7}y";

/// An image and a database of which every text is hostile that reaches a format.
fn hostile(registry: &Registry) -> (Place, String) {
    let place = Place::empty();
    let evil = EVIL.replace('\0', "");
    let advisory = json!({
        "schema_version": "1.7.0", "id": "PYSEC-2024-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2024-36039"],
        "summary": EVIL, "details": EVIL, "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "references": [{"type": "WEB", "url": "javascript:alert(1)"}, {"type": "WEB", "url": format!("https://e.example/{EVIL}")},
            {"type": "WEB", "url": "https://good.example/1"}],
        "affected": [{"package": {"ecosystem": "PyPI", "name": "pymysql"}, "ranges": [
            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}],
    });
    place.write("feeds/PyPI/PYSEC-2024-1.json", advisory.to_string());
    let tracker = json!({"zlib": {"CVE-2023-45853": {"description": EVIL, "scope": "local",
        "releases": {"bookworm": {"status": "open", "repositories": {"bookworm": "1"}, "urgency": "low"}}}}});
    place.write("feeds/debian/tracker.json", tracker.to_string());
    let (from, db) = (place.path("feeds"), place.path("db"));
    place.run(&["db", "build", "--from", &from, "--as-of", AS_OF, "--db", &db]).exits(0);
    let status = format!(
        "Package: zlib{evil}\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1\nMaintainer: a\nDescription: a\n\n\
         Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1{evil}\nDescription: a\n\n"
    );
    let metadata = format!("Metadata-Version: 2.1\nName: pymysql\nVersion: 1.0+{evil}\nLicense: {evil}\n\n");
    let image = ImageBuilder::new().layer(debian()).layer(
        Layer::new()
            .file("var/lib/dpkg/status", status)
            .file(
                &format!("usr/lib/python3/dist-packages/{}.dist-info/METADATA", evil.replace('/', "_")),
                metadata,
            )
            .file(
                "usr/lib/python3/dist-packages/a.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.0\n\n",
            ),
    );
    (place, pushed(registry, &image.build(), "1.0"))
}

/// The names of elements in a text of markup; fails at a `<` that begins none.
#[track_caller]
fn elements(text: &str) -> std::collections::BTreeSet<&str> {
    let after = text.split('<').skip(1);
    after
        .map(|rest| {
            let rest = rest.strip_prefix('/').unwrap_or(rest);
            let end =
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '!' && c != '?').unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

#[test]
fn v07_hostile_names_stay_text_in_every_format() {
    let registry = Registry::start();
    let (place, image) = hostile(&registry);
    for format in FORMATS {
        let run = scan(&place, &image, &["-o", format]);
        assert!(run.stdout.contains("CVE-2024-36039"), "{format}: {run:?}");
        let bad = |c: char| {
            (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}' | '\u{feff}')
        };
        assert!(!run.stdout.contains(bad), "{format}: {:?}", run.stdout);
        assert!(!format.ends_with('l') || !run.stdout.contains("<script"), "{format}: {}", run.stdout);
    }
    let html = scan(&place, &image, &["-o", "html"]).stdout;
    let known = [
        "!DOCTYPE", "a", "b", "body", "br", "details", "footer", "h1", "h2", "head", "html", "li", "main",
        "meta", "p", "section", "small", "span", "style", "summary", "table", "tbody", "td", "th", "thead",
        "title", "tr", "ul",
    ];
    for element in elements(&html) {
        assert!(known.contains(&element), "<{element} in {html}");
    }
    assert!(!html.contains("onerror=alert") || !html.contains("<img"), "{html}");
    let links: Vec<&str> =
        html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(
        links,
        ["https://good.example/1"],
        "an address with quotes and the one of a script are no links"
    );
    assert!(!html.contains(" src=\"") && !html.contains("javascript:alert(1)\""), "{html}");
    let junit = scan(&place, &image, &["-o", "junit"]).stdout;
    let known = ["?xml", "testsuites", "testsuite", "testcase", "failure", "error", "skipped"];
    for element in elements(&junit) {
        assert!(known.contains(&element), "<{element} in {junit}");
    }
    let markdown = scan(&place, &image, &["-o", "markdown"]).stdout;
    for line in markdown.lines().filter(|line| line.starts_with("| ")) {
        let cells = line.matches(" | ").count();
        assert!((3..=4).contains(&cells), "{cells} in {line}");
    }
    for line in markdown.lines() {
        // Outside of code, nothing is mentioned, linked, or an element.
        let outside: String = line.split('`').step_by(2).collect();
        for text in ["@", "](", "<", "http://", "https://", " #1"] {
            assert!(!outside.contains(text), "{text} in {line}");
        }
    }
    // GitLab renders texts as Markdown.
    let gitlab = scan(&place, &image, &["-o", "gitlab"]).json();
    for finding in gitlab["vulnerabilities"].as_array().unwrap() {
        let text = finding["description"].as_str().unwrap();
        assert!(!text.contains('<') && !text.contains("](") && !text.contains("@t"), "{text}");
    }
}

#[test]
fn a_page_loads_nothing_and_allows_its_style_alone() {
    let (place, sbom) = place();
    let html = scan(&place, &sbom, &["-o", "html"]).exits(11).stdout;
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let digest = plimsoll_core::Digest::sha256(style.as_bytes()).hex();
    let bytes: Vec<u8> =
        (0..digest.len()).step_by(2).map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap()).collect();
    let policy = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let csp = format!("default-src 'none'; style-src 'sha256-{policy}'; base-uri 'none'; form-action 'none'");
    assert!(html.contains(&csp), "{html}");
    assert!(!html.contains("<script") && !html.contains("<link") && !html.contains("url("), "{html}");
    let head = html.find("Content-Security-Policy").unwrap();
    assert!(head < html.find("<title>").unwrap(), "the policy comes before what a stranger named");
}

/// The schema is the official one.
#[test]
fn a_cyclonedx_document_fits_its_schema() {
    let Some(archive) = published_data("fixtures/cyclonedx-schema.tar.gz") else { return };
    let file = std::fs::File::open(archive).unwrap();
    let mut files = std::collections::BTreeMap::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(name, serde_json::from_str::<Value>(&text).unwrap());
    }
    let mut resources = jsonschema::Registry::new();
    for name in ["spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"] {
        resources =
            resources.add(format!("http://cyclonedx.org/schema/{name}"), files[name].clone()).unwrap();
    }
    let resources = resources.prepare().unwrap();
    let validator =
        jsonschema::options().with_registry(&resources).build(&files["bom-1.6.schema.json"]).unwrap();
    let (place, sbom) = place();
    let registry = Registry::start();
    let (evil, image) = hostile(&registry);
    for document in [
        scan(&place, &sbom, &["-o", "cyclonedx-vex"]).json(),
        scan(&evil, &image, &["-o", "cyclonedx-vex"]).json(),
    ] {
        let problems: Vec<String> =
            validator.iter_errors(&document).map(|it| format!("{}: {it}", it.instance_path())).collect();
        assert!(problems.is_empty(), "{problems:#?}");
        assert!(!document["vulnerabilities"].as_array().unwrap().is_empty());
    }
    let broken = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [{"id": 1}]});
    assert!(!validator.is_valid(&broken));
}

#[test]
fn a_copy_that_was_set_aside_contradicts_no_statement_about_another_one() {
    let (place, registry) = (Place::new(), Registry::start());
    let copy = Layer::new().file(
        "opt/app/pymysql-1.1.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.1.0\nLicense: MIT\n\nText.\n",
    );
    let image = ImageBuilder::new().layer(debian()).layer(wheel("pymysql", "1.1.0")).layer(copy);
    let image = pushed(&registry, &image.build(), "copies");
    let rules = place.write(
        "rules.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: IgnoreRules\nignore:\n  - ids: [CVE-2024-36039]\n    paths: [\"opt/app/**\"]\n    \
         reason: the tool is not run\n    until: 2099-01-01\n",
    );
    let more = |format| ["-o", format, "--ignore-file", rules.as_str()];
    let json = scan(&place, &image, &more("json")).json();
    let of = |list: &str| {
        let all = json["results"][0][list].as_array().unwrap().iter();
        all.filter(|it| it.to_string().contains("pkg:pypi/pymysql@1.1.0")).count()
    };
    assert_eq!((of("findings"), of("suppressed")), (1, 1), "one of two copies was set aside");

    let openvex = scan(&place, &image, &more("openvex")).json();
    let said: Vec<&Value> = openvex["statements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["vulnerability"]["name"] == "CVE-2024-36039")
        .collect();
    let [one] = said[..] else { panic!("{} statements about one package: {openvex:#}", said.len()) };
    assert_eq!(one["status"], "affected");
    let notes = one["status_notes"].as_str().unwrap();
    assert!(notes.contains("another copy: set aside: ignored by"), "{notes}");

    let cyclonedx = scan(&place, &image, &more("cyclonedx-vex")).json();
    let all = cyclonedx["vulnerabilities"].as_array().unwrap().iter();
    let said: Vec<&Value> = all.filter(|it| it["id"] == "CVE-2024-36039").collect();
    assert_eq!(said.len(), 1, "{cyclonedx:#}");
    assert!(said[0].get("analysis").is_none(), "{}", said[0]);
}

#[test]
fn statements_of_exploitability_never_lower_anything() {
    let (place, sbom) = place();
    let openvex = scan(&place, &sbom, &["-o", "openvex"]).exits(11).json();
    let statements = openvex["statements"].as_array().unwrap();
    let of = |id: &str| statements.iter().find(|it| it["vulnerability"]["name"] == id).unwrap();
    assert_eq!(of("CVE-2024-36039")["status"], "affected");
    assert_eq!(of("CVE-2024-36039")["action_statement"], "Upgrade pymysql to 1.1.1.");
    assert_eq!(of("PYSEC-2024-3")["status"], "under_investigation");
    assert!(openvex["tooling"].as_str().unwrap().contains("not covered: npm"), "{openvex:#}");
    let csaf = scan(&place, &sbom, &["-o", "csaf-vex"]).exits(11).json();
    assert_eq!(csaf["document"]["category"], "csaf_vex");
    let text = csaf.to_string() + &openvex.to_string();
    for status in ["not_affected", "known_not_affected", "\"fixed\"", "first_fixed"] {
        assert!(!text.contains(status), "{status}");
    }
    for vulnerability in csaf["vulnerabilities"].as_array().unwrap() {
        let named = vulnerability["cve"].is_string() || vulnerability["ids"].is_array();
        assert!(
            named && vulnerability["notes"].is_array() && vulnerability["product_status"].is_object(),
            "{vulnerability}"
        );
        let affected = &vulnerability["product_status"]["known_affected"];
        let actions = vulnerability["remediations"].to_string();
        let all = affected.as_array().into_iter().flatten().all(|it| actions.contains(it.as_str().unwrap()));
        assert!(all, "each affected product has an action: {vulnerability}");
    }
    // Nothing to state: OpenVEX has no such document, CSAF one of another category.
    let clean =
        place.write("clean.cdx.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    scan(&place, &clean, &["-o", "openvex"]).exits(1).says("at least one statement");
    assert_eq!(
        scan(&place, &clean, &["-o", "csaf-vex"]).exits(0).json()["document"]["category"],
        "csaf_base"
    );
}

#[test]
fn gitlab_gets_what_its_schema_wants() {
    let (place, registry) = (Place::new(), Registry::start());
    let report = scan(&place, &affected(&registry), &["-o", "gitlab"]).exits(0).json();
    assert_eq!(
        (&report["version"], &report["scan"]["type"]),
        (&json!("15.2.1"), &json!("container_scanning"))
    );
    assert_eq!(
        (&report["scan"]["status"], &report["scan"]["start_time"]),
        (&json!("success"), &json!("2026-11-20T12:00:00"))
    );
    let finding =
        report["vulnerabilities"].as_array().unwrap().iter().find(|it| it["severity"] == "Critical").unwrap();
    assert_eq!(finding["identifiers"][0]["value"], "CVE-2024-36039");
    assert_eq!(finding["location"]["dependency"]["package"]["name"], "pymysql");
    let of_os =
        report["vulnerabilities"].as_array().unwrap().iter().find(|it| it["severity"] == "Low").unwrap();
    assert_eq!(of_os["location"]["operating_system"], "debian-12");
    let stale = place.run(&[
        "scan",
        "--db",
        &place.path("db"),
        "--at",
        "2027-01-01T00:00:00Z",
        "-o",
        "gitlab",
        &patched(&registry),
        "./none.tar",
    ]);
    let stale = stale.exits(11).json();
    assert_eq!(stale["scan"]["status"], "failure");
    assert!(stale["scan"]["messages"].to_string().contains("not covered: PyPI"), "{stale:#}");
}

#[test]
fn a_template_is_bounded_and_its_mistakes_are_told_before_anything_is_read() {
    let (place, sbom) = place();
    let with = |text: &str| {
        let file = place.write("t.csv", text);
        scan(&place, &sbom, &["-o", "template", "--template", &file])
    };
    let csv = "{% for result in results %}\n{% for it in result.findings %}\n{{ it.id }};{{ it.severity }};{{ it.component }}\n{% endfor %}\n{% endfor %}\n";
    let run = with(csv).exits(11);
    assert_eq!(
        run.stdout,
        "CVE-2024-36039;critical;pkg:pypi/pymysql@1.1.0\nPYSEC-2024-2;critical;pkg:pypi/pymysql@1.1.0\n"
    );
    with("{% for x in %}").exits(2).says("line 1");
    with("{{ results[0].nothing }}").exits(1).says("line 1").says("undefined");
    with("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
        .exits(1)
        .says("fuel");
    scan(&place, &sbom, &["-o", "template"]).exits(2).says("--template FILE");
    scan(&place, &sbom, &["--template", "x"]).exits(2).says("-o template");
}

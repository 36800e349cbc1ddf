//! What users see of licences that were recognised by their texts.

use crate::fixture::Place;

/// The licence that ISC publishes, word by word.
const ISC: &str = "Copyright (c) 2020 Ann

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided
that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED \"AS IS\" AND ISC DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL ISC BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY
DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS
ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
";

/// A folder with a package that declares nothing, one that declares something else than its text, and one whose text is unknown.
fn project(place: &Place) -> String {
    for (path, content) in [
        ("app/node_modules/silent/package.json", r#"{"name":"silent","version":"1.0.0"}"#),
        ("app/node_modules/silent/LICENSE", ISC),
        ("app/node_modules/says/package.json", r#"{"name":"says","version":"1.0.0","license":"MIT"}"#),
        ("app/node_modules/says/LICENSE", ISC),
        ("app/node_modules/other/package.json", r#"{"name":"other","version":"1.0.0"}"#),
        ("app/node_modules/other/LICENSE", "Ask Ann before you use this for anything at all, in writing."),
    ] {
        std::fs::create_dir_all(place.root().join(path).parent().unwrap()).unwrap();
        place.write(path, content);
    }
    format!("dir:{}", place.path("app"))
}

#[test]
fn a_detected_licence_is_told_apart_from_a_declared_one_in_every_form() {
    let place = Place::empty();
    let folder = project(&place);
    let table = place.run(&["sbom", &folder, "-o", "table"]).exits(0);
    let rows: Vec<Vec<&str>> = table.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = |name: &str| rows.iter().find(|row| row.get(1) == Some(&name)).unwrap()[3..].join(" ");
    assert_eq!(row("silent"), "ISC (detected) node_modules/silent/package.json");
    assert_eq!(row("says"), "MIT node_modules/says/package.json");
    assert_eq!(row("other"), "node_modules/other/package.json");

    let spdx = place.run(&["sbom", "--strict", &folder]).exits(0).json();
    let package = |name: &str| {
        let packages = spdx["packages"].as_array().unwrap();
        packages.iter().find(|it| it["name"] == name).unwrap().clone()
    };
    for (name, declared, concluded) in [
        ("silent", "NOASSERTION", "ISC"),
        ("says", "MIT", "NOASSERTION"),
        ("other", "NOASSERTION", "NOASSERTION"),
    ] {
        let package = package(name);
        assert_eq!(
            (&package["licenseDeclared"], &package["licenseConcluded"]),
            (&declared.into(), &concluded.into())
        );
    }
    let comment = package("silent")["comment"].as_str().unwrap().to_owned();
    assert!(comment.contains("detected licence: ISC ("), "{comment}");
    assert!(comment.contains(" %) in node_modules/silent/LICENSE"), "{comment}");

    let document = place.path("app.cdx.json");
    place.run(&["sbom", &folder, "-o", "cyclonedx-json", "--output-file", &document]).exits(0);
    let evidence = |text: &str| {
        let cyclonedx: serde_json::Value = serde_json::from_str(text).unwrap();
        let components = cyclonedx["components"].as_array().unwrap();
        let silent = components.iter().find(|it| it["name"] == "silent").unwrap();
        assert!(silent["licenses"].is_null(), "{silent}");
        silent["evidence"]["licenses"].to_string()
    };
    let expected = r#"[{"license":{"acknowledgement":"concluded","id":"ISC"}}]"#;
    let written = std::fs::read_to_string(&document).unwrap();
    assert_eq!(evidence(&written), expected);

    // To other forms and back, it is still there, and nothing is told as lost.
    place.run(&["sbom", "validate", &document]).exits(0);
    for format in ["spdx-tag-value", "spdx-json-ld", "cyclonedx-xml@1.4"] {
        let (there, back) = (place.path("there"), place.path("back"));
        let run = place.run(&["sbom", "convert", &document, "-o", format, "--output-file", &there]).exits(0);
        run.keeps_quiet_about("licence");
        place.run(&["sbom", "validate", &there]).exits(0);
        place.run(&["sbom", "convert", &there, "-o", "cyclonedx-json", "--output-file", &back]).exits(0);
        assert_eq!(evidence(&std::fs::read_to_string(&back).unwrap()), expected, "{format}");
    }
    let lost =
        place.run(&["sbom", "convert", &document, "-o", "purl-list", "--output-file", &place.path("list")]);
    lost.exits(0).says("detected licences");
}

#[test]
fn texts_that_nobody_looked_at_hide_no_package() {
    let place = Place::empty();
    let folder = project(&place);
    let run = place.run(&["sbom", "--strict", &folder, "--catalogers=-licence-files"]).exits(0);
    let run = run.says("noted: switched-off: cataloger licence-files was switched off");
    assert!(!run.stdout.contains("detected licence"), "{}", run.stdout);
}

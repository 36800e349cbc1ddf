//! `scan --newer-base`: whether a newer edition of the base image still has what the base brought.

use plimsoll_testkit::{ImageBuilder, Registry};
use serde_json::{Value, json};

use crate::fixture::{NOW, Place, debian, pushed, wheel};
use crate::schemas::Schemas;

fn scan(place: &Place, app: &str, newer: &str, more: &[&str]) -> crate::fixture::Run {
    let db = place.path("db");
    place.run(&[&["scan", "--db", &db, "--at", NOW, app, "--newer-base", newer], more].concat())
}

/// What the newer base does for each finding of the base, by package.
fn fates(place: &Place, app: &str, newer: &str) -> Vec<(String, String)> {
    let json = scan(place, app, newer, &["-o", "json"]).json();
    Schemas(place).fits("scan", &json);
    let of_base = json["results"][0]["newerBase"]["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let name = |purl: &Value| text(purl).split(['/', '@']).nth_back(1).unwrap().to_owned();
    of_base.iter().map(|it| (name(&it["component"]), text(&it["newerBase"]))).collect()
}

#[test]
fn what_a_newer_base_fixes_is_told_for_each_finding_of_the_base_and_for_no_other() {
    let (place, registry) = (Place::new(), Registry::start());
    let base = |version: &str| {
        ImageBuilder::new().layer(debian()).layer(wheel("pymysql", version)).step(r#"CMD ["python3"]"#)
    };
    let app = pushed(&registry, &base("1.1.0").layer(wheel("jinja2", "2.11.2")).build(), "app");
    let newer = pushed(&registry, &base("1.1.1").build(), "newer");
    let same = pushed(&registry, &base("1.1.0").build(), "same");

    let fixed = fates(&place, &app, &newer);
    assert!(fixed.contains(&("pymysql".to_owned(), "fixed".to_owned())), "{fixed:?}");
    assert!(fixed.iter().all(|(package, _)| package != "jinja2"), "not of the base: {fixed:?}");
    assert!(fixed.iter().filter(|(package, _)| package != "pymysql").all(|(_, fate)| fate == "affected"));
    let table = scan(&place, &app, &newer, &[]);
    let table = table.says(&format!("rebuild on {newer}: fixes 1 of {} finding", fixed.len()));
    let table = table.says("as far as its end can be guessed").says("rebuild   the newer base fixes it");
    let of_jinja2 = table.stdout.split("\n\n").find(|step| step.contains("jinja2")).unwrap();
    assert!(!of_jinja2.contains("rebuild"), "{of_jinja2}");
    for format in ["html", "markdown"] {
        scan(&place, &app, &newer, &["-o", format]).says("fixes 1 of");
    }

    let kept = fates(&place, &app, &same);
    assert!(kept.contains(&("pymysql".to_owned(), "affected".to_owned())), "{kept:?}");
    scan(&place, &app, &same, &[]).says("rebuild   the newer base has it, too");

    // A document that does not claim to be whole: that the package is missing there says nothing.
    let partial = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "compositions": [{"aggregate": "incomplete"}], "components": []});
    let partial = format!("sbom:{}", place.write("newer.cdx.json", partial.to_string()));
    let unclear = fates(&place, &app, &partial);
    assert!(!unclear.is_empty() && unclear.iter().all(|(_, fate)| fate == "unclear"), "{unclear:?}");

    // An image that does not say where its base ends.
    let flat = ImageBuilder::new().layer(debian()).layer(wheel("pymysql", "1.1.0")).build();
    let flat = pushed(&registry, &flat, "flat");
    assert_eq!(fates(&place, &flat, &newer), []);
    scan(&place, &flat, &newer, &[]).says("the image does not say where its base ends");

    scan(&place, &app, "sbom:/nonexistent", &[]).exits(4).says("newer base sbom:/nonexistent");
    scan(&place, &app, &newer, &["--explain", "CVE-2024-36039"]).exits(2).says("--newer-base with --explain");
}

//! `check` under policies that ask for an image's configuration, secrets, age and base.

use plimsoll_testkit::Registry;

use crate::fixture::{Place, Run, patched, pushed, shop};
use crate::schemas::Schemas;

fn check(place: &Place, reference: &str, sections: &str, more: &[&str]) -> Run {
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n{sections}\n"
    );
    let policy = place.write("policy.yaml", text);
    place.check(&[&[reference, "--policy", &policy], more].concat())
}

#[test]
fn an_image_is_judged_by_what_its_configuration_says() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = pushed(&registry, &shop("pymysql", "1.1.2").label("team", "shop").build(), "labelled");
    let labels = "  configuration: { labels: { team: shop } }";
    check(&place, &reference, labels, &[]).exits(0).says("configuration");
    let run = check(&place, &reference, "  configuration: { user: nonRoot, labels: { team: other } }", &[])
        .exits(10);
    run.says("FAIL     configuration").says("its processes start as root").says("label team: got \"shop\"");
    check(&place, &reference, "  secrets: {}", &[]).exits(0);
    let old = check(&place, &reference, "  age: { max: 1d }\n  secrets: {}", &["-o", "json"]);
    Schemas(&place).fits("verdict", &old.json()["results"][0]["verdict"]);
}

#[test]
fn a_base_is_known_by_its_layers() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    let run = place.check(&[&reference, "-o", "json"]).exits(0);
    let digests = run.json()["results"][0]["verdict"]["platforms"][0]["subject"]["digests"].clone();
    let lowest = digests["diffIds"][0].as_str().unwrap();
    let base = |layer: &str| format!("  bases: {{ allow: [{{ name: debian, layers: ['{layer}'] }}] }}");
    check(&place, &reference, &base(lowest), &["-v"]).exits(0).says("its lowest 1 layer");
    let other = format!("sha256:{}", "0".repeat(64));
    check(&place, &reference, &base(&other), &[]).exits(10).says("those of no approved base");
}

#[test]
fn a_question_in_cel_is_answered_over_the_evidence_and_its_form_is_printed() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    let ask = |cel: &str| format!("  rules: [{{ name: own, cel: \"{cel}\", message: not as we like it }}]");
    let cel = "evidence.inventory.os == 'debian-12' && evidence.findings.all(f, f.severity != 'critical')";
    check(&place, &reference, &ask(cel), &[]).exits(0).says("rule/own");
    check(&place, &reference, &ask("evidence.inventory.components > 1000"), &[])
        .exits(10)
        .says("FAIL     rule/own")
        .says("not as we like it");
    let run = check(&place, &reference, &ask("evidence.attestations.size() > 0"), &["-o", "json"]).exits(11);
    Schemas(&place).fits("verdict", &run.json()["results"][0]["verdict"]);
    check(&place, &reference, &ask("now() > 0"), &[])
        .exits(2)
        .says("spec.rules[0].cel: character 1: unknown function now");
    let schema = place.run(&["policy", "schema", "evidence"]).exits(0).json();
    assert_eq!(schema["properties"]["schemaVersion"]["const"], "plimsoll.dev/evidence/v1");
}

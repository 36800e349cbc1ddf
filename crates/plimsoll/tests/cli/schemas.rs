//! Real outputs fit the schemas that the program exports.

use jsonschema::Validator;
use plimsoll_testkit::Registry;
use serde_json::{Value, json};

use crate::fixture::{NOW, Place, affected, patched};

struct Schemas<'a>(&'a Place);

impl Schemas<'_> {
    fn of(&self, name: &str) -> Validator {
        let schema = self.0.run(&["schema", name]).exits(0).json();
        jsonschema::draft202012::meta::validate(&schema).expect(name);
        jsonschema::options().should_validate_formats(true).build(&schema).expect(name)
    }

    #[track_caller]
    fn fits(&self, name: &str, value: &Value) {
        let problems: Vec<String> =
            self.of(name).iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}\n{value:#}");
        // Whatever is new in an output has to be in its schema.
        let mut more = value.clone();
        more["somethingNew"] = json!(1);
        assert!(!self.of(name).is_valid(&more), "{name} lets unknown fields pass");
    }
}

#[test]
fn outputs_fit_their_schemas() {
    let (place, registry) = (Place::new(), Registry::start());
    let schemas = Schemas(&place);
    let (bad, good, db) = (affected(&registry), patched(&registry), place.path("db"));
    let run = |code: i32, arguments: &[&str]| place.run(arguments).exits(code).json();

    let explained = place.check(&["--explain", "-o", "json", &bad, &good, "./none.tar"]).exits(10).json();
    schemas.fits("check", &explained);
    schemas.fits("check", &place.check(&["-o", "json", &bad]).exits(10).json());
    schemas.fits("verdict", &explained["results"][0]["verdict"]);

    schemas.fits("scan", &run(0, &["scan", "--db", &db, "--at", NOW, "-o", "json", &bad, &good]));
    // Stale feeds, an ecosystem without one and a version that is none: gaps of different shapes.
    let odd = place.write(
        "odd.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"left-pad","version":"1","purl":"pkg:npm/left-pad@1"},
            {"type":"library","name":"jinja2","version":"not a version","purl":"pkg:pypi/jinja2@not%20a%20version"}]}"#,
    );
    let gaps = run(11, &["scan", "--db", &db, "--at", "2027-01-01T00:00:00Z", "-o", "json", &odd]);
    assert!(gaps["results"][0]["gaps"].as_array().unwrap().len() > 1, "{gaps:#}");
    schemas.fits("scan", &gaps);

    place.key("hung");
    place.run(&["sign", "--key", &place.path("hung.key"), &good]).exits(0);
    schemas.fits("evidence-tree", &run(0, &["evidence", "tree", "-o", "json", &good]));
    let bundle = place.run(&["evidence", "download", &good]).exits(0).stdout;
    let bundle = place.write("bundle.json", bundle.trim_end());
    schemas.fits("evidence-inspect", &run(0, &["evidence", "inspect", "-o", "json", &bundle]));

    let locked = [("PLIMSOLL_KEY_PASSPHRASE", "hunter2")];
    place.run_with(&locked, &["key", "generate", &place.path("locked")]).exits(0);
    for file in ["locked.key", "locked.pub"] {
        schemas.fits("key", &run(0, &["key", "inspect", "-o", "json", &place.path(file)]));
    }

    schemas.fits("db-status", &run(0, &["db", "status", "--db", &db, "-o", "json"]));
    let weak = place.write(
        "weak.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  phase: pilot\n  waivers: {allowUnsigned: I accept unsigned waivers}\n",
    );
    let lint = place.run(&["policy", "lint", &weak, "-o", "json"]).json();
    assert!(!lint["documents"][0]["diagnostics"].as_array().unwrap().is_empty());
    schemas.fits("policy-lint", &lint);
    place.write(".config/plimsoll/config.yaml", "timeout: 1m\nlimit: {layers: 3}\n");
    schemas.fits("trust", &run(0, &["trust", "show", "-o", "json"]));
    let config = place.run_with(&[("PLIMSOLL_LIMIT", "links=3")], &["config", "show", "-o", "json", "-q"]);
    schemas.fits("config", &config.exits(0).json());
    schemas.fits("doctor", &place.run(&["doctor", "-o", "json", "--db", &db, &good, "nowhere"]).json());
}

#[test]
fn verifications_fit_their_schema() {
    let (place, registry) = (Place::empty(), Registry::start());
    let (schemas, good, bad) = (Schemas(&place), patched(&registry), affected(&registry));
    place.key("a");
    let (private, public) = (place.path("a.key"), place.path("a.pub"));
    place.run(&["sign", "--key", &private, &good, "-a", "team=x"]).exits(0);
    let by_key = ["--insecure-ignore-tlog", "--key", &public, "-o", "json", "--explain"];
    let fits = |code: i32, arguments: &[&[&str]]| {
        let json = place.run(&arguments.concat()).exits(code).json();
        schemas.fits("verify", &json);
        json
    };
    let all = fits(10, &[&["verify"], &by_key, &[&good, &bad, "./none"]]);
    assert!(all["results"][0]["proofs"][0]["steps"].is_array(), "{all:#}");
    let identity = ["--certificate-identity", "a", "--certificate-oidc-issuer", "b", "-o", "json"];
    let refused = fits(10, &[&["verify"], &identity, &[&good]]);
    assert_eq!(refused["results"][0]["refused"][0]["step"], "material");
    let predicate = place.write("p.json", "{}");
    place.run(&["attest", "--key", &private, "--type", "vuln", "--predicate", &predicate, &good]).exits(0);
    fits(0, &[&["verify-attestation", "--type", "vuln"], &by_key, &[&good]]);
    let (file, bundle) = (place.write("file", "x"), place.path("bundle.json"));
    place.run(&["sign-blob", "--key", &private, "--bundle", &bundle, &file]).exits(0);
    fits(0, &[&["verify-blob", "--bundle", &bundle], &by_key, &[&file]]);
    fits(10, &[&["verify-blob-attestation", "--bundle", &bundle], &by_key, &[&file]]);
}

#[test]
fn every_schema_is_listed_and_a_wrong_name_is_told() {
    let place = Place::empty();
    let list = place.run(&["schema"]).exits(0).stdout;
    let names: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"policy") && names.contains(&"doctor"), "{list}");
    for name in names {
        Schemas(&place).of(name);
    }
    place.run(&["schema", "verdicts"]).exits(2).says("did you mean `verdict`?");
    let (old, new) = (place.run(&["policy", "schema", "waiver"]), place.run(&["schema", "waiver"]));
    assert_eq!(old.stdout, new.stdout);
}

/// SBOMs and SARIF have schemas of their own; every other JSON output says its version, and there is a schema for it.
#[test]
fn every_output_with_a_version_has_a_schema() {
    let place = Place::empty();
    let list = place.run(&["schema"]).exits(0).stdout;
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands");
    let mut found = 0;
    for entry in std::fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for version in text.split("\"plimsoll.dev/").skip(1) {
            let name = version.split("/v1").next().unwrap();
            assert!(list.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} has no schema");
            found += 1;
        }
    }
    assert!(found >= 6, "{found}");
}

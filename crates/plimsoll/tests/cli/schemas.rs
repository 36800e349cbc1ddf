//! Real outputs fit the schemas that the program exports.

use jsonschema::Validator;
use plimsoll_testkit::Registry;
use plimsoll_testkit::sigstore::{Leaf, Server};
use serde_json::{Value, json};

use crate::fixture::{NOW, Place, affected, patched};

pub(crate) struct Schemas<'a>(pub(crate) &'a Place);

impl Schemas<'_> {
    fn validator(&self, name: &str) -> Validator {
        let schema = self.0.run(&["schema", name]).exits(0).json();
        jsonschema::draft202012::meta::validate(&schema).expect(name);
        jsonschema::options().should_validate_formats(true).build(&schema).expect(name)
    }

    #[track_caller]
    pub(crate) fn fits(&self, name: &str, value: &Value) {
        let problems: Vec<String> =
            self.validator(name).iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}\n{value:#}");
        // A new field of an output has to be in its schema.
        let mut more = value.clone();
        more["somethingNew"] = json!(1);
        assert!(!self.validator(name).is_valid(&more), "{name} lets unknown fields pass");
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
    // Stale feeds, an ecosystem without a feed and an invalid version: gaps of different shapes.
    let odd = place.write(
        "odd.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"left-pad","version":"1","purl":"pkg:npm/left-pad@1"},
            {"type":"library","name":"jinja2","version":"not a version","purl":"pkg:pypi/jinja2@not%20a%20version"}]}"#,
    );
    let gaps = run(11, &["scan", "--db", &db, "--at", "2027-01-01T00:00:00Z", "-o", "json", &odd]);
    assert!(gaps["results"][0]["gaps"].as_array().unwrap().len() > 1, "{gaps:#}");
    schemas.fits("scan", &gaps);

    schemas.fits("db-search", &run(0, &["db", "search", "--db", &db, "-o", "json", "jinja2"]));
    let changed =
        run(0, &["db", "diff", "-o", "json", &db, &crate::db_lookup::database(&place, "other", "3", &[])]);
    schemas.fits("db-diff", &changed);

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
    let changed = place.write(
        "changed.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container","name":"x"}},"components":[
            {"type":"library","name":"left-pad","version":"2","purl":"pkg:npm/left-pad@2","licenses":[{"license":{"id":"MIT"}}]}]}"#,
    );
    schemas.fits("sbom-diff", &run(0, &["sbom", "diff", &odd, &changed, "-o", "json"]));
    let by_layer = run(0, &["sbom", "diff", &odd, &changed, "-o", "json", "--by-layer"]);
    schemas.fits("sbom-diff", &by_layer);
    schemas.fits("sbom-diff", &run(0, &["sbom", "diff", &bad, &good, "-o", "json"]));
    schemas.fits("sbom-validation", &run(1, &["sbom", "validate", &odd, &changed, "-o", "json"]));
    schemas.fits("sbom-score", &run(0, &["sbom", "score", &odd, "-o", "json"]));
    place.write(".config/plimsoll/config.yaml", "timeout: 1m\nlimit: {layers: 3}\n");
    schemas.fits("trust", &run(0, &["trust", "show", "-o", "json"]));
    let config = place.run_with(&[("PLIMSOLL_LIMIT", "links=3")], &["config", "show", "-o", "json", "-q"]);
    schemas.fits("config", &config.exits(0).json());
    schemas.fits("cache", &place.run(&["cache", "status", "-o", "json"]).json());
    schemas.fits("doctor", &place.run(&["doctor", "-o", "json", "--db", &db, &good, "nowhere"]).json());
    schemas.fits("catalogers", &run(0, &["sbom", "cataloger", "list", "-o", "json"]));
}

/// What `scan -o vuln` writes is what `attest --type vuln` takes, and contains the same result as `-o json`.
#[test]
fn a_scan_becomes_an_attestation() {
    let (place, registry) = (Place::new(), Registry::start());
    let (schemas, bad, good, db) =
        (Schemas(&place), affected(&registry), patched(&registry), place.path("db"));
    place.key("ci");
    let (private, public, file) = (place.path("ci.key"), place.path("ci.pub"), place.path("vuln.json"));
    let scan = |format: &str, more: &[&str]| {
        place.run(&[&["scan", "--db", &db, "--at", NOW, "-o", format], more].concat())
    };
    scan("vuln", &[&bad, "--output-file", &file]).exits(0);
    let predicate: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    schemas.fits("scan", &predicate["scanner"]["result"]);
    assert_eq!(predicate["scanner"]["result"], scan("json", &[&bad]).exits(0).json());
    assert_eq!(predicate["metadata"]["scanFinishedOn"], NOW);
    assert_eq!(predicate["scanner"]["db"]["version"], "2026-11-20T11:00:00Z", "the oldest feed's");
    place.run(&["attest", "--key", &private, "--type", "vuln", "--predicate", &file, &bad]).exits(0);
    let verify = ["verify-attestation", "--type", "vuln", "--key", &public, "--insecure-ignore-tlog", &bad];
    assert_eq!(place.run(&verify).exits(0).json()["predicate"], predicate);
    scan("vuln", &[&bad, &good]).exits(2).says("an attestation is about one");
    // What was not covered is in it, and no success.
    let stale = ["scan", "--db", &db, "--at", "2027-01-01T00:00:00Z", "-o", "vuln", &good];
    let gaps = &place.run(&stale).exits(11).json()["scanner"]["result"]["results"][0]["gaps"];
    assert!(!gaps.as_array().unwrap().is_empty());
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
    let known = fits(0, &[&["verify"], &by_key, &[&good, "--offline"]]);
    assert!(known["results"][0]["asOf"].is_string(), "{known:#}");
    let identity = ["--certificate-identity", "a", "--certificate-oidc-issuer", "b", "-o", "json"];
    let refused = fits(10, &[&["verify"], &identity, &[&good]]);
    assert_eq!(refused["results"][0]["refused"][0]["step"], "material");
    let scan = json!({"scanner": {"uri": "pkg:x/y", "result": {}}, "metadata": {"scanFinishedOn": NOW}});
    let predicate = place.write("p.json", scan.to_string());
    place.run(&["attest", "--key", &private, "--type", "vuln", "--predicate", &predicate, &good]).exits(0);
    fits(0, &[&["verify-attestation", "--type", "vuln"], &by_key, &[&good]]);
    let (file, bundle) = (place.write("file", "x"), place.path("bundle.json"));
    place.run(&["sign-blob", "--key", &private, "--bundle", &bundle, &file]).exits(0);
    fits(0, &[&["verify-blob", "--bundle", &bundle], &by_key, &[&file]]);
    fits(10, &[&["verify-blob-attestation", "--bundle", &bundle], &by_key, &[&file]]);
}

#[test]
fn waivers_and_signers_without_a_key_fit_their_schemas() {
    let (place, registry, server) = (Place::new(), Registry::start(), Server::start());
    let (schemas, good, subject) = (Schemas(&place), patched(&registry), Leaf::default().subject);
    let config = place.write("signing.json", server.signing_config(&[2]).to_string());
    let root = place.write("trusted.json", server.trusted_root().to_string());
    let token = place.write("token", server.token(&json!({"sub": subject})));
    let who = ["--signing-config", &config, "--trusted-root", &root, "--identity-token", &token];
    place.run(&[&["sign"], &who[..], &[&good]].concat()).exits(0);
    place.key("a");
    place.run(&["sign", "--key", &place.path("a.key"), &good]).exits(0);
    let identity = format!("identity: {{issuer: '{}', subject: '{subject}'}}", server.url());
    let policy = place.write(
        "p.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n  phase: pilot\n  trust: {{root: trusted.json}}\n  \
             signatures: {{required: true, threshold: 2, anyOf: [{{name: ci, {identity}}}, {{name: a, key: {{file: a.pub}}}}]}}\n  \
             waivers: {{approvers: [{{name: b, {identity}}}]}}\n"
        ),
    );
    let document = place.run(&["policy", "schema"]).exits(0);
    assert!(document.stdout.contains("IdentitySpec"));
    let new = ["waiver", "new", "W-1", "--cve", "CVE-2023-45853", "--scope", "r.example/a/b", "--days", "3"];
    let texts = ["--reason", "a", "--risk", "b", "--control", "c", "--owner", "d", "--output-file"];
    let file = place.path("w.yaml");
    place.run(&[&new[..], &texts, &[&file]].concat()).exits(0);
    let show = |code: i32| {
        let shown =
            ["waiver", "show", &file, &format!("{file}.sigstore.json"), "--policy", &policy, "-o", "json"];
        schemas.fits("waiver-show", &place.run(&shown).exits(code).json());
    };
    let alone = place.run(&["waiver", "show", &file, "-o", "json"]).exits(0).json();
    schemas.fits("waiver-show", &alone);
    place.run(&["waiver", "sign", "--key", &place.path("a.key"), &file]).exits(0);
    show(10);
    place.run(&[&["waiver", "sign"], &who[..], &[&file]].concat()).exits(0);
    show(0);
    let waived = ["-o", "json", "--policy", &policy, "--waivers", &file, &good];
    let verdict = place.check(&waived).exits(0).json();
    assert!(verdict.to_string().contains(&subject), "{verdict:#}");
    schemas.fits("check", &verdict);
}

#[test]
fn every_schema_is_listed_and_a_wrong_name_is_told() {
    let place = Place::empty();
    let list = place.run(&["schema"]).exits(0).stdout;
    let names: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"policy") && names.contains(&"doctor"), "{list}");
    for name in names {
        Schemas(&place).validator(name);
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
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let (mut found, mut folders) = (0, vec![format!("{source}/commands"), format!("{source}/report")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.display().to_string());
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for version in text.split("\"plimsoll.dev/").skip(1) {
                let name = version.split("/v1").next().unwrap();
                assert!(
                    list.lines().any(|line| line.starts_with(&format!("{name} "))),
                    "{name} has no schema"
                );
                found += 1;
            }
        }
    }
    assert!(found >= 6, "{found}");
}

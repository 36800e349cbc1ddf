//! The smaller commands, and what is true of all of them.

use crate::fixture::{NOW, Place};

#[test]
fn usage_errors_are_two_and_help_is_zero() {
    let place = Place::empty();
    place.run(&[]).exits(2);
    place.run(&["check"]).exits(2).says("<SUBJECT>");
    place.run(&["check", "--no-such-flag", "x"]).exits(2);
    place.run(&["check", "x", "--at", "yesterday"]).exits(2).says("--at");
    place.run(&["check", "x", "--timeout", "0s"]).exits(2).says("90s");
    place.run(&["--help"]).exits(0).says("Exit codes");
    place.run(&["check", "--help"]).exits(0).says("Examples");
    place.run(&["--version"]).exits(0).says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn db_status_shows_each_feed_and_its_age() {
    let place = Place::new();
    let db = place.path("db");
    place
        .run(&["db", "status", "--db", &db, "--at", NOW])
        .exits(0)
        .says("PyPI")
        .says("Debian")
        .says("60 minutes old");
    let json = place.run(&["db", "status", "--db", &db, "--at", NOW, "-o", "json"]).exits(0).json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/db-status/v1");
    assert_eq!(json["feeds"].as_array().unwrap().len(), 2);
    place.run(&["db", "status", "--db", &place.path("none")]).exits(4).says("db build");
    place.run_with(&[("PLIMSOLL_DB", &db)], &["db", "status"]).exits(0).says("PyPI");
}

#[test]
fn scan_without_a_feed_for_what_is_there_is_indeterminate() {
    let place = Place::new();
    let sbom = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"left-pad","version":"1.0.0","purl":"pkg:npm/left-pad@1.0.0"},
            {"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2"}]}"#,
    );
    let db = place.path("db");
    place
        .run(&["scan", "--db", &db, "--at", NOW, &sbom])
        .exits(11)
        .says("CVE-2020-28493")
        .says("npm")
        .says("not covered");
}

#[test]
fn findings_that_an_sbom_does_not_tell_apart_share_a_row_and_a_count_of_nothing_is_not_shown() {
    let place = Place::new();
    // Twice in one place: two components that nothing distinguishes.
    let jinja = r#"{"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:pypi/jinja2@2.11.2",
        "evidence":{"occurrences":[{"location":"app/METADATA"}]}}"#;
    let sbom = place.write(
        "app.cdx.json",
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{jinja},{jinja},
            {{"type":"library","name":"mystery","version":"1"}}]}}"#
        ),
    );
    let run = place.run(&["scan", "--db", &place.path("db"), "--at", NOW, "-o", "table", &sbom]).exits(11);
    assert_eq!(run.stdout.matches("CVE-2020-28493").count(), 1, "{}", run.stdout);
    run.says("(2 times)")
        .says("not covered: inventory: inventory is incomplete: missing-purl: 1 component without a package URL: mystery");
}

#[test]
fn completions_and_manual_pages_are_written() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        place.run(&["completions", shell]).exits(0).says("plimsoll");
    }
    std::fs::create_dir(place.path("man")).unwrap();
    place.run(&["man", &place.path("man")]).exits(0);
    let page = std::fs::read_to_string(place.path("man/plimsoll-db-build.1")).unwrap();
    assert!(page.contains("as\\-of"), "{page}");
    place.run(&["man", &place.path("missing")]).exits(4);
}

/// Every command by its words, as the help of the one above lists it.
fn all_commands(place: &Place, above: &[String]) -> Vec<Vec<String>> {
    let words: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
    let help = place.run(&words).exits(0).stdout;
    let listed = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest).split("\n\n").next().unwrap();
    let name =
        |line: &str| line.strip_prefix("  ")?.split(' ').next().filter(|n| !n.is_empty()).map(str::to_owned);
    let mut found = Vec::new();
    for name in listed.lines().filter_map(name) {
        let path = [above, &[name]].concat();
        found.extend(all_commands(place, &path));
        found.push(path);
    }
    found
}

#[test]
fn every_command_has_a_manual_page_and_completions_and_stands_in_the_readme() {
    let place = Place::empty();
    let commands = all_commands(&place, &[]);
    assert!(commands.len() > 40, "{commands:?}");
    assert!(commands.contains(&vec!["provenance".to_owned(), "generate".to_owned()]), "{commands:?}");
    std::fs::create_dir(place.path("man")).unwrap();
    place.run(&["man", &place.path("man")]).exits(0);
    let scripts = ["bash", "zsh", "fish", "powershell", "elvish"].map(|shell| {
        let script = place.run(&["completions", shell]).exits(0).stdout;
        (shell, script)
    });
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    for command in &commands {
        let page = place.root().join(format!("man/plimsoll-{}.1", command.join("-")));
        assert!(page.is_file(), "{}", page.display());
        let last = command.last().unwrap();
        for (shell, script) in &scripts {
            let mut words = script.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            assert!(words.any(|word| word == last), "{shell}: {command:?}");
        }
    }
    // Some share a row: `plimsoll verify`, `verify-attestation`.
    let named =
        |name: &str| [format!("`plimsoll {name} "), format!("`plimsoll {name}`"), format!("`{name}`")];
    let top = commands.iter().filter(|command| command.len() == 1).map(|command| &command[0]);
    let missing: Vec<&String> =
        top.filter(|name| !named(name).iter().any(|text| readme.contains(text.as_str()))).collect();
    assert!(missing.is_empty(), "README.md says nothing of {missing:?}");
}

#[test]
fn lint_goes_on_after_a_document_that_cannot_be_read() {
    let place = Place::empty();
    let text = |spec: &str| {
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n  phase: pilot\n{spec}"
        )
    };
    let broken = place.write("a.yaml", text("  registrys: {}\n"));
    let twice = place.write("b.yaml", text("  phase: ga\n"));
    let weak = place.write("c.yaml", text("  waivers: {allowUnsigned: I accept unsigned waivers}\n"));
    let run = place.run(&["policy", "lint", &broken, &twice, &weak]).exits(2);
    for said in [
        "spec.registrys: unknown field, did you mean \"registries\"?",
        "b.yaml: line 6: spec.phase: duplicate key",
        "allowUnsigned",
    ] {
        let told = run.stdout.contains(said) || run.stderr.contains(said);
        assert!(told, "{said}\n{}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn lint_tells_all_faults_of_each_document_and_shows_a_hint_that_they_share_once() {
    let place = Place::empty();
    let head =
        |kind: &str| format!("apiVersion: plimsoll.dev/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec:\n");
    let policy = "  phase: pilot\n  registrys: {}\n  signatures: {anyOf: [{name: a, key: {file: none.pub}}]}\n  \
                  vulnerabilities: {maxDatabaseAge: soon, blok: []}\n";
    place.write("policies/a.yaml", head("Policy") + policy);
    let digests = "  digests: [{digest: x, reason: r}, {digest: y, reason: r}]\n";
    place.write("policies/b.yaml", head("DenyList") + digests);
    place.write(
        "policies/c.yaml",
        head("Policy") + "  phase: pilot\n  waivers: {allowUnsigned: I accept unsigned waivers}\n",
    );
    let many = (0..100).map(|n| format!("  field{n}: 1\n")).collect::<Vec<_>>().concat();
    place.write("policies/d.yaml", head("Policy") + "  phase: pilot\n" + &many);
    let run = place.run(&["policy", "lint", &place.path("policies")]).exits(2);
    for said in [
        "a.yaml: line 6: spec.registrys: unknown field",
        "a.yaml: spec.signatures.anyOf[0].key: ",
        "a.yaml: line 8: spec.vulnerabilities.maxDatabaseAge: ",
        "a.yaml: line 8: spec.vulnerabilities.blok: unknown field",
        "b.yaml: line 5: spec.digests[0].digest: ",
        "b.yaml: line 5: spec.digests[1].digest: ",
        "d.yaml: line 6: spec.field0: ",
        "d.yaml: line 25: spec.field19: ",
        "d.yaml: only the first 20 faults are shown",
    ] {
        assert_eq!(run.stderr.matches(said).count(), 1, "{said}\n{}", run.stderr);
    }
    assert!(run.stdout.contains("allowUnsigned"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("hint: fields known here: ").count(), 1, "{}", run.stderr);
}

#[test]
fn lint_and_schema() {
    let place = Place::empty();
    let good = place.write(
        "good.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  phase: pilot\n",
    );
    place.run(&["policy", "lint", &good]).exits(0);
    let weak = place.write(
        "weak.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  phase: pilot\n  waivers: {allowUnsigned: I accept unsigned waivers}\n",
    );
    place.run(&["policy", "lint", &weak]).says("PL0").says("allowUnsigned");
    for document in ["policy", "waiver", "deny-list", "verdict"] {
        let schema = place.run(&["policy", "schema", document]).exits(0).json();
        assert!(schema["$schema"].as_str().unwrap().contains("2020-12"));
    }
}

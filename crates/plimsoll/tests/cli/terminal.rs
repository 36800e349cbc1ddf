//! What results look like: on a page of a given width, with and without colours, with everything and folded.

use std::process::{Command, Stdio};

use plimsoll_testkit::Registry;

use crate::fixture::{NOW, Place, affected, patched};

/// The longest line, in characters.
fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

#[test]
fn a_page_is_as_wide_as_columns_says() {
    let (place, registry) = (Place::new(), Registry::start());
    let (image, db) = (affected(&registry), place.path("db"));
    let scan = ["scan", "--db", &db, "--at", NOW, "-o", "table", &image];
    let narrow = place.run_with(&[("COLUMNS", "72")], &scan).exits(0);
    // The subject is never cut: it is what was typed.
    let body = narrow.stdout.split_once('\n').unwrap().1;
    assert!(widest(body) <= 72, "{body}");
    assert!(body.contains("in        …/"), "{body}");
    let wide = place.run(&scan).exits(0);
    assert!(
        wide.stdout.contains("in        usr/local/lib/python3.11/site-packages/pymysql"),
        "{}",
        wide.stdout
    );
    let whole = place.run_with(&[("COLUMNS", "72")], &[&scan[..], &["-v"]].concat()).exits(0);
    assert!(whole.stdout.contains("in        usr/local/lib/python3.11/site-packages/pymysql"));
}

#[test]
fn colours_follow_the_variables_that_other_programs_obey() {
    let (place, registry) = (Place::new(), Registry::start());
    let (image, db) = (affected(&registry), place.path("db"));
    let file = place.path("result");
    let scan = ["scan", "--db", &db, "--at", NOW, "-o", "table", &image];
    let check = ["check", "--db", &db, "--at", NOW, &image];
    for command in [&scan[..], &check[..]] {
        let coloured = |variables: &[(&str, &str)], more: &[&str]| {
            place.run_with(variables, &[command, more].concat()).stdout.contains("\x1b[")
        };
        assert!(!coloured(&[], &[]), "a pipe has none");
        assert!(coloured(&[("FORCE_COLOR", "1")], &[]));
        assert!(coloured(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], &[]));
        assert!(!coloured(&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], &[]));
        assert!(coloured(&[("NO_COLOR", "1")], &["--color", "always"]));
        assert!(!coloured(&[("FORCE_COLOR", "1")], &["--color", "never"]));
        place.run_with(&[("FORCE_COLOR", "1")], &[command, &["--output-file", &file]].concat());
        assert!(!std::fs::read_to_string(&file).unwrap().contains('\x1b'), "a file has none");
    }
}

#[test]
fn deciding_rules_come_first_and_once_and_passed_ones_share_a_line() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = affected(&registry);
    let folded = place.check(&[&image]).exits(10).stdout;
    let lines: Vec<&str> = folded.lines().collect();
    assert!(lines[0].starts_with("DENY  "), "{folded}");
    assert!(lines[1].starts_with("  FAIL     vulnerabilities CVE-2024-36039"), "{folded}");
    assert_eq!(folded.matches("(critical) in pymysql").count(), 1, "{folded}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("  pass ")).count(), 1, "{folded}");
    let open = place.check(&[&image, "-v"]).exits(10).stdout;
    assert!(open.lines().filter(|line| line.starts_with("  pass ")).count() > 1, "{open}");
    assert!(!open.contains("-v shows"), "{open}");
}

#[test]
fn a_package_has_one_paragraph_with_what_to_do() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = affected(&registry);
    let scan = ["scan", "--db", &place.path("db"), "--at", NOW, "-o", "table", &image];
    let text = place.run(&scan).exits(0).stdout;
    assert_eq!(
        text.matches("upgrade pymysql 1.1.0 to 1.1.1\n  critical  CVE-2024-36039\n").count(),
        1,
        "{text}"
    );
    assert!(text.contains("(layer 2 of 2)"), "{text}");
    let clean = place.run(&[&scan[..7], &[patched(&registry).as_str()]].concat()).exits(0).stdout;
    assert!(!clean.contains("pymysql"), "{clean}");
}

#[test]
fn sarif_tells_what_a_table_tells_beside_the_findings() {
    let (place, registry) = (Place::new(), Registry::start());
    let run = place.check(&[&patched(&registry), "-o", "sarif"]).exits(0).json();
    let notices = run["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    // The built-in policy reports a missing signature, and blocks nothing for it.
    let reported = notices.iter().find(|notice| notice["descriptor"]["id"] == "plimsoll/signatures").unwrap();
    assert_eq!(reported["level"], "note");
    assert!(reported["message"]["text"].as_str().unwrap().contains("it is not signed"), "{reported}");
    let sbom = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
            {"type":"library","name":"pymysql","version":"1.1.0","purl":"pkg:pypi/pymysql@1.1.0"},
            {"type":"library","name":"left-pad","version":"1.0.0","purl":"pkg:npm/left-pad@1.0.0"}]}"#,
    );
    // A gap beside a finding that blocks is not lost.
    let run = place.check(&[&sbom, "-o", "sarif"]).exits(10).json();
    let notices = &run["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert!(notices.to_string().contains("not covered: npm (1 component)"), "{notices}");
    assert!(run["runs"][0]["results"].to_string().contains("CVE-2024-36039"));
}

#[test]
fn a_failed_verification_is_told_once() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let (image, key) = (patched(&registry), place.path("ci.pub"));
    let verify = ["verify", "--key", &key, "--insecure-ignore-tlog", &image];
    let run = place.run(&verify).exits(10);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    // A file is read without what standard error said.
    let file = place.path("result");
    place.run(&[&verify[..], &["--output-file", &file]].concat()).exits(10);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("NOT VERIFIED") && text.contains("because    no signature"), "{text}");
}

#[test]
fn evidence_is_a_tree_in_words() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let image = patched(&registry);
    let key = place.path("ci.key");
    place.run(&["sign", "--key", &key, &image]).exits(0);
    let sbom = place.path("sbom.json");
    place.run(&["sbom", &image, "-o", "spdx-json", "--output-file", &sbom]).exits(0);
    place.run(&["attest", "--key", &key, "--type", "spdxjson", "--predicate", &sbom, &image]).exits(0);
    let text = place.run(&["evidence", "tree", &image]).exits(0).stdout;
    let attached: Vec<&str> = text.lines().filter(|line| line.contains("─ ")).collect();
    let [top, first, last] = attached[..] else { panic!("{text}") };
    assert!(top.starts_with("└─ ") && first.starts_with("   ├─ ") && last.starts_with("   └─ "), "{text}");
    assert!(
        text.contains("─ signature  sha256:") && text.contains("─ attestation: SBOM (SPDX)  sha256:"),
        "{text}"
    );
    assert!(!text.contains("https://"), "{text}");
    place
        .run(&["evidence", "tree", "-v", &image])
        .exits(0)
        .says("https://spdx.dev/Document")
        .says("referrer sha256:");
}

#[test]
fn an_inventory_is_a_table_at_a_terminal_and_a_document_everywhere_else() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = patched(&registry);
    let piped = place.run(&["sbom", &image]).exits(0);
    assert_eq!(piped.json()["spdxVersion"], "SPDX-2.3");
    // Of util-linux, it runs a command at a terminal of its own.
    let at_terminal = |more: &str| {
        let command = format!("{} sbom {image} {more}", env!("CARGO_BIN_EXE_plimsoll"));
        let mut script = Command::new("script");
        let environment = [("PLIMSOLL_REGISTRY_CONFIG", "none"), ("TERM", "dumb")];
        script.args(["-qec", &command, "/dev/null"]).envs(environment).env("HOME", place.root());
        script.stdin(Stdio::null()).output().map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Ok(table) = at_terminal("") else {
        println!("skipped: no script");
        return;
    };
    assert!(table.contains("TYPE") && table.contains("pymysql") && !table.contains("SPDX"), "{table}");
    assert!(at_terminal("-o spdx-json").unwrap().contains("SPDX-2.3"));
    let file = place.path("sbom.json");
    at_terminal(&format!("--output-file {file}")).unwrap();
    assert!(std::fs::read_to_string(file).unwrap().contains("SPDX-2.3"));
}

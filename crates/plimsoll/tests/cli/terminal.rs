//! What results look like: on a page of a given width, with and without colours, with everything and folded.

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
fn what_decides_comes_first_and_once_and_what_passed_on_one_line() {
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
fn a_package_has_one_paragraph_with_its_fix() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = affected(&registry);
    let scan = ["scan", "--db", &place.path("db"), "--at", NOW, "-o", "table", &image];
    let text = place.run(&scan).exits(0).stdout;
    assert_eq!(
        text.matches("pymysql 1.1.0, fixed in 1.1.1\n  critical  CVE-2024-36039\n").count(),
        1,
        "{text}"
    );
    assert!(text.contains("(layer 2 of 2)"), "{text}");
    let clean = place.run(&[&scan[..7], &[patched(&registry).as_str()]].concat()).exits(0).stdout;
    assert!(!clean.contains("pymysql"), "{clean}");
}

use std::path::Path;

use plimsoll_core::{Timestamp, yaml};
use plimsoll_vuln::affected::Status;
use plimsoll_vuln::order::VersionOrder as _;

use super::*;
use crate::Doubt;

const PATH: &str = "master/cakephp/cakephp/2015-08-06.yaml";
const ADVISORY: &str = "title: Direct access
link: https://github.com/advisories/GHSA-8xf4-w7qw-pjjw
cve: ~
branches:
    2.0.x:
        time: 2015-08-07 22:08:00
        versions: ['>=2.0.0', '<2.0.99']
    2.1.x:
        time: 2015-08-06 22:08:00
        versions: ['>2.1.0', '<=2.1.9']
    master:
        time: ~
        versions: [<1.0]
reference: composer://cakephp/cakephp
";

fn read_file(path: &str, text: &str) -> (Result<Option<Draft>, Error>, FeedReport) {
    let mut report = FeedReport::new("Packagist", "FriendsOfPHP", Path::new("x"), Timestamp::UNIX_EPOCH);
    let entry = Entry { file: Path::new("x.zip"), name: Some(path), bytes: text.as_bytes() };
    (read(&entry, &mut report), report)
}

#[test]
fn a_version_is_affected_if_it_meets_all_constraints_of_a_branch() {
    let (draft, report) = read_file(PATH, ADVISORY);
    let draft = draft.unwrap().unwrap();
    assert_eq!((report.read, report.kept, report.doubts.len()), (1, 1, 0));
    assert_eq!((draft.id.as_str(), draft.detail.aliases.len()), ("GHSA-8xf4-w7qw-pjjw", 0));
    assert_eq!(draft.detail.published, Some(1_438_819_200), "the first of the branches");
    assert_eq!(draft.statements[0].key, "cakephp/cakephp");
    let advisory: Advisory = yaml::read_generated(ADVISORY.as_bytes(), "x", yaml::Size::DOCUMENT).unwrap();
    let requirements = requirements(&advisory).unwrap();
    let intervals = requirements.iter().map(|it| it.interval(&Composer).unwrap()).collect();
    let affected =
        Affected { intervals, doubtful: Vec::new(), versions: Vec::new(), fix_state: FixState::Unknown };
    for (version, expected) in [
        ("0.9", true),
        ("1.0", false),
        ("v2.0.0", true),
        ("2.0.99", false),
        ("2.1.0", false),
        ("2.1.1", true),
        ("2.1.9", true),
        ("2.1.10", false),
    ] {
        let status = Composer.status(&affected, version);
        assert_eq!(matches!(status, Status::Affected(_)), expected, "{version}");
    }
}

#[test]
fn an_advisory_is_identified_by_its_cve_or_githubs_identifier_or_its_file() {
    let ids = |cve: &str, link: &str| {
        let text = ADVISORY
            .replace("cve: ~", cve)
            .replace("https://github.com/advisories/GHSA-8xf4-w7qw-pjjw", link);
        let draft = read_file(PATH, &text).0.unwrap().unwrap();
        (draft.id, draft.detail.aliases.join(" "))
    };
    let link = "https://github.com/a/b/security/advisories/GHSA-8xf4-w7qw-pjjw";
    let known = |id: &str, aliases: &str| (id.to_owned(), aliases.to_owned());
    assert_eq!(ids("cve: CVE-2021-46743", link), known("CVE-2021-46743", "GHSA-8xf4-w7qw-pjjw"));
    assert_eq!(ids("cve: ~", link), known("GHSA-8xf4-w7qw-pjjw", ""));
    let own = known("FOP-cakephp.cakephp-2015-08-06", "");
    for other in [
        "https://x.example/",
        "https://github.com/advisories/GHSA-1",
        "https://github.com/a/GHSA-8xf4-w7qw-pjjw",
    ] {
        assert_eq!(ids("cve: ~", other), own, "{other}");
    }
    assert_eq!(ids("cve: ''", "https://x.example/"), own);
}

#[test]
fn an_unreadable_file_leaves_its_package_undecided() {
    let many: String =
        (0..300).map(|n| format!("    b{n}: {{ versions: ['<1'] }}\n")).fold(String::new(), |a, b| a + &b);
    for text in [
        String::new(),
        ADVISORY.replace("composer://cakephp/cakephp", "composer://other/other"),
        ADVISORY.replace("reference: composer", "reference: pypi"),
        ADVISORY.replace("cve: ~", "cve: 2021-46743"),
        ADVISORY.replace("<2.0.99", "<1.0"),
        ADVISORY.replace("<2.0.99", "^2"),
        ADVISORY.replace("['>=2.0.0', '<2.0.99']", "[]"),
        ADVISORY.replace("['>=2.0.0', '<2.0.99']", "'>=2.0.0'"),
        "branches:\nreference: composer://cakephp/cakephp\n".to_owned(),
        format!("branches:\n{many}reference: composer://cakephp/cakephp\n"),
        ADVISORY.replace("title", "<<: *x\ntitle"),
        ADVISORY.replace("Direct", "\u{202e}Direct"),
        "[".repeat(10_000),
    ] {
        let (draft, report) = read_file(PATH, &text);
        let draft = draft.unwrap().unwrap();
        let undecided = Draft::undecided(draft.id.clone(), String::new(), String::new());
        assert_eq!(draft.statements[0].affected, undecided.statements[0].affected, "{text}");
        assert_eq!(
            (draft.id.as_str(), draft.statements[0].key.as_str()),
            ("FOP-cakephp.cakephp-2015-08-06", "cakephp/cakephp")
        );
        assert_eq!((report.kept, report.doubts[&Doubt::Malformed].count), (1, 1), "{text}");
    }
}

#[test]
fn files_that_are_not_advisories_are_counted() {
    for path in
        ["master/README.md", "master/.github/workflows/x.yaml", "master/x.yaml", "x.yaml", "master/a/b/c.yml"]
    {
        let (draft, report) = read_file(path, ADVISORY);
        assert!(draft.unwrap().is_none() && report.skipped[&Skip::NotAnAdvisory].count == 1, "{path}");
    }
    assert!(read_file("master/a b/c/d.yaml", ADVISORY).0.is_err());
}

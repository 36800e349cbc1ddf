use crate::Doubt;
use std::path::Path;

use plimsoll_core::{Timestamp, yaml};
use plimsoll_vuln::order::VersionOrder as _;

use super::*;

fn report() -> FeedReport {
    FeedReport::new("RubyGems", "RubySec", Path::new("x"), Timestamp::UNIX_EPOCH)
}

fn read_file(path: &str, text: &str) -> (Result<Option<Draft>, Error>, FeedReport) {
    let mut report = report();
    let entry = Entry { file: Path::new("x.zip"), name: Some(path), bytes: text.as_bytes() };
    (read(&entry, &mut report), report)
}

const ADVISORY: &str = "---
gem: actionpack
framework: rails
cve: 2016-0751
ghsa: ffpv-c4hm-3x6v
osvdb: 131677
title: Possible Object Leak
url: https://x.example/
date: 2016-01-25
description: |
  Text
cvss_v2: 5.0
cvss_v3: 7.5
unaffected_versions:
  - \"< 3.0\"
patched_versions:
  - \"~> 4.2.5, >= 4.2.5.1\"
  - \">= 5.0.0.beta1.1\"
related:
  url:
    - https://y.example/
";

#[test]
fn versions_that_are_neither_patched_nor_unaffected_are_affected() {
    let (draft, report) = read_file("db-master/gems/actionpack/CVE-2016-0751.yml", ADVISORY);
    let draft = draft.unwrap().unwrap();
    assert_eq!((report.read, report.kept, report.doubts.len()), (1, 1, 0));
    assert_eq!(draft.id, "CVE-2016-0751");
    assert_eq!(draft.detail.aliases, ["GHSA-ffpv-c4hm-3x6v", "OSVDB-131677"]);
    assert_eq!(draft.detail.summary, "Possible Object Leak");
    assert_eq!(draft.detail.published, Some(1_453_680_000));
    assert_eq!(draft.detail.urls, ["https://x.example/"]);
    let source = SeveritySource::Cvss("7.5 (CVSS 3)".to_owned());
    assert_eq!(draft.rating, Rating { severity: Severity::High, source });
    let advisory: Advisory = yaml::read_generated(ADVISORY.as_bytes(), "x", yaml::Size::DOCUMENT).unwrap();
    let requirements = requirements(&advisory).unwrap();
    let affected = affected(&Gem, &requirements).unwrap();
    for (version, expected) in [
        ("2.9", false),
        ("3.0", true),
        ("4.2.5", true),
        ("4.2.5.1", false),
        ("4.2.9", false),
        // No version of 4.3 is patched by a requirement on 4.2.
        ("4.3.0.beta1", true),
        ("4.3", true),
        ("5.0.0.beta1", true),
        ("5.0.0.beta1.1", false),
        ("5", false),
    ] {
        let status = Gem.status(&affected, version);
        assert_eq!(matches!(status, plimsoll_vuln::affected::Status::Affected(_)), expected, "{version}");
    }
}

#[test]
fn an_unreadable_file_leaves_its_gem_undecided() {
    let bomb = format!("gem: actionpack\na: &a [x,x,x,x,x,x,x,x]\n{}", "b: [*a,*a,*a,*a]\n".repeat(40));
    let long = format!("gem: actionpack\npatched_versions: [{}]", "'>= 1',".repeat(300));
    for text in [
        "",
        "gem: [actionpack]",
        "gem: other\npatched_versions: ['>= 1']",
        "gem: actionpack\npatched_versions: ['=> 1']",
        "gem: actionpack\npatched_versions: ['>= 2, < 1']",
        "gem: actionpack\npatched_versions: ['>= x']",
        "gem: actionpack\npatched_versions: '>= 1'",
        "gem: actionpack\ncvss_v3: 11.0",
        "gem: actionpack\ncvss_v3: .nan",
        "gem: actionpack\ncve: \"1\\e[2J\"",
        "gem: actionpack\ngem: actionpack",
        "gem: !!python/object:x actionpack",
        "gem: actionpack\ndate: yesterday",
        "gem: actionpack\u{0}",
        "- - - - - - - - - - - - - - - - - - - -",
        &bomb,
        &long,
    ] {
        let (draft, report) = read_file("db-master/gems/actionpack/CVE-2016-0751.yml", text);
        let draft = draft.unwrap().unwrap();
        let undecided = Draft::undecided(draft.id.clone(), draft.origin.clone(), "actionpack".to_owned());
        assert_eq!(draft.statements[0].affected, undecided.statements[0].affected, "{text}");
        assert_eq!(draft.statements[0].key, "actionpack", "{text}");
        assert_eq!((report.kept, report.doubts[&Doubt::Malformed].count), (1, 1), "{text}");
        assert_eq!(report.malformed_documents().examples, ["db-master/gems/actionpack/CVE-2016-0751.yml"]);
    }
}

#[test]
fn files_that_are_not_advisories_about_a_gem_are_counted() {
    for (path, skip) in [
        ("db-master/README.md", Some(Skip::NotAnAdvisory)),
        ("db-master/gems/actionpack/README.md", Some(Skip::NotAnAdvisory)),
        ("db-master/spec/x/y.yml", Some(Skip::NotAnAdvisory)),
        ("x.yml", Some(Skip::NotAnAdvisory)),
        ("db-master/rubies/jruby/CVE-2010-1330.yml", Some(Skip::NoPackage)),
        ("db-master/gems/actionpack/", None),
    ] {
        let (draft, report) = read_file(path, ADVISORY);
        assert!(draft.unwrap().is_none(), "{path}");
        assert_eq!(report.skipped.keys().copied().next(), skip, "{path}");
        assert_eq!(report.read, report.skipped.values().map(|tally| tally.count).sum::<u64>(), "{path}");
    }
    // It would be unknown what is undecided.
    for path in ["db-master/gems/a b/x.yml", "db-master/gems//x.yml", "db-master/gems/a/ü.yml"] {
        assert!(read_file(path, ADVISORY).0.is_err(), "{path}");
    }
}

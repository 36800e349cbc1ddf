//! Findings and files that belong to packages of the distribution.

use super::*;

/// Whether a finding about `component` is set aside because of its owner.
fn is_aside(
    component: &str,
    path: &str,
    owner: &str,
    evidence: OwnerEvidence,
    known: &[&str],
    now: &str,
) -> bool {
    let language = Component::from_purl(purl(component));
    let everything: &[(Option<&str>, End<'_>)] = &[(None, End::Open)];
    let feeds = [
        (Ecosystem::PyPI, &[][..], vec![Advisory::new("PYSEC-1", &language.name, everything)]),
        (
            Ecosystem::Debian,
            &["bookworm", "bullseye"][..],
            known.iter().map(|key| Advisory::new("CVE-1", key, &[])).collect(),
        ),
    ];
    let mut inventory = debian(Some("12"), None, &[component, owner]);
    inventory.components[0].locations = vec![Location { path: path.to_owned(), layer: None }];
    inventory.relationships.insert(Relationship {
        from: ComponentIndex(0),
        kind: RelationshipKind::OwnedBy(evidence),
        to: ComponentIndex(1),
    });
    let scan = run(&feeds, &inventory, now);
    assert_eq!(scan.findings.len() + scan.suppressed.len(), 1);
    scan.suppressed.len() == 1
}

const IN_PLACE: &str = "usr/lib/python3/dist-packages/a-1.0.egg-info/PKG-INFO";

#[test]
fn only_proven_ownership_by_a_covered_debian_package_suppresses() {
    let with = |evidence, owner: &str, known: &[&str], now: &str| {
        is_aside("pkg:pypi/a@1.0", IN_PLACE, owner, evidence, known, now)
    };
    let debian = "pkg:deb/debian/python3-a@1.0-1?upstream=a";
    let known = ["bookworm/a"];
    assert!(with(OwnerEvidence::DigestsMatch, debian, &known, AS_OF));
    // The feed knows the source, in any release.
    assert!(with(OwnerEvidence::DigestsMatch, debian, &["bullseye/a"], AS_OF));
    assert!(!with(OwnerEvidence::Claimed, debian, &known, AS_OF));
    assert!(!with(OwnerEvidence::DigestMismatch, debian, &known, AS_OF));
    assert!(!with(OwnerEvidence::DigestsMatch, "pkg:deb/ubuntu/python3-a@1.0-1", &known, AS_OF));
    assert!(!with(OwnerEvidence::DigestsMatch, debian, &known, "2026-09-01T00:00:00Z"));
}

#[test]
fn an_owner_that_the_feed_does_not_know_proves_nothing() {
    let vendor = "pkg:deb/debian/vendor-agent@1.0-1";
    assert!(!is_aside("pkg:pypi/a@1.0", IN_PLACE, vendor, OwnerEvidence::DigestsMatch, &[], AS_OF));
    let own = "pkg:deb/debian/python3-a@1.0-1?upstream=a";
    assert!(!is_aside("pkg:pypi/a@1.0", IN_PLACE, own, OwnerEvidence::DigestsMatch, &["bookworm/b"], AS_OF));
}

#[test]
fn an_owner_of_another_name_version_or_place_proves_nothing() {
    let aside = |component: &str, path: &str, owner: &str, source: &str| {
        let known = format!("bookworm/{source}");
        is_aside(component, path, owner, OwnerEvidence::DigestsMatch, &[&known], AS_OF)
    };
    for (component, owner, source) in [
        ("pkg:pypi/pyyaml@6.0", "pkg:deb/debian/python3-yaml@6.0-3%2Bb2?upstream=pyyaml%406.0-3", "pyyaml"),
        (
            "pkg:pypi/beautifulsoup4@4.11.2",
            "pkg:deb/debian/python3-bs4@4.11.2-2?upstream=beautifulsoup4",
            "beautifulsoup4",
        ),
        (
            "pkg:pypi/cryptography@38.0.4",
            "pkg:deb/debian/python3-cryptography@38.0.4-3%2Bdeb12u1",
            "python3-cryptography",
        ),
        (
            "pkg:pypi/pip@23.0.1",
            "pkg:deb/debian/python3-pip@23.0.1%2Bdfsg-1?upstream=python-pip",
            "python-pip",
        ),
        ("pkg:pypi/twisted@22.4.0", "pkg:deb/debian/python3-twisted@1:22.4.0-4?upstream=twisted", "twisted"),
        ("pkg:pypi/x-y@2.0rc1", "pkg:deb/debian/python3-x-y@2.0~rc1-1?upstream=x-y", "x-y"),
        (
            "pkg:pypi/argparse@1.2.1",
            "pkg:deb/debian/libpython2.7-stdlib@2.7.18-8?upstream=python2.7",
            "python2.7",
        ),
    ] {
        assert!(aside(component, IN_PLACE, owner, source), "{component} of {owner}");
    }
    let yaml = "pkg:deb/debian/python3-yaml@6.0-3?upstream=pyyaml";
    // Python's packages contain their standard library, and no other package.
    let python = "pkg:deb/debian/python3.11-minimal@3.11.2-6?upstream=python3.11";
    assert!(!aside("pkg:pypi/django@1.0", IN_PLACE, python, "python3.11"));
    assert!(!aside("pkg:pypi/pip@3.11", IN_PLACE, python, "python3.11"));
    assert!(aside("pkg:pypi/wsgiref@0.1.2", IN_PLACE, python, "python3.11"));
    // One line in the list of a package that has nothing to do with it.
    assert!(!aside("pkg:pypi/requests@6.0", IN_PLACE, yaml, "pyyaml"));
    assert!(!aside("pkg:pypi/requests@2.0", IN_PLACE, "pkg:deb/debian/base-files@12.4", "base-files"));
    assert!(!aside("pkg:pypi/requests@2.0", IN_PLACE, "pkg:deb/debian/python3-a@2.0-1", "python3-a"));
    assert!(!aside("pkg:pypi/requests@2.0", IN_PLACE, "pkg:deb/debian/python3-pip@2.0-1", "python3-pip"));
    // An older copy in addition to the one that the package installed.
    assert!(!aside("pkg:pypi/pyyaml@5.1", IN_PLACE, yaml, "pyyaml"));
    assert!(!aside("pkg:pypi/pyyaml@6.0.1", IN_PLACE, yaml, "pyyaml"));
    for path in ["opt/app/PyYAML-6.0.egg-info/PKG-INFO", "usr/local/lib/python3/x/METADATA", "srv/METADATA"] {
        assert!(!aside("pkg:pypi/pyyaml@6.0", path, yaml, "pyyaml"), "{path}");
    }
}

#[test]
fn a_component_without_advisories_is_a_gap_unless_its_package_is_covered() {
    let erlang = "pkg:deb/debian/erlang-base@1:25.2.3-1?upstream=erlang";
    let outcome = |component: &str, path: Option<&str>, known: &[&str], evidence: Option<OwnerEvidence>| {
        let advisories = known.iter().map(|key| Advisory::new("CVE-1", key, &[])).collect();
        let feeds = [(Ecosystem::Debian, &["bookworm"][..], advisories)];
        let mut inventory = debian(Some("12"), None, &[component, erlang]);
        let location = |path: &str| Location { path: path.to_owned(), layer: None };
        inventory.components[0].locations = path.map(location).into_iter().collect();
        inventory.relationships.extend(evidence.map(|evidence| Relationship {
            from: ComponentIndex(0),
            kind: RelationshipKind::OwnedBy(evidence),
            to: ComponentIndex(1),
        }));
        let scan = run(&feeds, &inventory, AS_OF);
        let gaps: Vec<String> = scan.gaps.into_iter().map(|gap| gap.ecosystem).collect();
        let asides = scan.set_aside.into_iter();
        (gaps, asides.map(|aside| format!("{} {}", aside.files, aside.path)).collect::<Vec<_>>())
    };
    let (stdlib, in_place) = ("pkg:otp/stdlib@4.2", "usr/lib/erlang/lib/stdlib-4.2/ebin/stdlib.app");
    let (known, proven) = (["bookworm/erlang"], Some(OwnerEvidence::DigestsMatch));
    let aside = (Vec::new(), vec![format!("1 component {in_place}")]);
    assert_eq!(outcome(stdlib, Some(in_place), &known, proven), aside);
    let gap = |ecosystem: &str| (vec![ecosystem.to_owned()], Vec::new());
    assert_eq!(outcome(stdlib, Some(in_place), &["bookworm/other"], proven), gap("otp"));
    for evidence in [None, Some(OwnerEvidence::Claimed), Some(OwnerEvidence::DigestMismatch)] {
        assert_eq!(outcome(stdlib, Some(in_place), &known, evidence), gap("otp"), "{evidence:?}");
    }
    for path in [None, Some("opt/app/stdlib.app"), Some("usr/local/lib/erlang/stdlib.app")] {
        assert_eq!(outcome(stdlib, path, &known, proven), gap("otp"), "{path:?}");
    }
    // If advisories exist but are not in the database, the package of the distribution does not replace them.
    assert_eq!(outcome("pkg:npm/a@1.0.0", Some(in_place), &known, proven), gap("npm"));
}

#[test]
fn unread_files_are_gaps_and_those_of_covered_packages_are_set_aside() {
    let node = "pkg:deb/debian/nodejs@18.19-1";
    let kernel =
        "pkg:deb/debian/linux-image-6.1.0-17-amd64@6.1.76-1?upstream=linux-signed-amd64%406.1.76%2B1";
    let problem = |code, owner: Option<&str>| Problem {
        ecosystem: Some("npm".to_owned()),
        owner: owner.map(purl),
        ..Problem::new(code, "usr/share/nodejs/npm/package.json", "2 package.json")
    };
    let gap = Gap {
        ecosystem: "npm".to_owned(),
        components: 0,
        reason: GapReason::NotRead {
            files: "2 package.json".to_owned(),
            path: "usr/share/nodejs/npm/package.json".to_owned(),
        },
    };
    let scanned = |problem: Problem, known: &[&str]| {
        let advisories = known.iter().map(|key| Advisory::new("CVE-1", key, &[])).collect();
        let feeds = [(Ecosystem::Debian, &["bookworm"][..], advisories)];
        let inventory = Inventory { problems: vec![problem], ..debian(Some("12"), None, &[node, kernel]) };
        let scan = run(&feeds, &inventory, AS_OF);
        (scan.gaps, scan.set_aside.len())
    };
    assert_eq!(scanned(problem(ProblemCode::NotRead, None), &[]), (vec![gap.clone()], 0));
    assert_eq!(scanned(problem(ProblemCode::SetAside, Some(node)), &["bookworm/nodejs"]), (vec![], 1));
    // Their package is unknown.
    let unowned = problem(ProblemCode::SetAside, None);
    assert_eq!(scanned(unowned, &["bookworm/nodejs"]), (vec![gap.clone()], 0));
    // Advisories name a signed kernel by its unsigned source, here as in a lookup.
    let of_kernel = problem(ProblemCode::SetAside, Some(kernel));
    assert_eq!(scanned(of_kernel, &["bookworm/linux"]), (vec![], 1));
    // A package that the distribution does not know, and one that does not exist.
    assert_eq!(scanned(problem(ProblemCode::SetAside, Some(node)), &[]), (vec![gap.clone()], 0));
    let gone = problem(ProblemCode::SetAside, Some("pkg:deb/debian/gone@1"));
    assert_eq!(scanned(gone, &["bookworm/gone"]), (vec![gap], 0));
}

#[test]
fn programs_are_set_aside_by_package_and_reported_together() {
    let (bash, dash, vendor) =
        ("pkg:deb/debian/bash@5.2-1", "pkg:deb/debian/dash@0.5-1", "pkg:deb/debian/acme@1-1");
    let foreign = "pkg:deb/acme/agent@1";
    let problem = |owner: Option<&str>, files: &str, path: &str| Problem {
        ecosystem: Some("executables".to_owned()),
        owner: owner.map(purl),
        ..Problem::new(ProblemCode::SetAside, path, files)
    };
    let scanned = |problems: Vec<Problem>, now: &str| {
        let advisories = ["bookworm/bash", "bookworm/dash"].map(|key| Advisory::new("CVE-1", key, &[]));
        let feeds = [(Ecosystem::Debian, &["bookworm"][..], advisories.into())];
        let inventory = Inventory { problems, ..debian(Some("12"), None, &[bash, dash, vendor, foreign]) };
        let scan = run(&feeds, &inventory, now);
        let asides = scan.set_aside.iter().map(|aside| format!("{} {}", aside.files, aside.path));
        let gaps = scan.gaps.iter().filter(|gap| gap.ecosystem == "executables");
        (asides.collect::<Vec<_>>(), gaps.map(|gap| gap.reason.to_string()).collect::<Vec<_>>())
    };
    let problems = || {
        vec![
            problem(Some(bash), "1 file", "usr/bin/bash"),
            problem(Some(dash), "2 files", "usr/bin/ash"),
            problem(Some(vendor), "1 file", "usr/bin/acme"),
        ]
    };
    let of_vendor = "1 file of packages that no advisory names usr/bin/acme".to_owned();
    let all = vec!["3 files usr/bin/ash".to_owned(), of_vendor.clone()];
    assert_eq!(scanned(problems(), AS_OF), (all, vec![]));
    // Without a package, of another vendor, without a fresh feed.
    let unproven = vec![
        problem(None, "4 files", "usr/bin/x"),
        problem(Some(foreign), "1 file", "usr/bin/agent"),
        problem(Some("pkg:deb/debian/gone@1"), "", "usr/bin/gone"),
    ];
    let (asides, gaps) = scanned(unproven, AS_OF);
    assert_eq!((asides, gaps.len()), (vec![], 2));
    assert!(gaps[0].starts_with("not read yet") && gaps[0].contains("usr/bin/gone"), "{gaps:?}");
    assert_eq!(gaps[1], "part of packages of acme: no feed in the database, such as usr/bin/agent");
    let (asides, gaps) = scanned(problems(), "2026-09-01T00:00:00Z");
    assert_eq!((asides, gaps.len()), (vec![], 1));
    // What is wanting is told, and not that nobody read them: their own packages were never looked up.
    assert!(gaps[0].starts_with("part of packages of Debian: feed as of"), "{gaps:?}");
    let without = [(Ecosystem::PyPI, &[][..], Vec::new())];
    let inventory = Inventory { problems: problems(), ..debian(Some("12"), None, &[bash, dash, vendor]) };
    let scan = run(&without, &inventory, AS_OF);
    let gap = scan.gaps.iter().find(|gap| gap.ecosystem == "executables").unwrap();
    assert_eq!(gap.reason.files(), Some("4 files"));
    let expected = "part of packages of Debian: no feed in the database, such as usr/bin/acme";
    assert_eq!(gap.reason.to_string(), expected);
}

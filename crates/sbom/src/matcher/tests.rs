//! What a path costs, and which selection wins.

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Need};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::cataloger::{Coverage, File};
use crate::context::Context;
use crate::fact::FactKind;

struct OneMember(&'static [Selection]);

impl Cataloger for OneMember {
    fn id(&self) -> &'static str {
        "looks"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn selections(&self) -> &'static [Selection] {
        self.0
    }

    fn facts(&self) -> &'static [FactKind] {
        &[]
    }

    fn extract(&self, _: u16, _: &File<'_>) -> Option<Arc<dyn Fact>> {
        None
    }

    fn finish(&self, _: &mut Context<'_, '_>) {}
}

fn file(size: u64, mode: u32) -> Attributes {
    Attributes { size, mode }
}

#[test]
fn the_first_selection_of_each_cataloger_counts() {
    const FIRST: &[Selection] = &[
        Selection::whole(&["db/*.sums"], Bound::Metadata),
        Selection::whole(&["db/*", "**/lock"], Bound::Metadata),
    ];
    const SECOND: &[Selection] = &[Selection::whole(&["**/*.sums"], Bound::Metadata)];
    let matcher = Matcher::new(&[&OneMember(FIRST), &OneMember(SECOND)], |_, _| true);
    let want = |path| matcher.want(path, None).into_iter().map(|purpose| purpose.0).collect::<Vec<_>>();
    assert_eq!(want("db/a.sums"), [0, 2]);
    assert_eq!(want("db/lock"), [1]);
    assert_eq!(want("x/a.sums"), [2]);
    assert_eq!(want("x/a"), Vec::<u16>::new());
}

#[test]
fn executables_are_recognised_by_their_mode_and_small_files_can_be_ignored() {
    const EXECUTABLES: &[Selection] = &[
        Selection { paths: &["**/*.so"], mode: Mode::Any, min_size: 100, need: Need::Stream },
        Selection { paths: &[], mode: Mode::Executable, min_size: 100, need: Need::Head { bytes: 64 } },
    ];
    let matcher = Matcher::new(&[&OneMember(EXECUTABLES)], |_, _| true);
    let want = |path, attributes| !matcher.want(path, attributes).is_empty();
    assert!(want("usr/bin/x", Some(file(100, 0o755))) && want("lib/x.so", Some(file(100, 0o644))));
    assert!(!want("usr/bin/x", Some(file(99, 0o755))) && !want("usr/bin/x", Some(file(100, 0o644))));
    // The mode of a link's target is unknown.
    assert!(!want("usr/bin/x", None) && want("lib/x.so", None));
}

#[test]
fn keys_of_one_byte_and_empty_keys_are_found() {
    const SHORT: &[Selection] = &[Selection::whole(&["**/*.R", "**/x", "*.lock", "y"], Bound::Metadata)];
    let matcher = Matcher::new(&[&OneMember(SHORT)], |_, _| true);
    for path in ["a/b.R", "b.R", ".R", "x", "a/x", "a.lock", ".lock", "y"] {
        assert_eq!(matcher.want(path, None).len(), 1, "{path}");
    }
    for path in ["", "R", "a/b.r", "a/xx", "a/b.lock", "a/y", "/"] {
        assert_eq!(matcher.want(path, None), [], "{path}");
    }
}

/// Sixty catalogers of the expected kinds.
fn sixty() -> Matcher {
    fn leak<T>(value: Vec<T>) -> &'static [T] {
        Vec::leak(value)
    }
    let path = |n: usize| -> &'static str {
        String::leak(match n % 5 {
            0 => format!("var/lib/database{n}/installed"),
            1 => format!("**/package{n}.lock"),
            2 => format!("**/*.metadata{n}"),
            3 => format!("var/lib/files{n}/*.list"),
            _ => format!("**/*.info{n}/META"),
        })
    };
    let members: Vec<OneMember> = (0..60)
        .map(|n| OneMember(leak(vec![Selection::whole(leak(vec![path(n)]), Bound::Metadata)])))
        .collect();
    let members: Vec<&dyn Cataloger> = members.iter().map(|member| member as &dyn Cataloger).collect();
    Matcher::new(&members, |_, _| true)
}

/// How many patterns are tried on a path.
fn tried(matcher: &Matcher, path: &str) -> usize {
    let lookups = matcher.lookups(path, Some(file(10, 0o644)));
    matcher.candidates(path, lookups).iter().map(|rules| rules.len()).sum()
}

#[test]
fn no_pattern_is_tried_on_a_path_that_is_not_selected_however_many_there_are() {
    let matcher = sixty();
    for path in [
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/python3/dist-packages/yaml/__init__.py",
        "usr/share/doc/zlib1g/changelog.Debian.gz",
        "var/lib/database7/installed.old",
        "etc/passwd",
        "",
        "x",
    ] {
        assert_eq!(tried(&matcher, path), 0, "{path}");
    }
    assert_eq!(tried(&matcher, "srv/package1.lock"), 1);
    assert!(matcher.others.is_empty());
}

/// Patterns of the files of package managers, with keys of all lengths. The first are long enough for a filter.
const PATTERNS: &[&str] = &[
    "**/package-lock.json",
    "**/go.mod",
    "**/pom.xml",
    "**/setup.py",
    "**/*.jar",
    "**/*.so",
    "**/*.dist-info/METADATA",
    "**/node_modules/*/package.json",
    "**/*.spdx.json",
    "**/opam",
    "usr/lib/sysimage/rpm/*",
    "nix/store/*",
    "var/lib/dpkg/info/*.md5sums",
    "var/lib/pacman/local/*/desc",
    "lib/apk/db/installed",
    "db/*",
    "**/*.R",
    "**/x",
    "**/*lib*",
    "a",
];
const LONG: usize = 16;

/// A cataloger for each list, with a selection for each pattern.
fn compile(members: &[Vec<&'static str>]) -> Matcher {
    let members: Vec<OneMember> = members
        .iter()
        .map(|patterns| {
            let selections =
                patterns.iter().map(|pattern| Selection::whole(Vec::leak(vec![*pattern]), Bound::Metadata));
            OneMember(Vec::leak(selections.collect()))
        })
        .collect();
    let members: Vec<&dyn Cataloger> = members.iter().map(|member| member as &dyn Cataloger).collect();
    Matcher::new(&members, |_, _| true)
}

/// The purposes of a path if each pattern is tried on it: for each member the first that matches.
fn naive(members: &[Vec<&'static str>], path: &str) -> Vec<u16> {
    let mut numbers = 0_u16..;
    let mut wanted = Vec::new();
    for patterns in members {
        let fitting: Vec<u16> = patterns
            .iter()
            .zip(numbers.by_ref())
            .filter(|(pattern, _)| Pattern::new(pattern).matches(path))
            .map(|(_, number)| number)
            .collect();
        wanted.extend(fitting.first());
    }
    wanted
}
proptest! {
    // Mostly without the short ones (`a`, `x`, `.R`), because those switch the filters off.
    #[test]
    fn selects_the_same_as_trying_each_pattern(
        members in vec(vec(prop_oneof![9 => select(&PATTERNS[..LONG]), 1 => select(PATTERNS)], 1..4), 0..12),
        filling in "[a-z._-]{0,12}",
        front in select(&["", "a/", "usr/lib/", "var/lib/dpkg/info/"][..]),
        behind in prop_oneof![9 => Just(String::new()), 1 => "[a-z./]{1,2}"],
    ) {
        let matcher = compile(&members);
        for pattern in PATTERNS {
            let path = pattern.replace("**/", front).replace('*', &filling) + &behind;
            let found: Vec<u16> = matcher.want(&path, None).into_iter().map(|purpose| purpose.0).collect();
            prop_assert_eq!(found, naive(&members, &path), "{}", path);
        }
    }
}

#[test]
fn a_path_that_resembles_a_selected_one_costs_no_look_up() {
    let matcher = compile(&[vec![
        "**/setup.py",
        "**/*.jar",
        "**/package.json",
        "**/*.spdx.json",
        "**/*.dist-info/METADATA",
        "var/lib/dpkg/info/*.md5sums",
        "usr/lib/sysimage/rpm/*",
    ]]);
    for path in [
        "app/util.py",
        "app/jar",
        "app/tsconfig.json",
        "app/METADATA",
        "var/lib/apt/lists/x",
        "usr/lib/libc.so.6",
    ] {
        let lookups = matcher.lookups(path, Some(file(10, 0o644)));
        assert!(!lookups.end && !lookups.beginning, "{path}: {lookups:?}");
    }
}

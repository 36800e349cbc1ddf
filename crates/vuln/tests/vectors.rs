//! The version orders against the published vectors, against dpkg itself, and against the laws of an order.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::cmp::Ordering;
use std::io::Read as _;
use std::process::Command;

use plimsoll_vuln::order;
use plimsoll_vuln::version::{
    InvalidVersion, apk, bitnami, composer, cpe, dart, dpkg, gem, maven, nuget, numbers, pep440, rpm, semver,
};
use proptest::prelude::*;

type Compare = fn(&str, &str) -> Result<Ordering, InvalidVersion>;

/// Each order with the start of the names of its files in the archive, and the minimum number of comparisons
/// in them.
const ORDERS: [(&str, &str, Compare, usize); 14] = [
    ("apk", "alpine", apk::compare, 770),
    ("bitnami", "(none was published)", bitnami::compare, 0),
    ("composer", "packagist", composer::compare, 80),
    ("cpe", "(none was published)", cpe::compare, 0),
    ("cran", "cran", numbers::compare_cran, 20),
    ("dpkg", "debian", dpkg::compare, 30),
    ("gem", "rubygems", gem::compare, 25),
    ("hackage", "hackage", numbers::compare_hackage, 7),
    ("maven", "maven", maven::compare, 100),
    ("nuget", "nuget", nuget::compare, 35),
    ("pep440", "pypi", pep440::compare, 37),
    ("pub", "pub", dart::compare, 100),
    ("rpm", "redhat", rpm::compare, 160),
    ("semver", "semver", semver::compare, 80),
];

/// Vectors that do not hold, because they are PHP's and not Composer's: `VersionParser` of composer/semver refuses the first
/// two kinds, and has the last two versions equal.
fn contradicts_composer(line: &str) -> bool {
    line.contains('#') || line.contains("dev-foo") || line == "1.0.0 > 1.0"
}

#[test]
fn every_order_in_the_list_has_its_vectors() {
    let listed = order::ORDERS.map(order::VersionOrder::id);
    assert_eq!(listed, ORDERS.map(|(id, ..)| id));
}

#[test]
fn every_published_vector_holds() {
    let Some(data) = plimsoll_testkit::published_data("fixtures/version-vectors.tar.gz") else { return };
    let archive = std::fs::File::open(&data).unwrap();
    let mut counts = [0; ORDERS.len()];
    let mut wrong = Vec::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(archive)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let Some(order) = ORDERS.iter().position(|(_, prefix, ..)| name.starts_with(prefix)) else {
            continue;
        };
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with("//") && !l.starts_with('#'))
        {
            if ORDERS[order].0 == "composer" && contradicts_composer(line) {
                assert!(!holds(ORDERS[order].2, line), "{line} holds, although Composer says something else");
                continue;
            }
            counts[order] += 1;
            if !holds(ORDERS[order].2, line) {
                wrong.push(format!("{name}: {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} vectors do not hold:\n{}", wrong.len(), wrong.join("\n"));
    for ((name, _, _, least), count) in ORDERS.iter().zip(counts) {
        eprintln!("{name}: {count} vectors hold");
        assert!(count >= *least, "{name}: got {count} vectors, expected {least} or more");
    }
}

fn holds(compare: Compare, line: &str) -> bool {
    let [a, operator, b] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("vector `{line}`") };
    let expected = match operator {
        "<" => Ordering::Less,
        ">" => Ordering::Greater,
        "=" | "==" => Ordering::Equal,
        other => panic!("operator `{other}` in `{line}`"),
    };
    compare(a, b) == Ok(expected) && compare(b, a) == Ok(expected.reverse())
}

#[test]
fn dpkg_itself_agrees() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        eprintln!("skipped: no dpkg");
        return;
    }
    // Fixed seed: the same versions in each run. Each comparison starts a process, so their number is small.
    let mut random = Random(0x5eed);
    let mut compared = 0;
    for _ in 0..400 {
        let (a, b) = (random.debian_version(), random.debian_version());
        let Ok(ours) = dpkg::compare(&a, &b) else { panic!("{a} or {b} is refused") };
        let operator = match ours {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let dpkg = Command::new("dpkg").args(["--compare-versions", &a, operator, &b]).output().unwrap();
        assert!(dpkg.status.success(), "{a} {operator} {b}: dpkg disagrees: {dpkg:?}");
        compared += 1;
    }
    assert_eq!(compared, 400);
}

/// A linear congruential generator, so that the test needs neither a crate nor the clock.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    fn debian_version(&mut self) -> String {
        let epoch = if self.below(4) == 0 { format!("{}:", self.below(3)) } else { String::new() };
        let (length, digit) = (self.below(6), self.below(3));
        let upstream = self.text(b"019a~+.-Z", length);
        let length = self.below(4);
        let revision = match self.below(2) {
            0 => format!("-{}{}", self.below(3), self.text(b"01a~+.", length)),
            _ => String::new(),
        };
        format!("{epoch}{digit}{upstream}{revision}").trim_end_matches('-').to_owned()
    }
}

/// Strings that look like versions often enough to reach every branch.
fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        "[v]?([0-2]!)?[0-2](\\.[0-2]){0,3}([-_.]?(a|b|rc|pre|c|alpha)[-_.]?[0-2]?)?(-[0-2]|\\.?post[0-2]?)?(\\.?dev[0-2]?)?(\\+[a-b0-2]{1,3})?",
        "[v]?[0-2](\\.[0-2]){0,3}(-[0a-b2]{1,2}(\\.[0a-b2]{1,2}){0,2})?(\\+[a-b]{1,2})?",
        "([0-2]:)?[0-2][0-1a.+~-]{0,5}(-[0-1a~]{1,3})?",
        "[a-c0-2._-]{1,6}",
        "[0-1]{1,2}([.-]?(alpha|sp|ga|rc|x|b|dev|pl)[.-]?[0-2]?|[.-][0-1]{1,2}){0,4}",
        "([01]:)?[01]([~^.+_-]{0,2}[01ab]){0,4}",
        "[0-2](\\.[0-2]{0,2}){0,2}[a-b]?[0-1]?(_(alpha|rc|git|p|x)[0-1]?){0,2}(~[0-1a-b]{0,2})?(-r?[0-2]{0,2}){0,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_order_is_total(a in version(), b in version(), c in version()) {
        for (name, _, compare, _) in ORDERS {
            let texts = [&a, &b, &c].map(String::as_str);
            if texts.iter().any(|t| compare(t, t).is_err()) {
                continue;
            }
            let [a, b, c] = texts;
            prop_assert_eq!(compare(a, a), Ok(Ordering::Equal), "{}: {}", name, a);
            prop_assert_eq!(compare(a, b).unwrap(), compare(b, a).unwrap().reverse(), "{}: {} {}", name, a, b);
            let (ab, bc, ac) = (compare(a, b).unwrap(), compare(b, c).unwrap(), compare(a, c).unwrap());
            if ab == bc {
                prop_assert_eq!(ac, ab, "{}: {} {} {}", name, a, b, c);
            }
            if ab.is_eq() {
                prop_assert_eq!(ac, bc, "{}: {} {} {}", name, a, b, c);
            }
        }
    }

    #[test]
    fn no_text_panics_or_hangs(text in any::<String>(), long in "[0-9.~a-z!+-]{0,600}") {
        for (_, _, compare, _) in ORDERS {
            let _ = compare(&text, &long);
            let _ = compare(&long, &text);
        }
    }
}

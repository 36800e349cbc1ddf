//! The mistakes that scanners are known for, each on a published advisory: what is expected was decided by hand from its text,
//! which stands beside it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::sync::LazyLock;

use plimsoll_core::Limits;
use plimsoll_feeds::build;
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::{Database, GapReason, ScanSettings, scan};
use serde_json::Value;

const AS_OF: &str = "2026-11-01T00:00:00Z";
/// The ecosystems that some of GitHub's advisories are about.
const GITHUB: [&str; 5] = ["Maven", "NuGet", "Packagist", "RubyGems", "npm"];

/// What an advisory means for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Affected,
    Not,
    /// The advisory or the version leaves it open.
    Open,
}
use Answer::{Affected, Not, Open};

/// All of OSV's data and GitHub's advisories; `None` if the data is missing.
static DATABASE: LazyLock<Option<(tempfile::TempDir, Database)>> = LazyLock::new(|| {
    let archive = fs::File::open(plimsoll_testkit::published_data("osv.tar")?).unwrap();
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(archive).unpack(dir.path()).unwrap();
    let sample = fs::File::open(plimsoll_testkit::published_data("fixtures/ghsa-sample.tar.gz")?).unwrap();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(sample)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if !path.starts_with("advisories") || path.extension().is_none() {
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let named = document["affected"].as_array().into_iter().flatten();
        let named: BTreeSet<&str> = named.filter_map(|it| it["package"]["ecosystem"].as_str()).collect();
        for ecosystem in GITHUB.into_iter().filter(|it| named.contains(it)) {
            let folder = dir.path().join("osv").join(ecosystem);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(path.file_name().unwrap()), &text).unwrap();
        }
    }
    let (now, out) = (AS_OF.parse().unwrap(), dir.path().join("out"));
    build(&dir.path().join("osv"), now, &out, now, &Limits::default()).unwrap();
    let database = Database::open(&out).unwrap();
    Some((dir, database))
});

/// What the database says about `advisory` for one component.
fn answer(database: &Database, purl: &str, advisory: &str) -> Answer {
    let components = vec![Component::from_purl(purl.parse().unwrap())];
    let inventory = Inventory { components, ..Inventory::default() };
    let scan = scan(&inventory, database, &ScanSettings::at(AS_OF.parse().unwrap())).unwrap();
    let mut found = scan.findings.iter().chain(&scan.informational);
    if found.any(|it| it.id == advisory || it.aliases.iter().any(|alias| alias == advisory)) {
        return Affected;
    }
    let leaves_open = |reason: &GapReason| match reason {
        GapReason::UndecidedRange { advisories, .. } => advisories.iter().any(|it| it == advisory),
        // Which advisories are meant nobody can say.
        _ => true,
    };
    if scan.gaps.iter().any(|gap| leaves_open(&gap.reason)) { Open } else { Not }
}

fn holds(cases: &[(&str, &str, Answer)]) {
    let Some((_, database)) = &*DATABASE else { return };
    let wrong: Vec<String> = cases
        .iter()
        .map(|(purl, advisory, expected)| (purl, advisory, expected, answer(database, purl, advisory)))
        .filter(|(_, _, expected, got)| got != *expected)
        .map(|(purl, advisory, expected, got)| {
            format!("{purl} {advisory}: got {got:?}, expected {expected:?}")
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn withdrawn_advisories_do_not_count() {
    holds(&[
        // "withdrawn": 2025-11-07; `fixed: 1.5.4`.
        ("pkg:pypi/zstd@1.5.2.0", "PYSEC-2023-121", Not),
        // "WITHDRAWN: Potential proxy IP restriction bypass in Kubernetes"; all versions.
        ("pkg:golang/k8s.io/kubernetes@v1.20.0", "GO-2022-0617", Not),
        ("pkg:cargo/spin@0.5.0", "RUSTSEC-2019-0031", Not),
    ]);
}

#[test]
fn what_only_informs_is_told_as_well() {
    // "libusb is unmaintained; use rusb instead", `fixed: 0.3.1-0`.
    holds(&[("pkg:cargo/libusb@0.3.0", "RUSTSEC-2016-0004", Affected)]);
}

#[test]
fn the_last_affected_version_is_affected_and_the_fixed_one_is_not() {
    holds(&[
        // `introduced: 0, last_affected: 1.1.0`.
        ("pkg:pypi/adx-mcp-server@1.0.9", "PYSEC-2026-2327", Affected),
        ("pkg:pypi/adx-mcp-server@1.1.0", "PYSEC-2026-2327", Affected),
        ("pkg:pypi/adx-mcp-server@1.1.0rc1", "PYSEC-2026-2327", Affected),
        ("pkg:pypi/adx-mcp-server@1.1.0.post1", "PYSEC-2026-2327", Not),
        ("pkg:pypi/adx-mcp-server@1.1.1", "PYSEC-2026-2327", Not),
        // `introduced: 5.15.12, last_affected: 5.15.12`: one version.
        ("pkg:bitnami/activemq@5.15.11", "BIT-activemq-2020-11998", Not),
        ("pkg:bitnami/activemq@5.15.12", "BIT-activemq-2020-11998", Affected),
        ("pkg:bitnami/activemq@5.15.13", "BIT-activemq-2020-11998", Not),
    ]);
}

#[test]
fn a_range_that_nobody_fixed_may_still_end() {
    holds(&[
        // From 2.1.0 on, beside which stands "last_known_affected_version_range": "< 2.1.3"; and 3.1.1-canary.20211030 to 3.5.3.
        ("pkg:npm/formidable@2.0.9", "GHSA-75v8-2h7p-7m2m", Not),
        ("pkg:npm/formidable@2.1.2", "GHSA-75v8-2h7p-7m2m", Affected),
        ("pkg:npm/formidable@2.1.3", "GHSA-75v8-2h7p-7m2m", Not),
        ("pkg:npm/formidable@3.5.2", "GHSA-75v8-2h7p-7m2m", Affected),
        ("pkg:npm/formidable@3.5.3", "GHSA-75v8-2h7p-7m2m", Not),
    ]);
}

#[test]
fn enumerated_versions_are_affected_outside_of_any_range() {
    // "aiocpa 0.1.13 contains credential harvesting code"; versions 0.1.13 and 0.1.14, no range.
    holds(&[
        ("pkg:pypi/aiocpa@0.1.12", "PYSEC-2024-152", Not),
        ("pkg:pypi/aiocpa@0.1.13", "PYSEC-2024-152", Affected),
        ("pkg:pypi/aiocpa@0.1.14", "PYSEC-2024-152", Affected),
        ("pkg:pypi/aiocpa@0.1.15", "PYSEC-2024-152", Not),
    ]);
}

#[test]
fn several_ranges_of_one_advisory_are_several_branches() {
    holds(&[
        // 0.3.2 to 0.3.4, 0.4.0-0 to 0.4.5, 0.5.0-0 to 0.5.1, 0.6.0-0 to 0.6.3.
        ("pkg:cargo/smallvec@0.3.1", "RUSTSEC-2018-0003", Not),
        ("pkg:cargo/smallvec@0.3.3", "RUSTSEC-2018-0003", Affected),
        ("pkg:cargo/smallvec@0.3.4", "RUSTSEC-2018-0003", Not),
        ("pkg:cargo/smallvec@0.4.0-alpha.1", "RUSTSEC-2018-0003", Affected),
        ("pkg:cargo/smallvec@0.4.5", "RUSTSEC-2018-0003", Not),
        ("pkg:cargo/smallvec@0.6.2", "RUSTSEC-2018-0003", Affected),
        ("pkg:cargo/smallvec@0.6.3", "RUSTSEC-2018-0003", Not),
        // The same in three statements, the latest first: up to 1.8.22, 1.9.0 to 1.9.15, 1.10.0 to 1.10.9.
        ("pkg:npm/%40grpc/grpc-js@1.8.21", "GHSA-7v5v-9h63-cj86", Affected),
        ("pkg:npm/%40grpc/grpc-js@1.8.22", "GHSA-7v5v-9h63-cj86", Not),
        ("pkg:npm/%40grpc/grpc-js@1.9.14", "GHSA-7v5v-9h63-cj86", Affected),
        ("pkg:npm/%40grpc/grpc-js@1.10.9", "GHSA-7v5v-9h63-cj86", Not),
    ]);
}

#[test]
fn aliases_never_bring_the_advisory_of_another_package() {
    // CVE-2021-32807 is PYSEC-2021-335 for AccessControl and PYSEC-2021-875 for Zope.
    holds(&[
        ("pkg:pypi/accesscontrol@4.2", "PYSEC-2021-335", Affected),
        ("pkg:pypi/accesscontrol@4.2", "PYSEC-2021-875", Not),
        ("pkg:pypi/zope@4.6", "PYSEC-2021-335", Not),
    ]);
}

#[test]
fn modules_of_go_without_go_mod_and_versions_of_commits_have_their_place() {
    holds(&[
        // `fixed: 2.7.0-rc.0+incompatible`.
        ("pkg:golang/github.com/docker/distribution@v2.6.2%2Bincompatible", "GO-2021-0072", Affected),
        ("pkg:golang/github.com/docker/distribution@v2.7.0-rc.0%2Bincompatible", "GO-2021-0072", Not),
        ("pkg:golang/github.com/docker/distribution@v2.7.1%2Bincompatible", "GO-2021-0072", Not),
        ("pkg:golang/github.com/docker/distribution@%28devel%29", "GO-2021-0072", Open),
        // Up to 0.5.2, and 3.0.0+incompatible to 3.0.1-0.20180525145409-4c9aadca8f89+incompatible.
        ("pkg:golang/github.com/evanphx/json-patch@v0.5.1", "GO-2021-0076", Affected),
        ("pkg:golang/github.com/evanphx/json-patch@v0.5.2", "GO-2021-0076", Not),
        ("pkg:golang/github.com/evanphx/json-patch@v3.0.0%2Bincompatible", "GO-2021-0076", Affected),
        (
            "pkg:golang/github.com/evanphx/json-patch@v3.0.1-0.20180525145409-4c9aadca8f89%2Bincompatible",
            "GO-2021-0076",
            Not,
        ),
        // 0.0.0-20160722212129-ac0cc4484ad4 to 0.0.0-20200131131040-063a3fb69896.
        (
            "pkg:golang/github.com/nanobox-io/golang-nanoauth@v0.0.0-20160101000000-0123456789ab",
            "GO-2020-0004",
            Not,
        ),
        (
            "pkg:golang/github.com/nanobox-io/golang-nanoauth@v0.0.0-20160722212129-ac0cc4484ad4",
            "GO-2020-0004",
            Affected,
        ),
        (
            "pkg:golang/github.com/nanobox-io/golang-nanoauth@v0.0.0-20200131131040-063a3fb69896",
            "GO-2020-0004",
            Not,
        ),
        // `fixed: 1.0.4-0.20180125103619-43913f2f4fbd`, which the release 1.0.4 follows.
        ("pkg:golang/github.com/miekg/dns@v1.0.3", "GO-2020-0006", Affected),
        ("pkg:golang/github.com/miekg/dns@v1.0.4", "GO-2020-0006", Not),
    ]);
}

#[test]
fn the_library_of_go_has_the_version_of_its_toolchain() {
    // Up to 1.19.6, and 1.20.0-0 to 1.20.1.
    holds(&[
        ("pkg:golang/stdlib@1.19.5", "GO-2023-1568", Affected),
        ("pkg:golang/stdlib@1.19.6", "GO-2023-1568", Not),
        ("pkg:golang/stdlib@v1.20.0", "GO-2023-1568", Affected),
        ("pkg:golang/stdlib@1.20", "GO-2023-1568", Affected),
        ("pkg:golang/stdlib@1.20rc1", "GO-2023-1568", Affected),
        ("pkg:golang/stdlib@1.20.1", "GO-2023-1568", Not),
    ]);
}

#[test]
fn a_build_of_bitnami_is_its_version() {
    holds(&[
        // `introduced: 1.19.0-0, fixed: 1.19.1`: the first build of 1.19.0 is 1.19.0.
        ("pkg:bitnami/golang@1.18.9-7", "BIT-golang-2022-32190", Not),
        ("pkg:bitnami/golang@1.19.0", "BIT-golang-2022-32190", Affected),
        ("pkg:bitnami/golang@1.19.0-3", "BIT-golang-2022-32190", Affected),
        ("pkg:bitnami/golang@1.19.1", "BIT-golang-2022-32190", Not),
        // Up to 1.22.11, 1.23.0-0 to 1.23.5, and 1.24.0-0 to 1.24.0, which are pre-releases of Go that Bitnami does not package.
        ("pkg:bitnami/golang@1.22.10-0", "BIT-golang-2024-45336", Affected),
        ("pkg:bitnami/golang@1.23.0", "BIT-golang-2024-45336", Affected),
        ("pkg:bitnami/golang@1.23.5", "BIT-golang-2024-45336", Not),
        ("pkg:bitnami/golang@1.24.0-0", "BIT-golang-2024-45336", Not),
        ("pkg:bitnami/golang@1.24.1", "BIT-golang-2024-45336", Not),
        // `introduced: 17.0.3-1, last_affected: 17.0.3-1`: that build alone.
        ("pkg:bitnami/java@17.0.3", "BIT-java-2022-34169", Not),
        ("pkg:bitnami/java@17.0.3-1", "BIT-java-2022-34169", Affected),
        ("pkg:bitnami/java@17.0.3-2", "BIT-java-2022-34169", Not),
    ]);
}

#[test]
fn names_are_those_of_the_ecosystem() {
    holds(&[
        // `AccessControl` in the advisory.
        ("pkg:pypi/AccessControl@4.2", "PYSEC-2021-335", Affected),
        // NuGet does not care for case, and the package is `jQuery` there.
        ("pkg:nuget/jQuery@3.4.1", "GHSA-gxr4-xjj5-5px2", Affected),
        ("pkg:nuget/jquery@3.4.1", "GHSA-gxr4-xjj5-5px2", Affected),
        ("pkg:nuget/jQuery@3.5.0", "GHSA-gxr4-xjj5-5px2", Not),
        // `ch.qos.logback:logback-core`: a name without its group, or of another, is another package.
        ("pkg:maven/ch.qos.logback/logback-core@1.1.9", "GHSA-vmfg-rjjm-rjrj", Affected),
        ("pkg:maven/logback-core@1.1.9", "GHSA-vmfg-rjjm-rjrj", Not),
        ("pkg:maven/com.example/logback-core@1.1.9", "GHSA-vmfg-rjjm-rjrj", Not),
        // `@babel/runtime`: the scope is part of the name.
        ("pkg:npm/%40babel/runtime@7.26.9", "GHSA-968p-4wvh-cqc8", Affected),
        ("pkg:npm/runtime@7.26.9", "GHSA-968p-4wvh-cqc8", Not),
        // npm does care.
        ("pkg:npm/jquery@3.4.1", "GHSA-gxr4-xjj5-5px2", Affected),
        ("pkg:npm/jQuery@3.4.1", "GHSA-gxr4-xjj5-5px2", Not),
    ]);
}

#[test]
fn versions_are_written_in_several_ways() {
    holds(&[
        // Composer: `fixed: 3.15.0`.
        ("pkg:composer/google/protobuf@v3.14.0", "GHSA-77rm-9x9h-xj3g", Affected),
        ("pkg:composer/google/protobuf@3.15.0-RC1", "GHSA-77rm-9x9h-xj3g", Affected),
        ("pkg:composer/google/protobuf@v3.15.0", "GHSA-77rm-9x9h-xj3g", Not),
        // Pre-releases of npm: up to 7.26.10, and 8.0.0-alpha.0 to 8.0.0-alpha.17.
        ("pkg:npm/%40babel/runtime@7.26.10", "GHSA-968p-4wvh-cqc8", Not),
        ("pkg:npm/%40babel/runtime@8.0.0-alpha.9", "GHSA-968p-4wvh-cqc8", Affected),
        ("pkg:npm/%40babel/runtime@8.0.0-alpha.17", "GHSA-968p-4wvh-cqc8", Not),
        // A build of one's own of an affected version: `last_affected: 2.6.0-NA`.
        ("pkg:pypi/torch@2.5.1%2Bcu118", "PYSEC-2025-192", Affected),
    ]);
}

#[test]
fn an_epoch_comes_before_everything_else() {
    // `fixed: 1:1.1.1k-6.el8_5`.
    let openssl = |version: &str| format!("pkg:rpm/almalinux/openssl@{version}&distro=almalinux-8.5");
    let (affected, fixed) = (openssl("1.1.1k-5.el8_5?epoch=1"), openssl("1.1.1k-6.el8_5?epoch=1"));
    let rebuilt = openssl("3.0.7-1.el8?epoch=1");
    holds(&[
        (&affected, "CVE-2022-0778", Affected),
        (&fixed, "CVE-2022-0778", Not),
        (&rebuilt, "CVE-2022-0778", Not),
    ]);
    // A release that the feed does not cover is not clean.
    let old = openssl("1.1.1k-5.el8_5?epoch=1").replace("almalinux-8.5", "almalinux-7.9");
    holds(&[(&old, "CVE-2022-0778", Open)]);
}

//! Amazon Linux's advisories: the real file of 2019 for Amazon Linux 1, and what several repositories of one release mean.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "test code"
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use common::Built;
use plimsoll_core::{Digest, Limits};
use plimsoll_feeds::Error;
use plimsoll_vuln::{GapReason, Severity};

fn update(id: &str, severity: &str, cves: &[&str], packages: &[(&str, &str, &str, &str)]) -> String {
    let reference = |cve: &&str| format!("<reference href='x' id='{cve}' title='' type='cve'/>");
    let references = cves.iter().map(reference).collect::<Vec<_>>().concat();
    let package = |(name, epoch, version, release): &(&str, &str, &str, &str)| {
        ["x86_64", "aarch64"]
            .map(|arch| {
                format!("<package arch='{arch}' epoch='{epoch}' name='{name}' release='{release}' version='{version}'><filename>f</filename></package>")
            })
            .concat()
    };
    let packages: String = packages.iter().map(package).collect();
    format!(
        "<update author='a' from='a' status='final' type='security' version='1.4'><id>{id}</id><title>{id}: an update</title>\
         <issued date='2023-02-17 00:00'/><updated date='2023-02-22 00:00'/><severity>{severity}</severity>\
         <description>CVE-1999-0001 is only told of</description><references>{references}</references>\
         <pkglist><collection short='a'><name>a</name>{packages}</collection></pkglist></update>"
    )
}

fn gzip(text: &str) -> Vec<u8> {
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(text.as_bytes()).unwrap();
    compressed.finish().unwrap()
}

fn put(from: &Path, name: &str, bytes: &[u8]) {
    let path = from.join("amazon").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A repository as it is published, with its list.
fn repository(from: &Path, place: &str, updates: &[String]) {
    let text = format!("<?xml version='1.0' ?><updates>{}</updates>", updates.concat());
    let stored = gzip(&text);
    let (of_file, of_content) = (Digest::sha256(&stored), Digest::sha256(text.as_bytes()));
    let list = format!(
        "<repomd><data type='primary'><checksum type='sha256'>00</checksum></data><data type='updateinfo'>\
         <checksum type='sha256'>{}</checksum><open-checksum type='sha256'>{}</open-checksum>\
         <location href='repodata/updateinfo.xml.gz'/></data></repomd>",
        of_file.hex(),
        of_content.hex()
    );
    put(from, &format!("{place}/repomd.xml"), list.as_bytes());
    put(from, &format!("{place}/updateinfo.xml.gz"), &stored);
}

fn catalogue(from: &Path, topics: &[&str]) {
    let topics: Vec<String> =
        topics.iter().map(|topic| format!("{{\"n\": \"{topic}\", \"inst\": []}}")).collect();
    put(from, "2/extras-catalog-x86_64.json", format!("{{\"topics\": [{}]}}", topics.join(",")).as_bytes());
}

/// Of the core and two extras repositories, one without advisories.
fn two(from: &Path) {
    let core = [
        update("ALAS2-2023-1", "medium", &["CVE-2023-1"], &[("golang", "0", "1.18.9", "1.amzn2.0.1")]),
        update(
            "ALAS2-2023-9",
            "important",
            &["CVE-2023-2"],
            &[("openssl-libs", "1", "1.0.2k", "24.amzn2.0.6")],
        ),
        update(
            "ALAS2-2023-12",
            "important",
            &["CVE-2023-2"],
            &[("openssl-libs", "1", "1.0.2k", "24.amzn2.0.7")],
        ),
    ];
    repository(from, "2/core", &core);
    let extra = update(
        "ALAS2GOLANG1.19-2023-001",
        "important",
        &["CVE-2023-1"],
        &[("golang", "0", "1.19.10", "1.amzn2.0.2")],
    );
    repository(from, "2/extras/golang1.19", &[extra]);
    put(from, "2/extras/emacs/repomd.xml", b"<repomd><data type='primary'/></repomd>");
    catalogue(from, &["golang1.19", "emacs"]);
}

fn at(built: &Built, name: &str, version: &str, release: &str) -> Vec<String> {
    let scan = built.scan_purl(&format!("pkg:rpm/amazon/{name}@{version}?distro=amzn-{release}"));
    assert!(scan.gaps.is_empty(), "{name} {version}: {:?}", scan.gaps);
    scan.findings.into_iter().map(|finding| finding.id).collect()
}

fn gap(built: &Built, purl: &str) -> GapReason {
    let scan = built.scan_purl(purl);
    assert!(scan.findings.is_empty(), "{:?}", scan.findings);
    scan.gaps[0].reason.clone()
}

#[test]
fn amazon_linux_1_as_it_was_published() {
    let Some(sample) =
        plimsoll_testkit::peer_program("alas/testdata/test_updateinfo.xml", "$PLIMSOLL_PEERS/alas")
    else {
        return;
    };
    let list = fs::read(sample.with_file_name("test_repomd.xml")).unwrap();
    let updates = fs::read(sample).unwrap();
    let built = Built::new(|from| {
        put(from, "1/updates/repomd.xml", &list);
        put(from, "1/updates/updateinfo.xml", &updates);
    });
    let feed = &built.report.feeds[0];
    assert_eq!((feed.read, feed.kept), (1170, 1170), "{feed}");
    assert!(feed.doubts.is_empty() && feed.skipped.is_empty(), "{feed}");
    // ALAS-2011-1, of the years that were one release.
    for release in ["2011.09", "2018.03"] {
        assert!(at(&built, "httpd", "2.2.21-1.17.amzn1", release).contains(&"CVE-2011-3192".to_owned()));
    }
    assert!(!at(&built, "httpd", "2.2.21-1.18.amzn1", "2018.03").contains(&"CVE-2011-3192".to_owned()));
    let finding =
        built.findings("pkg:rpm/amazon/mod_ssl@2.2.20-1.amzn1?distro=amzn-2018.03&epoch=1").remove(0);
    assert_eq!((finding.id.as_str(), finding.severity), ("CVE-2011-3192", Severity::Medium));
    assert_eq!(finding.fix.nearest(), Some("1:2.2.21-1.18.amzn1"));
    assert_eq!(*finding.urls, ["https://alas.aws.amazon.com/ALAS-2011-1.html"]);
    assert_eq!(finding.published.unwrap().to_string(), "2011-09-27T00:00:00Z");
}

#[test]
fn an_extras_repository_is_about_its_own_versions() {
    let built = Built::new(two);
    assert!(built.report.feeds[0].doubts.is_empty(), "{}", built.report.feeds[0]);
    for (version, expected) in [
        ("1.18.8-1.amzn2.0.1", vec!["CVE-2023-1"]),
        ("1.18.9-1.amzn2.0.1", vec![]),
        ("1.18.10-1.amzn2.0.1", vec![]),
        ("1.19.9-1.amzn2.0.1", vec!["CVE-2023-1"]),
        ("1.19.10-1.amzn2.0.2", vec![]),
    ] {
        assert_eq!(at(&built, "golang", version, "2"), expected, "{version}");
    }
    let finding = built.findings("pkg:rpm/amazon/golang@1.19.9-1.amzn2.0.1?distro=amzn-2").remove(0);
    assert_eq!(finding.fix.nearest(), Some("1.19.10-1.amzn2.0.2"));
    assert_eq!(
        *finding.urls,
        [
            "https://alas.aws.amazon.com/AL2/ALAS-2023-1.html",
            "https://alas.aws.amazon.com/AL2/ALASGOLANG1.19-2023-001.html"
        ]
    );
    // The second fix in one repository is the one that counts.
    let openssl = |version: &str| {
        built.findings(&format!("pkg:rpm/amazon/openssl-libs@{version}?distro=amzn-2&epoch=1")).len()
    };
    assert_eq!((openssl("1.0.2k-24.amzn2.0.6"), openssl("1.0.2k-24.amzn2.0.7")), (1, 0));
}

/// What nobody looked at is no pass.
#[test]
fn a_release_is_covered_only_with_all_its_repositories() {
    let golang = "pkg:rpm/amazon/golang@1.30-1.amzn2?distro=amzn-2";
    for (file, missing) in [
        ("2/core", "2"),
        ("2/extras-catalog-x86_64.json", "2/extras-catalog-x86_64.json"),
        ("2/extras/golang1.19/updateinfo.xml.gz", "2/extras/golang1.19"),
        ("2/extras/emacs", "2/extras/emacs"),
    ] {
        let built = Built::new(|from| {
            two(from);
            let path = from.join("amazon").join(file);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        });
        assert_eq!(gap(&built, golang), GapReason::ReleaseNotCovered("2".into()), "{file}");
        let told = built.report.feeds[0].to_string();
        assert!(told.contains("release not covered") && told.contains(missing), "{told}");
    }
    let built = Built::new(two);
    assert!(at(&built, "golang", "1.30-1.amzn2", "2").is_empty());
    let of_another = gap(&built, "pkg:rpm/amazon/golang@1.30-1.amzn2023?distro=amzn-2023");
    assert_eq!(of_another, GapReason::ReleaseNotCovered("2023".into()));
    // EPEL's packages are not Amazon's.
    let of_others = gap(&built, "pkg:rpm/amazon/golang@1.30-1.el7?distro=amzn-2");
    assert_eq!(of_others, GapReason::ReleaseNotCovered("2-other".into()));
}

#[test]
fn a_file_that_its_repository_does_not_announce_is_refused() {
    let built = |change: &dyn Fn(&Path)| -> Result<Built, Error> {
        Built::within(&Limits::default(), |from| {
            two(from);
            change(&from.join("amazon/2"));
        })
    };
    let refused = |change: &dyn Fn(&Path), expected: &str| {
        let error = built(change).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let old = gzip("<updates></updates>");
    refused(&|release| fs::write(release.join("core/updateinfo.xml.gz"), &old).unwrap(), "by repomd.xml");
    refused(
        &|release| fs::write(release.join("extras/emacs/updateinfo.xml.gz"), &old).unwrap(),
        "no such file",
    );
    refused(
        &|release| {
            fs::copy(release.join("core/updateinfo.xml.gz"), release.join("core/0-updateinfo.xml.gz"))
                .map(drop)
                .unwrap();
        },
        "contain the same feed",
    );
    let cut = |release: &Path| {
        let path = release.join("core/updateinfo.xml.gz");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 9]).unwrap();
    };
    refused(&cut, "updateinfo.xml.gz");
    for list in ["<repomd><data type='updateinfo'/></repomd>", "<html/>", "", "<repomd>"] {
        refused(&|release| fs::write(release.join("core/repomd.xml"), list).unwrap(), "repomd.xml");
    }
    for catalogue in ["{\"topics\": []}", "{\"topics\": [{\"n\": \"../core\"}]}", "{}", "[]"] {
        refused(
            &|release| fs::write(release.join("extras-catalog-x86_64.json"), catalogue).unwrap(),
            "extras-catalog",
        );
    }
    // Without its list, it is whole at least.
    built(&|release| fs::remove_file(release.join("core/repomd.xml")).unwrap()).unwrap();
    // Unpacked, it is what the list says of its content.
    built(&|release| {
        fs::remove_file(release.join("core/updateinfo.xml.gz")).unwrap();
        let text = String::from_utf8(unpacked(release)).unwrap();
        fs::write(release.join("core/updateinfo.xml"), text).unwrap();
    })
    .unwrap();
}

/// The content of the core repository, written anew.
fn unpacked(release: &Path) -> Vec<u8> {
    let other = tempfile::tempdir().unwrap();
    two(other.path());
    let stored = fs::read(other.path().join("amazon/2/core/updateinfo.xml.gz")).unwrap();
    assert!(release.exists());
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*stored), &mut text).unwrap();
    text
}

#[test]
fn what_cannot_be_read_is_undecided_or_refused_and_never_clean() {
    let only = |text: String| {
        Built::within(&Limits::default(), |from| put(from, "2023/core/updateinfo.xml", text.as_bytes()))
    };
    let list = |updates: &str| format!("<updates>{updates}</updates>");
    let good = update("ALAS2023-2023-1", "low", &["CVE-2023-1"], &[("a", "0", "1", "2.amzn2023")]);
    assert_eq!(at(&only(list(&good)).unwrap(), "a", "1-1.amzn2023", "2023"), ["CVE-2023-1"]);
    // A version that is none: any version may be affected.
    for version in ["", "1 2"] {
        let built = only(list(&good.replace("version='1'", &format!("version='{version}'")))).unwrap();
        let reason = gap(&built, "pkg:rpm/amazon/a@1-1.amzn2023?distro=amzn-2023");
        assert!(matches!(reason, GapReason::UndecidedRange { .. }), "{reason:?}");
    }
    // Without a CVE, the advisory is what is found.
    let named = list(&good.replace("type='cve'", "type='redhat'"));
    assert_eq!(at(&only(named.clone()).unwrap(), "a", "1-1.amzn2023", "2023"), ["ALAS2023-2023-1"]);
    assert!(
        at(&only(named.replace("type='security'", "type='bugfix'")).unwrap(), "a", "1-1.amzn2023", "2023")
            .is_empty()
    );
    for broken in [
        String::new(),
        "<html>try later</html>".to_owned(),
        "<updates>".to_owned(),
        list("<update><title>no identifier</title></update>"),
        list(&good.replace("</collection>", "")),
        list(&good.replace("<package ", &"<package/>".repeat(20_001)).replace("arch='x86_64'", "")),
    ] {
        let error = only(broken).err().unwrap().to_string();
        assert!(error.contains("updateinfo.xml") && error.len() < 1_000, "{error}");
    }
}

#[test]
fn what_is_said_is_bounded_by_named_limits() {
    let cves: Vec<String> = (0..100).map(|number| format!("CVE-2023-{number}")).collect();
    let cves: Vec<&str> = cves.iter().map(String::as_str).collect();
    let updates: Vec<String> = (0..100)
        .map(|number| {
            update(&format!("ALAS2023-2023-{number}"), "low", &cves, &[("a", "0", "1", "2.amzn2023")])
        })
        .collect();
    let text = format!("<updates>{}</updates>", updates.concat());
    let mut limits = Limits::default();
    let built = |limits: &Limits| {
        Built::within(limits, |from| put(from, "2023/core/updateinfo.xml.gz", &gzip(&text))).map(drop)
    };
    built(&limits).unwrap();
    limits.set("advisories", "100").unwrap();
    assert!(built(&limits).unwrap_err().to_string().contains("advisories"));
    let mut limits = Limits::default();
    limits.set("feed_bytes", "10000").unwrap();
    assert!(built(&limits).unwrap_err().to_string().contains("feed_bytes"));
}

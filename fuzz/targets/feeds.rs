//! Publishers' data: OSV documents, Debian's tracker and notices, security databases, Red Hat's CSAF, OVAL, NVD, KEV, EPSS, RubySec,
//! FriendsOfPHP, Amazon, Photon, GitHub, and archives of any content. What a build accepts becomes a database in which every record decodes.
//!
//! The first byte says where the rest goes: `o` one OSV document, `u` one of Ubuntu's, `d` the tracker, `l` a list of notices, `a` the
//! security database of Alpine, `w` of Wolfi, `c` CSAF, `x` OVAL, `n` NVD, `k` KEV, `r` RubySec, `p` FriendsOfPHP, `e` EPSS, `g` the same
//! compressed, `z` a zip archive, `m` Amazon's advisories, `M` its list of a repository, `h` Photon, `G` GitHub's repository, `j` the
//! Node.js working group, `t` the archive of Red Hat.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use plimsoll_core::Timestamp;
use plimsoll_fuzz::{limits, scratch};
use plimsoll_vuln::Database;

const ADVISORY: &str = r#"{"id": "GO-1", "modified": "2026-01-01T00:00:00Z", "affected": [
    {"package": {"ecosystem": "Go", "name": "a"}, "versions": ["1.0.0"]}]}"#;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(scratch);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let (folder, file) = match bytes.first() {
        Some(b'o') => ("PyPI", "advisory.json"),
        Some(b'd') => ("debian", "tracker.json"),
        Some(b'a') => ("alpine/v3.20", "main.json"),
        Some(b'u') => ("Ubuntu", "USN-1-1.json"),
        Some(b'l') => ("debian/DSA", "list"),
        Some(b'w') => ("wolfi", "security.json"),
        Some(b'c') => ("redhat/2026", "cve-2026-0001.json"),
        Some(b'x') => ("oracle", "com.oracle.elsa-all.xml"),
        Some(b'n') => ("nvd", "nvdcve-2.0-2026.json"),
        Some(b'k') => ("kev", "known_exploited_vulnerabilities.json"),
        Some(b'e') => ("epss", "epss_scores-current.csv"),
        Some(b'g') => ("epss", "epss_scores-current.csv.gz"),
        Some(b'r') => ("rubysec/gems/demo", "CVE-2026-0001.yml"),
        Some(b'p') => ("friendsofphp/demo/demo", "CVE-2026-0001.yaml"),
        Some(b'z') => ("PyPI", "all.zip"),
        Some(b'm') => ("amazon/2023/core", "updateinfo.xml"),
        Some(b'M') => ("amazon/2023/core", "repomd.xml"),
        Some(b'h') => ("photon", "cve_data_photon5.0.json"),
        Some(b'G') => ("ghsa/advisories/github-reviewed/2026/01/GHSA-1", "GHSA-1.json"),
        Some(b'j') => ("nodejs-security-wg/vuln/npm", "1.json"),
        Some(b't') => ("redhat", "csaf_vex_2026-01-01.tar.zst"),
        _ => return Corpus::Reject,
    };
    let (from, out) = (FOLDER.join("from"), FOLDER.join("out"));
    for stale in [&from, &out] {
        let _ = fs::remove_dir_all(stale);
    }
    // Facts by CVE are no database without advisories.
    fs::create_dir_all(from.join("Go")).unwrap();
    fs::write(from.join("Go/GO-1.json"), ADVISORY).unwrap();
    fs::create_dir_all(from.join(folder)).unwrap();
    fs::write(from.join(folder).join(file), &bytes[1..]).unwrap();
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    match plimsoll_feeds::build(&from, now, &out, now, &limits()) {
        Ok(_) => Database::open(&out).unwrap().verify().unwrap(),
        Err(_) => assert!(!out.exists(), "a failed build left something"),
    }
    Corpus::Keep
});

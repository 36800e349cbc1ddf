//! A file that is known by several digests, and what its attestation names.

use plimsoll_core::{Algorithm, Digest, Limits};
use plimsoll_testkit::sigstore::{self, LogVersion};
use plimsoll_verify::{Bundle, Check, Error, Requirements, Step, Trusted, TrustedRoot, verify_one_of};
use serde_json::{Value, json};

use crate::case::{Case, identity, payload};

const FILE: &[u8] = b"the file";

fn by(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    Digest::compute(algorithm, bytes)
}

/// By which digest a statement with these subjects is about the file.
fn named(subjects: &Value, log: LogVersion) -> Result<Digest, Error> {
    let mut case = Case::new(log);
    let mut statement: Value = serde_json::from_slice(&payload()).unwrap();
    statement["subject"] = subjects.clone();
    case.bundle = case.instance.attest(&case.holder, statement.to_string().as_bytes(), log);
    let root = TrustedRoot::parse(case.root.to_string().as_bytes())?;
    let bundle = Bundle::parse(case.bundle.to_string().as_bytes(), &Limits::default())?;
    let check = Check {
        trusted: Trusted::Identities(&[identity()]),
        root: Some(&root),
        requirements: Requirements::default(),
        now: sigstore::now(),
    };
    let digests = Algorithm::ALL.map(|algorithm| by(algorithm, FILE));
    verify_one_of(&bundle, &digests, &check).map(|(_, digest)| digest)
}

/// As sigstore-go: a SHA-384 names a file as the other two do.
#[test]
fn a_file_is_named_by_any_digest_of_sha2() {
    for log in [LogVersion::V1, LogVersion::V2] {
        for algorithm in Algorithm::ALL {
            let digest = by(algorithm, FILE);
            let subjects = json!([{"name": "a", "digest": {(algorithm.name()): digest.hex()}}]);
            assert_eq!(named(&subjects, log).unwrap(), digest);
        }
    }
    let [sha256, sha384, sha512] = Algorithm::ALL.map(|algorithm| by(algorithm, FILE).hex());
    let all = json!([{"digest": {"sha256": sha256, "sha384": sha384, "sha512": sha512, "md5": "00"}}]);
    assert_eq!(named(&all, LogVersion::V1).unwrap(), by(Algorithm::Sha256, FILE));
}

#[test]
fn a_statement_about_another_file_or_none_is_refused_for_that_reason() {
    let [sha256, sha384, sha512] = Algorithm::ALL.map(|algorithm| by(algorithm, FILE).hex());
    let other = Algorithm::ALL.map(|algorithm| by(algorithm, b"another").hex());
    let artifact = Some(Step::Artifact);
    for (digests, step, said) in [
        // Another file's.
        (json!({"sha384": other[1]}), artifact, "a statement about sha384:"),
        (json!({"sha256": other[0], "sha384": other[1], "sha512": other[2]}), artifact, "about sha512:"),
        // Two files at once.
        (json!({"sha384": sha384, "sha256": other[0]}), artifact, "whose sha256 is another file's"),
        (json!({"sha256": sha256, "sha384": other[1]}), artifact, "whose sha384 is another file's"),
        (json!({"sha384": sha384, "sha512": other[2]}), artifact, "whose sha512 is another file's"),
        // Right digits under a wrong name, and less than all of them.
        (json!({"sha512": sha384}), Some(Step::Statement), "not lower-case hex of its length"),
        (json!({"sha384": sha384[..95]}), Some(Step::Statement), "not lower-case hex of its length"),
        (json!({"sha384": sha384.to_uppercase()}), Some(Step::Statement), "not lower-case hex"),
        (json!({"sha384": sha256}), Some(Step::Statement), "not lower-case hex"),
        (json!({"SHA384": sha384, "sha3_384": sha384}), artifact, "known by SHA384, sha3_384 only"),
        // Nothing that counts.
        (json!({"sha1": sha256[..40]}), artifact, "known by sha1 only"),
        (json!({"sha1": sha256[..40], "sha384": other[1]}), artifact, "about sha384:"),
    ] {
        let error = named(&json!([{"name": "a", "digest": digests}]), LogVersion::V1).unwrap_err();
        assert_eq!(error.failed_step(), step, "{digests}: {error}");
        assert!(error.to_string().contains(said), "{digests}: {error}");
    }
    // Each subject is a file of its own: another one contradicts nothing.
    let two = json!([{"digest": {"sha256": other[0]}}, {"digest": {"sha384": sha384, "sha512": sha512}}]);
    assert_eq!(named(&two, LogVersion::V1).unwrap(), by(Algorithm::Sha384, FILE));
}

//! The verifying half of the Sigstore conformance suite: every case has the verdict that the suite gives it, and every
//! refusal comes from the step that the case is about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and says what it skipped"
)]

use plimsoll_verify::Step;

#[path = "conformance/suite.rs"]
mod suite;

use suite::{Found, cases, judge};

/// Where each case that has to fail is refused, and what the refusal says.
const REFUSALS: &[(&str, Option<Step>, &str)] = &[
    ("bundle-empty-certificate-chain_fail", None, "x509CertificateChain.certificates"),
    ("bundle-from-wrong-instance_fail", Some(Step::LogPromise), "not trusted at"),
    ("bundle-invalid-base64-signature_fail", None, "messageSignature.signature: not base64"),
    ("bundle-malformed-json_fail", None, "invalid JSON"),
    ("bundle-negative-log-index_fail", None, "negative log index"),
    ("bundle-unknown-version_fail", None, "version=99.9"),
    // The root certificate is ignored, as the specification asks; the proof has no checkpoint.
    ("bundle-with-root-cert_fail", Some(Step::LogInclusion), "checkpoint"),
    ("checkpoint-bad-keyhint_fail", Some(Step::LogInclusion), "no trusted log signed"),
    ("checkpoint-wrong-roothash_fail", Some(Step::LogInclusion), "root hash does not match"),
    ("dsse-invalid-sig_fail", Some(Step::Signature), "did not make"),
    ("dsse-mismatch-envelope_fail", Some(Step::LogEntry), "spec.payloadHash.value differs"),
    ("dsse-mismatch-sig_fail", Some(Step::LogEntry), "spec.signatures.0.signature differs"),
    ("inclusion-proof-corrupted-hash_fail", Some(Step::LogInclusion), "root hash mismatch"),
    // Changing the key in the entry changes what the log promised.
    ("incorrect-public-key_fail", Some(Step::LogPromise), "signature invalid"),
    // Its time is outside the certificate's validity, which is looked at before the clock.
    ("integrated-time-in-future_fail", Some(Step::Chain), "CertExpired"),
    ("intoto-expired-certificate_fail", Some(Step::Chain), "CertNotValidYet"),
    ("intoto-log-entry-mismatch_fail", Some(Step::LogEntry), "signatures.0.sig differs"),
    ("intoto-missing-inclusion-proof_fail", Some(Step::LogInclusion), "without an inclusion proof"),
    ("intoto-set-outside-signing-cert-validity_fail", Some(Step::Chain), "CertExpired"),
    ("intoto-tsa-timestamp-outside-cert-validity_fail", Some(Step::Chain), "CertExpired"),
    ("invalid-checkpoint-signature_fail", Some(Step::LogInclusion), "no trusted log signed"),
    ("invalid-ct-key_fail", Some(Step::CertificateLog), "key not found"),
    // Its proof has no checkpoint.
    ("invalid-inclusion-proof_fail", Some(Step::LogInclusion), "without checkpoint"),
    ("managed-key-no-key_fail", Some(Step::Material), "expected a certificate"),
    // The key file that comes with it is broken.
    ("managed-key-wrong-key_fail", None, "public key"),
    ("message-digest-mismatch_fail", Some(Step::Artifact), "names another digest"),
    ("rekor2-checkpoint-missing-log-signature_fail", None, "no signatures"),
    ("rekor2-checkpoint-missing-origin_fail", None, "checkpoint"),
    ("rekor2-checkpoint-missing-root-hash_fail", None, "root hash"),
    ("rekor2-checkpoint-missing-size_fail", None, "tree size"),
    ("rekor2-checkpoint-no-matching-signature_fail", Some(Step::LogInclusion), "no trusted log signed"),
    ("rekor2-dsse-invalid-sig_fail", Some(Step::Signature), "did not make"),
    ("rekor2-dsse-mismatch-envelope_fail", Some(Step::LogEntry), "data.digest differs"),
    ("rekor2-dsse-mismatch-sig_fail", Some(Step::LogEntry), "differs"),
    ("rekor2-no-inclusion-proof_fail", Some(Step::LogInclusion), "without an inclusion proof"),
    ("rekor2-no-timestamp_fail", Some(Step::SigningTime), "no trusted time"),
    ("rekor2-timestamp-outside-trust-root-tsa-validity_fail", Some(Step::Timestamp), "outside the validity"),
    ("rekor2-timestamp-outside-tsa-cert-validity_fail", Some(Step::Timestamp), "TSA certificate"),
    ("rekor2-timestamp-payload-mismatch_fail", Some(Step::Timestamp), "message hash mismatch"),
    ("rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail", Some(Step::Timestamp), "timestamp"),
    ("rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail", Some(Step::Timestamp), "timestamp"),
    // The token is not base64.
    ("rekor2-timestamp-with-incorrect-time_fail", None, "signedTimestamp: not base64"),
    ("set-invalid-signature_fail", Some(Step::LogPromise), "signature invalid"),
    ("signature-mismatch_fail", Some(Step::Signature), "did not make"),
    ("trust-root-tlog-missing-validity-start_fail", None, "missing field `start`"),
    ("wrong-hashedrekord-artifact_fail", Some(Step::LogEntry), "spec.data.hash.value differs"),
    ("wrong-hashedrekord-cert-and-sig_fail", Some(Step::LogEntry), "spec.signature.content differs"),
    ("wrong-hashedrekord-entry_fail", Some(Step::LogEntry), "spec.data.hash.value differs"),
    ("wrong-material_fail", Some(Step::Artifact), "names another digest"),
];

#[test]
fn every_case_of_the_suite_has_its_verdict_and_its_reason() {
    let Some((cases, common)) = cases() else { return };
    assert_eq!(cases.len(), 70, "the suite has another number of cases");
    let mut wrong = Vec::new();
    for (name, files) in &cases {
        for by_digest in [false, true] {
            let found = judge(files, &common, by_digest);
            let refusal = REFUSALS.iter().find(|(case, ..)| case == name);
            assert_eq!(refusal.is_some(), name.ends_with("_fail"), "{name} is missing in the table");
            match (found, refusal) {
                (Ok(found), None) => check(&found, name),
                (Err(error), Some((_, step, says)))
                    if error.failed_step() == *step && error.to_string().contains(says) => {}
                (Ok(_), Some(_)) => wrong.push(format!("{name}: verified")),
                (Err(error), _) => wrong.push(format!("{name}: {:?}: {error}", error.failed_step())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What every verified case has to say about itself.
fn check(found: &Found, name: &str) {
    let (times, observations) = match found {
        Found::Statement(verified) => (verified.times(), verified.observations()),
        Found::Message(verified) => (verified.times(), verified.observations()),
    };
    assert!(name.starts_with("managed-key") || !times.is_empty(), "{name} has no signing time");
    let held = |step| observations.iter().any(|seen| seen.step == step && seen.checked);
    assert!(held(Step::LogInclusion) && held(Step::Signature) && held(Step::Artifact), "{name}");
}

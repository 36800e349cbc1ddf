//! What the entries of transparency logs must contain, and which logs signed for them.

use std::collections::BTreeSet;

use plimsoll_core::Digest;
use sigstore_crypto::VerificationKey;
use sigstore_types::{InclusionProof, TransparencyLogEntry};

use crate::entry::Kind;
use crate::{Bundle, BundleVersion, Error, Requirements, Step, TrustedRoot};

/// Each entry that counts needs a proof. In version 0.1 of the bundle a promise is enough, and at least one is required.
pub(super) fn check_entries(bundle: &Bundle, requirements: Requirements) -> Result<(), Error> {
    if requirements.logs.is_none() {
        return Ok(());
    }
    let entries = bundle.entries();
    if entries.is_empty() {
        return Err(Error::step(Step::LogInclusion, "no log entry", "an entry of a trusted log"));
    }
    if bundle.version() == BundleVersion::V0_1
        && entries.iter().all(|entry| entry.inclusion_promise.is_none())
    {
        let got = "log entries without a promise";
        return Err(Error::step(Step::LogInclusion, got, "a promise of the log, as version 0.1 requires"));
    }
    for (index, (kind, entry)) in bundle.log_entries().enumerate() {
        let promised = bundle.version() == BundleVersion::V0_1 && entry.inclusion_promise.is_some();
        if entry.inclusion_proof.is_none() && !promised {
            return Err(Error::step(
                Step::LogInclusion,
                format!("log entry {index} without an inclusion proof"),
                "a proof for each entry",
            ));
        }
        if let Some(got) = entry.inclusion_proof.as_ref().and_then(|proof| contradiction(kind, entry, proof))
        {
            let got = format!("log entry {index} with a proof whose {got}");
            return Err(Error::step(Step::LogInclusion, got, "a proof that agrees with its checkpoint"));
        }
    }
    Ok(())
}

/// The part of a proof that differs from its entry or checkpoint. These copies are not signed, and another size can have the
/// same path, so a reader of the copies would see another entry.
fn contradiction(kind: Kind, entry: &TransparencyLogEntry, proof: &InclusionProof) -> Option<&'static str> {
    let checkpoint = proof.checkpoint.checkpoint()?;
    if proof.root_hash != *checkpoint.root_hash() {
        return Some("root hash does not match the checkpoint's");
    }
    if proof.tree_size != checkpoint.tree_size() {
        return Some("tree size does not match the checkpoint's");
    }
    // The first version counts the entry over all of its trees, and the proof within one of them. Zero may be omitted.
    let is_said = kind.is_second() && proof.log_index.get() != 0;
    (is_said && proof.log_index != entry.log_index).then_some("index does not match the entry's")
}

/// The logs that signed a checkpoint over one of the entries, by their keys: one log counts once, however often the
/// trusted root lists it and whatever name the entry gives it.
pub(super) fn distinct_logs(bundle: &Bundle, root: &TrustedRoot) -> BTreeSet<Digest> {
    let mut logs = BTreeSet::new();
    for entry in bundle.entries() {
        let checkpoint = entry.inclusion_proof.as_ref().and_then(|proof| proof.checkpoint.checkpoint());
        for log in &root.material().tlogs {
            let key = &log.public_key.raw_bytes;
            let signed = match checkpoint {
                Some(checkpoint) => VerificationKey::from_spki(key).is_ok_and(|verifier| {
                    checkpoint.signatures().iter().any(|signature| {
                        verifier.verify(checkpoint.signed_data(), &signature.signature).is_ok()
                    })
                }),
                // Its promise was verified under the log that the entry names.
                None => log.log_id.key_id == entry.log_id.key_id && entry.inclusion_promise.is_some(),
            };
            if signed {
                logs.insert(Digest::sha256(key.as_bytes()));
            }
        }
    }
    logs
}

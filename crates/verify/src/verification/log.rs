//! What the entries of transparency logs must contain, and which logs signed for them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use plimsoll_core::Digest;
use sigstore_types::{InclusionProof, Sha256Hash, TransparencyLogEntry};

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

/// The logs that contain the entries, by their keys: one log counts once, however often the trusted root lists it and whatever
/// name the entry gives it. An entry is in one log. Others may have signed the same checkpoint, as witnesses do, and that does
/// not make two of one.
pub(super) fn distinct_logs(bundle: &Bundle, root: &TrustedRoot, now: Timestamp) -> BTreeSet<Digest> {
    let keys = root.log_keys();
    let mut logs = BTreeSet::new();
    for entry in bundle.entries() {
        let name = entry.log_id.key_id.as_bytes();
        let checkpoint = entry.inclusion_proof.as_ref().and_then(|proof| proof.checkpoint.checkpoint());
        let key = match checkpoint {
            Some(checkpoint) => {
                // The log that the entry names comes first.
                let mut lines: Vec<_> = checkpoint.signatures().iter().collect();
                lines.sort_by_key(|line| !name.starts_with(line.key_id.as_bytes()));
                lines.into_iter().find_map(|line| {
                    keys.keys_by_hint(&line.key_id, now)
                        .find(|key| key.verify(checkpoint.signed_data(), &line.signature).is_ok())
                })
            }
            // Its promise was verified under the log that the entry names.
            None => entry.inclusion_promise.as_ref().and_then(|_| {
                let id = Sha256Hash::try_from(name).ok()?;
                keys.key_started_by(&id, now)
            }),
        };
        logs.extend(key.map(|key| Digest::sha256(key.as_bytes())));
    }
    logs
}

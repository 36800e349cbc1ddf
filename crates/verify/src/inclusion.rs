//! Inclusion of log entries.
//!
//! The entry's body is a leaf of the tree (RFC 6962, 2.1) whose root a trusted log signed in the checkpoint of the proof.
//! Size and root are taken from the checkpoint, because their copies in the proof are not signed. The index of an entry of
//! the second version counts within its one tree. In the first version it counts over all trees, and the index in the proof
//! counts within one of them.

use jiff::Timestamp;
use sigstore_types::TransparencyLogEntry;

use crate::entry::Kind;
use crate::error::excerpt;
use crate::{Error, Step, TrustedRoot};

/// Verifies that a trusted log contains the entry, as of `now`: keys that are not valid yet do not count.
pub(crate) fn verify(
    kind: Kind,
    entry: &TransparencyLogEntry,
    root: &TrustedRoot,
    now: Timestamp,
) -> Result<(), Error> {
    let refused = |got: String| {
        Error::step(Step::LogInclusion, got, "a proof under a checkpoint that a trusted log signed")
    };
    let proof = entry.inclusion_proof.as_ref().ok_or_else(|| refused("no proof".to_owned()))?;
    let checkpoint =
        proof.checkpoint.checkpoint().ok_or_else(|| refused("a proof without checkpoint".to_owned()))?;
    let leaf = sigstore_merkle::hash_leaf(entry.canonicalized_body.as_bytes());
    let index = if kind.is_second() { entry.log_index } else { proof.log_index };
    let (index, size) = (index.get(), checkpoint.tree_size());
    sigstore_merkle::verify_inclusion_proof(&leaf, index, size, &proof.hashes, checkpoint.root_hash())
        .map_err(|error| refused(excerpt(&error.to_string())))?;
    let keys = root.log_keys();
    let signed = checkpoint.signatures().iter().any(|signature| {
        keys.keys_by_hint(&signature.key_id, now)
            .any(|key| key.verify(checkpoint.signed_data(), &signature.signature).is_ok())
    });
    if signed { Ok(()) } else { Err(refused("a checkpoint that no trusted log signed".to_owned())) }
}

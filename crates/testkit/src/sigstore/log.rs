//! A transparency log in memory: RFC 6962 tree, signed checkpoints, promises.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::json::canonical;
use serde_json::{Value, json};

use super::{Pair, sha256};

/// The log. Version 1 answers with a promise and a time, version 2 with neither.
pub struct Log {
    /// The key that signs checkpoints and promises.
    pub key: Pair,
    /// The name in its checkpoints.
    pub origin: String,
    leaves: Vec<[u8; 32]>,
}

/// The version of the API that made the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Rekor v1: a promise with a time, and a proof.
    V1,
    /// Rekor v2: a proof.
    V2,
}

impl Log {
    /// An empty log.
    pub fn new(origin: &str) -> Self {
        Self { key: Pair::new(), origin: origin.to_owned(), leaves: Vec::new() }
    }

    /// The id: the SHA-256 of its key.
    pub fn id(&self) -> [u8; 32] {
        sha256(self.key.spki())
    }

    /// The number of its entries.
    pub fn size(&self) -> usize {
        self.leaves.len()
    }

    /// Adds an entry, and returns it in the form of a bundle's `tlogEntries`.
    pub fn append(
        &mut self,
        kind: &str,
        entry_version: &str,
        body: &Value,
        version: Version,
        time: i64,
    ) -> Value {
        let body = canonical(body);
        let index = self.leaves.len();
        self.leaves.push(leaf_hash(&body));
        let id = STANDARD.encode(self.id());
        let mut entry = json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": id},
            "kindVersion": {"kind": kind, "version": entry_version},
            "inclusionProof": self.proof(index, version),
            "canonicalizedBody": STANDARD.encode(&body),
        });
        if version == Version::V1 {
            entry["integratedTime"] = json!(time.to_string());
            entry["inclusionPromise"] = json!({"signedEntryTimestamp": self.promise(&body, index, time)});
        }
        entry
    }

    /// The proof of the entry at `index` in the current tree, with its signed head.
    pub fn proof(&self, index: usize, version: Version) -> Value {
        let hashes: Vec<String> =
            path(index, &self.leaves).iter().map(|hash| STANDARD.encode(hash)).collect();
        json!({
            "logIndex": index.to_string(),
            "rootHash": STANDARD.encode(root_hash(&self.leaves)),
            "treeSize": self.leaves.len().to_string(),
            "hashes": hashes,
            "checkpoint": {"envelope": self.signed_head(version)},
        })
    }

    /// Replaces the body of an entry, like a log that rewrites its history. From then on, proofs and heads
    /// are those of the new tree.
    pub fn rewrite(&mut self, index: usize, body: &[u8]) {
        self.leaves[index] = leaf_hash(body);
    }

    /// The promise over an entry and its time.
    pub fn promise(&self, body: &[u8], index: usize, time: i64) -> String {
        let hex = super::hex(&self.id());
        let payload = json!({
            "body": STANDARD.encode(body), "integratedTime": time, "logID": hex, "logIndex": index,
        });
        STANDARD.encode(self.key.sign(&canonical(&payload)))
    }

    /// The signed head of the current tree.
    pub fn checkpoint(&self) -> String {
        self.signed_head(Version::V2)
    }

    /// The signed head in the form of this version's API: the first version names the tree, by which cosign
    /// distinguishes the two.
    fn signed_head(&self, version: Version) -> String {
        let tree = if version == Version::V1 { " - 1193050959916656506" } else { "" };
        let root = STANDARD.encode(root_hash(&self.leaves));
        let head = format!("{}{tree}\n{}\n{root}\n", self.origin, self.leaves.len());
        format!("{head}\n{}", self.signature_line(&self.key, &self.id(), head.as_bytes()))
    }

    /// The line of a checkpoint that `key`, whose id is `id`, signs.
    pub fn signature_line(&self, key: &Pair, id: &[u8; 32], head: &[u8]) -> String {
        let signature = [&id[..4], &key.sign(head)].concat();
        format!("\u{2014} {} {}\n", self.origin, STANDARD.encode(signature))
    }
}

fn leaf_hash(body: &[u8]) -> [u8; 32] {
    sha256(&[&[0], body].concat())
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    sha256(&[&[1], &left[..], &right[..]].concat())
}

/// The largest power of two below `size`.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

fn root_hash(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(b""),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root_hash(left), &root_hash(right))
        }
    }
}

fn path(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, beside) = if index < left.len() {
        (path(index, left), root_hash(right))
    } else {
        (path(index - left.len(), right), root_hash(left))
    };
    below.push(beside);
    below
}

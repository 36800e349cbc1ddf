//! Facts as bytes, so that they can be kept for later runs.

use std::sync::Arc;

use super::{Fact, Purpose};
use crate::Digest;

/// Turns facts into bytes and back. Bytes are decoded only by a codec with the version of the one that encoded them.
pub trait FactCodec: Send + Sync {
    /// Differs whenever the same file may give other facts, other files are wanted or for other purposes, or facts are
    /// written in another way.
    fn version(&self) -> Digest;

    /// The fact as bytes; `None` if it is of a kind that is not kept.
    fn encode(&self, purpose: Purpose, fact: &dyn Fact) -> Option<Vec<u8>>;

    /// A fact that was made for `purpose`; `None` if the bytes are not those of one.
    fn decode(&self, purpose: Purpose, bytes: &[u8]) -> Option<Arc<dyn Fact>>;
}

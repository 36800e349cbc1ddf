//! The types of facts that catalogers make, with their encoding.
//!
//! Facts are kept for later runs as MessagePack with the names of fields, so that a type may omit fields, as some types
//! do that are also written as JSON. The last byte is the index of the type in its cataloger's list. Claimed lengths do
//! not decide how much is allocated: `serde` reserves at most a megabyte in advance.

use std::any::Any;
use std::sync::Arc;

use plimsoll_core::rootfs::Fact;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type of fact.
pub(crate) struct FactKind {
    encode: fn(&dyn Fact) -> Option<Vec<u8>>,
    decode: fn(&[u8]) -> Option<Arc<dyn Fact>>,
}

impl FactKind {
    /// The kind of the facts of type `T`.
    pub(crate) const fn for_type<T: Fact + Serialize + DeserializeOwned>() -> Self {
        Self { encode: encode::<T>, decode: decode::<T> }
    }
}

/// Encodes a fact of one of `kinds`.
pub(crate) fn encoded(kinds: &[FactKind], fact: &dyn Fact) -> Option<Vec<u8>> {
    kinds.iter().zip(0_u8..).find_map(|(kind, number)| {
        let mut bytes = (kind.encode)(fact)?;
        bytes.push(number);
        Some(bytes)
    })
}

/// Decodes a fact of one of `kinds`.
pub(crate) fn decoded(kinds: &[FactKind], bytes: &[u8]) -> Option<Arc<dyn Fact>> {
    let (number, bytes) = bytes.split_last()?;
    (kinds.get(usize::from(*number))?.decode)(bytes)
}

fn encode<T: Fact + Serialize>(fact: &dyn Fact) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named((fact as &dyn Any).downcast_ref::<T>()?).ok()
}

fn decode<T: Fact + DeserializeOwned>(bytes: &[u8]) -> Option<Arc<dyn Fact>> {
    rmp_serde::from_slice::<T>(bytes).ok().map(|fact| Arc::new(fact) as _)
}

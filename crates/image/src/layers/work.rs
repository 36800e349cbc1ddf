//! How much work following links may take.
//!
//! A few megabytes of layer can hold a million links, each of which leads through forty others with two thousand names
//! each. Following them is bounded as a whole, for each layer that is unpacked with all its names and for each image.

use std::cell::Cell;

use plimsoll_core::{LimitExceeded, Limits};

use crate::Error;

#[derive(Debug)]
pub(super) struct Work {
    bytes: Cell<u64>,
    limit: u64,
    what: String,
}

impl Work {
    pub(super) fn new(what: &str, limits: &Limits) -> Self {
        Self { bytes: Cell::new(0), limit: limits.lookup_bytes, what: what.to_owned() }
    }

    /// Counts that `path` is looked up.
    pub(super) fn lookup(&self, path: &[u8]) -> Result<(), Error> {
        // What a lookup costs beside its path.
        const LOOKUP: u64 = 32;
        self.bytes.set(self.bytes.get() + path.len() as u64 + LOOKUP);
        if self.bytes.get() > self.limit {
            let what = format!("following the links of {}", self.what);
            return Err(LimitExceeded::new("lookup_bytes", self.limit, what).into());
        }
        Ok(())
    }
}

//! Everything that an index lists, of any kind. Used to sign each of its parts, for which nobody needs to
//! know how to run them. Real indexes have artifacts (SBOMs, charts), further indexes, and images without an
//! operating system in them.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, LimitExceeded, Limits, Platform};

use super::{Budget, document, name};
use crate::manifest::Document;
use crate::{Descriptor, Error, Source};

/// `top` and what it lists, at any depth, each once and in the order of the lists. Only attestations of
/// builders are omitted, because nobody pulls them separately. Each part is read, so that a missing part is
/// an error.
pub fn parts(source: &dyn Source, top: &Descriptor, limits: &Limits) -> Result<Vec<Descriptor>, Error> {
    let mut parts = Parts { found: Vec::new(), seen: BTreeSet::new() };
    parts.collect(source, top, &Budget { bytes: AtomicU64::new(0), limits }, 0)?;
    Ok(parts.found)
}

struct Parts {
    found: Vec<Descriptor>,
    seen: BTreeSet<Digest>,
}

impl Parts {
    fn collect(
        &mut self,
        source: &dyn Source,
        descriptor: &Descriptor,
        budget: &Budget<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        let limits = budget.limits;
        if !self.seen.insert(descriptor.digest) {
            return Ok(());
        }
        let over = |limit, value: usize| LimitExceeded::new(limit, value as u64, name(descriptor)).into();
        if depth > limits.index_depth {
            return Err(over("index_depth", limits.index_depth));
        }
        if self.found.len() > limits.index_entries {
            return Err(over("index_entries", limits.index_entries));
        }
        self.found.push(descriptor.clone());
        let read =
            document(source, descriptor, budget).map_err(|error| match (error, &descriptor.platform) {
                (error @ Error::NotFound { .. }, Some(platform)) => Error::AbsentPlatform {
                    missing: error.to_string(),
                    wanted: shown(&platform.to_string()),
                    available: Vec::new(),
                },
                (error, _) => error,
            });
        if let (_, Document::Index(index)) = read? {
            let is_part = |child: &&Descriptor| child.platform.as_ref().is_none_or(Platform::is_runnable);
            for child in index.manifests.iter().filter(is_part) {
                self.collect(source, child, budget, depth + 1)?;
            }
        }
        Ok(())
    }
}

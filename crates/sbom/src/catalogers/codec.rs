//! Encodes the facts of all catalogers, so that a layer need not be read again.

use std::fmt::Write as _;
use std::sync::Arc;

use plimsoll_core::Digest;
use plimsoll_core::rootfs::{Fact, FactCodec, Purpose};

use super::Catalogers;
use crate::fact;

impl FactCodec for Catalogers {
    /// Names, versions and selections of the catalogers, in their order. A fact depends on all of them (see
    /// `Cataloger::version`), and the number of a purpose on those before it.
    fn version(&self) -> Digest {
        let mut text = String::new();
        for member in &self.members {
            // Each is a line; none of the parts contains a line break.
            let _ = writeln!(text, "{} {} {:?}", member.id(), member.version(), member.selections());
        }
        Digest::sha256(text.as_bytes())
    }

    fn encode(&self, purpose: Purpose, fact: &dyn Fact) -> Option<Vec<u8>> {
        let (member, ..) = self.meaning(purpose)?;
        fact::encoded(member.facts(), fact)
    }

    fn decode(&self, purpose: Purpose, bytes: &[u8]) -> Option<Arc<dyn Fact>> {
        let (member, ..) = self.meaning(purpose)?;
        fact::decoded(member.facts(), bytes)
    }
}

/// Asserts that a fact is the same after it was kept.
#[cfg(test)]
pub(super) fn check(catalogers: &Catalogers, files: &plimsoll_core::rootfs::FileSet) {
    use plimsoll_core::rootfs::Outcome;

    for file in files.iter() {
        for (purpose, outcome) in file.facts.outcomes() {
            let Outcome::Fact(fact) = outcome else { continue };
            let bytes = catalogers.encode(*purpose, fact.as_ref());
            let bytes = bytes.unwrap_or_else(|| panic!("{}: {fact:?} is not among the facts", file.path));
            let kept = catalogers.decode(*purpose, &bytes);
            assert!(kept.is_some_and(|kept| kept.is_same(fact.as_ref())), "{}: {fact:?}", file.path);
        }
    }
}

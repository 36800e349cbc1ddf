//! The kind of document in a file, so that a folder may hold several kinds.

use plimsoll_core::yaml;
use serde::Deserialize;

use crate::error::Error;

/// The kinds of document that this crate reads, by their field `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum DocumentKind {
    /// `kind: Policy`, for [`crate::Policy::parse`].
    Policy,
    /// `kind: Waiver`, for [`crate::Waiver::from_unsigned`].
    Waiver,
    /// `kind: DenyList`, for [`crate::DenyList::parse`].
    DenyList,
}

impl DocumentKind {
    /// Reads only the field `kind`; the rest is checked when the document is read.
    pub fn read(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        Ok(yaml::read::<Head>(bytes, origin, yaml::Size::LIST)?.kind)
    }

    /// The same of a document that may have faults elsewhere, such as a key twice, so that all are told by whoever reads
    /// the whole.
    pub fn read_despite_faults(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        match yaml::read_or_faults::<Head>(bytes, origin, yaml::Size::LIST) {
            Ok(head) => Ok(head.kind),
            Err(faulty) => faulty.rest.map_or_else(|| Self::read(bytes, origin), |head| Ok(head.kind)),
        }
    }
}

#[derive(Deserialize)]
struct Head {
    kind: DocumentKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_without_the_rest() {
        assert_eq!(
            DocumentKind::read(b"spec: {a: [1]}\nkind: DenyList\n", "x").unwrap(),
            DocumentKind::DenyList
        );
        for (bad, problem) in [
            (&b"kind: Pod\n"[..], "kind: unknown value `Pod`"),
            (b"a: 1\n", "missing field `kind`"),
            (b"kind: Policy\nkind: Waiver\n", "kind: duplicate key"),
            (b"- kind\n", "expected fields with values"),
            (b"", "unexpected end of input"),
        ] {
            let error = DocumentKind::read(bad, "x").unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            let error = DocumentKind::read_despite_faults(bad, "x").unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let twice = b"kind: Policy\nspec: {a: 1, a: 2}\n";
        assert!(DocumentKind::read(twice, "x").is_err());
        assert_eq!(DocumentKind::read_despite_faults(twice, "x").unwrap(), DocumentKind::Policy);
    }
}

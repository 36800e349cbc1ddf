//! How components belong together: one list, from which documents, matching and reports read.

use serde::{Deserialize, Serialize};

use super::{Component, Inventory};

/// The place of a component in [`Inventory::components`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentIndex(pub usize);

/// One component and what another one is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relationship {
    /// The one that the relationship is told of.
    pub from: ComponentIndex,
    /// What it is.
    pub kind: RelationshipKind,
    /// The other one.
    pub to: ComponentIndex,
}

/// Kinds of [`Relationship`], read from [`Relationship::from`] to [`Relationship::to`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RelationshipKind {
    /// The other lies inside it, as a jar in a jar.
    Contains,
    /// It needs the other.
    DependsOn,
    /// The other, a package of the operating system, brought it.
    OwnedBy(OwnerEvidence),
}

impl Relationship {
    /// The relationship after components moved: `places` has the new place of each. None where one of them is not there.
    pub(super) fn moved(self, places: &[usize]) -> Option<Self> {
        let place = |index: ComponentIndex| places.get(index.0).copied().map(ComponentIndex);
        Some(Self { from: place(self.from)?, kind: self.kind, to: place(self.to)? })
    }
}

/// The operating system's package that a language's component belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The owning package.
    pub package: &'a Component,
    /// How good the evidence is. Only [`OwnerEvidence::DigestsMatch`] may lower a finding.
    pub evidence: OwnerEvidence,
}

impl Inventory {
    /// The relationships that are told of a component.
    pub fn relationships_of(&self, component: ComponentIndex) -> impl Iterator<Item = &Relationship> {
        let first = |from| Relationship { from, kind: RelationshipKind::Contains, to: ComponentIndex(0) };
        self.relationships.range(first(component)..first(ComponentIndex(component.0.saturating_add(1))))
    }

    /// The package that brought a component; the one with the best evidence, should several say so.
    pub fn owner(&self, component: ComponentIndex) -> Option<Owner<'_>> {
        self.relationships_of(component)
            .filter_map(|relationship| match relationship.kind {
                RelationshipKind::OwnedBy(evidence) => {
                    Some(Owner { package: self.components.get(relationship.to.0)?, evidence })
                }
                RelationshipKind::Contains | RelationshipKind::DependsOn => None,
            })
            .min_by_key(|owner| owner.evidence)
    }
}

/// How the ownership was established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OwnerEvidence {
    /// The package manager recorded a digest of the component's metadata file, and the file has it.
    DigestsMatch,
    /// The package manager lists the file without a digest, or a document says so. Proves nothing.
    Claimed,
    /// The package manager recorded another digest: the file was replaced after installation.
    DigestMismatch,
}

impl OwnerEvidence {
    /// The stable name: `digests-match`, `claimed`, `digest-mismatch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DigestsMatch => "digests-match",
            Self::Claimed => "claimed",
            Self::DigestMismatch => "digest-mismatch",
        }
    }
}

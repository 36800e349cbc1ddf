//! The relationships between components: one list, which documents, matching and reports read.

use serde::{Deserialize, Serialize};

use super::{Component, Inventory};

/// The index of a component in [`Inventory::components`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentIndex(pub usize);

/// A relationship from one component to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relationship {
    /// The component that it belongs to.
    pub from: ComponentIndex,
    /// Its kind.
    pub kind: RelationshipKind,
    /// The other component.
    pub to: ComponentIndex,
}

/// Kinds of [`Relationship`], read from [`Relationship::from`] to [`Relationship::to`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RelationshipKind {
    /// It contains the other, as a jar contains a jar.
    Contains,
    /// It depends on the other.
    DependsOn,
    /// The other, a package of the operating system, owns it.
    OwnedBy(OwnerEvidence),
}

impl Relationship {
    /// The relationship after components moved: `places` has the new index of each. `None` if one of them is missing.
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
    /// The quality of the evidence. Only [`OwnerEvidence::DigestsMatch`] may lower a finding.
    pub evidence: OwnerEvidence,
}

impl Inventory {
    /// The relationships from a component.
    pub fn relationships_of(&self, component: ComponentIndex) -> impl Iterator<Item = &Relationship> {
        let first = |from| Relationship { from, kind: RelationshipKind::Contains, to: ComponentIndex(0) };
        self.relationships.range(first(component)..first(ComponentIndex(component.0.saturating_add(1))))
    }

    /// The package that owns a component. If several claim it, the one with the best evidence.
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

impl Inventory {
    /// For each component, whether it is direct: no other one contains it or depends on it, as far as is known. If
    /// components depend on each other in a circle and nothing else depends on them, the first one is direct.
    pub fn direct(&self) -> Vec<bool> {
        let needs = self.relationships.iter().filter(|it| !matches!(it.kind, RelationshipKind::OwnedBy(_)));
        let mut is_direct = vec![true; self.components.len()];
        for need in needs.filter(|it| it.from != it.to) {
            if let Some(is_direct) = is_direct.get_mut(need.to.0) {
                *is_direct = false;
            }
        }
        let mut reached = vec![false; self.components.len()];
        let roots = is_direct.iter().zip(0..).filter_map(|(is_direct, index)| is_direct.then_some(index));
        let mut left: Vec<usize> = roots.collect();
        self.reach(&mut left, &mut reached);
        for index in 0..self.components.len() {
            if reached.get(index) == Some(&false)
                && let Some(is_direct) = is_direct.get_mut(index)
            {
                *is_direct = true;
                left.push(index);
                self.reach(&mut left, &mut reached);
            }
        }
        is_direct
    }

    /// Marks everything that can be reached from `left`, and empties it.
    fn reach(&self, left: &mut Vec<usize>, reached: &mut [bool]) {
        while let Some(index) = left.pop() {
            let Some(is_new) = reached.get_mut(index).filter(|reached| !**reached) else { continue };
            *is_new = true;
            let needs = self.relationships_of(ComponentIndex(index));
            let needs = needs.filter(|it| !matches!(it.kind, RelationshipKind::OwnedBy(_)));
            left.extend(needs.map(|it| it.to.0));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(components: usize, needs: &[(usize, usize)]) -> Vec<bool> {
        let component = |n: usize| Component::from_purl(format!("pkg:npm/a{n}@1").parse().unwrap());
        let need = |(from, to): &(usize, usize)| Relationship {
            from: ComponentIndex(*from),
            kind: RelationshipKind::DependsOn,
            to: ComponentIndex(*to),
        };
        let inventory = Inventory {
            components: (0..components).map(component).collect(),
            relationships: needs.iter().map(need).collect(),
            ..Inventory::default()
        };
        inventory.direct()
    }

    #[test]
    fn a_component_that_others_depend_on_is_not_direct() {
        assert_eq!(direct(3, &[]), [true, true, true]);
        assert_eq!(direct(3, &[(2, 1), (1, 0), (1, 1)]), [false, false, true]);
    }

    #[test]
    fn every_component_in_a_circle_can_be_reached() {
        assert_eq!(direct(3, &[(1, 2), (2, 1)]), [true, true, false]);
        assert_eq!(direct(4, &[(0, 1), (1, 2), (2, 1), (3, 3)]), [true, false, false, true]);
    }
}

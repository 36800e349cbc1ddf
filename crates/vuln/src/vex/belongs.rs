//! Which components are in an image only because of one other component.
//!
//! "Not affected in the product P" does not cover the same package outside P. So a component belongs to P only if every
//! path to it, by containment or dependency, leads through P: without P it would not be there.

use std::collections::HashMap;
use std::rc::Rc;

use plimsoll_core::Purl;
use plimsoll_sbom::{ComponentIndex, Inventory, Location, RelationshipKind};

use super::Error;
use super::identity::{Identity, Package};

/// Components and relationships that are visited in all. A product of an image with 100,000 components takes 300,000.
const VISITS: u64 = 200_000_000;

/// The answers about one inventory.
pub(super) struct Belonging<'a> {
    inventory: &'a Inventory,
    by_name: HashMap<&'a str, Vec<usize>>,
    by_purl: HashMap<&'a Purl, Vec<usize>>,
    direct: Vec<bool>,
    /// For a component, whether each of the others belongs to it.
    of_component: HashMap<usize, Rc<Vec<bool>>>,
    visits: u64,
}

impl<'a> Belonging<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut by_purl: HashMap<&Purl, Vec<usize>> = HashMap::new();
        for (index, component) in inventory.components.iter().enumerate() {
            by_name.entry(component.purl.name()).or_default().push(index);
            by_purl.entry(&component.purl).or_default().push(index);
        }
        let direct = inventory.direct();
        Self { inventory, by_name, by_purl, direct, of_component: HashMap::new(), visits: 0 }
    }

    /// Whether a component of this name contains or needs others.
    pub(super) fn may_contain(&self, product: &Identity) -> bool {
        let named = product.purls.iter().flat_map(|purl| self.by_name.get(purl.name()).into_iter().flatten());
        named.copied().any(|index| {
            let mut all = self.inventory.relationships_of(ComponentIndex(index));
            all.any(|it| !matches!(it.kind, RelationshipKind::OwnedBy(_)))
        })
    }

    /// Whether a component, at each of the places where it is found, belongs to a component that `product` names.
    pub(super) fn belongs(
        &mut self,
        product: &Identity,
        purl: &Purl,
        locations: &[Location],
    ) -> Result<bool, Error> {
        let components = &self.inventory.components;
        let named: Vec<usize> = product
            .purls
            .iter()
            .flat_map(|purl| self.by_name.get(purl.name()).into_iter().flatten().copied())
            .filter(|index| {
                components.get(*index).is_some_and(|component| {
                    let source = component.source.as_ref();
                    let source = source.map_or((component.name.as_str(), component.version.as_str()), |it| {
                        (it.name.as_str(), it.version.as_str())
                    });
                    product.is_package(Package { purl: &component.purl, source })
                })
            })
            .collect();
        let found = self.by_purl.get(purl).into_iter().flatten().copied();
        let found: Vec<usize> = found
            .filter(|index| components.get(*index).is_some_and(|component| component.locations == locations))
            .collect();
        if named.is_empty() || found.is_empty() {
            return Ok(false);
        }
        // Of equal components in one place, nothing says which is meant.
        for component in found {
            let mut belongs = false;
            for product in &named {
                belongs |= self.all_of(*product)?.get(component) == Some(&true);
            }
            if !belongs {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn all_of(&mut self, product: usize) -> Result<Rc<Vec<bool>>, Error> {
        if let Some(known) = self.of_component.get(&product) {
            return Ok(Rc::clone(known));
        }
        let count = self.inventory.components.len();
        let (mut inside, mut outside) = (vec![false; count], vec![false; count]);
        let mut left = vec![product];
        self.reach(&mut left, &mut inside, None)?;
        let roots = self.direct.iter().enumerate().filter(|(_, is_direct)| **is_direct);
        let mut left: Vec<usize> = roots.map(|(index, _)| index).collect();
        self.reach(&mut left, &mut outside, Some(product))?;
        let belongs =
            |(index, (inside, outside)): (usize, (&bool, &bool))| index != product && *inside && !outside;
        let all = Rc::new(inside.iter().zip(&outside).enumerate().map(belongs).collect::<Vec<bool>>());
        self.of_component.insert(product, Rc::clone(&all));
        Ok(all)
    }

    /// Marks what can be reached from `left` without passing `around`.
    fn reach(
        &mut self,
        left: &mut Vec<usize>,
        reached: &mut [bool],
        around: Option<usize>,
    ) -> Result<(), Error> {
        self.visits += reached.len() as u64;
        while let Some(index) = left.pop() {
            let is_new = reached.get_mut(index).filter(|reached| !**reached && around != Some(index));
            let Some(is_new) = is_new else { continue };
            *is_new = true;
            for relationship in self.inventory.relationships_of(ComponentIndex(index)) {
                self.visits += 1;
                if !matches!(relationship.kind, RelationshipKind::OwnedBy(_)) {
                    left.push(relationship.to.0);
                }
            }
            if self.visits > VISITS {
                return Err(Error::Comparisons { limit: VISITS });
            }
        }
        Ok(())
    }
}

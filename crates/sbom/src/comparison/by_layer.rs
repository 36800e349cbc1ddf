//! Which layer made a change: the one that contains the package now. A removed package is in none, so the change counts
//! for its previous layer. Whether that layer was removed too or is hidden by another is distinguished.

use std::collections::BTreeMap;

use super::{Change, Comparison};
use crate::inventory::Component;

/// Where a change was made, in the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangedIn {
    /// In this layer of the newer one.
    Layer(usize),
    /// In a later layer than this one, which both have: the package was removed there.
    Above(usize),
    /// In this layer of the older image, which the newer one does not have.
    Gone(usize),
    /// Layers are not known.
    Unknown,
}

impl ChangedIn {
    fn new(change: &Change<'_>, common_layers: usize) -> Self {
        let layer = |of: Option<&Component>| of?.locations.first()?.layer;
        match (change.after, layer(change.after), layer(change.before)) {
            (Some(_), Some(layer), _) => Self::Layer(layer),
            (None, _, Some(layer)) if layer < common_layers => Self::Above(layer),
            (None, _, Some(layer)) => Self::Gone(layer),
            _ => Self::Unknown,
        }
    }
}

impl Comparison<'_> {
    /// The numbers of the changes that each layer made, in their order.
    pub fn by_layer(&self) -> BTreeMap<ChangedIn, Vec<usize>> {
        let mut found: BTreeMap<ChangedIn, Vec<usize>> = BTreeMap::new();
        for (number, change) in self.changes.iter().enumerate() {
            found.entry(ChangedIn::new(change, self.common_layers)).or_default().push(number);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Digest;
    use plimsoll_core::rootfs::LayerRef;

    use super::super::{Side, compare};
    use super::*;
    use crate::inventory::{Inventory, Location};

    fn inventory(layers: &[&str], purls: &[(&str, Option<usize>)]) -> Inventory {
        let layer = |(index, name): (usize, &&str)| {
            let digest = Digest::sha256(name.as_bytes());
            LayerRef { index, digest, diff_id: digest }
        };
        let component = |(purl, layer): &(&str, Option<usize>)| {
            let locations = vec![Location { path: "x".to_owned(), layer: *layer }];
            Component { locations, ..Component::from_purl(purl.parse().unwrap()) }
        };
        let mut inventory = Inventory {
            components: purls.iter().map(component).collect(),
            layers: layers.iter().enumerate().map(layer).collect(),
            ..Inventory::default()
        };
        inventory.sort();
        inventory
    }

    #[test]
    fn a_change_belongs_to_the_layer_that_made_it() {
        let before = inventory(
            &["base", "old"],
            &[
                ("pkg:pypi/hidden@1", Some(0)),
                ("pkg:pypi/gone@1", Some(1)),
                ("pkg:pypi/up@1", Some(0)),
                ("pkg:pypi/z@1", None),
            ],
        );
        let after = inventory(
            &["base", "new", "top"],
            &[("pkg:pypi/up@2", Some(1)), ("pkg:pypi/a@1", Some(2)), ("pkg:pypi/b@1", Some(2))],
        );
        let side = |inventory| Side { inventory, architecture: None };
        let comparison = compare(side(&before), side(&after), &|_, a, b| Some(a.cmp(b)));
        let name = |number: &usize| comparison.changes[*number].component().unwrap().name.clone();
        let found: Vec<(ChangedIn, Vec<String>)> = comparison
            .by_layer()
            .iter()
            .map(|(of, changes)| (*of, changes.iter().map(name).collect()))
            .collect();
        let expected = [
            (ChangedIn::Layer(1), vec!["up"]),
            (ChangedIn::Layer(2), vec!["a", "b"]),
            (ChangedIn::Above(0), vec!["hidden"]),
            (ChangedIn::Gone(1), vec!["gone"]),
            (ChangedIn::Unknown, vec!["z"]),
        ];
        let expected = expected.map(|(of, names)| (of, names.into_iter().map(str::to_owned).collect()));
        assert_eq!(found, expected);
    }
}

//! Merges several inventories into one, with every component once.

use std::sync::Arc;

use plimsoll_core::{LimitExceeded, Limits};

use crate::Error;
use crate::inventory::file_builder::{Built, FileBuilder};
use crate::inventory::{ComponentIndex, Inventory, Problem, ProblemCode, Relationship};

/// Merges inventories of one subject, such as those of several tools, or of parts of one product.
///
/// Equal packages in the same place, or without one, become one. Layers are kept only if all inventories with layers
/// agree on them, because places refer to them. Different operating systems are a problem of the result, which also has
/// all problems of its parts.
///
/// Each of them is within limits, and together they are, too: of `limits`, `components` and `file_list_bytes` count.
pub fn merge(inventories: Vec<Inventory>, limits: &Limits) -> Result<Inventory, Error> {
    let components = inventories.iter().map(|one| one.components.len()).sum::<usize>();
    if components > limits.components {
        return Err(LimitExceeded::new("components", limits.components as u64, "the merged SBOMs").into());
    }
    let mut merged = Inventory::default();
    let layers: Vec<_> =
        inventories.iter().map(|one| &one.layers).filter(|layers| !layers.is_empty()).collect();
    let agreed = layers.first().filter(|first| layers.iter().all(|other| other == *first));
    merged.layers = agreed.map(|layers| (*layers).clone()).unwrap_or_default();
    let keeps_layers = !merged.layers.is_empty();
    let mut files = FileBuilder::new(limits.file_list_bytes);
    for inventory in inventories {
        match (&merged.os, inventory.os) {
            (None, os) => merged.os = os,
            (Some(known), Some(other)) if known.distro() != other.distro() => {
                let detail = format!("merged from {} and {}", known.distro(), other.distro());
                merged.problems.push(Problem::new(ProblemCode::UnknownOs, "", detail));
            }
            _ => {}
        }
        let offset = merged.components.len();
        let moved = |index: ComponentIndex| ComponentIndex(index.0 + offset);
        let relationships = inventory.relationships.into_iter();
        merged.relationships.extend(relationships.map(|it| Relationship {
            from: moved(it.from),
            kind: it.kind,
            to: moved(it.to),
        }));
        if let Some(listed) = &inventory.files {
            files.append_files(listed, offset)?;
        }
        merged.components.extend(inventory.components);
        merged.problems.extend(inventory.problems);
    }
    if !keeps_layers {
        let locations = merged.components.iter_mut().flat_map(|component| &mut component.locations);
        locations.for_each(|location| location.layer = None);
    }
    let Built { files, contradictions, without_layer } = files.finish(merged.layers.len());
    merged.files = files.map(Arc::new);
    if keeps_layers && without_layer > 0 {
        let detail =
            format!("the layers of {without_layer} files are dropped, because other files have none");
        merged.problems.push(Problem::new(ProblemCode::FileNotListed, "", detail));
    }
    if contradictions > 0 {
        let detail = format!("{contradictions} files differ from those at the same path in another document");
        merged.problems.push(Problem::new(ProblemCode::FileNotListed, "", detail));
    }
    merged.sort();
    merged.merge_where(|last, next| last.locations.is_empty() || last.locations == next.locations);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(inventories: Vec<Inventory>) -> Inventory {
        super::merge(inventories, &Limits::default()).unwrap()
    }
    use crate::inventory::{Component, Location, OsRelease, RelationshipKind};

    fn inventory(purls: &[(&str, &str)], os: Option<&str>) -> Inventory {
        let component = |(purl, path): &(&str, &str)| {
            let mut component = Component::from_purl(purl.parse().unwrap());
            let location = || Location { path: (*path).to_owned(), layer: Some(0) };
            component.locations = if path.is_empty() { Vec::new() } else { vec![location()] };
            component
        };
        let release =
            |id: &str| OsRelease { id: id.to_owned(), version_id: None, codename: None, pretty_name: None };
        Inventory {
            components: purls.iter().map(component).collect(),
            os: os.map(release),
            ..Inventory::default()
        }
    }

    #[test]
    fn each_package_is_listed_once_with_its_relationships() {
        let mut first = inventory(&[("pkg:pypi/b@1", ""), ("pkg:pypi/a@1", "x")], Some("debian"));
        first.relationships.insert(Relationship {
            from: ComponentIndex(0),
            kind: RelationshipKind::DependsOn,
            to: ComponentIndex(1),
        });
        let second =
            inventory(&[("pkg:pypi/b@1", "y"), ("pkg:pypi/a@1", "x"), ("pkg:pypi/a@2", "")], Some("debian"));
        let merged = merge(vec![first, second]);
        let found: Vec<String> = merged.components.iter().map(|one| one.purl.to_string()).collect();
        assert_eq!(found, ["pkg:pypi/a@1", "pkg:pypi/a@2", "pkg:pypi/b@1"]);
        let [need] = merged.relationships.iter().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((need.from, need.to), (ComponentIndex(2), ComponentIndex(0)));
        assert_eq!(merged.components[2].locations[0].path, "y");
        // The layers are unknown.
        assert_eq!(merged.components[2].locations[0].layer, None);
        assert_eq!(merged.problems, []);
    }

    #[test]
    fn different_systems_are_a_problem() {
        let merged = merge(vec![inventory(&[], Some("debian")), inventory(&[], Some("alpine"))]);
        assert_eq!(merged.problems[0].code, ProblemCode::UnknownOs);
        assert_eq!(merge(Vec::new()), Inventory::default());
    }
    #[test]
    fn the_sum_of_the_parts_is_bounded_and_not_only_each_of_them() {
        let mut limits = Limits::default();
        limits.components = 3;
        let parts = || vec![inventory(&[("pkg:pypi/b@1", ""), ("pkg:pypi/a@1", "x")], None); 2];
        let error = super::merge(parts(), &limits).unwrap_err().to_string();
        assert!(error.contains("components"), "{error}");
        limits.components = 4;
        super::merge(parts(), &limits).unwrap();
    }
}

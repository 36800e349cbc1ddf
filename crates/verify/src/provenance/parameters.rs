//! External parameters by name.

use serde_json::{Map, Value};

use super::Provenance;

/// The parameters for source and configuration, which have expectations of their own.
const OWN: [&[&str]; 11] = [
    &["workflow", "repository"],
    &["workflow", "ref"],
    &["workflow", "path"],
    &["source"],
    &["source", "repository"],
    &["source", "uri"],
    &["source", "ref"],
    &["config", "path"],
    &["buildConfigSource", "repository"],
    &["buildConfigSource", "ref"],
    &["buildConfigSource", "path"],
];

impl Provenance {
    /// The external parameter of this name: its JSON pointer, or its names joined by dots. A name that matches two of
    /// them, because one has a dot in its own name, matches none: whoever chose that name could hide the other.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        walk(&self.parameters, &self.place_of(name)?)
    }

    fn place_of(&self, name: &str) -> Option<Vec<String>> {
        if let Some(pointer) = name.strip_prefix('/') {
            let segments = pointer.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~"));
            return Some(segments.collect());
        }
        let (whole, parts) = (vec![name.to_owned()], name.split('.').map(str::to_owned).collect::<Vec<_>>());
        match (walk(&self.parameters, &whole), walk(&self.parameters, &parts)) {
            (Some(_), Some(_)) if parts.len() > 1 => None,
            (Some(_), _) => Some(whole),
            (None, Some(_)) => Some(parts),
            (None, None) => None,
        }
    }

    /// The first parameter that is neither in `named` nor part of the source or the configuration.
    pub(super) fn other_parameter(&self, named: &[(String, String)]) -> Option<String> {
        let named: Vec<Vec<String>> = named.iter().filter_map(|(name, _)| self.place_of(name)).collect();
        let is_own = |leaf: &[&str]| self.source.is_some() && OWN.contains(&leaf);
        let is_named = |leaf: &[&str]| named.iter().any(|place| leaf.starts_with(&borrowed(place)));
        let mut leaves = Vec::new();
        for (name, value) in &self.parameters {
            collect(value, &mut vec![name], &mut leaves);
        }
        leaves.into_iter().find(|leaf| !is_own(leaf) && !is_named(leaf)).map(|leaf| leaf.join("."))
    }
}

fn borrowed(place: &[String]) -> Vec<&str> {
    place.iter().map(String::as_str).collect()
}

/// Collects every value without members.
fn collect<'a>(value: &'a Value, path: &mut Vec<&'a str>, leaves: &mut Vec<Vec<&'a str>>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                path.push(name);
                collect(member, path, leaves);
                path.pop();
            }
        }
        _ => leaves.push(path.clone()),
    }
}

fn walk<'a>(parameters: &'a Map<String, Value>, place: &[String]) -> Option<&'a Value> {
    let (first, rest) = place.split_first()?;
    rest.iter().try_fold(parameters.get(first)?, |found, segment| match found {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        other => other.get(segment),
    })
}

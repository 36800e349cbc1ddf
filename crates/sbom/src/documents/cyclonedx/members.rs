//! Converts a document in XML to the members that it would have as JSON, so that the same tables check and count them.
//!
//! `<hash alg="MD5">ab</hash>` becomes `{"alg":"MD5","content":"ab"}`, `<components><component/></components>` a list.

use serde_json::{Map, Value};

use super::NAMESPACE;
use crate::Error;
use crate::documents::xml::{Element, Xml};

/// Elements whose content is a list.
const LISTS: &[&str] = &[
    "affects",
    "ancestors",
    "annotations",
    "authors",
    "commits",
    "components",
    "compositions",
    "dependencies",
    "descendants",
    "externalReferences",
    "formulation",
    "hashes",
    "licenses",
    "lifecycles",
    "occurrences",
    "patches",
    "properties",
    "ratings",
    "resolves",
    "services",
    "tags",
    "variants",
    "vulnerabilities",
];

/// Elements that are objects even if they are empty.
const OBJECTS: &[&str] = &[
    "component",
    "composition",
    "dependency",
    "hash",
    "issue",
    "license",
    "metadata",
    "patch",
    "pedigree",
    "service",
];

/// The members of the document.
pub(super) fn of_xml(text: &str) -> Result<Value, Error> {
    let (mut xml, root) = Xml::open(text)?;
    let version = xml.namespace().strip_prefix(NAMESPACE).unwrap_or_default().to_owned();
    let mut bom = Map::from_iter([
        ("bomFormat".to_owned(), "CycloneDX".into()),
        ("specVersion".to_owned(), version.into()),
    ]);
    if let Value::Object(members) = value(&mut xml, &root, "")? {
        bom.extend(members);
    }
    xml.close()?;
    Ok(Value::Object(bom))
}

/// The value of an element with its attributes. The depth of the document bounds the recursion.
fn value(xml: &mut Xml<'_>, element: &Element<'_>, outer: &str) -> Result<Value, Error> {
    let name = element.name();
    let mut members = Map::new();
    for attribute in element.attributes() {
        let (name, text) = attribute?;
        members.insert(if name == "content-type" { "contentType" } else { name }.to_owned(), text.into());
    }
    // The data of a service and the tools of old documents are lists.
    let is_data = (outer, name) == ("service", "data");
    let (mut items, mut text) = (Vec::new(), String::new());
    let mut is_list = is_data || LISTS.contains(&name);
    while let Some(child) = xml.child_after(Some(&mut text))? {
        let inner = value(xml, &child, name)?;
        is_list |= (name, child.name()) == ("tools", "tool");
        match (name, child.name()) {
            ("licenses", "license") => items.push(one("license", inner)),
            ("assemblies", _) => items.push(inner.get("ref").cloned().unwrap_or_default()),
            ("dependencies", _) if outer == "composition" => {
                items.push(inner.get("ref").cloned().unwrap_or_default());
            }
            ("dependency", on @ ("dependency" | "provides")) => {
                let list = if on == "provides" { "provides" } else { "dependsOn" };
                let list = members.entry(list).or_insert_with(|| Value::Array(Vec::new()));
                if let (Value::Array(list), Some(reference)) = (list, inner.get("ref")) {
                    list.push(reference.clone());
                }
            }
            _ if is_list => items.push(inner),
            (_, child) => repeat(&mut members, child, inner),
        }
    }
    if is_list || name == "assemblies" {
        return Ok(Value::Array(items));
    }
    let text = text.trim();
    Ok(match name {
        "property" => with(members, "value", text),
        "expression" => with(members, "expression", text),
        "classification" if outer == "data" => with(members, "classification", text),
        "text" => with(members, "content", text),
        "modified" => text.parse().map_or_else(|_| text.into(), Value::Bool),
        _ if members.is_empty() && !OBJECTS.contains(&name) => text.into(),
        _ if text.is_empty() => Value::Object(members),
        _ => with(members, "content", text),
    })
}

fn one(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn with(mut members: Map<String, Value>, name: &str, text: &str) -> Value {
    members.insert(name.to_owned(), text.into());
    Value::Object(members)
}

/// Adds a member. Several of a name are a list.
fn repeat(members: &mut Map<String, Value>, name: &str, value: Value) {
    match members.get_mut(name) {
        None => drop(members.insert(name.to_owned(), value)),
        Some(Value::Array(values)) => values.push(value),
        Some(known) => *known = Value::Array(vec![known.take(), value]),
    }
}

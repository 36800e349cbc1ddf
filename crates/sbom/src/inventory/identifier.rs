//! Identifiers of components, to which documents, caches and people can refer.

use std::collections::HashMap;
use std::fmt;

use plimsoll_core::Digest;

use super::{Component, Inventory};

/// The identifier of a component: `Package-deb-libc6-0f3a…`, from purl and locations, so that it stays the same when
/// other components change. SPDX allows letters, digits, `.` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(String);

impl ComponentId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Inventory {
    /// The identifiers of all components, in their order. They are derived on request: matching needs none, and storing
    /// them would cost as much as the rest of a component.
    pub fn identifiers(&self) -> Vec<ComponentId> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let identifier = |component: &Component| {
            let identifier = identifier(component);
            // Equal components in equal places are distinguished by a number.
            let again = seen.entry(identifier.clone()).or_default();
            *again += 1;
            ComponentId(if *again == 1 { identifier } else { format!("{identifier}-{again}") })
        };
        self.components.iter().map(identifier).collect()
    }
}

fn identifier(component: &Component) -> String {
    let mut key = component.purl.to_string();
    for location in &component.locations {
        key.push('\0');
        key.push_str(&location.path);
    }
    let digest = hex::encode(Digest::sha256(key.as_bytes()).as_bytes().get(..8).unwrap_or_default());
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = component.name.chars().take(64).map(plain).collect();
    format!("Package-{}-{name}-{digest}", component.purl.package_type())
}

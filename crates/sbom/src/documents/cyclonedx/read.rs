//! Reading CycloneDX from JSON: nested components are split off and converted one by one.

use serde_json::value::RawValue;

use super::part::{Composition, Dependency, Metadata, Part, component, depend, file, finish};
use crate::Error;
use crate::documents::collector::Collector;
use crate::documents::format::{ReadDocument, Reading};
use crate::documents::json::{Few, Member, Members, parsed};
use crate::inventory::ComponentIndex;

/// The members that are read.
pub(super) const MEMBERS: &[Member] = &[
    Member::Value("bomFormat"),
    Member::Value("specVersion"),
    Member::Value("metadata"),
    Member::Items("components"),
    Member::Value("dependencies"),
    Member::Value("compositions"),
];

/// Completes `document` by what its members say.
pub(super) fn read(
    mut members: Members<'_>,
    document: ReadDocument,
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let metadata: Metadata<'_> = members.value_or_default("metadata")?;
    let mut collector = Collector::new(reading);
    let mut items = members.take_items("components");
    collector.count(items.len())?;
    // A subject may contain components.
    if let Some(subject) = &metadata.component {
        items.extend(collector.nested(subject.components)?);
    }
    collector.each(&items, with_nested)?;
    if reading.is_whole() {
        let dependencies: Vec<&RawValue> =
            members.items("dependencies", "relationships", reading.limits.relationships)?;
        for dependency in dependencies {
            depend(&mut collector, &parsed::<Dependency<'_>>(dependency)?)?;
        }
    }
    // A statement that cannot be read is ignored. The components do not depend on it.
    let compositions: Few<Composition<'_>> = members.value("compositions").ok().flatten().unwrap_or_default();
    finish(collector, document, metadata, &compositions.0)
}

/// A component and those inside it.
fn with_nested(collector: &mut Collector, raw: &RawValue) -> Result<(), Error> {
    // Last in, first out: nesting costs no recursion.
    let (mut waiting, mut next) = (Vec::new(), Some((raw, None::<ComponentIndex>)));
    while let Some((raw, outer)) = next {
        let part: Part<'_> = parsed(raw)?;
        let nested = collector.nested(part.components)?;
        let index = component(collector, &part);
        match (outer, index) {
            (Some(outer), Some(index)) => collector.contain(outer, index),
            (outer, None) => file(collector, &part, outer)?,
            (None, Some(_)) => {}
        }
        waiting.extend(nested.into_iter().map(|raw| (raw, index.or(outer))));
        next = waiting.pop();
    }
    Ok(())
}

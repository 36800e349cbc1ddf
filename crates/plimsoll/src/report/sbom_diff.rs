//! The difference of two inventories.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::Digest;
use plimsoll_sbom::{Aspect, Change, ChangeKind, ChangedIn, Comparison, Component, Inventory, Licence, Side};
use serde::Serialize;

/// The version of the JSON result.
const SBOM_DIFF_V1: &str = "plimsoll.dev/sbom-diff/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    schema_version: &'static str,
    pub(crate) before: ComparedInventory<'a>,
    pub(crate) after: ComparedInventory<'a>,
    /// Whether either may lack components.
    pub(crate) incomplete: bool,
    /// Layers from the base upwards that both have.
    pub(crate) common_layers: usize,
    /// What differs beside packages.
    pub(crate) aspects: Vec<Aspect>,
    pub(crate) summary: Summary,
    pub(crate) changes: Vec<ReportedChange<'a>>,
    /// The changes of each layer, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_layer: Option<Vec<LayerChanges>>,
}

/// The changes that one layer made.
#[derive(Serialize)]
pub(crate) struct LayerChanges {
    pub(crate) origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layer: Option<Layer>,
    /// How many there are of each kind that there is.
    pub(crate) summary: BTreeMap<ChangeKind, usize>,
    /// Their places in the list of changes.
    pub(crate) changes: Vec<usize>,
}

/// What a layer has to do with the changes that are told of it.
#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// It made them, and is one of the newer image.
    After,
    /// Both have it, and a later one removed what it has.
    RemovedAbove,
    /// It is one of the older image, and gone with what it has.
    Before,
    /// No layers are known.
    Unknown,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComparedInventory<'a> {
    pub(crate) subject: &'a str,
    pub(crate) components: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os: Option<String>,
    /// Those of the subject, else of the operating system's packages.
    pub(crate) architectures: BTreeSet<String>,
    /// Whether no component is known to be missing.
    pub(crate) complete: bool,
}

#[derive(Serialize)]
pub(crate) struct Summary {
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) upgraded: usize,
    pub(crate) downgraded: usize,
    pub(crate) changed: usize,
    pub(crate) relicensed: usize,
    pub(crate) unchanged: usize,
}

#[derive(Serialize)]
pub(crate) struct ReportedChange<'a> {
    pub(crate) kind: ChangeKind,
    pub(crate) r#type: &'a str,
    pub(crate) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<State<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<State<'a>>,
    /// Whether the licences differ, regardless of anything else.
    pub(crate) relicensed: bool,
}

/// A package on one side.
#[derive(Serialize)]
pub(crate) struct State<'a> {
    pub(crate) version: &'a str,
    pub(crate) purl: String,
    pub(crate) licenses: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layer: Option<Layer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<&'a str>,
}

/// A layer, by its place from the base.
#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layer {
    pub(crate) index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diff_id: Option<Digest>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        [before, after]: [(&'a str, Side<'a>); 2],
        comparison: &Comparison<'a>,
        is_by_layer: bool,
    ) -> Self {
        let count = |kind| comparison.count(kind);
        let subject = |(subject, side): (&'a str, Side<'a>)| ComparedInventory {
            subject,
            components: side.inventory.components.len(),
            os: side.inventory.os.as_ref().map(plimsoll_sbom::OsRelease::distro),
            architectures: side.architectures(),
            complete: side.inventory.is_complete(),
        };
        Self {
            schema_version: SBOM_DIFF_V1,
            incomplete: comparison.is_incomplete,
            common_layers: comparison.common_layers,
            summary: Summary {
                added: count(ChangeKind::Added),
                removed: count(ChangeKind::Removed),
                upgraded: count(ChangeKind::Upgraded),
                downgraded: count(ChangeKind::Downgraded),
                changed: count(ChangeKind::Changed),
                relicensed: count(ChangeKind::Relicensed),
                unchanged: comparison.unchanged,
            },
            aspects: comparison.aspects.clone(),
            by_layer: is_by_layer.then(|| by_layer(comparison, before.1, after.1)),
            changes: comparison.changes.iter().filter_map(|one| change(one, before.1, after.1)).collect(),
            before: subject(before),
            after: subject(after),
        }
    }
}

fn by_layer(comparison: &Comparison<'_>, before: Side<'_>, after: Side<'_>) -> Vec<LayerChanges> {
    let groups = comparison.by_layer().into_iter();
    let reported = groups.map(|(changed_in, changes)| {
        let (origin, layer) = match changed_in {
            ChangedIn::Layer(index) => (Origin::After, Some(layer(index, after.inventory))),
            ChangedIn::Above(index) => (Origin::RemovedAbove, Some(layer(index, before.inventory))),
            ChangedIn::Gone(index) => (Origin::Before, Some(layer(index, before.inventory))),
            ChangedIn::Unknown => (Origin::Unknown, None),
        };
        let mut summary = BTreeMap::new();
        for change in changes.iter().filter_map(|number| comparison.changes.get(*number)) {
            *summary.entry(change.kind).or_default() += 1;
        }
        LayerChanges { origin, layer, summary, changes }
    });
    reported.collect()
}

fn layer(index: usize, inventory: &Inventory) -> Layer {
    Layer { index, diff_id: inventory.layers.get(index).map(|layer| layer.diff_id) }
}

fn change<'a>(change: &Change<'a>, before: Side<'a>, after: Side<'a>) -> Option<ReportedChange<'a>> {
    let component = change.component()?;
    Some(ReportedChange {
        kind: change.kind,
        r#type: component.purl.package_type(),
        name: &component.name,
        before: change.before.map(|component| state(component, before.inventory)),
        after: change.after.map(|component| state(component, after.inventory)),
        relicensed: change.is_relicensed(),
    })
}

fn state<'a>(component: &'a Component, inventory: &'a Inventory) -> State<'a> {
    let place = component.locations.first();
    State {
        version: &component.version,
        purl: component.purl.to_string(),
        licenses: component.licenses.iter().map(Licence::as_str).collect(),
        layer: place.and_then(|place| place.layer).map(|index| layer(index, inventory)),
        path: place.map(|place| &*place.path),
    }
}

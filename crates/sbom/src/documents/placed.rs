//! The location of a component as a line of text, for formats that cannot represent it: `layer 2: usr/lib/x`, or `root:
//! usr/lib/x` if there are no layers.

use plimsoll_core::text;

use crate::inventory::Location;

/// The line for a location. Control characters are replaced, because people read the line in terminals.
pub(super) fn line(location: &Location) -> String {
    let path = text::terminal(&location.path);
    match location.layer {
        Some(layer) => format!("layer {layer}: {path}"),
        None => format!("root: {path}"),
    }
}

/// The location in a line.
pub(super) fn read(line: &str) -> Option<Location> {
    let (place, path) = line.split_once(": ")?;
    let layer = match place.strip_prefix("layer ") {
        Some(layer) => Some(layer.parse().ok()?),
        None if place == "root" => None,
        None => return None,
    };
    Some(Location { path: path.to_owned(), layer })
}

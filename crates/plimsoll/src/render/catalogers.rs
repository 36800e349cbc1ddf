//! The catalogers, for people.

use std::io::{self, Write};

use plimsoll_sbom::CatalogerInfo;

use super::table::columns;

/// Writes a row for each pattern; the first row of a cataloger names it.
pub(crate) fn write(catalogers: &[CatalogerInfo], out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<[String; 4]> = catalogers
        .iter()
        .flat_map(|info| {
            info.paths.iter().enumerate().map(|(row, path)| {
                let path = (*path).to_owned();
                if row > 0 {
                    return [String::new(), String::new(), String::new(), path];
                }
                [info.id.to_owned(), info.version.to_string(), info.purl_types.join(", "), path]
            })
        })
        .collect();
    columns(out, "", Some(["CATALOGER", "VERSION", "TYPES", "FILES"]), &rows)
}

//! An inventory for people.

use std::io::{self, Write};

use plimsoll_sbom::{Inventory, Licence};

use super::table::{columns, count, safe};

/// Writes one row a component, then what could not be found out.
pub(crate) fn write(inventory: &Inventory, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = inventory
        .components
        .iter()
        .map(|component| {
            let location = component.locations.first();
            let licenses: Vec<&str> = component.licenses.iter().map(Licence::as_str).collect();
            let layer = location.and_then(|l| l.layer).map(|l| (l + 1).to_string()).unwrap_or_default();
            [
                component.purl.package_type().to_owned(),
                safe(&component.name).into_owned(),
                safe(&component.version).into_owned(),
                safe(&licenses.join(", ")).into_owned(),
                layer,
                location.map(|l| safe(&l.path).into_owned()).unwrap_or_default(),
            ]
        })
        .collect();
    columns(out, "", Some(["TYPE", "NAME", "VERSION", "LICENCE", "LAYER", "PATH"]), &rows)?;
    let os = inventory
        .os
        .as_ref()
        .map_or_else(|| "no operating system".to_owned(), |os| safe(&os.distro()).into_owned());
    writeln!(out, "\n{}, {os}", count(inventory.components.len(), "component"))?;
    for problem in &inventory.problems {
        writeln!(out, "problem: {} {} {}", problem.code, safe(&problem.path), safe(&problem.detail))?;
    }
    Ok(())
}

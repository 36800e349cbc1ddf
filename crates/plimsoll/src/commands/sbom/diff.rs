//! `plimsoll sbom diff`.

use plimsoll_core::Kind;
use plimsoll_gather::{Subject, inventory, layers, open};
use plimsoll_sbom::{Inventory, compare};
use plimsoll_vuln::order;

use crate::commands::platforms;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::report::sbom_diff::{Report, Side};
use crate::settings::sbom::{DiffFormat, DiffSettings};

pub(super) fn run(settings: &DiffSettings, console: Console) -> Result<Exit, Failure> {
    let [before, after] = &settings.subjects;
    let (old, new) = (taken(before, settings, console)?, taken(after, settings, console)?);
    let comparison =
        compare(&old, &new, &|component, a, b| order::of_ecosystem(component.ecosystem)?.compare(a, b).ok());
    for (name, inventory) in [(before, &old), (after, &new)] {
        if !inventory.is_complete() {
            console.warn(format_args!(
                "{name}: components may be missing, so that there may be more differences"
            ));
        }
    }
    let report = Report::new(
        [Side { subject: before, inventory: &old }, Side { subject: after, inventory: &new }],
        &comparison,
    );
    let file = settings.file.as_deref();
    match settings.format {
        DiffFormat::Table => {
            let page = console.page(file);
            output::emit(file, |out| render::sbom_diff::table(&report, page, out))?;
        }
        DiffFormat::Markdown => output::emit(file, |out| render::sbom_diff::markdown(&report, out))?,
        DiffFormat::Json => output::emit_json(file, &report)?,
    }
    Ok(match (settings.exit_code, comparison.changes.is_empty(), comparison.is_incomplete) {
        (true, false, _) => Exit::Kind(Kind::Denied),
        (true, true, true) => Exit::Kind(Kind::Indeterminate),
        _ => Exit::Done,
    })
}

/// The inventory of a subject: of an SBOM, or of one image.
fn taken(text: &str, settings: &DiffSettings, console: Console) -> Result<Inventory, Failure> {
    let subject = Subject::parse(text)?;
    let access = settings.access.for_one_subject();
    let opened = open(&subject, &access)?;
    if let Some(remark) = opened.remark() {
        console.say(format_args!("{subject}: {remark}"));
    }
    let images = platforms::chosen(&opened, &settings.platforms, &settings.access.limits, console)?;
    let [image] = images.as_slice() else {
        return Err(Failure::new(
            Kind::Usage,
            format!("{subject} has {} platforms, expected one to compare", images.len()),
        )
        .with_hint("--platform names it"));
    };
    let layers = layers(&settings.access.limits);
    Ok(inventory(&opened, *image, &layers, &Bar::new(console), &access.cancel)?.into_owned())
}

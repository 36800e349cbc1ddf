//! `plimsoll sbom diff`.

use std::borrow::Cow;

use plimsoll_core::{Cancel, Kind};
use plimsoll_gather::{Layers, OpenedSubject, Subject, inventory, layers, open};
use plimsoll_image::artifact::Image;
use plimsoll_sbom::{Inventory, Side, compare};
use plimsoll_vuln::order;

use crate::commands::platforms;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::report::sbom_diff::Report;
use crate::settings::sbom::{DiffFormat, DiffSettings};

pub(super) fn run(settings: &DiffSettings, console: Console) -> Result<Exit, Failure> {
    let [before, after] = &settings.subjects;
    // A layer that both images share is read once.
    let layers = layers(&settings.access.limits).cached(settings.access.layer_cache.clone());
    let (old, new) = (opened(before, settings, console)?, opened(after, settings, console)?);
    let (old, new) = (old.taken(settings, &layers, console)?, new.taken(settings, &layers, console)?);
    let [old, new] = [old.side(), new.side()];
    let comparison =
        compare(old, new, &|component, a, b| order::of_ecosystem(component.ecosystem)?.compare(a, b).ok());
    let report = Report::new([(before, old), (after, new)], &comparison, settings.by_layer);
    let file = settings.file.as_deref();
    match settings.format {
        DiffFormat::Table => {
            let page = console.page(file);
            output::emit(file, |out| render::sbom_diff::table(&report, page, out))?;
        }
        DiffFormat::Markdown => output::emit(file, |out| render::sbom_diff::markdown(&report, out))?,
        DiffFormat::Json => {
            if comparison.is_incomplete {
                console.warn("components may be missing, so more may differ");
            }
            output::emit_json(file, &report)?;
        }
    }
    Ok(match (settings.exit_code, comparison.is_different(), comparison.is_incomplete) {
        (true, true, _) => Exit::Kind(Kind::Denied),
        (true, false, true) => Exit::Kind(Kind::Indeterminate),
        _ => Exit::Done,
    })
}

/// A subject to compare.
struct Opened {
    subject: Subject,
    source: OpenedSubject,
    cancel: Cancel,
}

/// The compared content.
struct Taken<'a> {
    inventory: Cow<'a, Inventory>,
    architecture: Option<String>,
}

fn opened(text: &str, settings: &DiffSettings, console: Console) -> Result<Opened, Failure> {
    let subject = Subject::parse(text)?;
    let access = settings.access.for_one_subject();
    let opened = open(&subject, &access)?;
    if let Some(remark) = opened.remark() {
        console.say(format_args!("{subject}: {remark}"));
    }
    Ok(Opened { subject, source: opened, cancel: access.cancel })
}

impl Opened {
    /// The inventory of an SBOM, or of one image.
    fn taken(
        &self,
        settings: &DiffSettings,
        layers: &Layers,
        console: Console,
    ) -> Result<Taken<'_>, Failure> {
        let Self { subject, source: opened, cancel } = self;
        let images = platforms::chosen(opened, &settings.platforms, &settings.access.limits, console)?;
        let [image] = images.as_slice() else {
            return Err(Failure::new(
                Kind::Usage,
                format!("{subject} has {} platforms, expected one to compare", images.len()),
            )
            .with_hint("--platform names it"));
        };
        Ok(Taken {
            inventory: inventory(opened, *image, layers, &Bar::new(console), cancel)?,
            architecture: architecture(opened, *image),
        })
    }
}

/// The architecture of a subject, if it states one.
fn architecture(opened: &OpenedSubject, image: Option<&Image>) -> Option<String> {
    match (opened, image) {
        (OpenedSubject::Sbom { document, .. }, _) => document.subject().architecture,
        (_, image) => {
            let platform = &image?.platform;
            (!platform.is_unknown()).then(|| platform.architecture.clone())
        }
    }
}

impl Taken<'_> {
    fn side(&self) -> Side<'_> {
        Side { inventory: &self.inventory, architecture: self.architecture.as_deref() }
    }
}

//! `plimsoll sbom`.

pub(in crate::commands) mod base;
mod cataloger;
mod convert;
mod diff;
mod document;
mod merge;
mod score;
mod validate;

use std::path::{Path, PathBuf};

use plimsoll_core::Kind;
use plimsoll_core::text::shown;
use plimsoll_gather::{Subject, inventory, open};
use plimsoll_image::artifact::Image;
use plimsoll_sbom::{
    BaseImage, Completeness, Document, DocumentSubject, Inventory, Phase, ProblemCode, ProblemSeverity,
};

use crate::commands::catalogers::{layers_with_files, layers_without};
use crate::commands::platforms;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::render::table::safe;
use crate::settings::sbom::{DocumentSettings, Format, SbomSettings};
use base::Bases;

pub(super) fn run(settings: &SbomSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        SbomSettings::Documents(settings) => documents(settings, console),
        SbomSettings::Convert(settings) => convert::run(settings, console),
        SbomSettings::Diff(settings) => diff::run(settings, console),
        SbomSettings::Merge(settings) => merge::run(settings, console),
        SbomSettings::Validate(settings) => validate::run(settings, console),
        SbomSettings::Score(settings) => score::run(settings, console),
        SbomSettings::Catalogers(format) => cataloger::run(*format),
    }
}

fn documents(settings: &DocumentSettings, console: Console) -> Result<Exit, Failure> {
    let subject = Subject::parse(&settings.subject)?;
    if matches!(subject, Subject::Sbom(_)) {
        return Err(Failure::new(Kind::Usage, format!("{subject} is an SBOM already")).with_hint(
            "plimsoll sbom convert writes it in another format, plimsoll scan searches it for vulnerabilities",
        ));
    }
    let access = settings.access.for_one_subject();
    let opened = open(&subject, &access)?;
    if let Some(remark) = opened.remark() {
        console.say(format_args!("{subject}: {remark}"));
    }
    let images = platforms::chosen(&opened, &settings.platforms, &access.limits, console)?;
    let format = format(settings);
    refuse_files(settings, format)?;
    let targets = targets(settings, format, &images)?;
    let bases = Bases::open(settings, &access)?;
    let layers = if settings.files { layers_with_files } else { layers_without };
    let layers = layers(&settings.without, &settings.access).with_digests(settings.digests);
    let mut exit = Exit::Done;
    for (image, target) in images.into_iter().zip(&targets) {
        if let Some(image) = image {
            console.say(format_args!("{subject} is {} ({})", image.manifest.digest, image.platform));
        }
        let written = inventory(&opened, image, &layers, &Bar::new(console), &access.cancel)
            .map_err(Failure::from)
            .and_then(|inventory| {
                let base = image.map(|image| bases.base_of(image)).transpose()?.flatten();
                let is_claimed =
                    inventory.problems.iter().any(|it| it.code == ProblemCode::LayerDigestNotComputed);
                let base = if is_claimed { base.map(BaseImage::claimed) } else { base };
                let about = about(settings, &subject, &inventory, image, base);
                one(settings, format, about, &inventory, image, target.as_deref(), console)
            });
        match (written, image) {
            (Ok(written), _) => exit = exit.and(written),
            // An unreadable image does not affect the others, unless no time is left.
            (Err(failure), Some(image)) if settings.platforms.all && access.cancel.check().is_ok() => {
                let failure = failure.of_part(shown(&image.platform.to_string()));
                console.report(&failure);
                exit = exit.and(Exit::Kind(failure.kind()));
            }
            (Err(failure), _) => return Err(failure),
        }
    }
    for absent in platforms::absent(&opened, &settings.platforms) {
        console.warn(format_args!(
            "no document for {}: {}",
            shown(&absent.platform().to_string()),
            absent.missing
        ));
        exit = exit.and(Exit::Kind(Kind::Indeterminate));
    }
    Ok(exit)
}

/// The requested format. The default is a table on a terminal, and a document otherwise.
fn format(settings: &DocumentSettings) -> Format {
    match settings.format {
        Some(format) => format,
        None if output::is_for_reading(settings.file.as_deref()) => Format::Table,
        None => Format::of_programs(),
    }
}

/// Refuses to list files in a format that cannot contain them.
fn refuse_files(settings: &DocumentSettings, format: Format) -> Result<(), Failure> {
    let name = match format {
        Format::Document(format, _) if format.lists_files() => return Ok(()),
        _ if !settings.files => return Ok(()),
        Format::Document(format, _) => format.id(),
        Format::Table => "table",
    };
    Err(Failure::new(Kind::Usage, format!("the format {name} cannot contain files"))
        .with_hint("-o spdx-json, -o cyclonedx-json and their other forms list files"))
}

/// The destination of each image's document. Several documents need several files: no format allows more than one in a
/// file, and two platforms in one document would not be the inventory of any image.
fn targets(
    settings: &DocumentSettings,
    format: Format,
    images: &[Option<&Image>],
) -> Result<Vec<Option<PathBuf>>, Failure> {
    let Some(file) = settings.file.as_deref() else {
        if images.len() > 1 && format != Format::Table {
            return Err(Failure::new(
                Kind::Usage,
                format!("{} platforms give as many documents, and each needs its own file", images.len()),
            )
            .with_hint("--output-file 'sbom-{platform}.json'"));
        }
        return Ok(vec![None; images.len()]);
    };
    if !settings.platforms.all {
        return Ok(vec![Some(file.to_owned()); images.len()]);
    }
    let name = |image: Option<&Image>| match image {
        Some(image) => platforms::in_name(file, image),
        None => file.to_owned(),
    };
    let files: Vec<PathBuf> = images.iter().copied().map(name).collect();
    if let Some(twice) =
        files.iter().enumerate().find_map(|(i, file)| files.iter().skip(i + 1).find(|f| *f == file))
    {
        return Err(Failure::new(
            Kind::Usage,
            format!("two documents would be written to {}", twice.display()),
        )
        .with_hint("put {platform} or {digest} into --output-file"));
    }
    Ok(files.into_iter().map(Some).collect())
}

/// The subject of a document. A folder without an operating system is a source folder.
fn about(
    settings: &DocumentSettings,
    subject: &Subject,
    inventory: &Inventory,
    image: Option<&Image>,
    base: Option<BaseImage>,
) -> DocumentSubject {
    let (repository, tag) = match subject {
        Subject::Registry(reference) => (Some(reference.name()), reference.tag().map(str::to_owned)),
        _ => (None, None),
    };
    let is_built = image.is_some() || inventory.os.is_some();
    DocumentSubject {
        name: settings.subject.clone(),
        manifest: image.map(|image| image.manifest.digest),
        repository,
        tag,
        architecture: image.map(|image| image.platform.architecture.clone()),
        base,
        phase: Some(if is_built { Phase::Built } else { Phase::Source }),
    }
}

/// Writes one document. A document that may lack components is written too, and marked. `--strict` is for callers that
/// rely on the exit code.
fn one(
    settings: &DocumentSettings,
    format: Format,
    about: DocumentSubject,
    inventory: &Inventory,
    image: Option<&Image>,
    target: Option<&Path>,
    console: Console,
) -> Result<Exit, Failure> {
    tell(inventory, format, console);
    let document = Document {
        inventory,
        subject: about,
        // `SOURCE_DATE_EPOCH`, or else the image's creation time, or else now.
        created: settings
            .source_date
            .clone()?
            .or_else(|| image.and_then(|image| image.created))
            .unwrap_or(settings.now),
        tool_version: env!("CARGO_PKG_VERSION"),
        build: settings.build.clone(),
        states: Completeness::Complete,
    };
    output::emit(target, |out| match format {
        Format::Document(format, version) => format.write_version(&document, version, out).map_err(into_io),
        Format::Table => {
            let base = document.subject.base.as_ref();
            render::inventory::write(inventory, base, console.page(target), out)
        }
    })?;
    let is_failure = settings.strict && !inventory.is_complete();
    Ok(if is_failure { Exit::Kind(Kind::Indeterminate) } else { Exit::Done })
}

/// Reports the problems of an inventory on standard error. A table shows them itself; what was set aside is reported
/// with findings.
fn tell(inventory: &Inventory, format: Format, console: Console) {
    if format == Format::Table {
        return;
    }
    for problem in inventory.problems.iter().filter(|problem| problem.code != ProblemCode::SetAside) {
        let words = problem.words();
        let parts = [&problem.path, &words].into_iter().filter(|part| !part.is_empty());
        let text = parts.fold(format!("{}:", problem.code), |text, part| format!("{text} {}", safe(part)));
        match problem.severity {
            ProblemSeverity::Missing => console.warn(text),
            ProblemSeverity::Noted => console.say(format_args!("noted: {text}")),
        }
    }
}

fn into_io(error: plimsoll_sbom::Error) -> std::io::Error {
    match error {
        plimsoll_sbom::Error::Write(error) => error,
        other => std::io::Error::other(other),
    }
}

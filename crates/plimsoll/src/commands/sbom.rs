//! `plimsoll sbom`.

use plimsoll_core::{Kind, Limits, Timestamp};
use plimsoll_gather::{Access, Opened, Subject, inventory, open};
use plimsoll_sbom::{Document, DocumentSubject, write_cyclonedx, write_spdx};

use crate::args::sbom::{Format, Sbom};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::{render, settings};

pub(super) fn run(arguments: &Sbom, console: Console) -> Result<Exit, Failure> {
    let access = Access { http: settings::http(&arguments.reading.network)?, limits: Limits::default() };
    let subject = Subject::parse(&arguments.subject)?;
    if matches!(subject, Subject::Sbom(_)) {
        return Err(Failure::new(Kind::Usage, format!("{subject} is an SBOM already"))
            .with_hint("plimsoll scan looks for vulnerabilities in it"));
    }
    let opened = open(&subject, &access)?;
    if let Some(remark) = opened.remark() {
        console.say(format_args!("{subject}: {remark}"));
    }
    let image = opened.one_image(arguments.reading.platform.platform.as_ref())?;
    if let (Opened::Image { artifact, .. }, Some(image)) = (&opened, image) {
        console.say(format_args!("{subject} is {} ({})", image.manifest.digest, image.platform));
        if artifact.images.len() > 1 && arguments.reading.platform.platform.is_none() {
            console.say(format_args!(
                "took {} of {} platforms; --platform chooses",
                image.platform,
                artifact.images.len()
            ));
        }
    }
    let inventory = inventory(&opened, image, &access.limits, &Bar::new(console))?;
    for problem in inventory.problems.iter().filter(|problem| problem.code.hides_components()) {
        console.warn(format_args!(
            "{}: {}",
            problem.code,
            render::table::safe(&format!("{} {}", problem.path, problem.detail))
        ));
    }
    let (repository, tag) = match &subject {
        Subject::Registry(reference) => (Some(reference.name()), reference.tag().map(str::to_owned)),
        _ => (None, None),
    };
    let document = Document {
        inventory: &inventory,
        subject: DocumentSubject {
            name: arguments.subject.clone(),
            manifest: image.map(|image| image.manifest.digest),
            repository,
            tag,
            architecture: image.map(|image| image.platform.architecture.clone()),
        },
        created: created(image.and_then(|image| image.created))?,
        tool_version: env!("CARGO_PKG_VERSION"),
    };
    output::emit(arguments.reading.file.output_file.as_deref(), |out| match arguments.output {
        Format::SpdxJson => write_spdx(&document, out).map_err(into_io),
        Format::CyclonedxJson => write_cyclonedx(&document, out).map_err(into_io),
        Format::Table => render::inventory::write(&inventory, out),
    })?;
    Ok(Exit::Done)
}

/// The document's time: `SOURCE_DATE_EPOCH`, else when the image was made, else now.
fn created(image: Option<Timestamp>) -> Result<Timestamp, Failure> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    match std::env::var(VARIABLE) {
        Ok(text) => {
            text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
                Failure::new(Kind::Usage, format!("{VARIABLE} is `{text}`, expected seconds since 1970"))
            })
        }
        Err(_) => Ok(image.unwrap_or_else(Timestamp::now)),
    }
}

fn into_io(error: plimsoll_sbom::Error) -> std::io::Error {
    match error {
        plimsoll_sbom::Error::Write(error) => error,
        other => std::io::Error::other(other),
    }
}

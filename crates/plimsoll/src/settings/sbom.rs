//! Settings of `plimsoll sbom`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use plimsoll_core::{Kind, Timestamp};
use plimsoll_gather::Access;

use super::{self as settings, Context, Platforms, access};
use crate::args::sbom::{CatalogerCommand, Command, Sbom};
use crate::failure::Failure;

pub(crate) use crate::args::sbom::Format;

/// What is written.
pub(crate) enum SbomSettings {
    /// The documents of a subject.
    Documents(Box<DocumentSettings>),
    /// The list of catalogers.
    Catalogers(settings::Format),
}

/// What the documents are about, and where they go.
pub(crate) struct DocumentSettings {
    /// The subject, as it was written.
    pub(crate) subject: String,
    pub(crate) platforms: Platforms,
    /// The catalogers that are switched off.
    pub(crate) without: BTreeSet<&'static str>,
    pub(crate) access: Access,
    /// The time that documents are to have, if `SOURCE_DATE_EPOCH` says one. A wrong one is told when it is needed.
    pub(crate) source_date: Result<Option<Timestamp>, Failure>,
    /// The time of documents about what does not say when it was made.
    pub(crate) now: Timestamp,
    /// The format that was asked for; nothing means a table on a terminal, else the default format of documents.
    pub(crate) format: Option<Format>,
    /// Whether a document that may lack components is no success.
    pub(crate) strict: bool,
    /// Where documents go; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl SbomSettings {
    pub(crate) fn resolve(arguments: &Sbom, context: &Context<'_>) -> Result<Self, Failure> {
        if let Some(Command::Cataloger(arguments)) = &arguments.command {
            let CatalogerCommand::List(arguments) = &arguments.command;
            return Ok(Self::Catalogers(arguments.output));
        }
        let Some(subject) = &arguments.subject else {
            return Err(Failure::new(Kind::Usage, "no subject is given"));
        };
        Ok(Self::Documents(Box::new(DocumentSettings {
            subject: subject.clone(),
            platforms: Platforms::resolve(&arguments.reading),
            without: arguments.catalogers.off(),
            access: access(&arguments.reading.network, context)?,
            source_date: source_date(context),
            now: context.clock()(),
            format: arguments.output,
            strict: arguments.strict,
            file: arguments.reading.file.output_file.clone(),
        })))
    }
}

fn source_date(context: &Context<'_>) -> Result<Option<Timestamp>, Failure> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = context.text(VARIABLE) else {
        return Ok(None);
    };
    let date = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    date.map(Some).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{VARIABLE} is `{text}`, expected seconds since 1970"))
    })
}

//! Settings of `plimsoll sbom`.

mod documents;

use std::collections::BTreeSet;
use std::path::PathBuf;

use plimsoll_core::{Kind, Timestamp};
use plimsoll_gather::Access;
use plimsoll_image::layers::LayerDigests;
use plimsoll_sbom::Build;

use super::{self as settings, Context, Platforms, reading_access};
use crate::args::sbom::{CatalogerCommand, Command, Sbom};
use crate::failure::Failure;

pub(crate) use crate::args::sbom::Format;
pub(crate) use crate::args::sbom::diff::Format as DiffFormat;
pub(crate) use documents::{
    ConvertSettings, DiffSettings, MergeSettings, NewDocument, ScoreSettings, ValidateSettings,
};

/// What is written.
pub(crate) enum SbomSettings<'a> {
    /// The documents of a subject.
    Documents(Box<DocumentSettings>),
    /// A document in another format.
    Convert(ConvertSettings<'a>),
    /// The difference of two subjects.
    Diff(Box<DiffSettings>),
    /// One document of several.
    Merge(MergeSettings<'a>),
    /// What is wrong with documents.
    Validate(ValidateSettings<'a>),
    /// How much of what guidelines ask for is in a document.
    Score(ScoreSettings<'a>),
    /// The list of catalogers.
    Catalogers(settings::Format),
}

/// What the documents are about, and where they go.
pub(crate) struct DocumentSettings {
    /// The subject, as it was written.
    pub(crate) subject: String,
    pub(crate) platforms: Platforms,
    /// The image that images are built on, as it was written.
    pub(crate) base: Option<String>,
    /// Images that they may be built on, as they were written.
    pub(crate) known_bases: Vec<String>,
    /// A list of the layers of more of them.
    pub(crate) list_of_bases: Option<PathBuf>,
    /// The catalogers that are switched off.
    pub(crate) without: BTreeSet<&'static str>,
    /// Whether every file is listed.
    pub(crate) files: bool,
    /// Whether layers are read as a whole.
    pub(crate) digests: LayerDigests,
    pub(crate) access: Access,
    /// The time that documents are to have, if `SOURCE_DATE_EPOCH` says one. A wrong one is told when it is needed.
    pub(crate) source_date: Result<Option<Timestamp>, Failure>,
    /// The time of documents about what does not say when it was made.
    pub(crate) now: Timestamp,
    /// The format that was asked for; nothing means a table on a terminal, else the default format of documents.
    pub(crate) format: Option<Format>,
    /// Whether a document that may lack components is not success.
    pub(crate) strict: bool,
    /// The run of a workflow that this is.
    pub(crate) build: Build,
    /// Where documents go; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl<'a> SbomSettings<'a> {
    pub(crate) fn resolve(arguments: &Sbom, context: &Context<'a>) -> Result<Self, Failure> {
        if let Some(command) = &arguments.command {
            return Ok(match command {
                Command::Convert(arguments) => Self::Convert(ConvertSettings::resolve(arguments, context)),
                Command::Diff(arguments) => Self::Diff(Box::new(DiffSettings::resolve(arguments, context)?)),
                Command::Merge(arguments) => Self::Merge(MergeSettings::resolve(arguments, context)),
                Command::Validate(arguments) => Self::Validate(ValidateSettings::resolve(arguments, context)),
                Command::Score(arguments) => Self::Score(ScoreSettings::resolve(arguments, context)),
                Command::Cataloger(arguments) => {
                    let CatalogerCommand::List(arguments) = &arguments.command;
                    Self::Catalogers(arguments.output)
                }
            });
        }
        let Some(subject) = &arguments.subject else {
            return Err(Failure::new(Kind::Usage, "no subject is given"));
        };
        Ok(Self::Documents(Box::new(DocumentSettings {
            subject: subject.clone(),
            platforms: Platforms::resolve(&arguments.reading),
            base: arguments.base.clone(),
            known_bases: arguments.known_base.clone(),
            list_of_bases: arguments.known_bases.clone(),
            without: arguments.catalogers.off(),
            files: arguments.files,
            digests: arguments.layers.digests(),
            access: reading_access(&arguments.reading, context)?,
            source_date: source_date(context),
            now: context.clock()(),
            build: Build { author: arguments.author.clone().unwrap_or_default(), ..build(context) },
            format: arguments.output,
            strict: arguments.strict,
            file: arguments.reading.file.output_file.clone(),
        })))
    }
}

/// The run of a GitHub workflow, as its runner describes it.
fn build(context: &Context<'_>) -> Build {
    let text = |name: &str| context.text(name).unwrap_or_default();
    let correlator = format!("{}_{}", text("GITHUB_WORKFLOW"), text("GITHUB_JOB"));
    Build {
        commit: text("GITHUB_SHA"),
        branch: text("GITHUB_REF"),
        job: text("GITHUB_RUN_ID"),
        correlator: if correlator == "_" { String::new() } else { correlator },
        author: String::new(),
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

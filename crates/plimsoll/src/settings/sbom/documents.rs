//! Settings of the commands below `plimsoll sbom` that read documents.

use std::path::PathBuf;

use plimsoll_core::{Limits, Timestamp};
use plimsoll_gather::Access;
use plimsoll_sbom::Guideline;

use super::{Format, source_date};
use crate::args::sbom::convert::Convert;
use crate::args::sbom::diff::{Diff, Format as DiffFormat};
use crate::args::sbom::merge::Merge;
use crate::args::sbom::score::{self, Score};
use crate::args::sbom::validate::Validate;
use crate::failure::Failure;
use crate::settings::{Context, Format as ResultFormat, Platforms, reading_access};

/// The document that is made of others.
pub(crate) struct NewDocument<'a> {
    pub(crate) format: Format,
    /// Where it goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
    /// The time that it is to have, if `SOURCE_DATE_EPOCH` says one.
    pub(crate) source_date: Result<Option<Timestamp>, Failure>,
    /// Its time where nothing else says one.
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
}

impl<'a> NewDocument<'a> {
    fn resolve(format: Format, file: Option<&PathBuf>, context: &Context<'a>) -> Self {
        Self {
            format,
            file: file.cloned(),
            source_date: source_date(context),
            now: context.clock()(),
            limits: context.limits,
        }
    }
}

/// Settings of `plimsoll sbom convert`.
pub(crate) struct ConvertSettings<'a> {
    pub(crate) document: PathBuf,
    pub(crate) new: NewDocument<'a>,
}

impl<'a> ConvertSettings<'a> {
    pub(super) fn resolve(arguments: &Convert, context: &Context<'a>) -> Self {
        Self {
            document: arguments.document.clone(),
            new: NewDocument::resolve(arguments.output, arguments.file.output_file.as_ref(), context),
        }
    }
}

/// Settings of `plimsoll sbom merge`.
pub(crate) struct MergeSettings<'a> {
    pub(crate) documents: Vec<PathBuf>,
    /// What the new document is about; the subject of the first unless named.
    pub(crate) subject: Option<String>,
    pub(crate) new: NewDocument<'a>,
}

impl<'a> MergeSettings<'a> {
    pub(super) fn resolve(arguments: &Merge, context: &Context<'a>) -> Self {
        Self {
            documents: arguments.documents.clone(),
            subject: arguments.subject_name.clone(),
            new: NewDocument::resolve(arguments.output, arguments.file.output_file.as_ref(), context),
        }
    }
}

/// Settings of `plimsoll sbom diff`.
pub(crate) struct DiffSettings {
    /// The older and the newer subject, as they were written.
    pub(crate) subjects: [String; 2],
    pub(crate) platforms: Platforms,
    pub(crate) access: Access,
    pub(crate) format: DiffFormat,
    /// Whether changes are grouped by the layer that made them.
    pub(crate) by_layer: bool,
    /// Whether a difference is an exit code.
    pub(crate) exit_code: bool,
    pub(crate) file: Option<PathBuf>,
}

impl DiffSettings {
    pub(super) fn resolve(arguments: &Diff, context: &Context<'_>) -> Result<Self, Failure> {
        Ok(Self {
            subjects: [arguments.before.clone(), arguments.after.clone()],
            platforms: Platforms::resolve(&arguments.reading),
            access: reading_access(&arguments.reading, context)?,
            format: arguments.output,
            by_layer: arguments.by_layer,
            exit_code: arguments.exit_code,
            file: arguments.reading.file.output_file.clone(),
        })
    }
}

/// Settings of `plimsoll sbom validate`.
pub(crate) struct ValidateSettings<'a> {
    pub(crate) documents: Vec<PathBuf>,
    pub(crate) format: ResultFormat,
    pub(crate) limits: &'a Limits,
}

impl<'a> ValidateSettings<'a> {
    pub(super) fn resolve(arguments: &Validate, context: &Context<'a>) -> Self {
        Self { documents: arguments.documents.clone(), format: arguments.output, limits: context.limits }
    }
}

/// Settings of `plimsoll sbom score`.
pub(crate) struct ScoreSettings<'a> {
    pub(crate) document: PathBuf,
    pub(crate) guidelines: Vec<Guideline>,
    /// The lowest score that is good enough, if that matters.
    pub(crate) at_least: Option<u32>,
    pub(crate) format: ResultFormat,
    pub(crate) limits: &'a Limits,
}

impl<'a> ScoreSettings<'a> {
    pub(super) fn resolve(arguments: &Score, context: &Context<'a>) -> Self {
        let guideline = |guideline: &score::Guideline| match guideline {
            score::Guideline::Ntia => Guideline::Ntia,
            score::Guideline::Cisa => Guideline::Cisa,
            score::Guideline::Bsi => Guideline::Bsi,
        };
        let chosen: Vec<Guideline> = arguments.guideline.iter().map(guideline).collect();
        Self {
            document: arguments.document.clone(),
            guidelines: if chosen.is_empty() { Guideline::ALL.to_vec() } else { chosen },
            at_least: arguments.at_least,
            format: arguments.output,
            limits: context.limits,
        }
    }
}

//! Settings of `plimsoll attest`, and what `attest-blob` shares with it.

use std::path::PathBuf;

use plimsoll_core::{Kind, Platform, Timestamp};
use plimsoll_gather::Access;
use plimsoll_verify::PredicateType;

use super::signing::{SigningSettings, Upload};
use super::{Context, EvidenceRepository, Keys, access};
use crate::args::attest::{Attest, StatementFlags};
use crate::failure::Failure;

/// What is attested about which images, what signs it, and where the bundle goes.
pub(crate) struct AttestSettings {
    /// The subjects, as they were written.
    pub(crate) subjects: Vec<String>,
    /// The one image of an index, instead of the index.
    pub(crate) platform: Option<Platform>,
    pub(crate) content: ContentSettings,
    pub(crate) upload: Upload,
    pub(crate) evidence_repository: EvidenceRepository,
    pub(crate) access: Access,
    pub(crate) signing: SigningSettings,
}

/// What is stated about a subject.
pub(crate) struct ContentSettings {
    pub(crate) source: ContentSource,
    /// A JSON Schema that the predicate has to fit.
    pub(crate) schema: Option<PathBuf>,
    /// The time that data without a type of its own is given.
    pub(crate) now: Timestamp,
}

/// Where it is.
pub(crate) enum ContentSource {
    /// A file with a whole statement, and the type that it has to have.
    Statement(PathBuf, Option<PredicateType>),
    /// A file with a predicate of this type.
    Predicate(PathBuf, PredicateType),
}

impl AttestSettings {
    pub(crate) fn resolve(arguments: &Attest, context: &Context<'_>) -> Result<Self, Failure> {
        let upload = Upload::resolve(&arguments.upload, arguments.subjects.len())?;
        let access = access(&arguments.network, context)?;
        let keys = Keys::beside(&access, context);
        Ok(Self {
            subjects: arguments.subjects.clone(),
            platform: arguments.platform.platform.clone(),
            content: ContentSettings::resolve(&arguments.statement, context)?,
            upload,
            evidence_repository: EvidenceRepository::resolve(&arguments.repository, context),
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            access,
        })
    }
}

impl ContentSettings {
    pub(super) fn resolve(flags: &StatementFlags, context: &Context<'_>) -> Result<Self, Failure> {
        let source = match (&flags.statement, &flags.predicate) {
            (Some(path), _) => ContentSource::Statement(path.clone(), flags.kind.clone()),
            (None, Some(path)) => {
                let kind = flags.kind.clone().map_or_else(|| "custom".parse(), Ok)?;
                ContentSource::Predicate(path.clone(), kind)
            }
            (None, None) => {
                return Err(Failure::new(Kind::Usage, "nothing to attest")
                    .with_hint("pass --predicate FILE or --statement FILE"));
            }
        };
        Ok(Self { source, schema: flags.schema.clone(), now: context.second() })
    }
}

//! Settings of `plimsoll verify` and `plimsoll verify-attestation`, and how every verification writes its result.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use plimsoll_core::Platform;
use plimsoll_gather::Access;
use plimsoll_judge::PredicateForm;
use plimsoll_judge::signatures::StatementFilter;
use plimsoll_verify::PredicateType;

use super::{Context, EvidenceRepository, TrustSettings, access, key_access_beside, registry_cache};
use crate::args::cache_flags::Caching;
use crate::args::shared::{Network, OutputFile};
use crate::args::trust_flags::Outcome;
use crate::args::verify::{AttestationFormat, Format, Verify, VerifyAttestation};
use crate::failure::Failure;

/// What must be attached to images, and by whom.
pub(crate) struct VerifySettings {
    /// The subjects, as they were written.
    pub(crate) subjects: Vec<String>,
    pub(crate) statements: Statements,
    pub(crate) trust: TrustSettings,
    /// By so many different people.
    pub(crate) threshold: NonZeroUsize,
    /// The one image of an index, instead of the index.
    pub(crate) platform: Option<Platform>,
    /// The index and each of its images.
    pub(crate) recursive: bool,
    pub(crate) evidence_repository: EvidenceRepository,
    pub(crate) access: Access,
    pub(crate) result: ResultSettings,
}

/// Which statements count.
pub(crate) enum Statements {
    /// Signatures with these annotations.
    Signatures(BTreeMap<String, String>),
    /// Attestations of a type, with predicates of a form.
    Attestations(PredicateType, PredicateForm),
}

/// How a result is written, and how the run ends with it.
pub(crate) struct ResultSettings {
    pub(crate) form: ResultForm,
    /// With each step of the verification and everything that was refused.
    pub(crate) explain: bool,
    /// With cosign's exit codes.
    pub(crate) cosign_exit_codes: bool,
    /// Where it goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultForm {
    Table,
    Json,
    /// A line for each digest that was verified.
    Text,
    /// The statements alone.
    Statements,
}

impl VerifySettings {
    pub(crate) fn resolve(arguments: &Verify, context: &Context<'_>) -> Result<Self, Failure> {
        let access = caching_access(&arguments.network, &arguments.caching, context)?;
        let trust = TrustSettings::new(&arguments.trust, &key_access_beside(&access, context), context)?;
        trust.allows(arguments.outcome.threshold)?;
        Ok(Self {
            subjects: arguments.subjects.clone(),
            statements: Statements::Signatures(arguments.annotation.iter().cloned().collect()),
            trust,
            threshold: arguments.outcome.threshold,
            platform: arguments.platform.platform.clone(),
            recursive: arguments.recursive,
            evidence_repository: EvidenceRepository::resolve(&arguments.repository, context),
            access,
            result: ResultSettings::resolve(arguments.output.into(), &arguments.outcome, &arguments.file),
        })
    }

    pub(crate) fn resolve_attestation(
        arguments: &VerifyAttestation,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let access = caching_access(&arguments.network, &arguments.caching, context)?;
        let trust = TrustSettings::new(&arguments.trust, &key_access_beside(&access, context), context)?;
        let form = PredicateForm::load(arguments.schema.as_deref(), context.limits)?;
        trust.allows(arguments.outcome.threshold)?;
        Ok(Self {
            subjects: arguments.subjects.clone(),
            statements: Statements::Attestations(arguments.kind.clone(), form),
            trust,
            threshold: arguments.outcome.threshold,
            platform: arguments.platform.platform.clone(),
            recursive: false,
            evidence_repository: EvidenceRepository::resolve(&arguments.repository, context),
            access,
            result: ResultSettings::resolve(arguments.output.into(), &arguments.outcome, &arguments.file),
        })
    }
}

/// What opening subjects needs, with what is kept of what registries sent.
pub(super) fn caching_access(
    network: &Network,
    caching: &Caching,
    context: &Context<'_>,
) -> Result<Access, Failure> {
    Ok(Access { cache: registry_cache(caching, network, context), ..access(network, context)? })
}

impl Statements {
    /// The same for the library that judges.
    pub(crate) fn filter(&self) -> StatementFilter<'_> {
        match self {
            Self::Signatures(annotations) => StatementFilter::Signature { annotations },
            Self::Attestations(kind, form) => StatementFilter::Attestation { kind, form },
        }
    }
}

impl ResultSettings {
    fn resolve(form: ResultForm, outcome: &Outcome, file: &OutputFile) -> Self {
        Self {
            form,
            explain: outcome.explain,
            cosign_exit_codes: outcome.cosign_exit_codes,
            file: file.output_file.clone(),
        }
    }

    /// On standard output, with exit codes of our own.
    pub(super) fn printed(form: ResultForm, explain: bool) -> Self {
        Self { form, explain, cosign_exit_codes: false, file: None }
    }
}

impl From<Format> for ResultForm {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Json => Self::Json,
            Format::Text => Self::Text,
        }
    }
}

impl From<AttestationFormat> for ResultForm {
    fn from(format: AttestationFormat) -> Self {
        match format {
            AttestationFormat::Statements => Self::Statements,
            AttestationFormat::Table => Self::Table,
            AttestationFormat::Json => Self::Json,
        }
    }
}

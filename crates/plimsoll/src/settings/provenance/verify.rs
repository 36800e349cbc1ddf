//! Settings of `plimsoll provenance verify`.

use std::path::PathBuf;

use plimsoll_core::Platform;
use plimsoll_gather::Access;
use plimsoll_judge::provenance::own_workflow;
use plimsoll_verify::provenance::Expected;
use plimsoll_verify::{Pattern, PredicateType, Text};

use crate::args::provenance::Verify;
use crate::failure::Failure;
use crate::settings::verify::caching_access;
use crate::settings::{Context, EvidenceRepository, TrustSettings, key_access_beside};

pub(crate) use crate::args::provenance::Format;

/// How something has to have been built, and who may say so.
pub(crate) struct VerifySettings {
    /// The subjects, as they were written.
    pub(crate) subjects: Vec<String>,
    /// Files with attestations. If empty, the attached ones count.
    pub(crate) bundles: Vec<PathBuf>,
    /// The type of the statements that count; nothing means those that say how something was built.
    pub(crate) kind: Option<PredicateType>,
    pub(crate) expected: Expected,
    pub(crate) trust: TrustSettings,
    /// The one image of an index, instead of the index.
    pub(crate) platform: Option<Platform>,
    pub(crate) evidence_repository: EvidenceRepository,
    pub(crate) access: Access,
    pub(crate) format: Format,
    /// With each step of the verification and everything that was refused.
    pub(crate) explain: bool,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl VerifySettings {
    pub(crate) fn resolve(arguments: &Verify, context: &Context<'_>) -> Result<Self, Failure> {
        let access = caching_access(&arguments.network, &arguments.caching, context)?;
        let keys = key_access_beside(&access, context);
        let own = arguments.source_repository.as_ref().and_then(own_workflow);
        Ok(Self {
            subjects: arguments.subjects.clone(),
            bundles: arguments.bundle.clone(),
            kind: arguments.kind.clone(),
            trust: TrustSettings::with_fallback(&arguments.trust, own, &keys, context)?,
            expected: expected(arguments)?,
            platform: arguments.platform.platform.clone(),
            evidence_repository: EvidenceRepository::resolve(&arguments.repository, context),
            access,
            format: arguments.output,
            explain: arguments.explain,
            file: arguments.file.output_file.clone(),
        })
    }
}

fn expected(arguments: &Verify) -> Result<Expected, Failure> {
    let text = |exact: Option<&String>, pattern: Option<&String>| -> Result<Option<Text>, Failure> {
        Ok(match (exact, pattern) {
            (Some(exact), _) => Some(Text::Exact(exact.clone())),
            (None, Some(pattern)) => Some(Text::Pattern(Pattern::new(pattern)?)),
            (None, None) => None,
        })
    };
    Ok(Expected {
        builder: text(arguments.builder_id.as_ref(), arguments.builder_id_regexp.as_ref())?,
        build_type: text(arguments.build_type.as_ref(), None)?,
        repository: arguments.source_repository.clone(),
        reference: text(arguments.source_ref.as_ref(), arguments.source_ref_regexp.as_ref())?,
        commit: arguments.source_digest.clone(),
        config: arguments.build_config.clone(),
        parameters: arguments.parameter.clone(),
        no_other_parameters: arguments.no_other_parameters,
        materials: arguments.material.clone(),
        pinned_materials: arguments.pinned_materials,
        level: arguments.slsa_level,
        builders: arguments.trust_builder.clone(),
        subject_name: arguments.subject_name.clone(),
    })
}

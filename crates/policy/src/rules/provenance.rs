//! `provenance`: it was built as the policy expects.
//!
//! ```yaml
//! provenance:
//!   signedBy: [{ name: release workflow, identity: { … } }]
//!   builderId: https://github.com/actions/runner/github-hosted
//!   sourceRepository: https://github.com/team/app
//!   sourceRef: { pattern: 'refs/tags/v.*' }
//!   deployers: [{ name: deploy robot, key: { file: keys/deploy.pub } }]
//! ```
//!
//! A provenance is a SLSA provenance, v0.2 or v1, about the exact digest of the platform's manifest or its index. One by a named
//! signer that is as expected is enough ([`crate::quorum`]). [`plimsoll_verify::provenance`] reads it and compares it, first with
//! the certificate: a build that says something else about itself than the issuer vouches for proves nothing.
//!
//! Nobody may attest how something was built and deploy it as well: a provenance that one of `deployers` signed does not count,
//! however the certificate spells the name.

use jiff::Timestamp;
use plimsoll_verify::provenance::{Expected, Level, Repository, RequiredMaterial, examine};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::RuleName;
use crate::action::Action;
use crate::authority::{Authority, AuthoritySpec};
use crate::evidence::{AttestationSearch, ImageDigests};
use crate::identity::Text;
use crate::lint::{Code, Lint};
use crate::policy::Policy;
use crate::quorum::{self, Candidate, Quorum, Wanted, WantedType};
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

const NAME: RuleName = RuleName::built_in("provenance");
pub(crate) const SIGNED_BY: &str = "spec.provenance.signedBy";
pub(crate) const DEPLOYERS: &str = "spec.provenance.deployers";

/// How images must have been built. The names are those of the flags of `provenance verify`; what is left out is not compared.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("required" = ["signedBy"]))]
pub(crate) struct ProvenanceSpec {
    /// Who may have signed it. One of them is enough.
    #[serde(default, skip_serializing)]
    #[schemars(length(min = 1))]
    pub(crate) signed_by: Setting<Vec<AuthoritySpec>>,
    /// Who deploys. None of them may have signed it.
    #[serde(default, skip_serializing)]
    pub(crate) deployers: Setting<Vec<AuthoritySpec>>,
    /// Who ran the build: a URI.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    builder_id: Setting<Text>,
    /// The build type: a URI.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    build_type: Setting<Text>,
    /// The repository that was built: `https://github.com/team/app`.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    source_repository: Setting<String>,
    /// Its whole ref: `refs/heads/main` is neither `main` nor `refs/tags/main`.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    source_ref: Setting<Text>,
    /// The build configuration, as a path within the source: `.github/workflows/release.yml`.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    build_config: Setting<String>,
    /// External parameters and their values: by name, by names joined by dots, or by a JSON Pointer.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    parameters: Setting<BTreeMap<String, String>>,
    /// Whether external parameters other than these and the source are refused.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    no_other_parameters: Setting<bool>,
    /// Inputs that the build must have had: `URI`, with any digest, or `URI@ALGORITHM:HEX`.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    materials: Setting<Vec<String>>,
    /// Whether there must be inputs, each with a digest.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    pinned_materials: Setting<bool>,
    /// The lowest level of SLSA's build track.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    #[schemars(range(min = 1, max = 3))]
    slsa_level: Setting<u8>,
    /// Builders by their whole ID, each with the level that it reaches if a named signer signed for it.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    trusted_builders: Setting<BTreeMap<String, u8>>,
    /// What follows if there is none.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    action: Setting<Action>,
}

/// The requirement.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProvenancePolicy {
    pub(crate) signed_by: Vec<Authority>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deployers: Vec<Authority>,
    #[serde(flatten)]
    written: ProvenanceSpec,
    #[serde(skip)]
    expected: Expected,
    #[serde(skip)]
    action: Action,
}

impl ProvenanceSpec {
    /// The requirement, or where something is wrong with it, and what. The caller reads the keys.
    pub(crate) fn resolve(
        self,
        signed_by: Vec<Authority>,
        deployers: Vec<Authority>,
    ) -> Result<ProvenancePolicy, (String, String)> {
        let at = |field: &str| format!("spec.provenance.{field}");
        let wrong = |field: &str, error: plimsoll_verify::Error| (at(field), error.to_string());
        if signed_by.is_empty() {
            return Err((SIGNED_BY.to_owned(), "names no signer, expected at least one".to_owned()));
        }
        if let Some(both) = deployers.iter().find(|deployer| signed_by.iter().any(|it| it.same_as(deployer)))
        {
            let reason =
                format!("{} is among the signers too, so that nothing it signs can count", both.name);
            return Err((DEPLOYERS.to_owned(), reason));
        }
        let level = |field: &str, number: u8| {
            number.to_string().parse::<Level>().map_err(|error| wrong(field, error))
        };
        let written = self.clone();
        let repository: Option<Repository> = self
            .source_repository
            .into_option()
            .map(|address| address.parse())
            .transpose()
            .map_err(|error| wrong("sourceRepository", error))?;
        let materials = self.materials.into_option().unwrap_or_default();
        let materials: Vec<RequiredMaterial> = materials
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()
            .map_err(|error| wrong("materials", error))?;
        let builders = self.trusted_builders.into_option().unwrap_or_default().into_iter();
        let builders = builders
            .map(|(id, number)| level("trustedBuilders", number).map(|level| (id, level)))
            .collect::<Result<Vec<_>, _>>()?;
        let slsa_level = self.slsa_level.into_option();
        let expected = Expected {
            builder: self.builder_id.into_option().map(|text| text.0),
            build_type: self.build_type.into_option().map(|text| text.0),
            repository,
            reference: self.source_ref.into_option().map(|text| text.0),
            commit: None,
            config: self.build_config.into_option(),
            parameters: self.parameters.into_option().unwrap_or_default().into_iter().collect(),
            no_other_parameters: self.no_other_parameters.or(false),
            materials,
            pinned_materials: self.pinned_materials.or(false),
            level: slsa_level.map(|number| level("slsaLevel", number)).transpose()?,
            builders,
            subject_name: None,
        };
        let action = self.action.or_default();
        Ok(ProvenancePolicy { signed_by, deployers, written, expected, action })
    }
}

impl ProvenancePolicy {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            kind: WantedType::Provenance,
            signed_by: &self.signed_by,
            list: SIGNED_BY,
            threshold: 1,
            max_age: None,
            reads_predicate: true,
        }
    }

    /// Which of the attestations that were found count.
    fn quorum<'p>(&'p self, found: &AttestationSearch, digests: &ImageDigests, now: Timestamp) -> Quorum<'p> {
        Quorum::new(found, self.wanted(), digests, now, &|it| self.accepts(it))
    }

    /// Whether nobody who deploys signed it, and it says what is expected; or why not.
    fn accepts(&self, it: &Candidate<'_>) -> Result<Option<Timestamp>, String> {
        if let Some(deployer) = self.deployers.iter().find(|entry| entry.may_be(&it.signed.signer)) {
            return Err(format!("{} signed it, who deploys and may not attest a build", deployer.name));
        }
        let examined = examine(it.statement, it.about, &self.expected, it.limits);
        let examined = examined.map_err(|error| error.to_string())?;
        match examined.difference() {
            None => Ok(None),
            Some(difference) => Err(difference.to_string()),
        }
    }

    /// Whether it says what was built: without that, any build by the signers counts.
    fn names_a_source(&self) -> bool {
        self.expected.repository.is_some()
    }
}

/// The rule.
pub(crate) struct ProvenanceRule;

impl Rule for ProvenanceRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "It was built as expected."
    }

    fn section(&self) -> &'static str {
        "spec.provenance"
    }

    fn needs(&self, policy: &Policy) -> Needs {
        Needs { attestations: policy.provenance.is_some(), ..Needs::default() }
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn attestations<'a>(&'a self, policy: &'a Policy) -> Option<Wanted<'a>> {
        policy.provenance.as_ref().map(ProvenancePolicy::wanted)
    }

    fn has_enough(
        &self,
        policy: &Policy,
        found: &AttestationSearch,
        digests: &ImageDigests,
        now: Timestamp,
    ) -> bool {
        policy.provenance.as_ref().is_none_or(|wanted| wanted.quorum(found, digests, now).is_reached())
    }

    fn lint(&self, policy: &Policy, now: Timestamp, lint: &mut Lint) {
        let Some(provenance) = &policy.provenance else { return };
        lint.authorities(SIGNED_BY, &provenance.signed_by, now);
        lint.authorities(DEPLOYERS, &provenance.deployers, now);
        lint.action("spec.provenance.action", provenance.action, policy.phase);
        for (index, deployer) in provenance.deployers.iter().enumerate() {
            if let Some(signer) = provenance.signed_by.iter().find(|it| it.overlaps(deployer)) {
                let message = format!(
                    "{} deploys and may also fit {}, who attests builds; what it signs never counts",
                    deployer.name, signer.name
                );
                let path = format!("{DEPLOYERS}[{index}]");
                lint.warn(Code::DeployerBuilds, &path, message, "narrow the pattern of the signer");
            }
        }
        if !provenance.names_a_source() {
            let message = "any repository may have been built: the signers decide alone";
            let hint = "name the repository in sourceRepository";
            lint.warn(Code::ProvenanceWithoutSource, "spec.provenance.sourceRepository", message, hint);
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let Some(wanted) = &context.policy.provenance else {
            let reason = "the policy does not ask how it was built";
            return Answer::new(NAME, Outcome::NotApplicable, Effect::Block, reason);
        };
        let counted =
            |found: &AttestationSearch, digests: &ImageDigests| wanted.quorum(found, digests, context.now);
        let effect = effect_of(wanted.action);
        quorum::answer(context, NAME, effect, "provenance", counted).or_waived(context)
    }
}

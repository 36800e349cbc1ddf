//! Identities as documents write them: the subject that a certificate must have been issued to.
//!
//! ```yaml
//! identity:
//!   issuer: https://token.actions.githubusercontent.com
//!   subject: { pattern: 'https://github\.com/team/app/\.github/workflows/release\.yml@refs/tags/v.*' }
//!   claims: { runner-environment: github-hosted, build-trigger: push }
//! ```
//!
//! A text is compared as a whole, and a pattern matches from the first character to the last: nothing here matches a
//! part of a subject. The issuer is required, because a subject means nothing without the issuer that vouches for it
//! (CVE-2022-36056).

use std::borrow::Cow;
use std::fmt;

use plimsoll_verify as verify;
use plimsoll_verify::{Claim, Identity};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::setting::Instant;
use crate::setting::{Setting, given};

/// A certificate subject is a URI or an address; no honest one is longer.
const MAX_TEXT: usize = 2048;

/// The identity that a certificate must have been issued to, and the time during which signatures with it count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IdentitySpec {
    /// Who vouched for the subject: the URL of an `OpenID` provider.
    pub(crate) issuer: Text,
    /// The subject alternative name of the certificate: a URI or an e-mail address.
    pub(crate) subject: Text,
    /// Further claims that the certificate must all have.
    #[serde(default, deserialize_with = "given")]
    pub(crate) claims: ClaimsSpec,
    /// Signatures count if they were made from this instant on.
    #[serde(default)]
    #[schemars(with = "Setting<Instant>")]
    pub(crate) not_before: Setting<jiff::Timestamp>,
    /// Signatures count if they were made before this instant.
    #[serde(default)]
    #[schemars(with = "Setting<Instant>")]
    pub(crate) not_after: Setting<jiff::Timestamp>,
}

/// A text, or a pattern for the whole of it.
#[derive(Debug, Clone)]
pub(crate) struct Text(pub(crate) verify::Text);

macro_rules! claims {
    ($($(#[doc = $doc:literal])+ $field:ident = $claim:ident,)+) => {
        /// Claims of the certificate, by the names that `--certificate-claim` takes.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
        pub(crate) struct ClaimsSpec {
            $($(#[doc = $doc])+ $field: Setting<Text>,)+
        }

        impl ClaimsSpec {
            fn into_list(self) -> Vec<(Claim, verify::Text)> {
                let all = [$((Claim::$claim, self.$field.into_option()),)+];
                all.into_iter().filter_map(|(claim, text)| Some((claim, text?.0))).collect()
            }
        }
    };
}

claims! {
    /// The build configuration that signed, with its ref.
    build_signer_uri = BuildSignerUri,
    /// Its commit.
    build_signer_digest = BuildSignerDigest,
    /// `github-hosted` or `self-hosted`.
    runner_environment = RunnerEnvironment,
    /// The URL of the repository that was built.
    source_repository = SourceRepository,
    /// Its commit.
    source_digest = SourceDigest,
    /// Its ref, such as `refs/heads/main`.
    source_ref = SourceRef,
    /// The provider's permanent ID of the repository.
    source_repository_id = SourceRepositoryId,
    /// The URL of the repository's owner.
    source_owner = SourceOwner,
    /// The provider's permanent ID of the owner.
    source_owner_id = SourceOwnerId,
    /// The build configuration that ran, such as a workflow file, with its ref.
    build_config = BuildConfig,
    /// Its commit.
    build_config_digest = BuildConfigDigest,
    /// The event, such as `push` or `release`.
    build_trigger = BuildTrigger,
    /// The URL of the run.
    run_invocation = RunInvocation,
    /// `public`, `private` or `internal`.
    source_visibility = SourceVisibility,
    /// The deployment environment.
    deployment_environment = DeploymentEnvironment,
    /// The raw `sub` of the token.
    token_subject = TokenSubject,
    /// The name of a GitHub workflow.
    workflow_name = WorkflowName,
}

impl IdentitySpec {
    pub(crate) fn into_identity(self) -> Identity {
        Identity { issuer: self.issuer.0, subject: self.subject.0, claims: self.claims.into_list() }
    }
}

/// The identity as it enters the effective digest.
#[derive(Serialize)]
pub(crate) struct WrittenIdentity<'a> {
    issuer: WrittenText<'a>,
    subject: WrittenText<'a>,
    claims: std::collections::BTreeMap<Claim, WrittenText<'a>>,
}

impl<'a> From<&'a Identity> for WrittenIdentity<'a> {
    fn from(identity: &'a Identity) -> Self {
        let claims = identity.claims.iter().map(|(claim, text)| (*claim, WrittenText(text)));
        Self {
            issuer: WrittenText(&identity.issuer),
            subject: WrittenText(&identity.subject),
            claims: claims.collect(),
        }
    }
}

struct WrittenText<'a>(&'a verify::Text);

impl Serialize for WrittenText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            verify::Text::Exact(text) => serializer.serialize_str(text),
            verify::Text::Pattern(pattern) => {
                std::collections::BTreeMap::from([("pattern", pattern.source())]).serialize(serializer)
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternSpec {
    pattern: String,
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenText(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or { pattern: REGULAR EXPRESSION }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                if text.trim().is_empty() || text.len() > MAX_TEXT {
                    return Err(E::custom(format!("expected a text of 1 to {MAX_TEXT} bytes")));
                }
                Ok(Text(verify::Text::Exact(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                let PatternSpec { pattern } = PatternSpec::deserialize(MapAccessDeserializer::new(map))?;
                if pattern.trim().is_empty() {
                    return Err(A::Error::custom("an empty pattern matches nothing, expected a pattern"));
                }
                let pattern = verify::Pattern::new(&pattern).map_err(A::Error::custom)?;
                Ok(Text(verify::Text::Pattern(pattern)))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "IdentityText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text, or a regular expression that matches the whole of it.",
            "oneOf": [
                { "type": "string", "minLength": 1, "maxLength": MAX_TEXT },
                {
                    "type": "object",
                    "properties": { "pattern": { "type": "string", "minLength": 1, "maxLength": 4096 } },
                    "required": ["pattern"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every claim that the verifier knows must have a field here.
    #[test]
    fn every_claim_can_be_written() {
        let all: serde_json::Map<String, serde_json::Value> =
            Claim::ALL.iter().map(|claim| (claim.name().to_owned(), "x".into())).collect();
        let spec: ClaimsSpec = serde_json::from_value(all.into()).unwrap();
        let list = spec.into_list();
        let read: std::collections::BTreeSet<Claim> = list.iter().map(|(claim, _)| *claim).collect();
        assert_eq!(read, Claim::ALL.into());
    }
}

//! From the keys, identities and the trusted root in a document to authorities.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use plimsoll_verify::person::folded;
use plimsoll_verify::{PublicKey, TrustedRoot};

use super::{KeyFiles, TrustPolicy};
use crate::authority::{Authority, KeyOrIdentity};
use crate::authority::{AuthoritySpec, KeySpec};
use crate::error::Error;
use crate::identity::IdentitySpec;
use crate::rule::Rule;
use crate::rules::attestation::{AttestationRule, AttestationSpec};
use crate::rules::provenance::{DEPLOYERS, ProvenancePolicy, ProvenanceSpec, SIGNED_BY};
use crate::rules::signatures::{SignaturePolicy, SignaturesSpec};
use crate::setting::Setting;
use crate::spec::TrustSpec;

/// Reads who may sign images, and refuses requirements that nobody could satisfy.
pub(super) fn signatures(
    spec: SignaturesSpec,
    strict: bool,
    keys: &Keys<'_>,
) -> Result<SignaturePolicy, Error> {
    let threshold_given = spec.threshold.is_set();
    let policy = SignaturePolicy {
        required: spec.required.or(strict),
        threshold: spec.threshold.or(NonZeroU32::MIN),
        any_of: keys.authorities(spec.any_of, "spec.signatures.anyOf")?,
        all_of: keys.authorities(spec.all_of, "spec.signatures.allOf")?,
    };
    let invalid = |path: &str, reason: String| {
        Err(Error::Invalid { origin: keys.origin.to_owned(), path: path.to_owned(), reason })
    };
    let names: BTreeSet<String> = policy.entries().map(|entry| folded(&entry.name)).collect();
    if names.len() < policy.any_of.len() + policy.all_of.len() {
        let reason = "has a name that an entry of anyOf has too; a verdict could not tell them apart";
        return invalid("spec.signatures.allOf", reason.to_owned());
    }
    if policy.required && names.is_empty() {
        return invalid(
            "spec.signatures.anyOf",
            "signatures are required, but no signer is named; name one or set `required: false`".to_owned(),
        );
    }
    if threshold_given && policy.any_of.is_empty() && !policy.all_of.is_empty() {
        let reason = "counts entries of anyOf, and there is none".to_owned();
        return invalid("spec.signatures.threshold", reason);
    }
    let distinct = distinct(&policy.any_of);
    let threshold = policy.threshold;
    if !policy.any_of.is_empty() && threshold.get() as usize > distinct {
        let reason = format!("got threshold {threshold} with only {distinct} distinct keys and identities");
        return invalid("spec.signatures.threshold", reason);
    }
    let everybody = policy.entries().cloned().collect::<Vec<_>>();
    if policy.all_of.len() + usize::from(!policy.any_of.is_empty()) * threshold.get() as usize
        > self::distinct(&everybody)
    {
        let reason = "asks for more signers than there are distinct keys and identities".to_owned();
        return invalid("spec.signatures.allOf", reason);
    }
    Ok(policy)
}

/// The most attestations that a policy can ask for: far more than images have.
const MAX_ATTESTATIONS: usize = 64;

/// Reads which attestations images must have.
pub(super) fn attestations(
    specs: Setting<Vec<AttestationSpec>>,
    keys: &Keys<'_>,
) -> Result<Vec<AttestationRule>, Error> {
    const LIST: &str = "spec.attestations";
    let invalid =
        |(path, reason): (String, String)| Error::Invalid { origin: keys.origin.to_owned(), path, reason };
    let specs = specs.into_option().unwrap_or_default();
    if specs.len() > MAX_ATTESTATIONS {
        let reason = format!("got {}, expected at most {MAX_ATTESTATIONS}", specs.len());
        return Err(invalid((LIST.to_owned(), reason)));
    }
    let mut rules: Vec<AttestationRule> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, mut spec) in specs.into_iter().enumerate() {
        let path = format!("{LIST}[{index}]");
        if !names.insert(spec.name.0.clone()) {
            let reason = format!("got {}, which another entry of the list is called", spec.name.0);
            return Err(invalid((format!("{path}.name"), reason)));
        }
        let signed_by = std::mem::take(&mut spec.signed_by);
        let signed_by = keys.authorities(signed_by, &format!("{path}.signedBy"))?;
        let distinct = distinct(&signed_by);
        rules.push(spec.resolve(&path, signed_by, distinct).map_err(invalid)?);
    }
    rules.sort_by_key(Rule::name);
    Ok(rules)
}

/// Reads how images must have been built.
pub(super) fn provenance(
    spec: Setting<ProvenanceSpec>,
    keys: &Keys<'_>,
) -> Result<Option<ProvenancePolicy>, Error> {
    let Some(mut spec) = spec.into_option() else { return Ok(None) };
    let signed_by = keys.authorities(std::mem::take(&mut spec.signed_by), SIGNED_BY)?;
    let deployers = keys.authorities(std::mem::take(&mut spec.deployers), DEPLOYERS)?;
    let resolved = spec.resolve(signed_by, deployers);
    let invalid = |(path, reason)| Error::Invalid { origin: keys.origin.to_owned(), path, reason };
    resolved.map(Some).map_err(invalid)
}

/// How many of these are neither the same key nor the same identity as an earlier one.
fn distinct(authorities: &[Authority]) -> usize {
    let (mut keys, mut identities) = (BTreeSet::new(), Vec::<&Authority>::new());
    for authority in authorities {
        match &authority.who {
            KeyOrIdentity::Key(key) => {
                keys.insert(key.id());
            }
            KeyOrIdentity::Identity(_) => {
                if !identities.iter().any(|known| known.same_as(authority)) {
                    identities.push(authority);
                }
            }
        }
    }
    keys.len() + identities.len()
}

/// Reads the keys, identities and trusted root of one document.
pub(super) struct Keys<'a> {
    pub(super) origin: &'a str,
    pub(super) files: &'a dyn KeyFiles,
}

impl Keys<'_> {
    pub(super) fn authorities(
        &self,
        specs: Setting<Vec<AuthoritySpec>>,
        path: &str,
    ) -> Result<Vec<Authority>, Error> {
        let mut names = BTreeSet::new();
        let mut authorities = Vec::new();
        for (index, spec) in specs.into_option().unwrap_or_default().into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let name = spec.name.trim().to_owned();
            if name.is_empty() || name.len() > 256 || !names.insert(folded(&name)) {
                return Err(Error::Invalid {
                    origin: self.origin.to_owned(),
                    path: format!("{path}.name"),
                    reason: "expected a name of 1 to 256 bytes that no other entry of the list has"
                        .to_owned(),
                });
            }
            authorities.push(self.authority(name, spec, &path)?);
        }
        Ok(authorities)
    }

    fn authority(&self, name: String, spec: AuthoritySpec, path: &str) -> Result<Authority, Error> {
        match (spec.key.into_option(), spec.identity.into_option()) {
            (Some(key), None) => self.by_key(name, key, &format!("{path}.key")),
            (None, Some(identity)) => Ok(by_identity(name, identity)),
            (None, None) => Err(self.invalid(path, "names no signer, expected `key` or `identity`")),
            (Some(_), Some(_)) => Err(self.invalid(path, "got both `key` and `identity`, expected one")),
        }
    }

    fn invalid(&self, path: &str, reason: &str) -> Error {
        Error::Invalid { origin: self.origin.to_owned(), path: path.to_owned(), reason: reason.to_owned() }
    }

    fn by_key(&self, name: String, spec: KeySpec, path: &str) -> Result<Authority, Error> {
        let fault =
            |reason: String| Error::Key { origin: self.origin.to_owned(), path: path.to_owned(), reason };
        let (pem, source) = match (spec.file.into_option(), spec.pem.into_option()) {
            (Some(file), None) => (self.files.read(&file).map_err(fault)?, format!("{file}: ")),
            (None, Some(pem)) => (pem.into_bytes(), String::new()),
            (None, None) => return Err(fault("got no key, expected `file` or `pem`".to_owned())),
            (Some(_), Some(_)) => return Err(fault("got both `file` and `pem`, expected one".to_owned())),
        };
        let key = PublicKey::from_pem(&pem).map_err(|error| fault(format!("{source}{error}")))?;
        Ok(Authority {
            name,
            who: KeyOrIdentity::Key(key),
            logged: spec.transparency_log.or(false),
            not_before: spec.not_before.into_option(),
            not_after: spec.not_after.into_option(),
        })
    }

    pub(super) fn trust(&self, spec: TrustSpec) -> Result<TrustPolicy, Error> {
        let root = match spec.root.into_option() {
            None => None,
            Some(file) => {
                let fault = |reason: String| Error::Key {
                    origin: self.origin.to_owned(),
                    path: "spec.trust.root".to_owned(),
                    reason: format!("{file}: {reason}"),
                };
                let bytes = self.files.read(&file).map_err(fault)?;
                Some(TrustedRoot::parse(&bytes).map_err(|error| fault(error.to_string()))?)
            }
        };
        let policy = TrustPolicy {
            root_digest: root.as_ref().map(TrustedRoot::digest),
            root: root.map(Arc::new),
            transparency_log: spec.transparency_log.or(true),
            certificate_log: spec.certificate_log.or(true),
            timestamps: spec.timestamps.or(0),
        };
        if policy.timestamps > 16 {
            return Err(self.invalid("spec.trust.timestamps", "expected at most 16"));
        }
        if !policy.transparency_log && policy.timestamps == 0 {
            let reason =
                "without a log, only a timestamp shows when a certificate was used, expected 1 or more";
            return Err(self.invalid("spec.trust.timestamps", reason));
        }
        Ok(policy)
    }
}

fn by_identity(name: String, mut spec: IdentitySpec) -> Authority {
    let (not_before, not_after) = (std::mem::take(&mut spec.not_before), std::mem::take(&mut spec.not_after));
    Authority {
        name,
        who: KeyOrIdentity::Identity(Box::new(spec.into_identity())),
        logged: false,
        not_before: not_before.into_option(),
        not_after: not_after.into_option(),
    }
}

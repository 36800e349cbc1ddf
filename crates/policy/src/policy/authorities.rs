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
use crate::faults::Faults;
use crate::identity::IdentitySpec;
use crate::rule::Rule;
use crate::rules::attestation::{AttestationRule, AttestationSpec};
use crate::rules::provenance::{DEPLOYERS, ProvenancePolicy, ProvenanceSpec, SIGNED_BY};
use crate::rules::signatures::{SignaturePolicy, SignaturesSpec};
use crate::setting::Setting;
use crate::spec::TrustSpec;

/// Reads who may sign images, and refuses requirements that nobody could satisfy.
pub(super) fn signatures(spec: SignaturesSpec, strict: bool, keys: &Keys<'_>) -> SignaturePolicy {
    let threshold_given = spec.threshold.is_set();
    let policy = SignaturePolicy {
        required: spec.required.or(strict),
        threshold: spec.threshold.or(NonZeroU32::MIN),
        any_of: keys.authorities(spec.any_of, "spec.signatures.anyOf"),
        all_of: keys.authorities(spec.all_of, "spec.signatures.allOf"),
    };
    // Each is about the whole list of signers; after one of them, the next would say the same in other words.
    let contradiction = |path: &str, reason: String| {
        keys.faults.consequence(path, &["spec.signatures"], reason);
    };
    let names: BTreeSet<String> = policy.entries().map(|entry| folded(&entry.name)).collect();
    if names.len() < policy.any_of.len() + policy.all_of.len() {
        let reason = "has a name that an entry of anyOf has too; a verdict could not tell them apart";
        contradiction("spec.signatures.allOf", reason.to_owned());
    }
    if policy.required && names.is_empty() {
        contradiction(
            "spec.signatures.anyOf",
            "signatures are required, but no signer is named; name one or set `required: false`".to_owned(),
        );
    }
    if threshold_given && policy.any_of.is_empty() && !policy.all_of.is_empty() {
        let reason = "counts entries of anyOf, and there is none".to_owned();
        contradiction("spec.signatures.threshold", reason);
    }
    let distinct = distinct(&policy.any_of);
    let threshold = policy.threshold;
    if !policy.any_of.is_empty() && threshold.get() as usize > distinct {
        let reason = format!("got threshold {threshold} with only {distinct} distinct keys and identities");
        contradiction("spec.signatures.threshold", reason);
    }
    let everybody = policy.entries().cloned().collect::<Vec<_>>();
    if policy.all_of.len() + usize::from(!policy.any_of.is_empty()) * threshold.get() as usize
        > self::distinct(&everybody)
    {
        let reason = "asks for more signers than there are distinct keys and identities".to_owned();
        contradiction("spec.signatures.allOf", reason);
    }
    policy
}

/// The most attestations that a policy can ask for: far more than images have.
const MAX_ATTESTATIONS: usize = 64;

/// Reads which attestations images must have.
pub(super) fn attestations(specs: Setting<Vec<AttestationSpec>>, keys: &Keys<'_>) -> Vec<AttestationRule> {
    const LIST: &str = "spec.attestations";
    let specs = specs.into_option().unwrap_or_default();
    if specs.len() > MAX_ATTESTATIONS {
        let reason = format!("got {}, expected at most {MAX_ATTESTATIONS}", specs.len());
        keys.faults.invalid(LIST, reason);
        return Vec::new();
    }
    let mut rules: Vec<AttestationRule> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, mut spec) in specs.into_iter().enumerate() {
        let path = format!("{LIST}[{index}]");
        if !names.insert(spec.name.0.clone()) {
            let reason = format!("got {}, which another entry of the list is called", spec.name.0);
            keys.faults.invalid(&format!("{path}.name"), reason);
        }
        let signed_by = std::mem::take(&mut spec.signed_by);
        let signed_by = keys.authorities(signed_by, &format!("{path}.signedBy"));
        let distinct = distinct(&signed_by);
        rules.extend(keys.resolved(&path, spec.resolve(&path, signed_by, distinct)));
    }
    rules.sort_by_key(Rule::name);
    rules
}

/// Reads how images must have been built.
pub(super) fn provenance(spec: Setting<ProvenanceSpec>, keys: &Keys<'_>) -> Option<ProvenancePolicy> {
    let mut spec = spec.into_option()?;
    let signed_by = keys.authorities(std::mem::take(&mut spec.signed_by), SIGNED_BY);
    let deployers = keys.authorities(std::mem::take(&mut spec.deployers), DEPLOYERS);
    keys.resolved("spec.provenance", spec.resolve(signed_by, deployers))
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
    pub(super) faults: &'a Faults<'a>,
    pub(super) files: &'a dyn KeyFiles,
}

impl Keys<'_> {
    pub(super) fn authorities(&self, specs: Setting<Vec<AuthoritySpec>>, path: &str) -> Vec<Authority> {
        let mut names = BTreeSet::new();
        let mut authorities = Vec::new();
        for (index, spec) in specs.into_option().unwrap_or_default().into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let name = spec.name.trim().to_owned();
            if name.is_empty() || name.len() > 256 || !names.insert(folded(&name)) {
                let reason = "expected a name of 1 to 256 bytes that no other entry of the list has";
                self.faults.invalid(&format!("{path}.name"), reason);
            }
            authorities.extend(self.authority(name, spec, &path));
        }
        authorities
    }

    /// None if it is at fault.
    fn authority(&self, name: String, spec: AuthoritySpec, path: &str) -> Option<Authority> {
        match (spec.key.into_option(), spec.identity.into_option()) {
            (Some(key), None) => {
                let (logged, start, end) =
                    (key.transparency_log.clone(), key.not_before.clone(), key.not_after.clone());
                let path = format!("{path}.key");
                if !key.file.is_set() && !key.pem.is_set() {
                    self.faults.consequence(&path, &[&path], "got no key, expected `file` or `pem`");
                    return None;
                }
                let key = self.kept(&path, self.key(key))?;
                Some(Authority {
                    name,
                    who: KeyOrIdentity::Key(key),
                    logged: logged.or(false),
                    not_before: start.into_option(),
                    not_after: end.into_option(),
                })
            }
            (None, Some(identity)) => Some(by_identity(name, identity)),
            // A fault of one of them may have left the other without it.
            (None, None) => {
                self.faults.consequence(path, &[path], "names no signer, expected `key` or `identity`");
                None
            }
            (Some(_), Some(_)) => {
                self.faults.invalid(path, "got both `key` and `identity`, expected one");
                None
            }
        }
    }

    /// What the section at `section` comes to; otherwise its fault is taken, unless a part of it has one already.
    fn resolved<T>(&self, section: &str, resolved: Result<T, (String, String)>) -> Option<T> {
        resolved.map_err(|(path, reason)| self.faults.consequence(&path, &[section], reason)).ok()
    }

    /// What could be read; otherwise its fault is taken.
    fn kept<T>(&self, path: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|reason| {
            let origin = self.faults.origin.to_owned();
            self.faults.add(path, Error::Key { origin, path: path.to_owned(), reason });
        })
        .ok()
    }

    fn key(&self, spec: KeySpec) -> Result<PublicKey, String> {
        let (pem, source) = match (spec.file.into_option(), spec.pem.into_option()) {
            (Some(file), None) => (self.files.read(&file)?, format!("{file}: ")),
            (None, Some(pem)) => (pem.into_bytes(), String::new()),
            (None, None) => return Err("got no key, expected `file` or `pem`".to_owned()),
            (Some(_), Some(_)) => return Err("got both `file` and `pem`, expected one".to_owned()),
        };
        PublicKey::from_pem(&pem).map_err(|error| format!("{source}{error}"))
    }

    pub(super) fn trust(&self, spec: TrustSpec) -> TrustPolicy {
        let root = spec.root.into_option().and_then(|file| {
            let root = self
                .files
                .read(&file)
                .and_then(|bytes| TrustedRoot::parse(&bytes).map_err(|error| error.to_string()));
            self.kept("spec.trust.root", root.map_err(|reason| format!("{file}: {reason}")))
        });
        let policy = TrustPolicy {
            root_digest: root.as_ref().map(TrustedRoot::digest),
            root: root.map(Arc::new),
            transparency_log: spec.transparency_log.or(true),
            certificate_log: spec.certificate_log.or(true),
            timestamps: spec.timestamps.or(0),
        };
        if policy.timestamps > 16 {
            self.faults.invalid("spec.trust.timestamps", "expected at most 16");
        }
        if !policy.transparency_log && policy.timestamps == 0 {
            let reason =
                "without a log, only a timestamp shows when a certificate was used, expected 1 or more";
            let of = ["spec.trust.timestamps", "spec.trust.transparencyLog"];
            self.faults.consequence("spec.trust.timestamps", &of, reason);
        }
        policy
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

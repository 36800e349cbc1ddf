//! From the flags about trust to what a verification asks for, in one place for every command that verifies.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use plimsoll_core::{Kind, Limits, Timestamp};
use plimsoll_keys as key;
use plimsoll_keys::KeyAccess;
use plimsoll_trust as trust;
use plimsoll_verify::{
    Check, Claim, Identity, Pattern, PublicKey, Requirements, Text, Trusted, TrustedKey, TrustedRoot,
};

use super::Context;
use crate::args::trust_flags::{GitHub, KeyReference, Trust};
use crate::failure::Failure;

/// Whose signatures count, and what must accompany them.
#[derive(Debug)]
pub(crate) struct TrustSettings {
    signers: TrustedSigners,
    root: Option<TrustedRoot>,
    requirements: Requirements,
    now: Timestamp,
}

#[derive(Debug)]
enum TrustedSigners {
    Keys(Vec<TrustedKey>),
    Identities(Vec<Identity>),
}

impl TrustSettings {
    /// Reads the keys and the trusted root that the flags name; `access` is for keys that a service keeps.
    pub(crate) fn new(flags: &Trust, access: &KeyAccess, context: &Context<'_>) -> Result<Self, Failure> {
        Self::with_fallback(flags, None, access, context)
    }

    /// The same, but `fallback` is trusted if the flags name nobody.
    pub(crate) fn with_fallback(
        flags: &Trust,
        fallback: Option<Identity>,
        access: &KeyAccess,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let (signers, now) = (signers(flags, fallback, access)?, context.clock()());
        let timestamps = flags.timestamps.unwrap_or(usize::from(flags.use_signed_timestamps));
        let requirements =
            Requirements { logs: logs(flags)?, timestamps, certificate_log: !flags.insecure_ignore_sct };
        let root = match (&flags.trusted_root, &flags.instance, &signers) {
            // Nothing is left to verify with it.
            (None, None, TrustedSigners::Keys(_)) if requirements.logs.is_none() && timestamps == 0 => None,
            (path, instance, _) => {
                let folder = context.trust_folder().ok();
                let choice = trust::Choice {
                    file: path.as_deref(),
                    instance: instance.as_deref().unwrap_or(trust::PUBLIC_GOOD),
                    folder: folder.as_deref(),
                    now,
                    http: &access.http,
                };
                Some(trust::current(&choice)?.root)
            }
        };
        Ok(Self { signers, root, requirements, now })
    }

    /// The same for the verifier.
    pub(crate) fn check(&self) -> Check<'_> {
        let trusted = match &self.signers {
            TrustedSigners::Keys(keys) => Trusted::Keys(keys),
            TrustedSigners::Identities(identities) => Trusted::Identities(identities),
        };
        Check { trusted, root: self.root.as_ref(), requirements: self.requirements, now: self.now }
    }

    /// Refuses a threshold that so few keys can never reach: the mistake would only show as a refusal.
    pub(crate) fn allows(&self, threshold: NonZeroUsize) -> Result<(), Failure> {
        let TrustedSigners::Keys(keys) = &self.signers else { return Ok(()) };
        let different: BTreeSet<_> = keys.iter().map(|trusted| trusted.key.id()).collect();
        if different.len() >= threshold.get() {
            return Ok(());
        }
        let message =
            format!("--threshold {threshold} with {} different keys can never be satisfied", different.len());
        Err(Failure::new(Kind::Usage, message).with_hint("name each key with a --key of its own"))
    }

    /// The keys for a signature that comes without bundle, which nothing but a key can verify.
    pub(crate) fn keys_alone(&self) -> Result<Vec<PublicKey>, Failure> {
        let TrustedSigners::Keys(keys) = &self.signers else {
            return Err(Failure::new(
                Kind::Usage,
                "a signature without bundle can only be verified with --key",
            ));
        };
        if self.requirements.logs.is_some() || self.requirements.timestamps > 0 {
            return Err(Failure::new(
                Kind::Denied,
                "a signature without bundle has neither log entry nor timestamp",
            )
            .with_hint("to accept it all the same, pass --insecure-ignore-tlog"));
        }
        Ok(keys.iter().map(|trusted| trusted.key.clone()).collect())
    }
}

/// How many logs must contain the signature.
fn logs(flags: &Trust) -> Result<Option<NonZeroUsize>, Failure> {
    match (flags.logs, flags.insecure_ignore_tlog) {
        (Some(logs), true) => Err(Failure::new(
            Kind::Usage,
            format!("--logs {logs} and --insecure-ignore-tlog ask for logs and for none"),
        )),
        (None, true) => Ok(None),
        (logs, false) => Ok(Some(logs.unwrap_or(NonZeroUsize::MIN))),
    }
}

/// The trusted root in the file at `path`.
pub(crate) fn trusted_root(path: &Path) -> Result<TrustedRoot, Failure> {
    let bytes = super::read_within(path, Limits::TRUSTED_ROOT_BYTES, "trusted_root_bytes")?;
    Ok(TrustedRoot::parse(&bytes)?)
}

/// The public key that `reference` names.
fn public_key(reference: &KeyReference, access: &KeyAccess) -> Result<PublicKey, Failure> {
    Ok(key::open_public(reference.as_str(), access)?)
}

fn signers(flags: &Trust, fallback: Option<Identity>, access: &KeyAccess) -> Result<TrustedSigners, Failure> {
    let usage = |message: &str| Failure::new(Kind::Usage, message);
    let identities = identities(flags)?;
    match (flags.key.as_slice(), identities.is_empty()) {
        ([], true) => match fallback {
            Some(identity) => {
                Ok(TrustedSigners::Identities(vec![Identity { claims: claims(flags), ..identity }]))
            }
            None => Err(usage("no trusted key or identity is given")
                .with_hint("pass --key FILE, or --certificate-identity with --certificate-oidc-issuer")),
        },
        ([], false) => Ok(TrustedSigners::Identities(identities)),
        (_, false) => Err(usage("got --key and --certificate-identity, expected one of them")),
        (keys, true) => {
            if !claims(flags).is_empty() {
                return Err(usage("--certificate-claim is about certificates, and --key trusts keys"));
            }
            keys.iter()
                .map(|key| Ok(public_key(key, access)?.into()))
                .collect::<Result<_, Failure>>()
                .map(TrustedSigners::Keys)
        }
    }
}

/// The identities of the flags. A subject counts only with an issuer: one for all, or each its own.
fn identities(flags: &Trust) -> Result<Vec<Identity>, Failure> {
    let usage = |message: &str| Failure::new(Kind::Usage, message);
    let subjects = texts(&flags.certificate_identity, &flags.certificate_identity_regexp)?;
    let issuers = texts(&flags.certificate_oidc_issuer, &flags.certificate_oidc_issuer_regexp)?;
    match (subjects.len(), issuers.len()) {
        (0, 0) => return Ok(Vec::new()),
        (0, _) => {
            return Err(usage("got an issuer and no subject")
                .with_hint("pass --certificate-identity or --certificate-identity-regexp as well"));
        }
        (_, 0) => {
            return Err(usage(
                "got a subject and no issuer: a subject means nothing without the issuer that vouches for it",
            )
            .with_hint("pass --certificate-oidc-issuer or --certificate-oidc-issuer-regexp as well"));
        }
        (_, 1) => {}
        (subjects, issuers) if subjects != issuers => {
            let message =
                format!("got {subjects} subjects and {issuers} issuers, expected as many, or one issuer");
            return Err(usage(&message));
        }
        _ => {
            // Across flags the order in which they were typed is lost, so which belongs to which would be a guess.
            let mixed = |a: &[String], b: &[String]| !a.is_empty() && !b.is_empty();
            if mixed(&flags.certificate_identity, &flags.certificate_identity_regexp)
                || mixed(&flags.certificate_oidc_issuer, &flags.certificate_oidc_issuer_regexp)
            {
                return Err(usage("several issuers, and both texts and patterns: which belong together?")
                    .with_hint("write all subjects and all issuers as patterns"));
            }
        }
    }
    let claims = claims(flags);
    let mut paired = issuers.iter().cycle();
    let identity = |subject| {
        let issuer = paired.next().cloned().ok_or_else(|| usage("no issuer"))?;
        Ok(Identity { issuer, subject, claims: claims.clone() })
    };
    subjects.into_iter().map(identity).collect()
}

/// Identities by whole texts, from flags with these names.
pub(crate) fn exact_identities(
    (subjects, subject_flag): (&[String], &str),
    (issuers, issuer_flag): (&[String], &str),
) -> Result<Vec<Identity>, Failure> {
    let usage = |message: String| Failure::new(Kind::Usage, message);
    match (subjects.len(), issuers.len()) {
        (0, 0) => return Ok(Vec::new()),
        (0, _) => return Err(usage(format!("got {issuer_flag} and no {subject_flag}"))),
        (_, 0) => {
            return Err(usage(format!(
                "got {subject_flag} and no {issuer_flag}: a subject means nothing without the issuer that vouches for it"
            )));
        }
        (_, 1) => {}
        (subjects, issuers) if subjects != issuers => {
            let message =
                format!("got {subjects} subjects and {issuers} issuers, expected as many, or one issuer");
            return Err(usage(message));
        }
        _ => {}
    }
    let (subjects, issuers) = (texts(subjects, &[])?, texts(issuers, &[])?);
    let paired = subjects.into_iter().zip(issuers.into_iter().cycle());
    Ok(paired.map(|(subject, issuer)| Identity { issuer, subject, claims: Vec::new() }).collect())
}

fn texts(exact: &[String], patterns: &[String]) -> Result<Vec<Text>, Failure> {
    if exact.iter().chain(patterns).any(String::is_empty) {
        return Err(Failure::new(Kind::Usage, "got an empty subject or issuer, which would match anybody"));
    }
    let exact = exact.iter().map(|text| Ok(Text::Exact(text.clone())));
    let patterns = patterns.iter().map(|pattern| Ok(Text::Pattern(Pattern::new(pattern)?)));
    exact.chain(patterns).collect()
}

fn claims(flags: &Trust) -> Vec<(Claim, Text)> {
    let GitHub {
        certificate_github_workflow_trigger: trigger,
        certificate_github_workflow_sha: sha,
        certificate_github_workflow_name: name,
        certificate_github_workflow_repository: repository,
        certificate_github_workflow_ref: reference,
    } = &flags.github;
    // The old claim was `owner/name`, the lasting one is a URL.
    let repository = repository.as_ref().map(|repository| {
        if repository.contains("://") {
            repository.clone()
        } else {
            format!("https://github.com/{repository}")
        }
    });
    let named = [
        (Claim::BuildTrigger, trigger.clone()),
        (Claim::SourceDigest, sha.clone()),
        (Claim::WorkflowName, name.clone()),
        (Claim::SourceRepository, repository),
        (Claim::SourceRef, reference.clone()),
    ];
    let named = named.into_iter().filter_map(|(claim, value)| Some((claim, value?)));
    let claims = flags.certificate_claim.iter().cloned().chain(named);
    claims.map(|(claim, value)| (claim, Text::Exact(value))).collect()
}

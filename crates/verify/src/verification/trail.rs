//! What each step of a verification found.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use jiff::Timestamp;
use plimsoll_core::Digest;
use sigstore_types::bundle::SignatureContent;

use crate::{Bundle, Check, NotChecked, Observation, Signer, Step, Verified};

/// What the verification found besides the content.
pub(super) struct Trail {
    signer: Signer,
    times: Vec<Timestamp>,
    observations: Vec<Observation>,
    not_checked: Option<Vec<NotChecked>>,
    /// The artifact it was compared with, if the caller gave one.
    pub(super) artifact: Option<Digest>,
}

impl Trail {
    /// For a signature that was verified by its key alone.
    pub(super) fn by_key_alone(signer: Signer, about: bool) -> Self {
        let mut trail =
            Self { signer, times: Vec::new(), observations: Vec::new(), not_checked: None, artifact: None };
        trail.saw(Step::Material, true, "a public key");
        trail.saw(Step::Content, true, "one signature");
        for step in [Step::Timestamp, Step::LogPromise, Step::SigningTime, Step::LogInclusion, Step::LogEntry]
        {
            trail.saw(step, false, "verified by the key alone");
        }
        let key = trail.signer.to_string();
        trail.saw(Step::Signature, true, format!("valid under {key}"));
        trail.saw(Step::Artifact, about, if about { "named by its digest" } else { "left to the caller" });
        trail.saw(Step::Identity, true, key);
        trail
    }

    fn saw(&mut self, step: Step, checked: bool, saw: impl Into<String>) {
        self.observations.push(Observation { step, checked, saw: saw.into() });
    }

    pub(super) fn finish<T>(self, bundle: &Bundle, value: T) -> Verified<T> {
        let not_checked = self.not_checked.unwrap_or_else(|| bundle.extras());
        Verified::new(value, self.signer, bundle.digest(), not_checked)
            .with_trail(self.times, self.observations)
    }
}

/// Records for each step what it found.
pub(super) fn trail(
    bundle: &Bundle,
    check: &Check<'_>,
    times: Vec<Timestamp>,
    signer: Signer,
    logs: &BTreeSet<Digest>,
    about: Option<Digest>,
) -> Trail {
    let by_certificate = matches!(signer, Signer::Certificate(_));
    let mut trail =
        Trail { signer, times, observations: Vec::new(), not_checked: Some(Vec::new()), artifact: about };
    let (entries, stamps) = (bundle.entries().len(), bundle.timestamps());
    let promises = bundle.entries().iter().filter(|entry| entry.inclusion_promise.is_some()).count();
    let logged = check.requirements.logs.is_some();

    trail.saw(Step::Material, true, if by_certificate { "a certificate" } else { "a public key" });
    trail.saw(Step::Content, true, "one signature");
    trail.saw(Step::Timestamp, stamps > 0, format!("{stamps} by trusted authorities"));
    trail.saw(Step::LogPromise, promises > 0, format!("{promises} by trusted logs"));
    let shown: Vec<String> = trail.times.iter().map(ToString::to_string).collect();
    let shown = if shown.is_empty() { "no trusted time".to_owned() } else { shown.join(", ") };
    trail.saw(Step::SigningTime, !trail.times.is_empty(), shown);
    if by_certificate {
        trail.saw(Step::Chain, true, "valid at every signing time, with its issuers");
        let seen =
            if check.requirements.certificate_log { "in a trusted certificate log" } else { "not required" };
        trail.saw(Step::CertificateLog, check.requirements.certificate_log, seen);
    }
    let index = bundle.entries().first().map(|entry| entry.log_index.as_i64());
    let place = index.map_or_else(|| "no entry".to_owned(), |index| format!("entry {index}"));
    trail.saw(Step::LogInclusion, logged, if logged { place } else { "not required".to_owned() });
    trail.saw(
        Step::LogThreshold,
        logged,
        format!("{} of {}", logs.len(), check.requirements.logs.map_or(0, NonZeroUsize::get)),
    );
    let key = trail.signer.to_string();
    trail.saw(Step::Signature, true, "valid");
    trail.saw(Step::LogEntry, entries > 0, format!("{entries} compared with the bundle"));
    if matches!(bundle.content(), SignatureContent::DsseEnvelope(_)) {
        trail.saw(Step::Statement, true, "parsed strictly");
    }
    let named = about.map_or_else(|| "left to the caller".to_owned(), |digest| digest.to_string());
    trail.saw(Step::Artifact, about.is_some(), named);
    trail.saw(Step::Identity, true, key);
    if !logged && entries > 0 {
        trail.not_checked = Some(vec![NotChecked::TransparencyLog]);
    }
    trail
}

//! `plimsoll verify`, `plimsoll verify-attestation`.

use std::collections::BTreeMap;

use plimsoll_core::{Digest, Kind, Platform};
use plimsoll_gather::{Access, Attached, Extent, Proof, attached};
use plimsoll_judge::PredicateForm;
use plimsoll_verify::{COSIGN_SIGN_V1, PredicateType, Step};
use serde_json::Value;

use crate::args::cache_flags::Caching;
use crate::args::shared::Network;
use crate::args::trust_flags::Outcome;
use crate::args::verify::{AttestationFormat, Format, Verify, VerifyAttestation};
use crate::commands::place::{Meant, Place};
use crate::commands::verification::{Form, finish};
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::report::verification::{Entry, Held, Refused, with_step};
use crate::settings::{self, Context, EvidenceRepository, TrustSettings};

/// cosign's exit codes.
const NO_SIGNATURE: u8 = 10;
const NO_SUCH_TAG: u8 = 11;
const NO_MATCH: u8 = 12;
const NO_CERTIFICATE: u8 = 13;
const OTHER: u8 = 1;

/// What is asked of each image.
struct Request<'a> {
    trust: TrustSettings,
    access: Access,
    wanted: Wanted<'a>,
    outcome: &'a Outcome,
    platform: Option<&'a Platform>,
    recursive: bool,
    repository: EvidenceRepository,
}

/// Which statements count.
enum Wanted<'a> {
    /// Signatures with these annotations.
    Signature(BTreeMap<&'a str, &'a str>),
    /// Attestations of this type, whose predicates fit.
    Attestation(&'a PredicateType, PredicateForm),
}

impl Wanted<'_> {
    fn is(&self, predicate_type: &str) -> bool {
        match self {
            Self::Signature(_) => predicate_type == COSIGN_SIGN_V1,
            Self::Attestation(kind, _) => kind.is(predicate_type),
        }
    }

    fn noun(&self) -> String {
        match self {
            Self::Signature(_) => "signature".to_owned(),
            Self::Attestation(kind, _) => format!("attestation of type {kind}"),
        }
    }
}

pub(super) fn run(arguments: &Verify, context: &Context<'_>, console: Console) -> Result<Exit, Failure> {
    let access = access(&arguments.network, &arguments.caching, context)?;
    let annotations = arguments.annotation.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = Request {
        trust: TrustSettings::new(&arguments.trust, &settings::key_access_beside(&access, context), context)?,
        access,
        wanted: Wanted::Signature(annotations.collect()),
        outcome: &arguments.outcome,
        platform: arguments.platform.platform.as_ref(),
        recursive: arguments.recursive,
        repository: EvidenceRepository::resolve(&arguments.repository, context),
    };
    let form = match arguments.output {
        Format::Table => Form::Table,
        Format::Json => Form::Json,
        Format::Text => Form::Text,
    };
    let entries = request.entries(&arguments.subjects)?;
    let file = arguments.file.output_file.as_deref();
    finish(&entries, form, request.outcome.explain, request.outcome.cosign_exit_codes, file, console)
}

pub(super) fn run_attestation(
    arguments: &VerifyAttestation,
    context: &Context<'_>,
    console: Console,
) -> Result<Exit, Failure> {
    let access = access(&arguments.network, &arguments.caching, context)?;
    let request = Request {
        trust: TrustSettings::new(&arguments.trust, &settings::key_access_beside(&access, context), context)?,
        access,
        wanted: Wanted::Attestation(
            &arguments.kind,
            PredicateForm::load(arguments.schema.as_deref(), context.limits)?,
        ),
        outcome: &arguments.outcome,
        platform: arguments.platform.platform.as_ref(),
        recursive: false,
        repository: EvidenceRepository::resolve(&arguments.repository, context),
    };
    let form = attestation_form(arguments.output);
    let entries = request.entries(&arguments.subjects)?;
    let file = arguments.file.output_file.as_deref();
    finish(&entries, form, request.outcome.explain, request.outcome.cosign_exit_codes, file, console)
}

/// What opening needs, with the cache.
fn access(network: &Network, caching: &Caching, context: &Context<'_>) -> Result<Access, Failure> {
    let cache = settings::registry_cache(caching, network, context);
    Ok(Access { cache, ..settings::access(network, context)? })
}

/// The form of a result with statements.
pub(super) fn attestation_form(format: AttestationFormat) -> Form {
    match format {
        AttestationFormat::Statements => Form::Statements,
        AttestationFormat::Table => Form::Table,
        AttestationFormat::Json => Form::Json,
    }
}

impl Request<'_> {
    fn entries(&self, subjects: &[String]) -> Result<Vec<Entry>, Failure> {
        self.trust.allows(self.outcome.threshold)?;
        Ok(subjects.iter().flat_map(|text| self.subject(text)).collect())
    }

    fn subject(&self, text: &str) -> Vec<Entry> {
        let place = match Place::open(text, &self.repository, &self.access) {
            Ok(place) => place,
            Err(failure) => return vec![Entry::new(text).unmet(failure, OTHER)],
        };
        match place.meant(self.platform, self.recursive) {
            Ok(all) => all.iter().map(|meant| self.image(text, &place, meant)).collect(),
            Err(failure) => {
                let missing = failure.kind() == Kind::NotFound;
                vec![Entry::new(text).unmet(failure, if missing { NO_SUCH_TAG } else { OTHER })]
            }
        }
    }

    fn image(&self, text: &str, place: &Place, meant: &Meant) -> Entry {
        let entry = self.attached(text, place, meant);
        let confirmed = match entry.error {
            Some(_) => place.confirm(meant, self.access.http().offline),
            None => Ok(()),
        };
        confirmed.map_or_else(|failure| Entry::new(text).unmet(failure, OTHER), |()| entry)
    }

    fn attached(&self, text: &str, place: &Place, meant: &Meant) -> Entry {
        let digest = meant.digest;
        let entry = Entry { digest: Some(digest), platform: meant.platform.clone(), ..Entry::new(text) };
        let check = self.trust.check();
        let enough = |found: &Attached| self.signers(found, &digest) >= self.outcome.threshold.get();
        let wanted = plimsoll_gather::AttachmentQuery {
            is: &|predicate_type: &str| self.wanted.is(predicate_type),
            extent: match self.wanted {
                Wanted::Signature(_) => Extent::Until(&enough),
                Wanted::Attestation(..) => Extent::Everything,
            },
        };
        let mut found = match attached(place.evidence(), &digest, &check, wanted, &self.access.limits) {
            Ok(found) => found,
            Err(error) => return entry.unmet(error.into(), OTHER),
        };
        let as_of = [place.store.as_of(), place.evidence().as_of()].into_iter().flatten().min();
        let mut refused: Vec<Refused> = found.rejected.iter().map(Refused::from).collect();
        if let Wanted::Signature(annotations) = &self.wanted {
            refused.extend(without_annotations(&mut found, annotations, &digest));
        }
        if let Wanted::Attestation(_, form) = &self.wanted {
            refused.extend(self.without_misfits(&mut found, form));
        }
        let proofs = found.verified.iter().map(|proof| {
            let held = Held::attached(proof, &digest, self.outcome.explain);
            match self.wanted {
                Wanted::Signature(_) => held,
                Wanted::Attestation(..) => held.with(proof.statement.value()),
            }
        });
        let entry = Entry { proofs: proofs.collect(), refused, as_of, ..entry };
        match self.unmet(&entry, &found, &place.name_of(&digest)) {
            None => Entry { verified: true, ..entry },
            Some((failure, cosign)) => entry.unmet(failure, cosign),
        }
    }

    /// How many signers there are whose signature has what is asked for.
    fn signers(&self, found: &Attached, digest: &Digest) -> usize {
        match &self.wanted {
            Wanted::Signature(annotations) => {
                found.signers_of(|proof| missing_annotation(proof, annotations, digest).is_none())
            }
            Wanted::Attestation(_, form) => found.signers_of(|proof| self.misfit(proof, form).is_none()),
        }
    }

    /// What about the predicate does not fit, in words.
    fn misfit(&self, proof: &Proof, form: &PredicateForm) -> Option<String> {
        let statement = proof.statement.value();
        form.check(&statement.predicate_type, &statement.predicate, &self.access.limits)
            .err()
            .map(|misfit| misfit.to_string())
    }

    /// Takes out the attestations that somebody trusted signed and that are not what their type says.
    fn without_misfits(&self, found: &mut Attached, form: &PredicateForm) -> Vec<Refused> {
        let mut refused = Vec::new();
        found.verified.retain(|proof| {
            let misfit = self.misfit(proof, form);
            let fits = misfit.is_none();
            let step = Some(Step::Statement);
            refused.extend(misfit.map(|problem| Refused {
                referrer: Some(proof.referrer),
                step,
                message: with_step(step, problem),
                hint: None,
            }));
            fits
        });
        refused
    }

    /// Why what was found is not enough.
    fn unmet(&self, entry: &Entry, found: &Attached, name: &str) -> Option<(Failure, u8)> {
        let (signers, threshold) = (found.signers(), self.outcome.threshold.get());
        if signers >= threshold {
            return None;
        }
        let noun = self.wanted.noun();
        let denied = |message: String| Failure::new(Kind::Denied, message);
        if found.truncated {
            let message =
                format!("{name}: {signers} of {threshold} signers, and more is attached than was looked at");
            let hint = "raise --limit referrers=… or bundle_bytes=…";
            return Some((Failure::new(Kind::Indeterminate, message).with_hint(hint), OTHER));
        }
        if !entry.proofs.is_empty() {
            let message = format!("{name}: {signers} of {threshold} signers");
            return Some((denied(message).with_hint("--explain lists what was refused, and why"), NO_MATCH));
        }
        Some(match entry.refused.as_slice() {
            [] => (denied(format!("no {noun} of {name}")).with_hint(self.what_instead(found)), NO_SIGNATURE),
            refused => {
                // Where certificates are trusted, what fails at the material was signed by a key.
                let by_key = |refused: &Refused| refused.step == Some(Step::Material);
                let all_by_key = self.trust.wants_certificates() && refused.iter().all(by_key);
                let cosign = if all_by_key { NO_CERTIFICATE } else { NO_MATCH };
                (not_one(&noun, name, refused), cosign)
            }
        })
    }

    /// What to do when there is nothing of the kind.
    fn what_instead(&self, found: &Attached) -> String {
        let others: Vec<&str> = found.others.iter().map(String::as_str).collect();
        match (&self.wanted, others.as_slice()) {
            (Wanted::Signature(_), []) => "sign it: plimsoll sign --key KEY SUBJECT".to_owned(),
            (Wanted::Attestation(..), []) => {
                "nothing is attached; plimsoll attest --key KEY --type TYPE --predicate FILE SUBJECT"
                    .to_owned()
            }
            (Wanted::Signature(_), others) => format!(
                "attached are attestations ({}), which are no signatures: plimsoll verify-attestation --type TYPE",
                others.join(", ")
            ),
            (Wanted::Attestation(..), others) => format!("attached are others: {}", others.join(", ")),
        }
    }
}

/// Not one of them counts.
fn not_one(noun: &str, name: &str, refused: &[Refused]) -> Failure {
    // What got furthest says most: a bundle that cannot be read hides less than one by the wrong signer tells.
    let telling = refused.iter().max_by_key(|refused| refused.step);
    let (message, hint) = match (telling, refused.len()) {
        (Some(only), 1) => (format!("no {noun} of {name} counts: {}", only.message), only.hint.clone()),
        (Some(one), count) => (
            format!("none of {count} attached bundles is a {noun} of {name} that counts: {}", one.message),
            one.hint.clone().or_else(|| Some("--explain lists them all".to_owned())),
        ),
        (None, _) => (format!("no {noun} of {name}"), None),
    };
    let failure = Failure::new(Kind::Denied, message);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// Takes out the signatures whose signer did not sign all of `annotations` along, and says which is missing.
fn without_annotations(
    found: &mut Attached,
    annotations: &BTreeMap<&str, &str>,
    digest: &Digest,
) -> Vec<Refused> {
    let mut refused = Vec::new();
    found.verified.retain(|proof| {
        let missing = missing_annotation(proof, annotations, digest);
        let holds = missing.is_none();
        refused.extend(missing.map(|message| Refused {
            referrer: Some(proof.referrer),
            step: None,
            message,
            hint: Some("it is signed, but not with this annotation".to_owned()),
        }));
        holds
    });
    refused
}

/// Which of `annotations` was not signed along, in words.
fn missing_annotation(proof: &Proof, annotations: &BTreeMap<&str, &str>, digest: &Digest) -> Option<String> {
    let signed = proof.statement.value().annotations(digest);
    let (name, value) = annotations
        .iter()
        .find(|(name, value)| signed.get(**name).and_then(Value::as_str) != Some(**value))?;
    let got = signed.get(*name).map_or_else(|| "nothing".to_owned(), Value::to_string);
    Some(format!("annotation {name}: got {got}, expected {value:?}"))
}

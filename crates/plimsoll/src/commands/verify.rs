//! `plimsoll verify`, `plimsoll verify-attestation`.

use std::collections::BTreeSet;

use plimsoll_core::Kind;
use plimsoll_core::quantity::count;
use plimsoll_judge::Refusal;
use plimsoll_judge::signatures::{Examination, Requirement, Shortfall, StatementFilter};

use crate::commands::place::{Place, Selected};
use crate::commands::verification::finish;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::report::verification::{Entry, Proof, RefusedEvidence};
use crate::settings::verify::VerifySettings;

/// cosign's exit codes.
const NO_SIGNATURE: u8 = 10;
const NO_SUCH_TAG: u8 = 11;
const NO_MATCH: u8 = 12;
const NO_CERTIFICATE: u8 = 13;
const OTHER: u8 = 1;

pub(super) fn run(settings: &VerifySettings, console: Console) -> Result<Exit, Failure> {
    let request = Request { settings, statements: settings.statements.filter() };
    let entries: Vec<Entry> = settings.subjects.iter().flat_map(|text| request.subject(text)).collect();
    finish(&entries, &settings.result, console)
}

/// What each image must meet.
struct Request<'a> {
    settings: &'a VerifySettings,
    statements: StatementFilter<'a>,
}

impl Request<'_> {
    fn subject(&self, text: &str) -> Vec<Entry> {
        let place = match Place::open(text, &self.settings.evidence_repository, &self.settings.access) {
            Ok(place) => place,
            Err(failure) => return vec![Entry::new(text).unverified(failure, OTHER)],
        };
        match place.select(self.settings.platform.as_ref(), self.settings.recursive) {
            Ok(all) => all.iter().map(|selected| self.image(text, &place, selected)).collect(),
            Err(failure) => {
                let missing = failure.kind() == Kind::NotFound;
                vec![Entry::new(text).unverified(failure, if missing { NO_SUCH_TAG } else { OTHER })]
            }
        }
    }

    fn image(&self, text: &str, place: &Place, selected: &Selected) -> Entry {
        let entry = self.attached(text, place, selected);
        let confirmed = match entry.error {
            Some(_) => place.confirm(selected, self.settings.access.http().offline),
            None => Ok(()),
        };
        confirmed.map_or_else(|failure| Entry::new(text).unverified(failure, OTHER), |()| entry)
    }

    fn attached(&self, text: &str, place: &Place, selected: &Selected) -> Entry {
        let digest = selected.digest;
        let entry = Entry { digest: Some(digest), platform: selected.platform.clone(), ..Entry::new(text) };
        let requirement = Requirement {
            statements: self.statements,
            check: self.settings.trust.check(),
            threshold: self.settings.threshold,
            limits: &self.settings.access.limits,
        };
        let examination = match requirement.examine(place.evidence(), &digest) {
            Ok(examination) => examination,
            Err(error) => return entry.unverified(error.into(), OTHER),
        };
        let as_of = [place.store.as_of(), place.evidence().as_of()].into_iter().flatten().min();
        let proofs = examination.verified.iter().map(|proof| {
            let shown = Proof::attached(proof, &digest, self.settings.result.explain);
            match self.statements {
                StatementFilter::Signature { .. } => shown,
                StatementFilter::Attestation { .. } => shown.with_statement(proof.statement.value()),
            }
        });
        let refused = examination.refused.iter().map(RefusedEvidence::from).collect();
        let entry = Entry { proofs: proofs.collect(), refused, as_of, ..entry };
        match examination.shortfall {
            None => Entry { verified: true, ..entry },
            Some(shortfall) => {
                let failure = self.failure(shortfall, &examination, &place.name_of(&digest));
                let failure = match self.platform_that_has(shortfall, place, &requirement) {
                    Some(platform) => failure.with_hint(format!(
                        "the image for {platform} in the index has one: --platform {platform}"
                    )),
                    None => failure,
                };
                entry.unverified(failure, cosign_code(shortfall))
            }
        }
    }

    /// The platform of an image in the index that has what the index itself lacks.
    fn platform_that_has(
        &self,
        shortfall: Shortfall,
        place: &Place,
        requirement: &Requirement<'_>,
    ) -> Option<String> {
        /// A hint is worth only a few requests; real indexes have a dozen images.
        const ASKED: usize = 16;
        let settings = self.settings;
        if !matches!(shortfall, Shortfall::Nothing) || settings.recursive || settings.platform.is_some() {
            return None;
        }
        // Only a hint: a failed request gives none.
        let parts = place.targets(None, true).ok()?;
        parts.into_iter().skip(1).take(ASKED).find_map(|part| {
            let platform = part.platform?;
            let found = requirement.examine(place.evidence(), &part.descriptor.digest).ok()?;
            found.shortfall.is_none().then_some(platform)
        })
    }

    /// Why the evidence attached to the image `name` is not enough, in words.
    fn failure(&self, shortfall: Shortfall, examination: &Examination, name: &str) -> Failure {
        let failure = |message: String| Failure::new(shortfall.kind(), message);
        match shortfall {
            Shortfall::Incomplete { signers, threshold } => failure(format!(
                "{name}: {signers} of {}, but not everything attached was examined",
                count(threshold, "signer")
            ))
            .with_hint("raise --limit referrers=… or bundle_bytes=…"),
            Shortfall::TooFew { signers, threshold } => {
                failure(format!("{name}: {signers} of {}", count(threshold, "signer")))
                    .with_hint("--explain lists what was refused, and why")
            }
            Shortfall::Nothing => failure(format!("no {} of {name}", self.noun()))
                .with_hint(self.what_instead(&examination.others)),
            Shortfall::NoneCounts | Shortfall::OnlyByKey => {
                self.none_counts(&examination.refused, name, failure)
            }
        }
    }

    /// None of them counts.
    fn none_counts(&self, refused: &[Refusal], name: &str, failure: impl Fn(String) -> Failure) -> Failure {
        let noun = self.noun();
        let telling = Refusal::most_telling(refused).map(RefusedEvidence::from);
        let (message, hint) = match (telling, refused.len()) {
            (Some(only), 1) => (format!("no {noun} of {name} counts: {}", only.message), only.hint),
            (Some(one), count) => (
                format!(
                    "none of {count} attached bundles is a {noun} of {name} that counts: {}",
                    one.message
                ),
                one.hint.or_else(|| Some("--explain lists them all".to_owned())),
            ),
            (None, _) => (format!("no {noun} of {name}"), None),
        };
        match hint {
            Some(hint) => failure(message).with_hint(hint),
            None => failure(message),
        }
    }

    fn noun(&self) -> String {
        match self.statements {
            StatementFilter::Signature { .. } => "signature".to_owned(),
            StatementFilter::Attestation { kind, .. } => format!("attestation of type {kind}"),
        }
    }

    /// What to do if nothing of this kind is attached.
    fn what_instead(&self, others: &BTreeSet<String>) -> String {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        match (self.statements, others.as_slice()) {
            (StatementFilter::Signature { .. }, []) => "sign it: plimsoll sign --key KEY SUBJECT".to_owned(),
            (StatementFilter::Attestation { .. }, []) => {
                "nothing is attached; plimsoll attest --key KEY --type TYPE --predicate FILE SUBJECT"
                    .to_owned()
            }
            (StatementFilter::Signature { .. }, others) => format!(
                "there are attestations ({}), which are not signatures: plimsoll verify-attestation --type TYPE",
                others.join(", ")
            ),
            (StatementFilter::Attestation { .. }, others) => {
                format!("others are attached: {}", others.join(", "))
            }
        }
    }
}

fn cosign_code(shortfall: Shortfall) -> u8 {
    match shortfall {
        Shortfall::Nothing => NO_SIGNATURE,
        Shortfall::TooFew { .. } | Shortfall::NoneCounts => NO_MATCH,
        Shortfall::OnlyByKey => NO_CERTIFICATE,
        Shortfall::Incomplete { .. } => OTHER,
    }
}

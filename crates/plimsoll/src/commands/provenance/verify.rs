//! `plimsoll provenance verify`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use plimsoll_core::{Digest, Kind, Limits};
use plimsoll_judge::Refusal;
use plimsoll_judge::provenance::{Artifact, Attestation, Candidate, Examination, Requirement, Shortfall};
use plimsoll_verify::provenance::{Aspect, ExaminedProvenance};

use super::ProvenanceSubject;
use crate::commands::place::{Place, Selected};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::render::verification::Failures;
use crate::report::provenance::{self, Entry, Report};
use crate::report::verification::{Proof, RefusedEvidence};
use crate::settings::provenance::verify::{Format, VerifySettings};
use crate::settings::read_within;

pub(super) fn run(settings: &VerifySettings, console: Console) -> Result<Exit, Failure> {
    let request = Request { settings, candidates: candidates(&settings.bundles, &settings.access.limits)? };
    let results: Vec<Entry> = settings.subjects.iter().flat_map(|text| request.subject(text)).collect();
    let report = Report::new(results);
    let file = settings.file.as_deref();
    match settings.format {
        Format::Json => output::emit_json(file, &report)?,
        Format::Table => {
            let paint = console.page(file).paint;
            let failures =
                Failures { refused: settings.explain || console.is_verbose(), reasons: file.is_some() };
            output::emit(file, |out| render::provenance::table(&report.results, failures, paint, out))?;
        }
    }
    let mut exit = Exit::Done;
    for reason in report.results.iter().filter_map(|entry| entry.error.as_ref()) {
        console.report(&reason.failure);
        exit = exit.and(Exit::Kind(reason.failure.kind()));
    }
    if exit == Exit::Done && !report.results.iter().all(|entry| entry.verified) {
        // Unreachable: a subject is either verified or has a reason. If it happens anyway, it is not a success.
        return Ok(Exit::Kind(Kind::Internal));
    }
    Ok(exit)
}

/// The bundles in files. `None` if the attached ones count.
fn candidates(paths: &[PathBuf], limits: &Limits) -> Result<Option<Vec<Candidate>>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    let mut candidates = Vec::new();
    for path in paths {
        let bytes = read_within(path, limits.bundle_bytes, "bundle_bytes")?;
        candidates.extend(Candidate::read(&bytes, limits).map_err(|error| {
            let failure = Failure::from(error);
            Failure::new(failure.kind(), format!("{}: {failure}", path.display()))
        })?);
    }
    Ok(Some(candidates))
}

/// What each subject must meet.
struct Request<'a> {
    settings: &'a VerifySettings,
    /// The bundles in files. `None` if the attached ones count.
    candidates: Option<Vec<Candidate>>,
}

impl Request<'_> {
    fn subject(&self, text: &str) -> Vec<Entry> {
        let outcome =
            ProvenanceSubject::open(text, &self.settings.evidence_repository, &self.settings.access)
                .and_then(|subject| match subject {
                    ProvenanceSubject::Digest(digest) => Ok(vec![self.in_files(text, None, &[digest])?]),
                    ProvenanceSubject::File(name, digests) => {
                        Ok(vec![self.in_files(text, Some(&name), &digests)?])
                    }
                    ProvenanceSubject::Image(place) => self.images(text, &place),
                });
        outcome.unwrap_or_else(|failure| vec![Entry { error: Some(failure.into()), ..Entry::new(text) }])
    }

    fn images(&self, text: &str, place: &Place) -> Result<Vec<Entry>, Failure> {
        let platform = self.settings.platform.as_ref();
        let entry = |selected: Selected| -> Result<Entry, Failure> {
            let entry = match &self.candidates {
                Some(_) => self.in_files(text, None, &[selected.digest])?,
                None => self.attached(text, place, selected.digest)?,
            };
            if entry.error.is_some() && self.candidates.is_none() {
                place.confirm(&selected, self.settings.access.http().offline)?;
            }
            Ok(Entry { platform: selected.platform, ..entry })
        };
        place.select(platform, false)?.into_iter().map(entry).collect()
    }

    fn requirement(&self) -> Requirement<'_> {
        Requirement {
            kind: self.settings.kind.as_ref(),
            expected: &self.settings.expected,
            check: self.settings.trust.check(),
            limits: &self.settings.access.limits,
        }
    }

    /// What is attached to an image.
    fn attached(&self, text: &str, place: &Place, digest: Digest) -> Result<Entry, Failure> {
        let examination = self.requirement().examine_attached(place.evidence(), &digest)?;
        let as_of = [place.store.as_of(), place.evidence().as_of()].into_iter().flatten().min();
        Ok(Entry { as_of, ..self.entry(text, &place.name_of(&digest), examination) })
    }

    /// The statements in the files about an artifact with these digests; `file_name` is the artifact's.
    fn in_files(&self, text: &str, file_name: Option<&str>, digests: &[Digest]) -> Result<Entry, Failure> {
        let Some(candidates) = &self.candidates else {
            return Err(Failure::new(
                Kind::Usage,
                format!("{text}: nothing is attached to a file or digest"),
            )
            .with_hint("name the file with its attestations: --bundle FILE"));
        };
        let artifact = Artifact { digests, file_name };
        let examination = self.requirement().examine_candidates(candidates, artifact)?;
        Ok(self.entry(text, text, examination))
    }

    /// The result for the subject `text`, which messages name `name`.
    fn entry(&self, text: &str, name: &str, examination: Examination) -> Entry {
        let failure = examination.shortfall.map(|shortfall| failure(shortfall, &examination, name));
        let attestation = |attestation: Attestation| {
            let Attestation { referrer, digest, statement, examined } = attestation;
            let proof = Proof { referrer, ..Proof::of_statement(&statement, &digest, self.settings.explain) };
            provenance::Attestation { holds: examined.holds(), proof, examined }
        };
        Entry {
            digest: examination.digest,
            verified: failure.is_none(),
            refused: examination.refused.iter().map(RefusedEvidence::from).collect(),
            attestations: examination.attestations.into_iter().map(attestation).collect(),
            error: failure.map(Into::into),
            ..Entry::new(text)
        }
    }
}

/// Why no attestation of `name` is sufficient, in words.
fn failure(shortfall: Shortfall, examination: &Examination, name: &str) -> Failure {
    let failure = |message: String| Failure::new(shortfall.kind(), message);
    match shortfall {
        Shortfall::Incomplete => {
            failure(format!("{name}: no provenance as expected, but not everything attached was examined"))
                .with_hint("raise --limit referrers=… or bundle_bytes=…")
        }
        Shortfall::Different => {
            let examined = examination.nearest().map(|nearest| &nearest.examined);
            let difference = examined.and_then(ExaminedProvenance::difference);
            let difference = difference.map(ToString::to_string).unwrap_or_default();
            let failure = failure(format!("{name}: not built as expected: {difference}"));
            with_hint(failure, examined.and_then(hint))
        }
        Shortfall::NoneCounts => {
            let counted = match examination.refused.len() {
                1 => String::new(),
                count => format!("none of {count} attestations counts: "),
            };
            let telling = Refusal::most_telling(&examination.refused).map(RefusedEvidence::from);
            let (message, hint) = telling.map(|one| (one.message, one.hint)).unwrap_or_default();
            with_hint(failure(format!("{name}: no provenance that counts: {counted}{message}")), hint)
        }
        Shortfall::Nothing => nothing(name, &examination.others, failure),
    }
}

/// The image has no provenance.
fn nothing(name: &str, others: &BTreeSet<String>, failure: impl Fn(String) -> Failure) -> Failure {
    if others.is_empty() {
        return failure(format!("{name}: no provenance"))
            .with_hint("make one: plimsoll provenance generate, and attest it");
    }
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    failure(format!("{name}: no provenance, but attestations of {}", others.join(", ")))
        .with_hint("name the accepted type with --type")
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// The hint for the first difference.
fn hint(examined: &ExaminedProvenance) -> Option<String> {
    let finding = examined.difference()?;
    match finding.aspect {
        Aspect::Certificate => {
            Some("a trusted signer described another build; find out why".to_owned())
        }
        Aspect::SourceRepository if finding.got.eq_ignore_ascii_case(&finding.expected) => {
            Some("upper and lower case matter: write it as in the provenance".to_owned())
        }
        Aspect::Level => Some(
            "a level comes from the signer's certificate; for a builder with a key, state it: --trust-builder URI=LEVEL"
                .to_owned(),
        ),
        Aspect::Parameter if finding.got == "nothing" => {
            Some("-o json shows the parameters; names within others are joined by dots".to_owned())
        }
        _ => None,
    }
}

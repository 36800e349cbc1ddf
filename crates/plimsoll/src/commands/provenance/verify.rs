//! `plimsoll provenance verify`.

use plimsoll_core::{Classify as _, Digest, Kind, Limits, Platform};
use plimsoll_gather::{Access, Attached, AttachmentQuery, Extent, Proof, attached};
use plimsoll_judge::Refusal;
use plimsoll_verify::provenance::{Aspect, ExaminedProvenance, Expected, Form, Publisher, bundles, examine};
use plimsoll_verify::{Bundle, Error, Pattern, Signer, Statement, Subject, Text, Verified, verify_one_of};

use super::Thing;
use crate::args::provenance::{Format, Verify};
use crate::args::trust_flags::Trust;
use crate::commands::place::{Meant, Place};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::render::table::Paint;
use crate::report::provenance::{Attested, Judged, Report};
use crate::report::verification::{Held, Refused, with_step};
use crate::settings::{self, Context, EvidenceRepository, TrustSettings};

/// What is asked of each subject.
struct Request<'a> {
    trust: TrustSettings,
    access: Access,
    expected: Expected,
    /// The bundles in files; `None` where those that are attached count.
    carried: Option<Vec<Candidate>>,
    repository: EvidenceRepository,
    arguments: &'a Verify,
}

/// A bundle out of a file, or why it is none.
struct Candidate {
    bundle: Result<Bundle, Error>,
    publisher: Option<Publisher>,
}

pub(super) fn run(arguments: &Verify, context: &Context<'_>, console: Console) -> Result<Exit, Failure> {
    let cache = settings::registry_cache(&arguments.caching, &arguments.network, context);
    let access = Access { cache, ..settings::access(&arguments.network, context)? };
    let trust = trust_of_source(arguments).unwrap_or_else(|| arguments.trust.clone());
    let request = Request {
        trust: TrustSettings::new(&trust, &settings::key_access_beside(&access, context), context)?,
        expected: expected(arguments)?,
        carried: carried(arguments, context.limits)?,
        repository: EvidenceRepository::resolve(&arguments.repository, context),
        access,
        arguments,
    };
    let results: Vec<Judged> = arguments.subjects.iter().flat_map(|text| request.subject(text)).collect();
    let report = Report::new(results);
    let file = arguments.file.output_file.as_deref();
    match arguments.output {
        Format::Json => output::emit_json(file, &report)?,
        Format::Table => {
            let paint = Paint(file.is_none() && console.stdout_colors());
            let refused = arguments.explain || console.is_verbose();
            output::emit(file, |out| render::provenance::table(&report.results, refused, paint, out))?;
        }
    }
    let mut exit = Exit::Done;
    for told in report.results.iter().filter_map(|judged| judged.error.as_ref()) {
        console.report(&told.failure);
        exit = exit.and(Exit::Kind(told.failure.kind()));
    }
    if exit == Exit::Done && !report.results.iter().all(|judged| judged.verified) {
        // Cannot be: a subject is either verified or has its reason. Should it ever be, it is no success.
        return Ok(Exit::Kind(Kind::Internal));
    }
    Ok(exit)
}

/// The signer that follows from the repository alone: one of its own workflows, which is what the hosts' own tools take.
/// `None` where the caller says who is trusted, or the host is another.
fn trust_of_source(arguments: &Verify) -> Option<Trust> {
    let flags = &arguments.trust;
    let said = !flags.key.is_empty()
        || !flags.certificate_identity.is_empty()
        || !flags.certificate_identity_regexp.is_empty()
        || !flags.certificate_oidc_issuer.is_empty()
        || !flags.certificate_oidc_issuer_regexp.is_empty();
    let repository = arguments.source_repository.as_ref().filter(|_| !said)?;
    let (issuer, folder) = match repository.host() {
        "github.com" => ("https://token.actions.githubusercontent.com", r"/\.github/workflows/"),
        // Two slashes: with one, the configuration of a project within a group of this name would do as well.
        "gitlab.com" => ("https://gitlab.com", "//"),
        _ => return None,
    };
    let mut flags = flags.clone();
    flags.certificate_oidc_issuer = vec![issuer.to_owned()];
    flags.certificate_identity_regexp = vec![format!("{}{folder}.+", literally(repository.as_str()))];
    Some(flags)
}

/// A text as a pattern for itself. An address has no other characters that mean something in a pattern.
fn literally(address: &str) -> String {
    address.replace('.', r"\.").replace('+', r"\+")
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

/// The bundles in the files of the flags.
fn carried(arguments: &Verify, limits: &Limits) -> Result<Option<Vec<Candidate>>, Failure> {
    if arguments.bundle.is_empty() {
        return Ok(None);
    }
    let mut candidates = Vec::new();
    for path in &arguments.bundle {
        let bytes = settings::read_within(path, limits.bundle_bytes, "bundle_bytes")?;
        let found = bundles(&bytes, limits).map_err(|error| {
            let failure = Failure::from(error);
            Failure::new(failure.kind(), format!("{}: {failure}", path.display()))
        })?;
        candidates.extend(found.into_iter().map(|carried| Candidate {
            bundle: Bundle::parse(&carried.bundle, limits),
            publisher: carried.publisher,
        }));
    }
    Ok(Some(candidates))
}

impl Request<'_> {
    fn subject(&self, text: &str) -> Vec<Judged> {
        let outcome = Thing::open(text, &self.repository, &self.access).and_then(|thing| match thing {
            Thing::Digest(digest) => Ok(vec![self.in_files(text, None, &[digest])?]),
            Thing::File(name, digests) => Ok(vec![self.in_files(text, Some(&name), &digests)?]),
            Thing::Image(place) => self.images(text, &place),
        });
        outcome.unwrap_or_else(|failure| vec![Judged { error: Some(failure.into()), ..Judged::new(text) }])
    }

    fn images(&self, text: &str, place: &Place) -> Result<Vec<Judged>, Failure> {
        let platform: Option<&Platform> = self.arguments.platform.platform.as_ref();
        let judge = |meant: Meant| -> Result<Judged, Failure> {
            let judged = match &self.carried {
                Some(_) => self.in_files(text, None, &[meant.digest])?,
                None => self.attached(text, place, meant.digest)?,
            };
            if judged.error.is_some() && self.carried.is_none() {
                place.confirm(&meant, self.access.http().offline)?;
            }
            Ok(Judged { platform: meant.platform, ..judged })
        };
        place.meant(platform, false)?.into_iter().map(judge).collect()
    }

    fn wants(&self, predicate_type: &str) -> bool {
        match &self.arguments.kind {
            Some(kind) => kind.is(predicate_type),
            None => Form::from_predicate_type(predicate_type).is_some_and(Form::is_slsa),
        }
    }

    /// What is attached to an image.
    fn attached(&self, text: &str, place: &Place, digest: Digest) -> Result<Judged, Failure> {
        let holds = |proof: &Proof| {
            examine(&proof.statement, &digest, &self.expected, &self.access.limits)
                .is_ok_and(|examined| examined.holds())
        };
        let wanted = AttachmentQuery {
            is: &|predicate_type: &str| self.wants(predicate_type),
            extent: Extent::Until(&|found: &Attached| found.verified.iter().any(holds)),
        };
        let mut found =
            attached(place.evidence(), &digest, &self.trust.check(), wanted, &self.access.limits)?;
        let mut judging = Judging::new(text, digest);
        judging.judged.as_of = [place.store.as_of(), place.evidence().as_of()].into_iter().flatten().min();
        judging.judged.refused =
            found.rejected.drain(..).map(|rejected| Refused::from(&Refusal::from(rejected))).collect();
        judging.others = found.others.into_iter().collect();
        for proof in &found.verified {
            let held = Held::attached(proof, &digest, self.arguments.explain);
            judging.examine(&proof.statement, &digest, held, &self.expected, &self.access.limits);
        }
        Ok(judging.finish(&place.name_of(&digest), found.truncated))
    }

    /// What the files say about an artifact that has these digests; `name` is the file's.
    fn in_files(&self, text: &str, name: Option<&str>, digests: &[Digest]) -> Result<Judged, Failure> {
        let (Some(candidates), Some(first)) = (&self.carried, digests.first()) else {
            return Err(Failure::new(
                Kind::Usage,
                format!("{text}: nothing is attached to a file or digest"),
            )
            .with_hint("name the file with its attestations: --bundle FILE"));
        };
        let mut judging = Judging::new(text, *first);
        for candidate in candidates {
            self.candidate(candidate, name, digests, &mut judging)?;
        }
        Ok(judging.finish(text, false))
    }

    fn candidate(
        &self,
        candidate: &Candidate,
        name: Option<&str>,
        digests: &[Digest],
        judging: &mut Judging,
    ) -> Result<(), Failure> {
        let bundle = match &candidate.bundle {
            Ok(bundle) => bundle,
            Err(error) => {
                judging.refuse(error);
                return Ok(());
            }
        };
        match bundle.claimed_predicate() {
            Some(other) if !self.wants(&other) => {
                judging.others.push(other);
                return Ok(());
            }
            _ => {}
        }
        let (statement, digest) = match verify_one_of(bundle, digests, &self.trust.check()) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), Kind::Denied | Kind::Failed) => {
                judging.refuse(&error);
                return Ok(());
            }
            // Nobody is trusted, or there is nothing to verify with: no bundle would do.
            Err(error) => return Err(error.into()),
        };
        if let (Some(publisher), Signer::Certificate(certificate)) =
            (&candidate.publisher, statement.signer())
            && let Some(message) = publisher.differs_from(certificate)
        {
            judging.refuse_because(message);
            return Ok(());
        }
        if let Some(algorithm) = contradiction(statement.value(), &digest, digests) {
            judging.refuse_because(format!("the subject's {algorithm} is another file's"));
            return Ok(());
        }
        // Of uploads to PyPI the name is part of what was attested: the same bytes under another name are another release.
        let mut expected = self.expected.clone();
        if Form::from_predicate_type(&statement.value().predicate_type) == Some(Form::PypiPublish)
            && expected.subject_name.is_none()
        {
            expected.subject_name = name.map(str::to_owned);
        }
        let held = Held::of_statement(&statement, &digest, self.arguments.explain);
        judging.judged.digest = Some(digest);
        judging.examine(&statement, &digest, held, &expected, &self.access.limits);
        Ok(())
    }
}

/// The algorithm under which the subject that lists `digest` lists something else than the file has: two readers of such a
/// statement would see two files.
fn contradiction<'a>(statement: &Statement, digest: &Digest, known: &'a [Digest]) -> Option<&'a str> {
    let name = |digest: &Digest| digest.algorithm().name();
    let lists = |subject: &&Subject| subject.digests.get(name(digest)) == Some(&digest.hex());
    statement.subjects.iter().filter(lists).find_map(|subject| {
        let differs =
            |other: &&Digest| subject.digests.get(name(other)).is_some_and(|hex| *hex != other.hex());
        known.iter().find(differs).map(|other| other.algorithm().name())
    })
}

/// A judgement on its way.
struct Judging {
    judged: Judged,
    others: Vec<String>,
}

impl Judging {
    fn new(text: &str, digest: Digest) -> Self {
        Self { judged: Judged { digest: Some(digest), ..Judged::new(text) }, others: Vec::new() }
    }

    fn refuse(&mut self, error: &Error) {
        let step = error.failed_step();
        let message = with_step(step, error.to_string());
        self.judged.refused.push(Refused { referrer: None, step, message, hint: error.hint() });
    }

    fn refuse_because(&mut self, message: String) {
        self.judged.refused.push(Refused { referrer: None, step: None, message, hint: None });
    }

    fn examine(
        &mut self,
        statement: &Verified<Statement>,
        digest: &Digest,
        held: Held,
        expected: &Expected,
        limits: &Limits,
    ) {
        match examine(statement, digest, expected, limits) {
            Ok(examined) => {
                self.judged.attestations.push(Attested { holds: examined.holds(), held, examined });
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// What came out. One attestation that is as expected is enough; nobody is helped by a second.
    fn finish(mut self, name: &str, truncated: bool) -> Judged {
        self.judged.attestations.sort_by_key(|attested| !attested.holds);
        self.judged.verified = self.judged.attestations.first().is_some_and(|attested| attested.holds);
        if !self.judged.verified {
            self.judged.error = Some(self.unmet(name, truncated).into());
        }
        self.judged
    }

    fn unmet(&self, name: &str, truncated: bool) -> Failure {
        if truncated {
            let message =
                format!("{name}: no provenance as expected, and more is attached than was looked at");
            return Failure::new(Kind::Indeterminate, message)
                .with_hint("raise --limit referrers=… or bundle_bytes=…");
        }
        let denied = |message: String| Failure::new(Kind::Denied, message);
        let differing = |attested: &&Attested| attested.examined.findings.iter().filter(|f| !f.holds).count();
        if let Some(nearest) = self.judged.attestations.iter().min_by_key(differing) {
            let difference = nearest.examined.difference().map(ToString::to_string).unwrap_or_default();
            let failure = denied(format!("{name}: not built as expected: {difference}"));
            return match hint(&nearest.examined) {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            };
        }
        match (self.judged.refused.iter().max_by_key(|refused| refused.step), self.judged.refused.len()) {
            (Some(telling), count) => {
                let of =
                    if count == 1 { String::new() } else { format!("none of {count} attestations counts: ") };
                let failure = denied(format!("{name}: no provenance that counts: {of}{}", telling.message));
                match &telling.hint {
                    Some(hint) => failure.with_hint(hint),
                    None => failure,
                }
            }
            (None, _) if self.others.is_empty() => denied(format!("{name}: no provenance"))
                .with_hint("make one: plimsoll provenance generate, and attest it"),
            (None, _) => {
                let mut others = self.others.clone();
                others.sort();
                others.dedup();
                denied(format!("{name}: no provenance, but attestations of {}", others.join(", ")))
                    .with_hint("name what counts with --type")
            }
        }
    }
}

/// What may be meant.
fn hint(examined: &ExaminedProvenance) -> Option<String> {
    let finding = examined.difference()?;
    match finding.aspect {
        Aspect::Certificate => {
            Some("whoever signed wrote a provenance about another build; it is worth finding out why".to_owned())
        }
        Aspect::SourceRepository if finding.got.eq_ignore_ascii_case(&finding.expected) => {
            Some("upper and lower case count: write it as the provenance does".to_owned())
        }
        Aspect::Level => Some(
            "a level comes from the signer's certificate; of a builder with a key, say it: --trust-builder URI=LEVEL"
                .to_owned(),
        ),
        Aspect::Parameter if finding.got == "nothing" => {
            Some("-o json shows the parameters; names within others are joined by dots".to_owned())
        }
        _ => None,
    }
}

impl Judged {
    fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            digest: None,
            platform: None,
            as_of: None,
            verified: false,
            attestations: Vec::new(),
            refused: Vec::new(),
            error: None,
        }
    }
}

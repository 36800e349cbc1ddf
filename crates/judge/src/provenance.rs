//! Whether an artifact was built as expected, by the attestations that are attached to it or given in files.
//!
//! Owns which attestations are examined, which signer is trusted if only a repository is named, and what a
//! file and its digests must agree on. One attestation that is as expected is enough.
//! [`plimsoll_verify::provenance`] reads a provenance and compares it with its certificate and with the
//! expectations.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_gather::{Attached, AttachmentQuery, Extent, Proof, attached};
use plimsoll_image::Source;
use plimsoll_verify::provenance::{
    ExaminedProvenance, Expected, Form, Publisher, Repository, bundles, examine,
};
use plimsoll_verify::{
    Bundle, Check, Identity, Pattern, PredicateType, Signer, Statement, Text, Verified, verify_one_of,
};

use crate::Error;
use crate::refusal::{Reason, Refusal};

/// The signer that follows from a repository alone: one of its own workflows, which is also what the hosts'
/// own tools accept. `None` if the repository's host is neither github.com nor gitlab.com.
pub fn own_workflow(repository: &Repository) -> Option<Identity> {
    let (issuer, folder) = match repository.host() {
        "github.com" => ("https://token.actions.githubusercontent.com", r"/\.github/workflows/"),
        // Two slashes: with one, the configuration of a project within a group of this name would match too.
        "gitlab.com" => ("https://gitlab.com", "//"),
        _ => return None,
    };
    let pattern = Pattern::new(&format!("{}{folder}.+", literally(repository.as_str()))).ok()?;
    Some(Identity {
        issuer: Text::Exact(issuer.to_owned()),
        subject: Text::Pattern(pattern),
        claims: Vec::new(),
    })
}

/// A pattern that matches only this text. No other characters of an address have a meaning in patterns.
fn literally(address: &str) -> String {
    address.replace('.', r"\.").replace('+', r"\+")
}

/// What an artifact must have.
#[derive(Debug)]
pub struct Requirement<'a> {
    /// The type of the statements that count. Without it, provenances count.
    pub kind: Option<&'a PredicateType>,
    /// What the provenance must say.
    pub expected: &'a Expected,
    /// Who may have signed it, and the evidence that is required beside the signature.
    pub check: Check<'a>,
    /// The limits for attestations.
    pub limits: &'a Limits,
}

/// A file or image, by its content.
#[derive(Debug, Clone, Copy)]
pub struct Artifact<'a> {
    /// Its digests, each under another algorithm. One of them must be attested, and none contradicted.
    pub digests: &'a [Digest],
    /// The name of the file, for indexes that attest names.
    pub file_name: Option<&'a str>,
}

/// A bundle from a file, or why it cannot be read. Nothing in it is verified.
#[derive(Debug)]
pub struct Candidate {
    bundle: Result<Bundle, Arc<plimsoll_verify::Error>>,
    publisher: Option<Publisher>,
}

/// The attestations of an artifact, and whether one is as expected.
#[derive(Debug)]
#[non_exhaustive]
pub struct Examination {
    /// The digest that the last statement about the artifact names; without one, the artifact's first digest.
    pub digest: Option<Digest>,
    /// The attestations by trusted signers; those that are as expected come first.
    pub attestations: Vec<Attestation>,
    /// Attestations that were examined and do not count.
    pub refused: Vec<Refusal>,
    /// The predicate types of statements of other kinds, which were not examined.
    pub others: BTreeSet<String>,
    /// Why none is sufficient. `None` if one is as expected.
    pub shortfall: Option<Shortfall>,
}

/// An attestation by a trusted signer.
#[derive(Debug)]
pub struct Attestation {
    /// The manifest that attaches it to the image, if it is attached to one.
    pub referrer: Option<Digest>,
    /// The digest of the artifact that it covers.
    pub digest: Digest,
    /// The signed statement.
    pub statement: Verified<Statement>,
    /// What it says, and the result of each expectation.
    pub examined: ExaminedProvenance,
}

/// Why no attestation is sufficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// None of the examined attestations is as expected, but more are attached, so the answer is unknown.
    Incomplete,
    /// A trusted signer says that it was built differently; [`Examination::nearest`] says how.
    Different,
    /// Attestations were examined, and none of them counts.
    NoneCounts,
    /// There is no attestation of the required kind.
    Nothing,
}

impl Shortfall {
    /// The kind of failure for a gate: [`Kind::Denied`] if everything was examined, otherwise
    /// [`Kind::Indeterminate`].
    pub fn kind(self) -> Kind {
        match self {
            Self::Incomplete => Kind::Indeterminate,
            Self::Different | Self::NoneCounts | Self::Nothing => Kind::Denied,
        }
    }
}

impl Examination {
    /// The attestation that differs least from what is expected.
    pub fn nearest(&self) -> Option<&Attestation> {
        self.attestations.iter().min_by_key(|attestation| {
            attestation.examined.findings.iter().filter(|finding| !finding.holds).count()
        })
    }
}

impl Candidate {
    /// The bundles in the bytes of a file. A file that has none of the formats in which attestations are
    /// published is an error. A bundle in it that cannot be read is refused when it is examined.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Self>, plimsoll_verify::Error> {
        let carried = bundles(bytes, limits)?.into_iter();
        Ok(carried
            .map(|carried| Self {
                bundle: Bundle::parse(&carried.bundle, limits).map_err(Arc::new),
                publisher: carried.publisher,
            })
            .collect())
    }

    /// The package index names another publisher of the file than the certificate does. The index itself
    /// signed nothing.
    fn other_publisher(&self, statement: &Verified<Statement>) -> Option<Reason> {
        let (Some(publisher), Signer::Certificate(certificate)) = (&self.publisher, statement.signer())
        else {
            return None;
        };
        publisher.differs_from(certificate).map(|difference| Reason::Publisher { difference })
    }
}

impl Requirement<'_> {
    /// Examines what is attached to the image `digest` in `evidence`, until one attestation is as expected.
    /// If the attachments cannot be listed, that is an error; a fault in a single bundle is a [`Refusal`].
    pub fn examine_attached(&self, evidence: &dyn Source, digest: &Digest) -> Result<Examination, Error> {
        let holds = |proof: &Proof| {
            examine(&proof.statement, digest, self.expected, self.limits)
                .is_ok_and(|examined| examined.holds())
        };
        let wanted = AttachmentQuery {
            is: &|predicate_type: &str| self.wants(predicate_type),
            extent: Extent::Until(&|found: &Attached| found.verified.iter().any(holds)),
        };
        let found = attached(evidence, digest, &self.check, wanted, self.limits)?;
        let mut search = Search::new(Some(*digest));
        search.refused.extend(found.rejected.into_iter().map(Refusal::from));
        search.others = found.others;
        for Proof { referrer, statement } in found.verified {
            search.add(Some(referrer), *digest, statement, self.expected, self.limits);
        }
        Ok(search.finish(found.truncated))
    }

    /// Examines bundles from files. It is an error if no signer is trusted or there is nothing to verify
    /// with; a fault in a single bundle is a [`Refusal`].
    pub fn examine_candidates(
        &self,
        candidates: &[Candidate],
        artifact: Artifact<'_>,
    ) -> Result<Examination, Error> {
        let mut search = Search::new(artifact.digests.first().copied());
        for candidate in candidates {
            self.candidate(candidate, artifact, &mut search)?;
        }
        Ok(search.finish(false))
    }

    fn candidate(
        &self,
        candidate: &Candidate,
        artifact: Artifact<'_>,
        search: &mut Search,
    ) -> Result<(), Error> {
        let bundle = match &candidate.bundle {
            Ok(bundle) => bundle,
            Err(error) => {
                search.refuse(Arc::clone(error));
                return Ok(());
            }
        };
        // The statement says so in the very bytes that would be verified, so it cannot count, no matter who
        // signed it.
        if let Some(other) = bundle.claimed_predicate().filter(|other| !self.wants(other)) {
            search.others.insert(other);
            return Ok(());
        }
        let (statement, digest) = match verify_one_of(bundle, artifact.digests, &self.check) {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), Kind::Denied | Kind::Failed) => {
                search.refuse(Arc::new(error));
                return Ok(());
            }
            // No signer is trusted, or there is nothing to verify with, so every bundle would fail.
            Err(error) => return Err(error.into()),
        };
        if let Some(reason) = candidate.other_publisher(&statement) {
            search.refuse(reason);
            return Ok(());
        }
        // For uploads to PyPI, the attestation covers the name too: the same bytes under another name are
        // another release.
        let mut expected = self.expected.clone();
        if Form::from_predicate_type(&statement.value().predicate_type) == Some(Form::PypiPublish)
            && expected.subject_name.is_none()
        {
            expected.subject_name = artifact.file_name.map(str::to_owned);
        }
        search.digest = Some(digest);
        search.add(None, digest, statement, &expected, self.limits);
        Ok(())
    }

    fn wants(&self, predicate_type: &str) -> bool {
        match self.kind {
            Some(kind) => kind.is(predicate_type),
            None => Form::from_predicate_type(predicate_type).is_some_and(Form::is_slsa),
        }
    }
}

/// An examination in progress.
struct Search {
    digest: Option<Digest>,
    attestations: Vec<Attestation>,
    refused: Vec<Refusal>,
    others: BTreeSet<String>,
}

impl Search {
    fn new(digest: Option<Digest>) -> Self {
        Self { digest, attestations: Vec::new(), refused: Vec::new(), others: BTreeSet::new() }
    }

    fn refuse(&mut self, reason: impl Into<Reason>) {
        self.refused.push(Refusal { referrer: None, reason: reason.into() });
    }

    /// Compares a statement by a trusted signer with the expectations.
    fn add(
        &mut self,
        referrer: Option<Digest>,
        digest: Digest,
        statement: Verified<Statement>,
        expected: &Expected,
        limits: &Limits,
    ) {
        match examine(&statement, &digest, expected, limits) {
            Ok(examined) => {
                self.attestations.push(Attestation { referrer, digest, statement, examined });
            }
            Err(error) => self.refuse(Arc::new(error)),
        }
    }

    fn finish(mut self, truncated: bool) -> Examination {
        self.attestations.sort_by_key(|attestation| !attestation.examined.holds());
        let shortfall = match self.attestations.first() {
            Some(first) if first.examined.holds() => None,
            _ if truncated => Some(Shortfall::Incomplete),
            Some(_) => Some(Shortfall::Different),
            None if self.refused.is_empty() => Some(Shortfall::Nothing),
            None => Some(Shortfall::NoneCounts),
        };
        let Self { digest, attestations, refused, others } = self;
        Examination { digest, attestations, refused, others, shortfall }
    }
}

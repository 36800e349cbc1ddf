//! SBOMs that are attested: whose count in place of the image's own files, under `spec.sbom.attestedBy`.
//!
//! Owns who may attest one, and whether a statement is one for exactly this image. What is in the document, and whether it
//! is complete, was checked by whoever read it. The rules ask again, so that an inventory from an attestation that a policy
//! does not accept is unknown under that policy, never a pass:
//!
//! ```yaml
//! sbom:
//!   attestedBy:
//!     - name: sbom builder
//!       key: { file: keys/sbom.pub }
//! ```

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_verify::{PredicateType, Statement, Verified};

use crate::authority::{Authority, Counting, Signed, not_checked};
use crate::detail::{Detail, SignerRecord};
use crate::evidence::SbomAttestation;
use crate::policy::Policy;
use crate::signers::Signers;

impl SbomAttestation {
    /// Whoever attested it under `policy` to be of the image with this manifest, or why it does not count.
    pub(crate) fn attester<'p>(
        &self,
        policy: &'p Policy,
        manifest: &Digest,
        now: Timestamp,
    ) -> Result<Attester<'p>, String> {
        let not_for =
            || format!("the inventory is from an SBOM that was not verified for policy {}", policy.name);
        let statement = self.verified.get(&policy.effective_digest()).ok_or_else(not_for)?;
        policy.attester(statement, manifest, now)
    }

    /// Its entry in the verdict.
    pub(crate) fn detail(&self, attester: &Attester<'_>, manifest: &Digest) -> Detail {
        Detail::AttestedSbom {
            authority: attester.authority.name.clone(),
            by: SignerRecord::from(&attester.signed),
            bundle: self.bundle,
            signed: *manifest,
            predicate_type: attester.predicate_type.clone(),
            format: self.format.clone(),
            created: self.created,
            not_checked: attester.not_checked.clone(),
        }
    }
}

/// An authority whose attestation counts.
pub(crate) struct Attester<'p> {
    pub(crate) authority: &'p Authority,
    /// Until when.
    pub(crate) until: Option<Timestamp>,
    signed: Signed,
    predicate_type: String,
    not_checked: Vec<String>,
}

/// Whether a statement of this type has an SBOM of a kind that is read.
pub fn is_sbom(predicate_type: &str) -> bool {
    sbom_standard(predicate_type).is_some()
}

/// The standard of the document in a statement of this type: `SPDX`, `CycloneDX`.
pub fn sbom_standard(predicate_type: &str) -> Option<&'static str> {
    let is = |name: &str| name.parse::<PredicateType>().is_ok_and(|known| known.is(predicate_type));
    [("spdxjson", "SPDX"), ("cyclonedx", "CycloneDX")]
        .into_iter()
        .find_map(|(name, standard)| is(name).then_some(standard))
}

impl Policy {
    /// The signers for whom SBOMs are verified; none if the policy accepts no attested SBOM.
    pub fn sbom_signers(&self) -> Option<Signers> {
        let attested_by = &self.sbom.attested_by;
        (!attested_by.is_empty()).then(|| Signers::new(attested_by.iter(), self.trust.requirements()))
    }

    /// Whether a statement is an SBOM of the image with this manifest, by somebody who may attest it, or why it is not.
    /// A statement about several subjects is a statement about none of them alone.
    pub fn accepts_sbom(
        &self,
        statement: &Verified<Statement>,
        manifest: &Digest,
        now: Timestamp,
    ) -> Result<(), String> {
        self.attester(statement, manifest, now).map(drop)
    }

    fn attester(
        &self,
        statement: &Verified<Statement>,
        manifest: &Digest,
        now: Timestamp,
    ) -> Result<Attester<'_>, String> {
        let value = statement.value();
        let predicate_type = &value.predicate_type;
        if !is_sbom(predicate_type) {
            return Err(format!("a statement of type {predicate_type} is not an SBOM"));
        }
        value.is_about_image(manifest)?;
        let signed = Signed::from(statement);
        let Counting { authority, until, .. } =
            Authority::first_counting(&self.sbom.attested_by, "spec.sbom.attestedBy", &signed, now)?;
        let (predicate_type, not_checked) = (predicate_type.clone(), not_checked(statement));
        Ok(Attester { authority, until, signed, predicate_type, not_checked })
    }
}

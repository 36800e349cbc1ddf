//! VEX documents that are attested: whose set findings aside in a verdict, under `spec.vulnerabilities.vex.signedBy`.
//!
//! Owns who may sign one, and whether a statement is one for exactly this image. Whoever gathered the statements asked the same;
//! the rule asks again, so that nothing counts under a policy that does not accept it:
//!
//! ```yaml
//! vulnerabilities:
//!   vex:
//!     signedBy:
//!       - name: product security
//!         key: { file: keys/psirt.pub }
//! ```
//!
//! What the documents say is read by [`plimsoll_vuln::vex`]. Products count by package URL and by the image's digest; the name of an
//! image proves nothing here. If not all attachments could be looked at, or an accepted signer's document cannot be read, none counts:
//! that one may be a correction.

use std::borrow::Cow;

use jiff::Timestamp;
use plimsoll_core::{Digest, quantity};
use plimsoll_verify::{PredicateType, Statement, Verified};
use plimsoll_vuln::Scan;
use plimsoll_vuln::vex::{self, Document, ScannedImage, Scene, Statements};

use crate::authority::{Authority, Counting, Signed, not_checked};
use crate::detail::{Detail, SignerRecord};
use crate::policy::Policy;
use crate::rule::Context;
use crate::signers::Signers;
use crate::verdict::EvidenceRecord;
use crate::verdict::earliest;

/// VEX in CycloneDX, also with a version behind it. Nobody registered the type, and those who attest such documents use it. A
/// bill of materials (`https://cyclonedx.org/bom`) is none: whoever may attest what an image has need not be asked whether it
/// matters.
const CYCLONEDX_VEX: &str = "https://cyclonedx.org/vex";
/// The schemas of CSAF, which identify its documents; in-toto has no type for them.
const CSAF: &str = "https://docs.oasis-open.org/csaf/csaf/v2.";

/// Whether a statement of this type has VEX of a kind that is read.
pub fn is_vex(predicate_type: &str) -> bool {
    let of_cyclonedx = predicate_type.strip_prefix(CYCLONEDX_VEX);
    "openvex".parse::<PredicateType>().is_ok_and(|known| known.is(predicate_type))
        || of_cyclonedx.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || predicate_type.starts_with(CSAF)
}

impl Policy {
    /// The signers for whom VEX is verified; none if the policy accepts no VEX.
    pub fn vex_signers(&self) -> Option<Signers> {
        let signed_by = &self.vulnerabilities.vex.signed_by;
        (!signed_by.is_empty()).then(|| Signers::new(signed_by.iter(), self.trust.requirements()))
    }

    /// Whether a statement is VEX about the image with this manifest, by somebody whose VEX counts, or why it is not.
    pub fn accepts_vex(
        &self,
        statement: &Verified<Statement>,
        manifest: &Digest,
        now: Timestamp,
    ) -> Result<(), String> {
        self.vex_signer(statement, manifest, now).map(drop)
    }

    fn vex_signer(
        &self,
        statement: &Verified<Statement>,
        manifest: &Digest,
        now: Timestamp,
    ) -> Result<(&Authority, Signed, Option<Timestamp>), String> {
        let value = statement.value();
        if !is_vex(&value.predicate_type) {
            return Err(format!("a statement of type {} is no VEX", value.predicate_type));
        }
        value.is_about_image(manifest)?;
        let (signed, list) = (Signed::from(statement), "spec.vulnerabilities.vex.signedBy");
        let signed_by = &self.vulnerabilities.vex.signed_by;
        let Counting { authority, until, .. } = Authority::first_counting(signed_by, list, &signed, now)?;
        Ok((authority, signed, until))
    }
}

/// A scan after what VEX set aside.
pub(super) struct Settled<'a> {
    pub(super) scan: Cow<'a, Scan>,
    pub(super) details: Vec<Detail>,
    pub(super) evidence: Vec<EvidenceRecord>,
    pub(super) until: Option<Timestamp>,
}

/// Sets aside what VEX says that counts under the policy.
pub(super) fn settled<'a>(scan: &'a Scan, context: &Context<'_>) -> Settled<'a> {
    let mut settled =
        Settled { scan: Cow::Borrowed(scan), details: Vec::new(), evidence: Vec::new(), until: None };
    if context.policy.vulnerabilities.vex.signed_by.is_empty() {
        return settled;
    }
    let facts = &context.evidence.vex;
    for it in context.while_awaited(&facts.refused) {
        settled.details.push(refused(it.digest, &it.reason));
    }
    let Some(digests) = &context.evidence.subject.digests else { return settled };
    let statements = facts.under(context.policy);
    if let (Some(reason), false) = (&facts.incomplete, statements.is_empty()) {
        let reason = format!("{reason}, which may contradict it");
        settled.details.extend(statements.iter().map(|it| refused(*it.bundle(), &reason)));
        return settled;
    }
    let mut documents: Vec<Document> = Vec::new();
    let mut signers = Vec::new();
    let mut unread = false;
    for statement in statements {
        let bundle = *statement.bundle();
        let by = context.policy.vex_signer(statement, &digests.manifest, context.now);
        let is_by_signer = by.is_ok();
        let read = by.and_then(|by| Ok((by, document(statement)?)));
        match read {
            Ok(((authority, signed, until), mut document)) => {
                document.source = bundle.to_string();
                document.signer = Some(authority.name.clone());
                documents.push(document);
                settled.until = earliest([settled.until, until]);
                signers.push((authority, signed, not_checked(statement), bundle));
            }
            Err(reason) => {
                unread |= is_by_signer;
                settled.details.push(refused(bundle, &reason));
            }
        }
    }
    if unread {
        let reason = "a document of an accepted signer could not be read, which may contradict it";
        settled.until = None;
        settled.details.extend(signers.iter().map(|(.., bundle)| refused(*bundle, reason)));
        return settled;
    }
    if documents.is_empty() {
        return settled;
    }
    let image = ScannedImage { digests: digests.names().collect(), ..ScannedImage::default() };
    let scene = Scene { image: &image, inventory: None, now: context.now };
    let mut with_vex = scan.clone();
    if let Err(error) = Statements::new(documents).settle(&mut with_vex, &scene) {
        // As if there were none.
        let reason = error.to_string();
        settled.details.extend(signers.iter().map(|(.., bundle)| refused(*bundle, &reason)));
        return settled;
    }
    for ((authority, signed, not_checked, bundle), used) in signers.into_iter().zip(&with_vex.vex.documents) {
        settled.evidence.push(EvidenceRecord { kind: "vex".to_owned(), digest: bundle });
        settled.details.push(Detail::Vex {
            authority: authority.name.clone(),
            by: SignerRecord::from(&signed),
            bundle,
            signed: digests.manifest,
            format: used.format.to_owned(),
            author: used.author.clone(),
            statements: used.statements,
            set_aside: used.set_aside,
            refused: used.reasons.clone(),
            not_checked,
        });
    }
    let conflicts = with_vex.vex.conflicts.iter();
    settled.details.extend(conflicts.map(|text| Detail::VexConflict { text: text.clone() }));
    settled.scan = Cow::Owned(with_vex);
    settled
}

/// The entry of a document that does not count.
fn refused(bundle: Digest, reason: &str) -> Detail {
    Detail::RefusedSignature { bundle, reason: format!("VEX: {reason}") }
}

fn document(statement: &Verified<Statement>) -> Result<Document, String> {
    let bytes = statement.value().predicate.to_string().into_bytes();
    vex::read(&bytes, "", bytes.len() as u64).map_err(|error| error.to_string())
}

/// `2 findings set aside by VEX of product security`.
pub(super) fn summary(settled: &Settled<'_>) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut aside = 0;
    for detail in &settled.details {
        if let Detail::Vex { authority, set_aside, .. } = detail
            && *set_aside > 0
        {
            aside += set_aside;
            if !names.contains(&authority.as_str()) {
                names.push(authority);
            }
        }
    }
    let count = quantity::count(aside, "finding");
    (aside > 0).then(|| format!("{count} set aside by VEX of {}", names.join(", ")))
}

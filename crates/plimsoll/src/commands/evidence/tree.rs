//! `plimsoll evidence tree`.

use plimsoll_attach::evidence::{Bundles, Form, SkipReason, all, legacy_tag};
use plimsoll_core::{Digest, Limits};
use plimsoll_image::{Store, media};
use plimsoll_verify::Bundle;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::claims::Signer;
use crate::report::evidence::{Image, Item, ItemKind, Report};
use crate::settings::Format;
use crate::settings::evidence::TreeSettings;

pub(super) fn run(settings: &TreeSettings, console: Console) -> Result<Exit, Failure> {
    let limits = &settings.place.access.limits;
    let place = super::open(&settings.place)?;
    let mut images = Vec::new();
    for target in place.targets(None, true)? {
        let digest = target.descriptor.digest;
        let found = all(place.evidence(), &digest, limits)?;
        let truncated = found.truncated;
        let mut evidence = items(found, limits);
        evidence.extend(sbom(place.evidence(), &digest)?);
        images.push(Image {
            digest,
            media_type: target.descriptor.media_type,
            platform: target.platform,
            evidence,
            truncated,
        });
    }
    let report = Report::new(place.subject.to_string(), images);
    let file = settings.file.as_deref();
    match settings.format {
        Format::Json => output::emit_json(file, &report)?,
        Format::Table => {
            let page = console.page(file);
            output::emit(file, |out| render::evidence::tree(&report, page, out))?;
        }
    }
    Ok(Exit::Done)
}

fn items(found: Bundles, limits: &Limits) -> Vec<Item> {
    let bundles = found.found.into_iter().map(|found| {
        let parsed = Bundle::parse(&found.bytes, limits);
        Item {
            predicate_type: found.claimed_predicate(limits),
            kind: match found.form {
                Form::SimpleSigning(_) => ItemKind::OlderSignature,
                Form::Attestation => ItemKind::OlderAttestation,
                _ if parsed.is_err() => ItemKind::Unusable,
                _ => ItemKind::Bundle,
            },
            referrer: found.referrer.digest,
            digest: Some(found.digest),
            size: Some(found.bytes.len() as u64),
            media_type: None,
            claimed_signer: parsed.as_ref().ok().and_then(Signer::claimed),
            problem: parsed.err().map(|error| error.to_string()),
        }
    });
    let skipped = found.skipped.into_iter().map(|skipped| {
        let (kind, media_type, problem) = match skipped.reason {
            SkipReason::OtherArtifact { media_type } => (ItemKind::Artifact, Some(media_type), None),
            other => (ItemKind::Unusable, None, Some(other.to_string())),
        };
        Item {
            kind,
            referrer: skipped.descriptor.digest,
            digest: None,
            size: None,
            media_type,
            predicate_type: None,
            claimed_signer: None,
            problem,
        }
    });
    bundles.chain(skipped).collect()
}

/// The target of cosign's older tag for SBOMs, which is unsigned.
fn sbom(store: &dyn Store, image: &Digest) -> Result<Option<Item>, Failure> {
    let Some((descriptor, _)) = store.named(&legacy_tag(image, "sbom"))? else { return Ok(None) };
    Ok(Some(Item {
        kind: ItemKind::Artifact,
        referrer: descriptor.digest,
        digest: None,
        size: None,
        media_type: Some(media::OCI_MANIFEST.to_owned()),
        predicate_type: None,
        claimed_signer: None,
        problem: None,
    }))
}

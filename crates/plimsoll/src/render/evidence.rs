//! The evidence attached to an image, and the claims of a bundle, for people.

use std::io::{self, Write};

use plimsoll_core::quantity::size;
use plimsoll_image::media;
use plimsoll_verify::{COSIGN_SIGN_V1, PredicateType, WAIVER_V1};

use super::table::{Page, Paint, Tone, safe};
use crate::report::claims::{Claims, Signer};
use crate::report::evidence::{Item, ItemKind, Report};

/// Writes the subject, its images below it, and below each what is attached.
pub(crate) fn tree(report: &Report, page: Page, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", page.paint.paint(Tone::Strong, &safe(&report.subject)))?;
    for (position, image) in report.images.iter().enumerate() {
        let (branch, trunk) = branch(position + 1 == report.images.len());
        let name = match &image.platform {
            Some(platform) => safe(platform),
            None if media::is_index(&image.media_type) => "index".into(),
            None => "image".into(),
        };
        writeln!(out, "{branch}{name} {}", page.digest(&image.digest))?;
        let truncated = image.truncated.then_some("there is more than the limits allow");
        let nothing = image.evidence.is_empty().then_some("nothing is attached");
        let rest: Vec<_> = truncated.into_iter().chain(nothing).collect();
        for (position, item) in image.evidence.iter().enumerate() {
            let last = position + 1 == image.evidence.len() && rest.is_empty();
            entry(item, trunk, last, page, out)?;
        }
        for line in rest {
            let tone = if image.truncated { Tone::Doubt } else { Tone::Quiet };
            writeln!(out, "{trunk}└─ {}", page.paint.paint(tone, line))?;
        }
    }
    writeln!(
        out,
        "{}",
        page.paint.paint(Tone::Quiet, "None of this is verified: `plimsoll verify` does that.")
    )
}

/// The indentation of an item, and of its details.
fn branch(last: bool) -> (&'static str, &'static str) {
    if last { ("└─ ", "   ") } else { ("├─ ", "│  ") }
}

fn entry(item: &Item, trunk: &str, last: bool, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let (branch, below) = branch(last);
    let tone = match item.kind {
        ItemKind::Bundle | ItemKind::OlderSignature | ItemKind::OlderAttestation => Tone::Strong,
        ItemKind::Artifact => Tone::Quiet,
        ItemKind::Unusable => Tone::Doubt,
    };
    let digest = item.digest.as_ref().unwrap_or(&item.referrer);
    let bytes = item.size.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
    let word = words(item);
    writeln!(out, "{trunk}{branch}{}  {}{bytes}", page.paint.paint(tone, &safe(&word)), page.digest(digest))?;
    let mut line = |text: &str| writeln!(out, "{trunk}{below}  {text}");
    if let Some(signer) = &item.claimed_signer {
        let signer = match signer {
            Signer::Key(id) if !page.verbose => {
                format!("key {}", id.to_string().chars().take(16).collect::<String>())
            }
            signer => signer.to_string(),
        };
        line(&format!("claims to be signed by {}", safe(&signer)))?;
    }
    if let Some(problem) = &item.problem {
        line(&safe(problem))?;
    }
    if page.verbose {
        if let Some(kind) = item.predicate_type.as_deref().or(item.media_type.as_deref()) {
            line(&format!("type {}", safe(kind)))?;
        }
        line(&format!("referrer {}", item.referrer))?;
    }
    Ok(())
}

/// A short description, or the type if there is none.
fn words(item: &Item) -> String {
    let old = if matches!(item.kind, ItemKind::OlderSignature | ItemKind::OlderAttestation) {
        " in the older format"
    } else {
        ""
    };
    let media_type = item.media_type.as_deref().unwrap_or("unknown");
    match (item.kind, item.predicate_type.as_deref()) {
        (ItemKind::Artifact, _) => match document(media_type) {
            Some(words) => format!("{words}, not signed"),
            None => format!("artifact of type {media_type}, not signed"),
        },
        (ItemKind::Unusable, _) => "unusable".to_owned(),
        (_, Some(COSIGN_SIGN_V1)) => format!("signature{old}"),
        (_, Some(kind)) => match statement(kind) {
            Some(words) => format!("attestation{old}: {words}"),
            None => format!("attestation{old} of type {kind}"),
        },
        (_, None) => format!("signature{old} of something else"),
    }
}

/// The name of statements of this type.
fn statement(kind: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 12] = [
        ("spdx", "SBOM (SPDX)"),
        ("cyclonedx", "SBOM (CycloneDX)"),
        ("slsaprovenance", "provenance (SLSA 0.2)"),
        ("slsaprovenance1", "provenance (SLSA 1)"),
        ("link", "in-toto link"),
        ("vuln", "vulnerability scan"),
        ("openvex", "VEX (OpenVEX)"),
        ("testresult", "test results"),
        ("vsa", "verification summary (SLSA)"),
        ("npmpublish", "publication (npm)"),
        ("pypipublish", "publication (PyPI)"),
        ("custom", "custom"),
    ];
    if kind == WAIVER_V1 {
        return Some("waiver");
    }
    let is = |name: &str| name.parse::<PredicateType>().is_ok_and(|known| known.is(kind));
    WORDS.iter().find(|(name, _)| is(name)).map(|(_, words)| *words)
}

/// The name of documents of this media type.
fn document(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/spdx+json" | "text/spdx+json" | "text/spdx" | "text/spdx+xml" => Some("SBOM (SPDX)"),
        "application/vnd.cyclonedx" | "application/vnd.cyclonedx+json" | "application/vnd.cyclonedx+xml" => {
            Some("SBOM (CycloneDX)")
        }
        "application/vnd.syft+json" => Some("SBOM (Syft)"),
        "application/sarif+json" => Some("scan results (SARIF)"),
        _ => None,
    }
}

/// Writes one line per claim.
pub(crate) fn claims(claims: &Claims, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: bundle of version {}", safe(&claims.file), claims.version)?;
    writeln!(out, "digest     {}", claims.digest)?;
    let unverified = paint.paint(Tone::Doubt, "not verified");
    writeln!(out, "Its own claims, {unverified}:")?;
    let signer =
        claims.claimed_signer.as_ref().map_or_else(|| "it names no signer".to_owned(), ToString::to_string);
    writeln!(out, "signer     {}", safe(&signer))?;
    match &claims.predicate_type {
        Some(predicate_type) => writeln!(out, "statement  {}", safe(predicate_type))?,
        None => writeln!(out, "content    {}", claims.content)?,
    }
    for subject in &claims.subjects {
        let digests: Vec<String> =
            subject.digests.iter().map(|(name, hex)| format!("{name}:{hex}")).collect();
        writeln!(out, "about      {} {}", safe(&digests.join(" ")), safe(&subject.name))?;
    }
    for entry in &claims.log_entries {
        let time = entry.integrated_at.map(|time| format!(" at {time}")).unwrap_or_default();
        let proof = match (entry.proof, entry.promise) {
            (true, true) => "with proof and promise",
            (true, false) => "with proof",
            (false, true) => "with promise alone",
            (false, false) => "with neither proof nor promise",
        };
        writeln!(out, "log entry  {} ({}){time}, {proof}", safe(&entry.index), safe(&entry.kind))?;
    }
    if claims.log_entries.is_empty() {
        writeln!(out, "log entry  none")?;
    }
    writeln!(out, "timestamps {}", claims.timestamps)
}

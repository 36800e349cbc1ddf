//! What is attached to an image, and what a bundle claims, for people.

use std::io::{self, Write};

use super::table::{Paint, Tone, safe};
use crate::report::claims::Claims;
use crate::report::evidence::{Item, ItemKind, Report};

/// Writes an image a paragraph and an attached thing a line.
pub(crate) fn tree(report: &Report, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", paint.paint(Tone::Strong, &safe(&report.subject)))?;
    for image in &report.images {
        let platform = image.platform.as_deref().map_or_else(String::new, |name| format!(" {}", safe(name)));
        writeln!(out, "└─ {}{platform}", image.digest)?;
        if image.evidence.is_empty() {
            writeln!(out, "   {}", paint.paint(Tone::Quiet, "nothing is attached"))?;
        }
        for item in &image.evidence {
            entry(item, paint, out)?;
        }
        if image.truncated {
            writeln!(out, "   {}", paint.paint(Tone::Doubt, "there is more than the limits let through"))?;
        }
    }
    writeln!(out, "{}", paint.paint(Tone::Quiet, "None of this is verified: `plimsoll verify` does that."))
}

fn entry(item: &Item, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let (tone, word) = match item.kind {
        ItemKind::Bundle => (Tone::Strong, "bundle"),
        ItemKind::OlderSignature => (Tone::Strong, "older signature"),
        ItemKind::OlderAttestation => (Tone::Strong, "older attestation"),
        ItemKind::Artifact => (Tone::Quiet, "artifact"),
        ItemKind::Unusable => (Tone::Doubt, "unusable"),
    };
    let what = item.predicate_type.as_deref().or(item.media_type.as_deref()).unwrap_or_default();
    let size = item.size.map(|size| format!(", {size} bytes")).unwrap_or_default();
    writeln!(out, "   └─ {} {}{size}", paint.paint(tone, word), safe(what))?;
    if let Some(signer) = &item.claimed_signer {
        writeln!(out, "      claims to be signed by {}", safe(&signer.to_string()))?;
    }
    if let Some(problem) = &item.problem {
        writeln!(out, "      {}", safe(problem))?;
    }
    writeln!(out, "      {}", paint.paint(Tone::Quiet, &format!("referrer {}", item.referrer)))
}

/// Writes a line a claim.
pub(crate) fn claims(claims: &Claims, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: bundle of version {}", safe(&claims.file), claims.version)?;
    writeln!(out, "digest     {}", claims.digest)?;
    let unverified = paint.paint(Tone::Doubt, "not verified");
    writeln!(out, "What follows is what it says of itself, {unverified}:")?;
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

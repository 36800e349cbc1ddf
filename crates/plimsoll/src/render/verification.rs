//! The results of verifications, for people.

use std::io::{self, Write};

use super::table::{Paint, Tone, safe};
use crate::report::verification::{Entry, Proof, RefusedEvidence};

/// How much is shown about failures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failures {
    /// Everything that was refused.
    pub(crate) refused: bool,
    /// Why a subject is not verified. Standard error already says this, so only a file repeats it.
    pub(crate) reasons: bool,
}

/// Writes each image or file with its valid evidence, and as many failures as `failures` requests.
pub(crate) fn table(
    entries: &[Entry],
    failures: Failures,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let tells = |entry: &&Entry| {
        entry.verified
            || failures.reasons
            || !entry.proofs.is_empty()
            || entry.as_of.is_some()
            || failures.refused && !entry.refused.is_empty()
    };
    for (position, entry) in entries.iter().filter(tells).enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        let (word, tone) =
            if entry.verified { ("VERIFIED", Tone::Good) } else { ("NOT VERIFIED", Tone::Bad) };
        writeln!(out, "{}  {}", paint.paint(tone, word), safe(&entry.subject))?;
        if let Some(digest) = &entry.digest {
            let platform = entry.platform.as_deref().map(|name| format!("  {}", safe(name)));
            writeln!(out, "  digest     {digest}{}", platform.unwrap_or_default())?;
        }
        if let Some(as_of) = &entry.as_of {
            let label = paint.paint(Tone::Doubt, "as of");
            writeln!(out, "  {label}      {as_of}: from the cache, the registry was not asked")?;
        }
        for proof in &entry.proofs {
            proof_lines(proof, paint, out)?;
        }
        if let Some(unverified) = entry.error.as_ref().filter(|_| failures.reasons) {
            writeln!(out, "  because    {}", safe(&unverified.reason.message))?;
        }
        if failures.refused {
            entry.refused.iter().try_for_each(|refused| refusal(refused, out))?;
        }
    }
    Ok(())
}

/// One line for each digest that was verified.
pub(crate) fn lines(entries: &[Entry], out: &mut dyn Write) -> io::Result<()> {
    for entry in entries.iter().filter(|entry| entry.verified) {
        let (Some(digest), Some(proof)) = (&entry.digest, entry.proofs.first()) else { continue };
        let subject = entry.subject.split('@').next().unwrap_or(&entry.subject);
        writeln!(out, "{}@{digest}\t{}", safe(subject), safe(&proof.signer.to_string()))?;
    }
    Ok(())
}

pub(super) fn proof_lines(proof: &Proof, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  signer     {}", safe(&proof.signer.to_string()))?;
    if let Some(predicate_type) = &proof.predicate_type {
        writeln!(out, "    says     {}", safe(predicate_type))?;
    }
    for (name, value) in &proof.annotations {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "    signed   {}={}", safe(name), safe(&value))?;
    }
    if let plimsoll_verify::Signer::Certificate(holder) = &proof.signer {
        for (claim, value) in &holder.claims {
            writeln!(out, "    claim    {claim}={}", safe(value))?;
        }
    }
    for time in &proof.times {
        writeln!(out, "    at       {time}")?;
    }
    let referrer = proof.referrer.map(|digest| format!(", attached by {digest}")).unwrap_or_default();
    writeln!(out, "    bundle   {}{referrer}", proof.bundle)?;
    if !proof.not_checked.is_empty() {
        let label = paint.paint(Tone::Doubt, "not checked");
        writeln!(out, "    {label}: {}", proof.not_checked.join(", "))?;
    }
    for seen in &proof.steps {
        let mark = if seen.checked { "held   " } else { "skipped" };
        let (number, title) = (seen.step.number(), seen.step.title());
        writeln!(out, "    {mark}  {number:>2} {title:<22} {}", safe(&seen.saw))?;
        writeln!(out, "                guards against {}", seen.step.guards())?;
    }
    Ok(())
}

pub(super) fn refusal(refused: &RefusedEvidence, out: &mut dyn Write) -> io::Result<()> {
    let referrer = refused.referrer.map(|digest| format!("{digest}: ")).unwrap_or_default();
    writeln!(out, "  refused    {referrer}{}", safe(&refused.message))
}

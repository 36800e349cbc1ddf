//! How artifacts were built, for people.

use std::io::{self, Write};

use plimsoll_core::quantity::count;
use plimsoll_verify::provenance::{Aspect, Finding};

use super::table::{Paint, Tone, safe};
use super::verification::{self, Failures};
use crate::report::provenance::{Attestation, Entry};

/// Writes each subject with the facts about its build, and as many failures as `failures` requests.
pub(crate) fn table(
    results: &[Entry],
    failures: Failures,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Failures { refused, reasons } = failures;
    let tells = |entry: &&Entry| {
        entry.verified
            || reasons
            || !entry.attestations.is_empty()
            || entry.as_of.is_some()
            || refused && !entry.refused.is_empty()
    };
    for (position, entry) in results.iter().filter(tells).enumerate() {
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
        // Provenances that meet the expectations come first. The others matter if there is nothing else, or with `-v`.
        let shown =
            entry.attestations.iter().filter(|attestation| attestation.holds || refused || !entry.verified);
        shown.into_iter().try_for_each(|attestation| attestation_lines(attestation, refused, paint, out))?;
        if let Some(reason) = entry.error.as_ref().filter(|_| reasons) {
            writeln!(out, "  because    {}", safe(&reason.message))?;
        }
        if refused {
            entry.refused.iter().try_for_each(|refused| verification::refusal(refused, out))?;
        }
    }
    Ok(())
}

fn attestation_lines(
    attestation: &Attestation,
    explain: bool,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let examined = &attestation.examined;
    let provenance = &examined.provenance;
    let mut line = |name: &str, value: &str| writeln!(out, "  {name:<10} {}", safe(value));
    if let Some(builder) = &provenance.builder {
        line("builder", builder)?;
    }
    if let Some(build_type) = &provenance.build_type {
        line("build type", build_type)?;
    }
    if let Some(origin) = &examined.source {
        if let Some(repository) = &origin.repository {
            line("source", repository.as_str())?;
        }
        let at = [origin.reference.as_deref(), origin.commit.as_deref()];
        let at: Vec<&str> = at.into_iter().flatten().collect();
        if !at.is_empty() {
            line("  at", &at.join("  "))?;
        }
    }
    if let Some(config) = &provenance.config {
        line("config", config)?;
    }
    if let Some(invocation) = &provenance.invocation {
        line("run", invocation)?;
    }
    for (name, value) in &provenance.parameters {
        // The workflow is the source, repeated.
        if name != "workflow" && name != "source" && name != "config" {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line("parameter", &format!("{name}={value}"))?;
        }
    }
    for material in &provenance.materials {
        line("material", &material.to_string())?;
    }
    if provenance.form.is_slsa() {
        line("level", &format!("SLSA build level {}", examined.level))?;
    }
    let (agreed, shown): (Vec<&Finding>, Vec<&Finding>) = examined
        .findings
        .iter()
        .partition(|finding| finding.holds && finding.aspect == Aspect::Certificate && !explain);
    if !agreed.is_empty() {
        let claims = count(agreed.len(), "claim");
        writeln!(
            out,
            "  {}      certificate: {claims} as the provenance says",
            paint.paint(Tone::Good, "holds")
        )?;
    }
    shown.into_iter().try_for_each(|finding| line_of(finding, paint, out))?;
    if explain {
        return verification::proof_lines(&attestation.proof, paint, out);
    }
    // The certificate was compared above; --explain shows all of it.
    let proof = &attestation.proof;
    writeln!(out, "  signer     {}", safe(&proof.signer.to_string()))?;
    proof.times.iter().try_for_each(|time| writeln!(out, "    at       {time}"))?;
    writeln!(out, "    bundle   {}", proof.bundle)?;
    if !proof.not_checked.is_empty() {
        let label = paint.paint(Tone::Doubt, "not checked");
        writeln!(out, "    {label}: {}", proof.not_checked.join(", "))?;
    }
    Ok(())
}

fn line_of(finding: &Finding, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let (word, tone) = if finding.holds { ("holds", Tone::Good) } else { ("DIFFERS", Tone::Bad) };
    let of = finding.of.as_deref().map(|of| format!(" {}", safe(of))).unwrap_or_default();
    let space = " ".repeat(11 - word.len());
    write!(out, "  {}{space}{}{of}: {}", paint.paint(tone, word), finding.aspect, safe(&finding.got))?;
    if finding.holds { writeln!(out) } else { writeln!(out, ", expected {}", safe(&finding.expected)) }
}

//! Waivers for people.

use std::io::{self, Write};

use plimsoll_policy::{WaiverReport, WaiverReports, WaiverStanding, WaiverState};

use super::table::{Paint, Tone, safe};
use super::verdict::signer;

/// Writes them in sequence.
pub(crate) fn write(reports: &WaiverReports, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for (position, report) in reports.waivers.iter().enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        one(report, paint, out)?;
    }
    Ok(())
}

fn one(report: &WaiverReport, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let (state, tone) = match report.state {
        WaiverState::InForce => ("in force", Tone::Good),
        WaiverState::NotYet => ("not yet in force", Tone::Doubt),
        WaiverState::Expired => ("expired", Tone::Bad),
        _ => ("in an unknown state", Tone::Doubt),
    };
    let name = safe(&report.name);
    writeln!(out, "{}  {}", paint.paint(Tone::Strong, &name), paint.paint(tone, state))?;
    let list = |items: &[String]| safe(&items.join(", ")).into_owned();
    let rules: Vec<&str> = report.rules.iter().map(plimsoll_policy::RuleName::as_str).collect();
    writeln!(out, "  rules    {}", rules.join(", "))?;
    if !report.cves.is_empty() {
        writeln!(out, "  accepts  {}", list(&report.cves))?;
    }
    if !report.images.is_empty() {
        writeln!(out, "  images   {}", list(&report.images))?;
    }
    for digest in &report.digests {
        writeln!(out, "  digest   {digest}")?;
    }
    writeln!(out, "  from     {} until {}", report.issued, report.expires)?;
    writeln!(out, "  owner    {}", safe(&report.owner))?;
    writeln!(out, "  reason   {}", safe(&report.reason))?;
    writeln!(out, "  risk     {}", safe(&report.risk_assessment))?;
    writeln!(out, "  controls {}", list(&report.controls))?;
    for file in &report.files {
        let claim = report.claims.iter().find(|claim| claim.file == *file);
        // Under a policy, the valid signatures are named there.
        let said = match claim {
            Some(claim) if report.standings.is_empty() => {
                format!(": says it is signed by {}, not verified", safe(&claim.signer))
            }
            Some(_) => String::new(),
            None if !report.claims.is_empty() => String::new(),
            None if !report.signed_before_edit.is_empty() => format!(
                ": not signed, because it was edited after {} was",
                safe(&report.signed_before_edit.join(", "))
            ),
            None => ": not signed".to_owned(),
        };
        writeln!(out, "  file     {}{said}", safe(file))?;
    }
    for standing in &report.standings {
        under(standing, paint, out)?;
    }
    Ok(())
}

fn under(standing: &WaiverStanding, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let (mark, tone) = if standing.counts { ("counts", Tone::Good) } else { ("does not count", Tone::Bad) };
    let until = standing.valid_until.map(|until| format!(", until {until}")).unwrap_or_default();
    let (policy, reason) = (safe(&standing.policy), safe(&standing.reason));
    writeln!(out, "  policy   {policy}: {}: {reason}{until}", paint.paint(tone, mark))?;
    for signature in &standing.signatures {
        writeln!(out, "           {} ({})", safe(&signature.approver), signer(&signature.by))?;
    }
    if !standing.severities.is_empty() {
        writeln!(out, "           for findings that are {}", standing.severities.join(", "))?;
    }
    Ok(())
}

//! Verdicts for people.

use std::io::{self, Write};

use plimsoll_core::{Purl, Timestamp};
use plimsoll_policy::{
    Decision, Detail, Disposition, Effect, FindingRecord, ImageDigests, Outcome, PlatformVerdict, RuleResult,
    SignerRecord, Verdict, WaiverUse,
};

use super::table::{Paint, Tone, columns, count, package, safe, short};
use crate::report::check::Report;

/// Details beyond these are cut to this many lines, unless everything is asked for.
const SHOWN: usize = 10;

/// How to show a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) paint: Paint,
    /// Show every detail.
    pub(crate) explain: bool,
}

/// Writes the verdict on each subject that has one, and the findings that the report has.
pub(crate) fn write_all(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let judged = report.results.iter().filter_map(|entry| Some((entry.verdict?, &entry.scans)));
    for (position, (verdict, scans)) in judged.enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        write(verdict, style, out)?;
        scans.iter().try_for_each(|scan| super::findings::explain(scan, &[], out))?;
    }
    Ok(())
}

/// Writes one verdict.
fn write(verdict: &Verdict, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let decision = verdict.decision.to_string().to_uppercase();
    writeln!(out, "{}  {}", style.paint.paint(tone(verdict.decision), &decision), safe(&verdict.requested))?;
    for reason in &verdict.reasons {
        writeln!(out, "  because  {}", safe(reason))?;
    }
    for policy in verdict.applied() {
        writeln!(
            out,
            "  policy   {} ({}, {})",
            safe(&policy.name),
            safe(&policy.origin),
            short(&policy.digest)
        )?;
    }
    for list in &verdict.deny_lists {
        writeln!(out, "  denials  {} ({}, {})", safe(&list.name), safe(&list.origin), short(&list.digest))?;
    }
    for platform in &verdict.platforms {
        write_platform(platform, verdict.evaluated_at, style, out)?;
    }
    match verdict.valid_until {
        Some(until) => writeln!(out, "  judged at {}, valid until {until}", verdict.evaluated_at),
        None => writeln!(out, "  judged at {}", verdict.evaluated_at),
    }
}

fn write_platform(
    platform: &PlatformVerdict,
    now: Timestamp,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let subject = &platform.subject;
    if let Some(digests) = &subject.digests {
        let tag = subject.tag.as_deref().map(|tag| format!("tag {} → ", safe(tag))).unwrap_or_default();
        let index = digests.index.map(|index| format!("index {index} → ")).unwrap_or_default();
        writeln!(out, "  image    {tag}{index}{}", digests.manifest)?;
    }
    let layers =
        subject.digests.as_ref().map(|d| format!(", {}", count(d.layers.len(), "layer"))).unwrap_or_default();
    if let Some(name) = &platform.platform {
        writeln!(out, "           {}{layers}", safe(name))?;
    }
    for feed in &platform.database {
        let age = super::database::age(now, feed.as_of);
        let (ecosystem, publisher) = (safe(&feed.ecosystem), safe(&feed.publisher));
        writeln!(out, "  database {ecosystem}: {publisher}, {age}, {}", short(&feed.digest))?;
    }
    for result in &platform.rules {
        write_rule(result, subject.digests.as_ref(), style, out)?;
    }
    if style.explain {
        for record in &platform.evidence {
            writeln!(out, "  evidence {} {}", safe(&record.kind), record.digest)?;
        }
    }
    Ok(())
}

fn write_rule(
    result: &RuleResult,
    digests: Option<&ImageDigests>,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mark, tone) = match (result.outcome, result.effect) {
        (Outcome::Pass, _) => ("pass", Tone::Good),
        (Outcome::Waived, _) => ("waived", Tone::Doubt),
        (Outcome::NotApplicable, _) => ("n/a", Tone::Quiet),
        (Outcome::Fail, Effect::Block) => ("FAIL", Tone::Bad),
        (Outcome::Unknown, Effect::Block) => ("UNKNOWN", Tone::Bad),
        (Outcome::Fail, Effect::Report) => ("reported", Tone::Doubt),
        (Outcome::Unknown, Effect::Report) => ("unknown", Tone::Doubt),
    };
    let mark = style.paint.paint(tone, &format!("{mark:<8}")).into_owned();
    let of_policy = result.policy.as_deref().map(|name| format!("{}: ", safe(name))).unwrap_or_default();
    writeln!(out, "  {mark} {:<15} {of_policy}{}", result.rule.as_str(), safe(&result.reason))?;
    write_details(result, digests, style, out)?;
    for waiver in &result.waivers {
        write_waiver(waiver, style, out)?;
    }
    match &result.hint {
        Some(hint) if matches!(result.outcome, Outcome::Fail | Outcome::Unknown) => {
            writeln!(out, "           {} {}", style.paint.paint(Tone::Strong, "hint:"), safe(hint))
        }
        _ => Ok(()),
    }
}

fn write_details(
    result: &RuleResult,
    digests: Option<&ImageDigests>,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let findings: Vec<&FindingRecord> = result
        .details
        .iter()
        .filter_map(|detail| match detail {
            Detail::Finding(finding) => Some(finding.as_ref()),
            _ => None,
        })
        .collect();
    let limit = if style.explain { usize::MAX } else { SHOWN };
    let rows: Vec<_> = findings.iter().take(limit).map(|finding| finding_row(finding, digests)).collect();
    columns(out, "             ", None, &rows)?;
    more(findings.len(), limit, out)?;

    let others: Vec<String> =
        result.details.iter().filter_map(|detail| other_detail(detail, style.explain)).collect();
    for line in others.iter().take(limit) {
        writeln!(out, "             {line}")?;
    }
    more(others.len(), limit, out)
}

fn more(total: usize, shown: usize, out: &mut dyn Write) -> io::Result<()> {
    match total.checked_sub(shown) {
        Some(rest) if rest > 0 => writeln!(out, "             … and {rest} more; --explain shows all"),
        _ => Ok(()),
    }
}

fn finding_row(finding: &FindingRecord, digests: Option<&ImageDigests>) -> [String; 5] {
    let fix = match finding.fixed_in.first() {
        Some(version) => format!("fixed in {}", safe(version)),
        None => "no fix".to_owned(),
    };
    let place = finding.locations.first().map(|location| {
        let layer = location.layer.map(|index| layer_name(index, digests)).unwrap_or_default();
        format!("{}{layer}", safe(&location.path))
    });
    let component = finding.component.parse::<Purl>().ok();
    let state = match finding.disposition {
        Disposition::Waived => "waived ",
        // An unrated finding says so in the place of its severity.
        _ => "",
    };
    [
        safe(&finding.id).into_owned(),
        format!("{state}{}", safe(&finding.severity)),
        format!("{} {}", package(component.as_ref(), &finding.package), safe(&finding.version)),
        fix,
        place.unwrap_or_default(),
    ]
}

/// ` (layer 2, sha256:0123456789ab)`; layers count from 1 for people, from the base.
fn layer_name(index: usize, digests: Option<&ImageDigests>) -> String {
    let digest =
        digests.and_then(|d| d.layers.get(index)).map(|d| format!(", {}", short(d))).unwrap_or_default();
    format!(" (layer {}{digest})", index + 1)
}

fn other_detail(detail: &Detail, explain: bool) -> Option<String> {
    match detail {
        Detail::Denied { digest, what, reason, list } => {
            Some(format!("{} {digest}: {} ({})", safe(what), safe(reason), safe(list)))
        }
        Detail::Signature { authority, by, bundle, signed, not_checked, carried } => {
            let list = |label: &str, items: &[String]| {
                let items = safe(&items.join(", ")).into_owned();
                if items.is_empty() { items } else { format!("; {label}: {items}") }
            };
            let bundle = if explain { format!(", bundle {bundle}, signed {signed}") } else { String::new() };
            let claims = by.claims.iter().filter(|_| explain);
            let claims: Vec<String> = claims.map(|(name, text)| format!(", {name} {text}")).collect();
            Some(format!(
                "by {} ({}{}){bundle}{}{}",
                safe(authority),
                signer(by),
                safe(&claims.concat()),
                list("not checked", not_checked),
                list("present but not checked", carried),
            ))
        }
        Detail::RefusedSignature { bundle, reason } => {
            Some(format!("{} does not count: {}", short(bundle), safe(reason)))
        }
        Detail::Findings { by_severity, unfixed_ignored, suppressed } => {
            let mut parts: Vec<String> =
                by_severity.iter().map(|(s, n)| format!("{n} {}", safe(s))).collect();
            if *unfixed_ignored > 0 {
                parts.push(format!("{unfixed_ignored} without a fix ignored"));
            }
            if *suppressed > 0 {
                parts.push(format!("{suppressed} set aside"));
            }
            (!parts.is_empty()).then(|| format!("found in all: {}", parts.join(", ")))
        }
        Detail::SetAside { what, reason } => Some(format!("set aside: {}: {}", safe(what), safe(reason))),
        Detail::Gap { ecosystem, files, components, reason } => Some(format!(
            "not covered: {}{}: {}",
            safe(ecosystem),
            super::findings::concerned(*components, files.as_deref()),
            safe(reason)
        )),
        Detail::Problem { code, path, detail } => {
            Some(format!("{}: {} {}", safe(code), safe(path), safe(detail)))
        }
        // Findings have a table of their own.
        _ => None,
    }
}

/// The key or certificate behind a name, and when it signed.
pub(crate) fn signer(by: &SignerRecord) -> String {
    let who = match (&by.key, &by.subject, &by.issuer) {
        (Some(key), ..) => format!("key {}", safe(key.get(..16).unwrap_or(key))),
        (None, Some(subject), Some(issuer)) => format!("{}, issuer {}", safe(subject), safe(issuer)),
        _ => "an unknown signer".to_owned(),
    };
    let times: Vec<String> = by.signed_at.iter().map(ToString::to_string).collect();
    if times.is_empty() { who } else { format!("{who}, {}", times.join(", ")) }
}

fn write_waiver(waiver: &WaiverUse, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (mark, tone) = if waiver.used { ("waiver", Tone::Doubt) } else { ("refused waiver", Tone::Bad) };
    let signers: Vec<String> = waiver.signatures.iter().map(|signature| signer(&signature.by)).collect();
    let approvers = match (signers.is_empty(), waiver.used) {
        (false, _) => format!(", signed by {}", signers.join(" and ")),
        (true, true) => ", not signed".to_owned(),
        // Whoever signed a waiver that is refused adds nothing to the reason.
        (true, false) => String::new(),
    };
    writeln!(
        out,
        "             {} {} ({}): {}; owner {}{approvers}, until {}",
        style.paint.paint(tone, mark),
        safe(&waiver.name),
        safe(&waiver.origin),
        safe(&waiver.reason),
        safe(&waiver.owner),
        waiver.expires,
    )
}

fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Allow => Tone::Good,
        Decision::Indeterminate => Tone::Doubt,
        Decision::Deny => Tone::Bad,
    }
}

//! Verdicts for people.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use plimsoll_core::quantity::{self, count};
use plimsoll_core::{Digest, Purl};
use plimsoll_policy::{
    DatabaseRecord, Decision, Detail, Disposition, Effect, FindingRecord, Outcome, PlatformVerdict,
    RuleResult, SignerRecord, Verdict, WaiverUse,
};
use plimsoll_sbom::ProblemSeverity;
use plimsoll_vuln::Severity;

use super::table::{Page, Tone, columns, fit, in_layer, package, safe, short};
use crate::report::check::Report;

/// How many lines of details are shown, unless everything is requested.
const SHOWN: usize = 10;

/// The column after the word for an outcome, where its details start.
const INDENT: &str = "             ";

/// How to show a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) page: Page,
    /// Show every detail.
    pub(crate) explain: bool,
}

impl Style {
    /// Whether rules that passed are shown one by one, and lists in full.
    fn is_open(self) -> bool {
        self.explain || self.page.verbose
    }

    fn most(self) -> usize {
        if self.is_open() { usize::MAX } else { SHOWN }
    }

    fn paint(self, tone: Tone, text: &str) -> String {
        self.page.paint.paint(tone, text).into_owned()
    }
}

/// Writes the verdict on each subject that has one, and the findings that the report has.
pub(crate) fn write_all(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let judged = report.results.iter().filter_map(|entry| Some((entry.verdict?, &entry.scans)));
    for (position, (verdict, scans)) in judged.enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        write(verdict, style, out)?;
        scans.iter().try_for_each(|scan| super::findings::explain(scan, &[], style.page, out))?;
    }
    Ok(())
}

/// Writes one verdict: first what decided, then what passed, then what it was judged by.
fn write(verdict: &Verdict, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let decision = verdict.decision.to_string().to_uppercase();
    writeln!(out, "{}  {}", style.paint(tone(verdict.decision), &decision), safe(&verdict.requested))?;
    let told = told(verdict);
    // In this case, the rules say it.
    if !told.iter().any(|told| told.decides(verdict.decision)) {
        for reason in &verdict.reasons {
            style.page.paragraph(out, "  because  ", 11, &safe(reason))?;
        }
    }
    let (folded, open): (Vec<&Told<'_>>, Vec<&Told<'_>>) =
        told.iter().partition(|told| told.is_quiet() && !style.is_open());
    open.iter().try_for_each(|told| write_rule(told, style, out))?;
    write_folded(&folded, style, out)?;
    for policy in verdict.applied() {
        let digest = style.page.digest(&policy.digest);
        writeln!(out, "  policy   {} ({}, {digest})", safe(&policy.name), safe(&policy.origin))?;
    }
    for list in &verdict.deny_lists {
        let digest = style.page.digest(&list.digest);
        writeln!(out, "  denials  {} ({}, {digest})", safe(&list.name), safe(&list.origin))?;
    }
    for platform in &verdict.platforms {
        write_image(platform, style, out)?;
    }
    write_databases(verdict, style, out)?;
    if style.explain {
        for record in verdict.platforms.iter().flat_map(|platform| &platform.evidence) {
            writeln!(out, "  evidence {} {}", safe(&record.kind), record.digest)?;
        }
    }
    match verdict.valid_until {
        Some(until) => writeln!(out, "  judged at {}, valid until {until}", verdict.evaluated_at),
        None => writeln!(out, "  judged at {}", verdict.evaluated_at),
    }
}

/// A rule's result, and the policies and platforms for which it is the same.
struct Told<'a> {
    result: &'a RuleResult,
    layers: &'a [Digest],
    /// The policies. Empty if it is every policy, or if the rule is evaluated once for all.
    policies: Vec<&'a str>,
    /// The platforms. Empty if it is every platform.
    platforms: Vec<&'a str>,
}

/// With how many results of the same rule one is compared. Most indexes have one result for all platforms.
const COMPARED: usize = 8;

/// Each result once: blocking ones first, otherwise in the order of the rules.
fn told(verdict: &Verdict) -> Vec<Told<'_>> {
    let all = verdict.platforms.iter().flat_map(|platform| {
        platform.rules.iter().map(move |result| Told {
            result,
            layers: platform.subject.digests.as_ref().map_or(&[][..], |digests| &digests.layers),
            policies: result.policy.as_deref().into_iter().collect(),
            platforms: vec![platform.platform.as_deref().unwrap_or("unknown platform")],
        })
    });
    let mut all = united(all, |known, next| {
        let same = known.policies == next.policies && known.says_as(next);
        same.then(|| known.platforms.extend(&next.platforms)).is_some()
    });
    for told in &mut all {
        if told.platforms.len() == verdict.platforms.len() {
            told.platforms.clear();
        }
    }
    let mut all = united(all, |known, next| {
        let same = known.platforms == next.platforms && known.says_as(next);
        same.then(|| known.policies.extend(&next.policies)).is_some()
    });
    for told in &mut all {
        if told.policies.len() == verdict.applied().count() {
            told.policies.clear();
        }
    }
    all.sort_by_key(Told::rank);
    all
}

/// The results that `join` does not join with an earlier one of the same rule.
fn united<'a>(
    all: impl IntoIterator<Item = Told<'a>>,
    join: impl Fn(&mut Told<'a>, &Told<'a>) -> bool,
) -> Vec<Told<'a>> {
    let mut united: Vec<Told<'a>> = Vec::new();
    let mut of_rule: HashMap<&str, Vec<usize>> = HashMap::new();
    for next in all {
        let known = of_rule.entry(next.result.rule.as_str()).or_default();
        let joined = known
            .iter()
            .rev()
            .take(COMPARED)
            .any(|position| united.get_mut(*position).is_some_and(|known| join(known, &next)));
        if !joined {
            known.push(united.len());
            united.push(next);
        }
    }
    united
}

impl Told<'_> {
    fn rank(&self) -> u8 {
        match (self.result.outcome, self.result.effect) {
            (Outcome::Fail, Effect::Block) => 0,
            (Outcome::Unknown, Effect::Block) => 1,
            (Outcome::Fail, Effect::Warn | Effect::Report) => 2,
            (Outcome::Unknown, Effect::Warn | Effect::Report) => 3,
            (Outcome::Waived, _) => 4,
            (Outcome::Pass, _) => 5,
            (Outcome::NotApplicable, _) => 6,
        }
    }

    /// Whether it needs neither action nor attention.
    fn is_quiet(&self) -> bool {
        matches!(self.result.outcome, Outcome::Pass | Outcome::NotApplicable)
    }

    /// Whether it is a reason for `decision`.
    fn decides(&self, decision: Decision) -> bool {
        match decision {
            Decision::Allow => self.result.outcome == Outcome::Waived,
            blocked => self.result.decision() == blocked,
        }
    }

    /// The rule, and who signed or attested.
    fn short_name(&self) -> Cow<'_, str> {
        let rule = self.result.rule.as_str();
        let is_signed = |detail: &Detail| {
            let signed = matches!(detail, Detail::Signature { .. } | Detail::AttestedSbom { .. });
            signed || matches!(detail, Detail::Attestation { .. })
        };
        let signed = self.result.details.iter().any(is_signed);
        if signed { format!("{rule} ({})", safe(&self.result.reason)).into() } else { rule.into() }
    }

    /// Whether it reads the same for every subject.
    fn says_as(&self, other: &Self) -> bool {
        let (a, b) = (self.result, other.result);
        (a.outcome, a.effect, &a.reason, &a.hint) == (b.outcome, b.effect, &b.reason, &b.hint)
            && (&a.details, &a.waivers) == (&b.details, &b.waivers)
            && (self.layers == other.layers || !has_findings(a))
    }

    /// `production, linux/arm64: `, if it is not the same for all of them.
    fn scope(&self) -> String {
        let parts: Vec<_> = self.policies.iter().chain(&self.platforms).map(|name| safe(name)).collect();
        if parts.is_empty() { String::new() } else { format!("{}: ", parts.join(", ")) }
    }
}

/// Whether it names layers.
fn has_findings(result: &RuleResult) -> bool {
    result.details.iter().any(|detail| matches!(detail, Detail::Finding(_)))
}

/// Writes the rules that passed on one line, and the remarks about them below it.
fn write_folded(folded: &[&Told<'_>], style: Style, out: &mut dyn Write) -> io::Result<()> {
    for (outcome, word) in [(Outcome::Pass, "pass"), (Outcome::NotApplicable, "n/a")] {
        let mut names: Vec<Cow<'_, str>> = Vec::new();
        for told in folded.iter().filter(|told| told.result.outcome == outcome) {
            let name = told.short_name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !names.is_empty() {
            let tone = if outcome == Outcome::Pass { Tone::Good } else { Tone::Quiet };
            let lead = format!("  {} ", style.paint(tone, &format!("{word:<8}")));
            let more = if outcome == Outcome::Pass { " (-v shows why)" } else { "" };
            style.page.paragraph(out, &lead, 11, &format!("{}{more}", names.join(", ")))?;
        }
        for told in folded.iter().filter(|told| told.result.outcome == outcome) {
            write_lines(&notes(told.result), style, out)?;
            told.result.waivers.iter().try_for_each(|waiver| write_waiver(waiver, style, out))?;
        }
    }
    Ok(())
}

/// What was not checked for a result that passed.
fn notes(result: &RuleResult) -> Vec<String> {
    let noteworthy = result.details.iter().filter_map(|detail| match detail {
        Detail::SetAside { .. }
        | Detail::Gap { .. }
        | Detail::Problem { .. }
        | Detail::Excluded { .. }
        | Detail::Vex { .. }
        | Detail::VexConflict { .. } => other_detail(detail, false),
        Detail::Signature { authority, not_checked, .. } if !not_checked.is_empty() => {
            let what = safe(&not_checked.join(", ")).into_owned();
            Some(format!("signature by {}: not checked: {what}", safe(authority)))
        }
        Detail::Attestation { authority, not_checked, .. } if !not_checked.is_empty() => {
            let what = safe(&not_checked.join(", ")).into_owned();
            Some(format!("attestation by {}: not checked: {what}", safe(authority)))
        }
        Detail::AttestedSbom { authority, not_checked, .. } if !not_checked.is_empty() => {
            let what = safe(&not_checked.join(", ")).into_owned();
            Some(format!("SBOM attested by {}: not checked: {what}", safe(authority)))
        }
        Detail::SignedDatabase { authority, not_checked, .. } if !not_checked.is_empty() => {
            let what = safe(&not_checked.join(", ")).into_owned();
            Some(format!("database signed by {}: not checked: {what}", safe(authority)))
        }
        _ => None,
    });
    noteworthy.collect()
}

fn write_image(platform: &PlatformVerdict, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let subject = &platform.subject;
    if let Some(digests) = &subject.digests {
        let tag = subject.tag.as_deref().map(|tag| format!("tag {} → ", safe(tag))).unwrap_or_default();
        let index = digests.index.map(|index| format!("index {index} → ")).unwrap_or_default();
        style.page.paragraph(out, "  image    ", 11, &format!("{tag}{index}{}", digests.manifest))?;
    }
    let layers =
        subject.digests.as_ref().map(|d| format!(", {}", count(d.layers.len(), "layer"))).unwrap_or_default();
    match &platform.platform {
        Some(name) => writeln!(out, "           {}{layers}", safe(name)),
        None => Ok(()),
    }
}

/// Writes each feed once, for any number of platforms.
fn write_databases(verdict: &Verdict, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut told: Vec<&DatabaseRecord> = Vec::new();
    for feed in verdict.platforms.iter().flat_map(|platform| &platform.database) {
        if told.contains(&feed) {
            continue;
        }
        told.push(feed);
        let age = quantity::age(verdict.evaluated_at, feed.as_of);
        let (ecosystem, publisher) = (safe(&feed.ecosystem), safe(&feed.publisher));
        writeln!(out, "  database {ecosystem}: {publisher}, {age}, {}", style.page.digest(&feed.digest))?;
    }
    Ok(())
}

fn write_rule(told: &Told<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let result = told.result;
    let (mark, tone) = match (result.outcome, result.effect) {
        (Outcome::Pass, _) => ("pass", Tone::Good),
        (Outcome::Waived, _) => ("waived", Tone::Doubt),
        (Outcome::NotApplicable, _) => ("n/a", Tone::Quiet),
        (Outcome::Fail, Effect::Block) => ("FAIL", Tone::Bad),
        (Outcome::Unknown, Effect::Block) => ("UNKNOWN", Tone::Bad),
        (Outcome::Fail | Outcome::Unknown, Effect::Warn) => ("WARN", Tone::Doubt),
        (Outcome::Fail, Effect::Report) => ("reported", Tone::Doubt),
        (Outcome::Unknown, Effect::Report) => ("unknown", Tone::Doubt),
    };
    let mark = style.paint(tone, &format!("{mark:<8}"));
    let lead = format!("  {mark} {:<15} ", result.rule.as_str());
    let reason = format!("{}{}", told.scope(), safe(&result.reason));
    style.page.paragraph(out, &lead, 27, &reason)?;
    write_details(result, told.layers, style, out)?;
    for waiver in &result.waivers {
        write_waiver(waiver, style, out)?;
    }
    match &result.hint {
        Some(hint) if matches!(result.outcome, Outcome::Fail | Outcome::Unknown) => {
            let lead = format!("           {} ", style.paint(Tone::Strong, "hint:"));
            style.page.paragraph(out, &lead, 17, &safe(hint))
        }
        _ => Ok(()),
    }
}

fn write_details(
    result: &RuleResult,
    layers: &[Digest],
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut findings: Vec<&FindingRecord> = result
        .details
        .iter()
        .filter_map(|detail| match detail {
            Detail::Finding(finding) => Some(finding.as_ref()),
            _ => None,
        })
        .collect();
    // Blocking findings before waived ones, otherwise the worst first, in their order.
    findings.sort_by_key(|finding| finding.disposition == Disposition::Waived);
    write_findings(findings.iter().take(style.most()).copied(), layers, style.page, out)?;
    more(findings.len(), style, out)?;
    let others = result.details.iter().filter(|detail| !is_said(detail, &result.reason));
    let others = others.filter_map(|detail| other_detail(detail, style.is_open()));
    // The rule's own reason may repeat its only detail.
    let others: Vec<String> = others.filter(|line| safe(&result.reason) != line.as_str()).collect();
    write_lines(&others, style, out)
}

/// Whether a rule's reason already contains the detail: it names the worst one.
fn is_said(detail: &Detail, reason: &str) -> bool {
    let has = |parts: &[&str]| parts.iter().all(|part| reason.contains(part));
    match detail {
        Detail::Denied { digest, what, reason, list } => has(&[&digest.to_string(), what, reason, list]),
        Detail::Problem { code, path, detail, .. } => has(&[code, path, detail]),
        Detail::Gap { ecosystem, files, components: 0, reason } => {
            has(&[ecosystem, files.as_deref().unwrap_or_default(), reason])
        }
        _ => false,
    }
}

/// Writes a row for each finding. If it is too long for the page, its place gets a separate line.
fn write_findings<'a>(
    findings: impl Iterator<Item = &'a FindingRecord>,
    layers: &[Digest],
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows: Vec<[String; 5]> = findings.map(|finding| finding_row(finding, layers, page)).collect();
    let mut table = Vec::new();
    columns(&mut table, INDENT, None, &rows)?;
    let room = page.width.unwrap_or(usize::MAX);
    if String::from_utf8_lossy(&table).lines().all(|line| line.chars().count() <= room) {
        return out.write_all(&table);
    }
    let short =
        rows.iter().map(|[id, severity, package, fix, _]| [id, severity, package, fix].map(Clone::clone));
    let mut table = Vec::new();
    page.columns(&mut table, INDENT, None, &short.collect::<Vec<_>>())?;
    for (line, [.., place]) in String::from_utf8_lossy(&table).lines().zip(&rows) {
        writeln!(out, "{line}")?;
        if !place.is_empty() {
            writeln!(out, "{INDENT}  in {}", fit(place, room.saturating_sub(INDENT.len() + 5)))?;
        }
    }
    Ok(())
}

fn write_lines(lines: &[String], style: Style, out: &mut dyn Write) -> io::Result<()> {
    for line in lines.iter().take(style.most()) {
        style.page.paragraph(out, INDENT, INDENT.len() + 2, line)?;
    }
    more(lines.len(), style, out)
}

fn more(total: usize, style: Style, out: &mut dyn Write) -> io::Result<()> {
    match total.checked_sub(style.most()) {
        Some(rest) if rest > 0 => writeln!(out, "{INDENT}… and {rest} more; -v shows all"),
        _ => Ok(()),
    }
}

/// The worst severity first. One without rating may be anything.
fn gravity(severity: &str) -> usize {
    const ORDER: [Severity; 6] = [
        Severity::Critical,
        Severity::High,
        Severity::Unrated,
        Severity::Medium,
        Severity::Low,
        Severity::None,
    ];
    ORDER.iter().position(|known| known.name() == severity).unwrap_or_default()
}

fn finding_row(finding: &FindingRecord, layers: &[Digest], page: Page) -> [String; 5] {
    let fix = match finding.fixed_in.as_slice() {
        [] => "no fix".to_owned(),
        versions => format!("fixed in {}", safe(&versions.join(" or "))),
    };
    let place = finding
        .locations
        .first()
        .map(|location| format!("{}{}", safe(&location.path), in_layer(location.layer, layers, page)));
    let component = finding.component.parse::<Purl>().ok();
    let state = match finding.disposition {
        Disposition::Waived => "waived ",
        // An unrated finding has that word in place of its severity.
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

fn other_detail(detail: &Detail, explain: bool) -> Option<String> {
    match detail {
        Detail::Denied { digest, what, reason, list } => {
            Some(format!("{} {digest}: {} ({})", safe(what), safe(reason), safe(list)))
        }
        Detail::VexConflict { text } => Some(format!("VEX: {}", safe(text))),
        Detail::RefusedSignature { bundle, reason } => {
            Some(format!("{} does not count: {}", short(bundle), safe(reason)))
        }
        Detail::Findings { by_severity, unfixed_ignored, not_linked_ignored, suppressed } => {
            let mut by_gravity: Vec<_> = by_severity.iter().collect();
            by_gravity.sort_by_key(|(severity, _)| gravity(severity));
            let mut parts: Vec<String> =
                by_gravity.into_iter().map(|(severity, n)| format!("{n} {}", safe(severity))).collect();
            if *unfixed_ignored > 0 {
                parts.push(format!("{unfixed_ignored} without a fix ignored"));
            }
            if *not_linked_ignored > 0 {
                parts.push(format!("{not_linked_ignored} not linked ignored"));
            }
            if *suppressed > 0 {
                parts.push(format!("{suppressed} set aside"));
            }
            (!parts.is_empty()).then(|| format!("found in all: {}", parts.join(", ")))
        }
        Detail::Secret { what } => Some(safe(what).into_owned()),
        Detail::SetAside { what, reason } => Some(format!("set aside: {}: {}", safe(what), safe(reason))),
        Detail::Gap { ecosystem, files, components, reason } => Some(format!(
            "not covered: {}{}: {}",
            safe(ecosystem),
            super::findings::concerned(*components, files.as_deref()),
            safe(reason)
        )),
        Detail::Excluded { path, reason, components, problems, example } => {
            let example = example.as_ref().map(|example| format!(", such as {}", safe(example)));
            Some(format!(
                "excluded: {} ({}, {}{}): {}",
                safe(path),
                count(*components, "component"),
                count(*problems, "problem"),
                example.unwrap_or_default(),
                safe(reason)
            ))
        }
        Detail::Problem { code, path, detail, severity } => {
            let mark = if *severity == ProblemSeverity::Noted { "noted: " } else { "" };
            Some(format!("{mark}{}: {} {}", safe(code), safe(path), safe(detail)))
        }
        // Findings have a separate table.
        _ => signed_detail(detail, explain),
    }
}

/// What somebody signed, and who; none for any other detail.
fn signed_detail(detail: &Detail, explain: bool) -> Option<String> {
    match detail {
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
        Detail::AttestedSbom {
            authority,
            by,
            bundle,
            signed,
            predicate_type,
            format,
            created,
            not_checked,
        } => {
            let made = created.map(|created| format!(", made {created}")).unwrap_or_default();
            let skipped = safe(&not_checked.join(", ")).into_owned();
            let skipped = if skipped.is_empty() { skipped } else { format!("; not checked: {skipped}") };
            let more = if explain {
                format!(", bundle {bundle}, signed {signed} as {}", safe(predicate_type))
            } else {
                String::new()
            };
            let (authority, format) = (safe(authority), safe(format));
            Some(format!("SBOM ({format}{made}) attested by {authority} ({}){more}{skipped}", signer(by)))
        }
        Detail::Attestation { authority, by, bundle, signed, predicate_type, not_checked } => {
            let skipped = safe(&not_checked.join(", ")).into_owned();
            let skipped = if skipped.is_empty() { skipped } else { format!("; not checked: {skipped}") };
            let more = if explain { format!(", bundle {bundle}, about {signed}") } else { String::new() };
            let (authority, kind) = (safe(authority), safe(predicate_type));
            Some(format!("{kind} attested by {authority} ({}){more}{skipped}", signer(by)))
        }
        Detail::SignedDatabase { authority, by, bundle, signed, not_checked } => {
            let skipped = safe(&not_checked.join(", ")).into_owned();
            let skipped = if skipped.is_empty() { skipped } else { format!("; not checked: {skipped}") };
            let more = if explain { format!(", bundle {bundle}, list {signed}") } else { String::new() };
            Some(format!("database signed by {} ({}){more}{skipped}", safe(authority), signer(by)))
        }
        Detail::Vex {
            authority,
            by,
            bundle,
            format,
            author,
            statements,
            set_aside,
            refused,
            not_checked,
            ..
        } => {
            let skipped = safe(&not_checked.join(", ")).into_owned();
            let skipped = if skipped.is_empty() { skipped } else { format!("; not checked: {skipped}") };
            let refused = safe(&refused.join("; ")).into_owned();
            let refused = if refused.is_empty() { refused } else { format!("; refused: {refused}") };
            let (statements, aside) = (count(*statements, "statement"), count(*set_aside, "finding"));
            let more = if explain { format!(", bundle {bundle}") } else { String::new() };
            let (authority, format, author) = (safe(authority), safe(format), safe(author));
            Some(format!(
                "{format} of {author}, {statements}, signed by {authority} ({}){more}, set aside {aside}{skipped}{refused}",
                signer(by)
            ))
        }
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
        // The signer of a refused waiver adds nothing to the reason.
        (true, false) => String::new(),
    };
    let lead = format!("{INDENT}{} ", style.paint(tone, mark));
    let text = format!(
        "{} ({}): {}; owner {}{approvers}, until {}",
        safe(&waiver.name),
        safe(&waiver.origin),
        safe(&waiver.reason),
        safe(&waiver.owner),
        waiver.expires,
    );
    style.page.paragraph(out, &lead, INDENT.len() + 2, &text)
}

fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Allow => Tone::Good,
        Decision::Indeterminate => Tone::Doubt,
        Decision::Deny => Tone::Bad,
    }
}

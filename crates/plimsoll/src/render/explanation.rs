//! Why there is a finding, or none, for people.
//!
//! ```text
//! CVE-2024-36039, also PYSEC-2024-1: SQL injection by JSON keys
//!
//!   pymysql 1.1.0: affected
//!     because   1.1.0 < 1.1.1 (fixed), in the order pep440
//!     says      PYSEC-2024-1 (osv, PyPI)
//!     range     before 1.1.1
//!     severity  critical, by CVSS:3.1/… (rated by osv)
//!     in        usr/local/lib/…/METADATA (layer 2 of 2)
//! ```

use std::io::{self, Write};

use plimsoll_core::Digest;
use plimsoll_core::quantity::count;
use plimsoll_sbom::BaseImage;
use plimsoll_vuln::lookup::{Advice, Range};
use plimsoll_vuln::{Bound, Comparison, Explained, Finding, Outcome, Relation};

use super::finding::heading;
use super::scan::words;
use super::table::{Page, Tone, first, in_layer, safe};
use crate::report::explanation::{ExplainedSubject, Explanation, Report};

/// So many statements about packages that are not there are shown, unless everything is asked for.
const ELSEWHERE: usize = 10;

/// So many places and ranges of one statement.
const LINES: usize = 5;

/// So many statements of one explanation.
const STATEMENTS: usize = 20;

pub(crate) fn write(report: &Report, page: Page, out: &mut dyn Write) -> io::Result<()> {
    for (position, result) in report.results.iter().enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        heading(&result.subject, result.platform.as_deref(), result.manifest.as_ref(), page, out)?;
        for explanation in &result.explanations {
            writeln!(out)?;
            write_one(explanation, result, page, out)?;
        }
    }
    Ok(())
}

fn write_one(
    explanation: &Explanation,
    result: &ExplainedSubject,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Explanation { id, known_as, findings, informational, suppressed, statements, .. } = explanation;
    let others: Vec<&str> = known_as.iter().map(String::as_str).filter(|other| other != id).collect();
    let also = if others.is_empty() { String::new() } else { format!(", also {}", others.join(", ")) };
    let told = findings.iter().chain(informational).chain(suppressed.iter().map(|it| &it.finding));
    let summaries = told.clone().map(|finding| finding.summary.as_str());
    let summaries = summaries.chain(statements.iter().map(|it| it.advice.summary.as_str()));
    let summary =
        summaries.chain(explanation.elsewhere.iter().map(|it| it.summary.as_str())).find(|it| !it.is_empty());
    let summary = summary.map(|text| format!(": {}", safe(text))).unwrap_or_default();
    let lead = page.paint.paint(Tone::Strong, &safe(id)).into_owned();
    page.paragraph(out, &lead, 2, &format!("{}{summary}", safe(&also)))?;
    if let Some(finding) = told.clone().next() {
        for line in words::likelihood(finding) {
            page.paragraph(out, "  ", 2, &safe(&line))?;
        }
    }
    if !explanation.is_found() {
        let why = if explanation.is_undecided() {
            "no finding, and not excluded: an advisory does not say whether what is installed is affected"
        } else if !statements.is_empty() {
            "not a finding: no advisory about it applies to what is installed"
        } else {
            "not a finding: its advisories are about packages that are not there"
        };
        let unless = if explanation.not_covered.is_empty() { "" } else { ", as far as was looked" };
        page.paragraph(out, "  ", 2, &format!("{why}{unless}"))?;
    }
    for suppressed in suppressed {
        let finding = &suppressed.finding;
        let text = format!("{} {}: {}", finding.package, finding.version, suppressed.reason);
        page.paragraph(out, "  set aside: ", 13, &safe(&text))?;
    }
    let layers: Vec<Digest> = result.layers.iter().map(|layer| layer.digest).collect();
    let place = Place { layers: &layers, base: result.base.as_ref(), page };
    let most = if page.verbose { usize::MAX } else { STATEMENTS };
    let write = |statement: &Explained, out: &mut dyn Write| place.statement(statement, out);
    first(statements, most, out, write, |rest| format!("\n  … and {}", count(rest, "more statement")))?;
    if !explanation.elsewhere.is_empty() {
        writeln!(out, "\n  in the database for packages that are not there:")?;
        let most = if page.verbose { usize::MAX } else { ELSEWHERE };
        let write = |advice: &Advice, out: &mut dyn Write| {
            let ranges = ranges(advice).join("; ");
            let text = format!("{} ({}): {}", advice.package, source(advice), ranges);
            page.paragraph(out, "    ", 6, &safe(&text))
        };
        first(&explanation.elsewhere, most, out, write, |rest| {
            format!("    … and {}", count(rest, "other"))
        })?;
    }
    for gap in &explanation.not_covered {
        let what = format!("  {}: ", page.paint.paint(Tone::Bad, "not covered"));
        page.paragraph(out, &what, 15, &safe(gap))?;
    }
    let mut urls: Vec<&str> = told.flat_map(|finding: &Finding| &finding.urls).map(String::as_str).collect();
    urls.extend(statements.iter().flat_map(|it| &it.advice.urls).map(String::as_str));
    urls.sort_unstable();
    urls.dedup();
    if !urls.is_empty() {
        writeln!(out, "\n  references")?;
        let write = |url: &&str, out: &mut dyn Write| writeln!(out, "    {}", safe(url));
        let most = if page.verbose { usize::MAX } else { ELSEWHERE };
        first(&urls, most, out, write, |rest| format!("    … and {rest} more"))?;
    }
    Ok(())
}

/// What statements are shown with.
struct Place<'a> {
    layers: &'a [Digest],
    base: Option<&'a BaseImage>,
    page: Page,
}

impl Place<'_> {
    fn statement(&self, statement: &Explained, out: &mut dyn Write) -> io::Result<()> {
        let page = self.page;
        let Explained { component, package, version, order, advice, outcome, .. } = statement;
        let name = component.name();
        let named = if name.eq_ignore_ascii_case(package) || package.ends_with(name) {
            format!("{package} {version}")
        } else {
            format!("{name} (of {package} {version})")
        };
        let (state, tone) = match outcome {
            Outcome::Affected { .. } => ("affected", Tone::Bad),
            Outcome::NotAffected { .. } | Outcome::OtherConditions => ("not affected", Tone::Good),
            Outcome::ConditionsUnknown | Outcome::Undecided { .. } | Outcome::InvalidVersion => {
                ("undecided", Tone::Doubt)
            }
        };
        writeln!(out)?;
        page.paragraph(out, "  ", 4, &format!("{}: {}", safe(&named), page.paint.paint(tone, state)))?;
        let line = |out: &mut dyn Write, label: &str, text: &str| {
            page.paragraph(out, &format!("    {label:10}"), 14, &safe(text))
        };
        for reason in because(version, order, outcome, advice) {
            line(out, "because", &reason)?;
        }
        if statement.without_epochs {
            line(out, "", "without epochs, because the document names none")?;
        }
        line(out, "says", &format!("{} ({})", advice.advisory, source(advice)))?;
        let ranges = ranges(advice);
        let most = if page.verbose { usize::MAX } else { LINES };
        let write = |range: &String, out: &mut dyn Write| line(out, "range", range);
        first(&ranges, most, out, write, |rest| format!("{:14}… and {}", "", count(rest, "more range")))?;
        let conditions = conditions(advice);
        if !conditions.is_empty() {
            line(out, "only", &conditions.join("; "))?;
        }
        let origin = words::origin(&advice.severity_source);
        line(out, "severity", &format!("{}, {origin} (data of {})", advice.severity, statement.rated_by))?;
        let date = |time: Option<plimsoll_core::Timestamp>| Some(time?.strftime("%Y-%m-%d").to_string());
        match (date(statement.published), date(statement.modified)) {
            (Some(published), Some(modified)) => {
                line(out, "dates", &format!("published {published}, changed {modified}"))?;
            }
            (Some(date), None) => line(out, "dates", &format!("published {date}"))?,
            (None, Some(date)) => line(out, "dates", &format!("changed {date}"))?,
            (None, None) => {}
        }
        let write = |location: &plimsoll_sbom::Location, out: &mut dyn Write| {
            let layer = in_layer(location.layer, self.layers, page);
            let of_base = self.base.and_then(|base| Some((base.layers?, base.boundary?.is_certain())));
            let of_base = match (location.layer, of_base) {
                (Some(index), Some((layers, true))) if index < layers => ", of the base image",
                (Some(index), Some((layers, false))) if index < layers => ", perhaps of the base image",
                _ => "",
            };
            line(out, "in", &format!("{}{layer}{of_base}", location.path))
        };
        first(&statement.locations, most, out, write, |rest| {
            format!("{:14}… and {}", "", count(rest, "more place"))
        })?;
        if let Some(owner) = &statement.owner {
            let proof = if owner.digests_match { "whose digests match" } else { "by its list of files" };
            line(out, "owner", &format!("{}, {proof}", owner.package))?;
        }
        Ok(())
    }
}

/// The comparisons that decided.
fn because(version: &str, order: &str, outcome: &Outcome, advice: &Advice) -> Vec<String> {
    let compared = |because: &[Comparison], joint: &str| {
        let all: Vec<String> = because.iter().map(|it| comparison(version, it)).collect();
        format!("{}, in the order {order}", all.join(joint))
    };
    match outcome {
        Outcome::Affected { because } if because.is_empty() => vec!["all versions are affected".to_owned()],
        Outcome::Affected { because } => vec![compared(because, " and ")],
        Outcome::NotAffected { because } if because.is_empty() => {
            vec!["it names no affected version".to_owned()]
        }
        Outcome::NotAffected { because } => vec![compared(because, "; ")],
        Outcome::OtherConditions => {
            vec![format!("it is only about {}", conditions(advice).join("; "))]
        }
        Outcome::ConditionsUnknown => vec![format!(
            "it is only about {}, and the inventory does not say whether this is that",
            conditions(advice).join("; ")
        )],
        Outcome::Undecided { because } if because.is_empty() => {
            vec!["the advisory does not say clearly which versions are affected".to_owned()]
        }
        Outcome::Undecided { because } => vec![format!(
            "{}, where the advisory does not say clearly which versions are affected",
            compared(because, " and ")
        )],
        Outcome::InvalidVersion => vec![format!("`{version}` is not a version in the order {order}")],
    }
}

fn comparison(version: &str, comparison: &Comparison) -> String {
    let Comparison { relation, bound, meaning } = comparison;
    let meaning = match meaning {
        Bound::Introduced => "first affected",
        Bound::LastUnaffected => "last unaffected before",
        Bound::Fixed => "fixed",
        Bound::LastAffected => "last affected",
        Bound::EndsAround => "the range ends around it",
        Bound::Listed => "listed as affected",
    };
    let sign = if *relation == Relation::Around { "starts like" } else { relation.sign() };
    format!("{version} {sign} {bound} ({meaning})")
}

/// `osv, Debian bookworm`.
fn source(advice: &Advice) -> String {
    let release = advice.release.as_deref().map(|release| format!(" {release}")).unwrap_or_default();
    format!("{}, {}{release}", advice.publisher, advice.ecosystem)
}

fn conditions(advice: &Advice) -> Vec<String> {
    let module = advice.module.as_ref().map(|module| format!("the module {module}"));
    let list =
        |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
    let architectures = list("the architectures", &advice.architectures);
    module.into_iter().chain(architectures).chain(list("the products", &advice.products)).collect()
}

/// The affected versions in words, and those that are unclear.
fn ranges(advice: &Advice) -> Vec<String> {
    let mut all: Vec<String> = advice.affected.iter().map(range).collect();
    if !advice.versions.is_empty() {
        const SHOWN: usize = 8;
        let shown: Vec<&str> = advice.versions.iter().take(SHOWN).map(String::as_str).collect();
        let rest = advice.versions.len().saturating_sub(SHOWN);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        all.push(format!("the versions {}{more}", shown.join(", ")));
    }
    all.extend(advice.undecided.iter().map(|it| format!("unclear: {}", range(it))));
    if all.is_empty() {
        all.push("no version".to_owned());
    }
    all
}

fn range(range: &Range) -> String {
    let from = match (&range.introduced, &range.after) {
        (Some(version), _) => format!("from {version}"),
        (None, Some(version)) => format!("after {version}"),
        (None, None) => String::new(),
    };
    let end = match (&range.fixed, &range.last_affected, &range.ends_around) {
        (Some(version), ..) => format!("before {version}"),
        (None, Some(version), _) => format!("up to {version}"),
        (None, None, Some(version)) => format!("up to somewhere in {version}"),
        (None, None, None) if from.is_empty() => "all versions".to_owned(),
        (None, None, None) => "with no end".to_owned(),
    };
    format!("{from} {end}").trim().to_owned()
}

//! `plimsoll scan --explain`.

use std::collections::BTreeSet;

use plimsoll_core::text::shown;
use plimsoll_core::{Kind, nearest};
use plimsoll_gather::Access;
use plimsoll_sbom::Inventory;
use plimsoll_vuln::{Finding, explain, lookup};

use super::Scanner;
use crate::failure::Failure;
use crate::output::{self, Console};
use crate::render;
use crate::render::scan::words;
use crate::report::explanation::{ExplainedSubject, Explanation, Report};
use crate::report::scan::Scanned;
use crate::report::unscanned::Unscanned;
use crate::settings::scan::ScanSettings;

/// Explains each of `ids` in one subject.
pub(super) fn all(
    scanner: &Scanner<'_>,
    result: &Scanned,
    inventory: &Inventory,
    ids: &[String],
    access: &Access,
) -> Result<Vec<Explanation>, Failure> {
    ids.iter().map(|id| one(scanner, result, inventory, id.trim(), access)).collect()
}

fn one(
    scanner: &Scanner<'_>,
    result: &Scanned,
    inventory: &Inventory,
    id: &str,
    access: &Access,
) -> Result<Explanation, Failure> {
    let Scanner { advisories, rules, .. } = scanner;
    let database = &*advisories.get();
    let scan = &result.scan;
    let is_it = |finding: &&Finding| names(finding).any(|name| name.eq_ignore_ascii_case(id));
    let findings: Vec<Finding> = scan.findings.iter().filter(is_it).cloned().collect();
    let informational: Vec<Finding> = scan.informational.iter().filter(is_it).cloned().collect();
    let suppressed: Vec<_> = scan.suppressed.iter().filter(|it| is_it(&&it.finding)).cloned().collect();
    let found = findings.iter().chain(&informational).chain(suppressed.iter().map(|it| &it.finding));
    let mut known_as: BTreeSet<String> = found.clone().flat_map(names).map(str::to_owned).collect();
    let is_found = !known_as.is_empty();
    // In the database, as publishers write it.
    let answer = lookup::search(database, id, &[])?;
    let is_it = |name: &str| name.eq_ignore_ascii_case(id);
    let about: Vec<_> = answer
        .advice
        .into_iter()
        .filter(|advice| is_it(&advice.advisory) || advice.aliases.iter().any(|alias| is_it(alias)))
        .collect();
    if !is_found && about.is_empty() {
        return Err(unknown(result, id));
    }
    if !is_found {
        known_as.extend(about.iter().flat_map(|it| it.aliases.iter().cloned().chain([it.advisory.clone()])));
    }
    let statements = explain(inventory, database, rules, &known_as, &access.cancel)?;
    let is_said = |advice: &lookup::Advice| {
        statements.iter().any(|it| {
            let said = &it.advice;
            (said.ecosystem, &said.release, &said.package)
                == (advice.ecosystem, &advice.release, &advice.package)
        })
    };
    let elsewhere = if is_found { Vec::new() } else { about.into_iter().filter(|it| !is_said(it)).collect() };
    // A finding stands for itself; without one, whatever was not covered might hide it.
    let not_covered = if is_found { Vec::new() } else { scan.gaps.iter().map(words::gap).collect() };
    let id = found.clone().map(|finding| finding.id.clone()).next();
    Ok(Explanation {
        id: id.unwrap_or_else(|| known_as.iter().find(|name| is_it(name)).cloned().unwrap_or_default()),
        known_as: known_as.into_iter().collect(),
        findings: findings.clone(),
        informational: informational.clone(),
        suppressed: suppressed.clone(),
        statements,
        elsewhere,
        not_covered,
    })
}

fn names(finding: &Finding) -> impl Iterator<Item = &str> {
    [&finding.id, &finding.advisory].into_iter().chain(&finding.aliases).map(String::as_str)
}

/// Neither a finding nor in the database.
fn unknown(result: &Scanned, id: &str) -> Failure {
    let what = format!(
        "{} is neither among the findings of {} nor in the database",
        shown(id),
        shown(&result.name())
    );
    let all = result.scan.findings.iter().flat_map(names);
    let failure = Failure::new(Kind::NotFound, what);
    match nearest(id, all) {
        Some(name) => failure.with_hint(format!("did you mean {}?", shown(name))),
        None => failure.with_hint("`plimsoll db status` shows which feeds the database has"),
    }
}

/// Writes what was explained.
pub(super) fn emit(
    results: Vec<Scanned>,
    errors: Vec<Unscanned>,
    as_json: bool,
    settings: &ScanSettings,
    console: Console,
) -> Result<(), Failure> {
    let subject = |it: Scanned| ExplainedSubject {
        subject: it.subject,
        manifest: it.manifest,
        platform: it.platform,
        layers: it.layers,
        base: it.base,
        explanations: it.explained,
    };
    let explained: Vec<ExplainedSubject> = results.into_iter().map(subject).collect();
    if explained.is_empty() && !as_json {
        return Ok(());
    }
    let report = Report::new(settings.now, explained, errors);
    let file = settings.file.as_deref();
    if as_json {
        return output::emit_json(file, &report);
    }
    let page = console.page(file);
    output::emit(file, |out| render::explanation::write(&report, page, out))
}

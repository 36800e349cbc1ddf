//! `plimsoll check`.

use plimsoll_core::{Kind, Limits, Timestamp};
use plimsoll_gather::{Access, Collection, Layers, Subject, UnderPolicy, evidence, layers, open};
use plimsoll_image::Source;
use plimsoll_policy::{Decision, Evidence, Verdict, VulnerabilityFacts, evaluate};
use plimsoll_vuln::{Database, Finding};
use serde::Serialize;

use crate::args::check::{Check, Format};
use crate::commands::place;
use crate::documents::{self, Rules};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render::sarif::Log;
use crate::render::table::Paint;
use crate::render::verdict::Style;
use crate::settings::Roots;
use crate::{render, settings};

/// The version of the JSON result.
const CHECK_V1: &str = "plimsoll.dev/check/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    schema_version: &'static str,
    results: Vec<ReportEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportEntry<'a> {
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ReportedError>,
    /// Every finding, also those that block nothing; only with `--explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<&'a Finding>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportedError {
    exit_code: u8,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A subject that was judged, and from what.
struct Judged {
    verdict: Verdict,
    evidence: Vec<Evidence>,
}

/// What all subjects of a run are judged with.
struct Run<'a> {
    arguments: &'a Check,
    rules: Rules,
    access: Access,
    roots: Roots,
    layers: Layers,
    database: Result<Database, plimsoll_vuln::Error>,
    now: Timestamp,
    console: Console,
}

pub(super) fn run(arguments: &Check, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let access = place::access(&arguments.reading.network, limits)?;
    let run = Run {
        arguments,
        rules: Rules::load(arguments.policy.as_deref(), &arguments.deny_list, limits)?,
        roots: Roots::new(&arguments.root, access.http())?,
        access,
        layers: layers(limits),
        // Without a usable database there is still a verdict: the rule about vulnerabilities is unknown.
        database: Database::open(&settings::database_folder(&arguments.db)?),
        now: settings::now(&arguments.instant),
        console,
    };

    let mut exit = Exit::Done;
    let mut results = Vec::new();
    for text in &arguments.subjects {
        let result = judge(text, &run);
        exit = exit.and(match &result {
            Ok(judged) => match judged.verdict.decision {
                Decision::Allow => Exit::Done,
                Decision::Indeterminate => Exit::Kind(Kind::Indeterminate),
                Decision::Deny => Exit::Kind(Kind::Denied),
            },
            Err(failure) => {
                console.report(failure);
                Exit::Kind(failure.kind())
            }
        });
        results.push((text.as_str(), result));
    }
    write(&results, arguments, console)?;
    Ok(exit)
}

fn judge(text: &str, run: &Run<'_>) -> Result<Judged, Failure> {
    let Run { arguments, rules, access, roots, layers, database, now, console } = run;
    let (now, console) = (*now, *console);
    let subject = Subject::parse(text)?;
    let name = match &subject {
        Subject::Registry(reference) => Some(reference.name()),
        _ => None,
    };
    let policies = rules.policies.in_question(name.as_deref());
    let policies: Vec<UnderPolicy<'_>> =
        policies.into_iter().map(|policy| UnderPolicy { policy, root: roots.of(policy) }).collect();
    let waivers = documents::waivers(&arguments.waivers, &policies, now, &access.limits, console)?;
    let apart = place::evidence_repository(arguments.repository.named(), &subject, access)?;
    let opened = open(&subject, access)?;
    if let Some(remark) = opened.remark() {
        console.say(format_args!("{subject}: {remark}"));
    }
    let evidence = evidence(
        &opened,
        &Collection {
            requested: text,
            platform: arguments.reading.platform.platform.as_ref(),
            policies: &policies,
            apart: apart.as_deref().map(|store| store as &dyn Source),
            database,
            now,
            layers,
            progress: &Bar::new(console),
        },
    )?;
    let verdicts =
        evidence.iter().map(|evidence| evaluate(&rules.policies, evidence, &waivers, &rules.denials, now));
    let verdict = Verdict::combine(verdicts)
        .ok_or_else(|| Failure::new(Kind::Internal, format!("no evidence was gathered about {text}")))?;
    Ok(Judged { verdict, evidence })
}

fn write(
    results: &[(&str, Result<Judged, Failure>)],
    arguments: &Check,
    console: Console,
) -> Result<(), Failure> {
    let file = arguments.reading.file.output_file.as_deref();
    match arguments.output {
        Format::Table => {
            let style =
                Style { paint: Paint(file.is_none() && console.stdout_colors()), explain: arguments.explain };
            output::emit(file, |out| {
                let judged = results.iter().filter_map(|(_, result)| result.as_ref().ok());
                for (position, judged) in judged.enumerate() {
                    if position > 0 {
                        writeln!(out)?;
                    }
                    render::verdict::write(&judged.verdict, style, out)?;
                    if arguments.explain {
                        let scans = judged.evidence.iter().filter_map(scan_of);
                        scans.into_iter().try_for_each(|scan| render::findings::explain(scan, &[], out))?;
                    }
                }
                Ok(())
            })
        }
        Format::Json => {
            let results =
                results.iter().map(|(subject, result)| entry(subject, result, arguments.explain)).collect();
            output::emit_json(file, &Report { schema_version: CHECK_V1, results })
        }
        Format::Sarif => {
            let mut log = Log::default();
            for (subject, result) in results {
                match result {
                    Ok(judged) => log.verdict(&judged.verdict),
                    Err(failure) => log.failure(subject, &failure.to_string()),
                }
            }
            output::emit_json(file, &log.finish())
        }
    }
}

fn entry<'a>(subject: &'a str, result: &'a Result<Judged, Failure>, explain: bool) -> ReportEntry<'a> {
    match result {
        Ok(judged) => ReportEntry {
            subject,
            verdict: Some(&judged.verdict),
            error: None,
            findings: if explain {
                judged.evidence.iter().filter_map(scan_of).flat_map(|scan| &scan.findings).collect()
            } else {
                Vec::new()
            },
        },
        Err(failure) => ReportEntry {
            subject,
            verdict: None,
            error: Some(ReportedError {
                exit_code: failure.kind().exit_code(),
                message: failure.to_string(),
                hint: failure.hint().map(str::to_owned),
            }),
            findings: Vec::new(),
        },
    }
}

fn scan_of(evidence: &Evidence) -> Option<&plimsoll_vuln::Scan> {
    match &evidence.vulnerabilities {
        VulnerabilityFacts::Scanned(scan) => Some(scan),
        VulnerabilityFacts::Unavailable { .. } => None,
    }
}

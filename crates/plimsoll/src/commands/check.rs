//! `plimsoll check`.

use std::sync::Arc;

use plimsoll_core::{Cancel, Kind, Limits, Timestamp};
use plimsoll_gather::Subject;
use plimsoll_judge::{Inputs, Judge, Judgement, Request, Ruleset, WaiverDocument};
use plimsoll_policy::Decision;
use plimsoll_vuln::Database;

use crate::args::check::{Check, Format};
use crate::commands::place;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render::sarif::Log;
use crate::render::table::Paint;
use crate::render::verdict::Style;
use crate::report::check::{Report, scan};
use crate::{render, settings};

pub(super) fn run(arguments: &Check, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let access = place::access(&arguments.reading.network, limits)?;
    let inputs = Inputs {
        rules: Arc::new(Ruleset::load(arguments.policy.as_deref(), &arguments.deny_list, limits)?),
        waivers: Arc::new(WaiverDocument::load(&arguments.waivers, limits)?),
        roots: Arc::new(settings::roots(&arguments.root, access.http())?),
        // Without a usable database there is still a verdict: the rule about vulnerabilities is unknown.
        database: Arc::new(Database::open(&settings::database_folder(&arguments.db)?)),
    };
    inputs.rules.ignored.iter().for_each(|ignored| console.warn(ignored));
    let judge = Judge::new(access, inputs);
    let now = settings::now(&arguments.instant);

    let mut exit = Exit::Done;
    let mut results = Vec::new();
    for subject in &arguments.subjects {
        let result = judged(subject, arguments, &judge, now, console);
        exit = exit.and(match &result {
            Ok(judgement) => match judgement.verdict.decision {
                Decision::Allow => Exit::Done,
                Decision::Indeterminate => Exit::Kind(Kind::Indeterminate),
                Decision::Deny => Exit::Kind(Kind::Denied),
            },
            Err(failure) => {
                console.report(failure);
                Exit::Kind(failure.kind())
            }
        });
        results.push((subject.as_str(), result));
    }
    write(&results, arguments, console)?;
    Ok(exit)
}

fn judged(
    subject: &str,
    arguments: &Check,
    judge: &Judge,
    now: Timestamp,
    console: Console,
) -> Result<Judgement, Failure> {
    let request = Request {
        subject: subject.to_owned(),
        platform: arguments.reading.platform.platform.clone(),
        evidence_repository: place::evidence_reference(
            arguments.repository.named(),
            &Subject::parse(subject)?,
        )?,
        now,
        cancel: Cancel::never(),
    };
    let judgement = judge.judge(&request, &Bar::new(console))?;
    for refused in &judgement.refused_waivers {
        console.warn(refused);
    }
    if let Some(remark) = &judgement.remark {
        console.say(remark);
    }
    Ok(judgement)
}

fn write(
    results: &[(&str, Result<Judgement, Failure>)],
    arguments: &Check,
    console: Console,
) -> Result<(), Failure> {
    let file = arguments.reading.file.output_file.as_deref();
    match arguments.output {
        Format::Table => {
            let style =
                Style { paint: Paint(file.is_none() && console.stdout_colors()), explain: arguments.explain };
            output::emit(file, |out| {
                let judgements = results.iter().filter_map(|(_, result)| result.as_ref().ok());
                for (position, judgement) in judgements.enumerate() {
                    if position > 0 {
                        writeln!(out)?;
                    }
                    render::verdict::write(&judgement.verdict, style, out)?;
                    if arguments.explain {
                        let mut scans = judgement.evidence.iter().filter_map(scan);
                        scans.try_for_each(|scan| render::findings::explain(scan, &[], out))?;
                    }
                }
                Ok(())
            })
        }
        Format::Json => output::emit_json(file, &Report::new(results, arguments.explain)),
        Format::Sarif => {
            let mut log = Log::default();
            for (subject, result) in results {
                match result {
                    Ok(judgement) => log.verdict(&judgement.verdict),
                    Err(failure) => log.failure(subject, &failure.to_string()),
                }
            }
            output::emit_json(file, &log.finish())
        }
    }
}
